"""`rnntui train-classifier`: train a classifier on labelled texts, or resume a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from functools import partial
from typing import Any

import click

from rnntui.cli.inputs import LabelledReading, files_to_train_on, read_labelled_texts
from rnntui.cli.options import settings_from
from rnntui.cli.rate_search import with_notes
from rnntui.cli.terminal import print_note
from rnntui.cli.training_command import (
    TrainingOptions,
    changed_setting,
    prepare_training,
    refuse_changes,
    train_and_report,
    training_options,
)
from rnntui.config import Budget
from rnntui.config_classifier import ClassifierConfig, ClassifierTokenizerConfig, ClassifierTrainingConfig
from rnntui.errors import CorpusError, UsageError
from rnntui.kinds.classifier import CLASSIFIER
from rnntui.kinds.labelled_corpus_info import LabelledColumns, LabelledCorpusInfo, LabelledLayout


@click.command("train-classifier")
@training_options(CLASSIFIER)
def command(
    options: TrainingOptions,
    /,
    texts: tuple[str, ...],
    validation_texts: str | None,
    label_column: str,
    text_column: str,
    **values: Any,
) -> int:
    """Train a classifier on TEXTS with labels: tables (tab-separated, or CSV), JSON lines, or a folder or file for each
    label.

    Which column is the label is detected and told, or named by --label-column.

    Without a validation set, a part of the texts is held out that does not occur in training, case and punctuation
    apart. Ctrl-C stops after the current step and saves; --resume continues exactly from there.
    """
    if not (texts or options.resume):
        raise click.UsageError("name a table of labelled texts, or a folder for each label", options.context)
    # The settings are checked before anything is read and before torch is imported, which takes a second or two.
    budget, model = settings_from(Budget, values), settings_from(ClassifierConfig, values)
    tokenizer = settings_from(ClassifierTokenizerConfig, values)
    training = settings_from(ClassifierTrainingConfig, values)

    options.check(budget, training)
    prepare_training()
    from rnntui.text.label_checks import check_labels, shared_texts
    from rnntui.training.prepare_classifier import (
        ClassifierRequest,
        create_classifier_run,
        layouts_of_labelled_run,
        open_classifier_start,
        resumable_classifier_run,
    )

    folder, name, resume = options.folder, options.name, options.resume
    columns = LabelledColumns(label_column.strip(), text_column.strip())
    given = options.given(ClassifierConfig, ClassifierTokenizerConfig, ClassifierTrainingConfig)
    request = ClassifierRequest(model, tokenizer, training, budget, columns, given)
    if not resume:
        open_classifier_start(request, folder)  # a wrong --from is refused before anything is read
    with options.processes(training) as (stop, processes):
        if (ready := processes.ready_run()) is not None:
            return train_and_report(ready, stop, None, processes)
        reading = LabelledReading(label_column, text_column, *astuple(options.reading))
        find_layouts = partial(layouts_of_labelled_run, name, folder) if resume else None
        choose_files = partial(files_to_train_on, CLASSIFIER, name, folder, resume)
        corpus = read_labelled_texts(texts, reading, find_layouts, choose_files=choose_files)
        named = (validation_texts,) if validation_texts else ()
        for note in corpus.notes if corpus is not None else ():
            print_note(note)
        if not resume:
            assert corpus is not None
            for warning in check_labels(corpus):
                print_note(warning)
            held_out = read_labelled_texts(named, reading, known_labels=corpus.labels)
            for note in (*held_out.notes, *shared_texts(corpus, held_out)) if held_out is not None else ():
                print_note(note)
            create = with_notes(partial(create_classifier_run, corpus, held_out, report=print_note))
            wanted = options.search.request_to_train(request, CLASSIFIER, folder, create)
            if wanted is None:
                return 0
            run = create(wanted, folder, name, print_note)
        else:
            if any(columns) and corpus is None:
                raise UsageError("--label-column and --text-column need TEXTS to read", setting="label_column")
            try:
                run = resumable_classifier_run(corpus, name, folder, options.accept_change)
            except CorpusError as error:
                if any(columns) and corpus is not None:
                    recorded = layouts_of_labelled_run(name, folder, corpus.display_names)
                    raise _changed_column(corpus.layouts, recorded, columns) or error from error
                raise
            refuse_changes(options.context, run)
            held_out = read_labelled_texts(named, reading)
            info = run.read_config().corpus_as(LabelledCorpusInfo)
            if held_out is not None and held_out.display_names != info.validation_sources:
                raise UsageError(
                    "the validation set cannot change when a run is resumed",
                    hint="leave it out, or start a new run",
                )
        return options.train(run, budget, stop, processes)


def _changed_column(
    layouts: Sequence[LabelledLayout], recorded: Sequence[LabelledLayout], named: LabelledColumns
) -> UsageError | None:
    """Return the error for a named column that is not that of the run to resume; None if both are its own."""
    for index, option, column in ((1, "label_column", named.label), (0, "text_column", named.text)):
        if column and recorded and layouts[0].columns[index] != recorded[0].columns[index]:
            return changed_setting(option, recorded[0].columns[index], layouts[0].columns[index])
    return None
