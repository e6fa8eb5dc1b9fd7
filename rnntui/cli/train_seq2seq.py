"""`rnntui train-seq2seq`: train a Seq2Seq model on pairs, or resume a run."""

from __future__ import annotations

from dataclasses import astuple
from functools import partial
from typing import Any

import click

from rnntui.cli.inputs import PairReading, files_to_train_on, read_pairs
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
from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.errors import CorpusError, UsageError
from rnntui.kinds.pair_corpus_info import PairCorpusInfo
from rnntui.kinds.seq2seq import SEQ2SEQ


@click.command("train-seq2seq")
@training_options(SEQ2SEQ)
def command(
    options: TrainingOptions,
    /,
    pairs: tuple[str, ...],
    source: str | None,
    target: str | None,
    validation_pairs: str | None,
    validation_source: str | None,
    validation_target: str | None,
    columns: str,
    **values: Any,
) -> int:
    """Train a Seq2Seq model on PAIRS: tables (tab-separated, or CSV), translation memories (TMX), or JSON lines.

    The first two columns are source and target, or those of --columns. A folder or an archive may also hold two files
    that are aligned line by line, as OPUS has them: Books.en-es.en and Books.en-es.es.

    Without a validation set, a part of the pairs is held out whose sentences do not occur in training (if targets are
    labels: whose sources do not).
    Ctrl-C stops after the current step and saves; --resume continues exactly from there.
    """
    if not (pairs or source or target or options.resume):
        raise click.UsageError("name a table of pairs, or two files by --source and --target", options.context)
    # The settings are checked before anything is read and before torch is imported, which takes a second or two.
    budget, model = settings_from(Budget, values), settings_from(Seq2SeqConfig, values)
    tokenizer, training = settings_from(Seq2SeqTokenizerConfig, values), settings_from(Seq2SeqTrainingConfig, values)

    if {"batch_size", "batch_tokens"} <= options.given(Seq2SeqTrainingConfig):
        raise UsageError("give --batch-size or --batch-tokens, not both")

    options.check(budget, training)
    prepare_training()
    from rnntui.training.prepare_seq2seq import (
        Seq2SeqRequest,
        create_seq2seq_run,
        layouts_to_resume,
        open_seq2seq_start,
        resumable_seq2seq_run,
    )

    folder, name, resume = options.folder, options.name, options.resume
    given = options.given(Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig)
    request = Seq2SeqRequest(model, tokenizer, training, budget, columns, given)
    if not resume:
        open_seq2seq_start(request, folder)  # a wrong --from is refused before anything is read
    with options.processes(training) as (stop, processes):
        if (ready := processes.ready_run()) is not None:
            return train_and_report(ready, stop, None, processes)
        training_choice, validation_choice = SEQ2SEQ.input_choices
        reading = PairReading(columns, *astuple(options.reading))
        find_layouts = partial(layouts_to_resume, name, folder) if resume else None
        choose_files = partial(files_to_train_on, SEQ2SEQ, name, folder, resume)
        corpus = read_pairs((pairs, source, target), training_choice, reading, find_layouts, choose_files)
        for note in corpus.notes if corpus is not None else ():
            print_note(note)
        if not resume:
            assert corpus is not None
            table = (validation_pairs,) if validation_pairs else ()
            validation_reading = reading if table else reading._replace(columns="")
            held_out = read_pairs((table, validation_source, validation_target), validation_choice, validation_reading)
            for note in held_out.notes if held_out is not None else ():
                print_note(note)
            create = with_notes(partial(create_seq2seq_run, corpus, held_out, report=print_note))
            wanted = options.search.request_to_train(request, SEQ2SEQ, folder, create)
            if wanted is None:
                return 0
            run = create(wanted, folder, name, print_note)
        else:
            try:
                run = resumable_seq2seq_run(corpus, name, folder, options.accept_change)
            except CorpusError as error:
                recorded = layouts_to_resume(name, folder, corpus.display_names) if corpus is not None else ()
                if columns and corpus is not None and recorded and corpus.layouts[0].columns != recorded[0].columns:
                    shown = (",".join(map(str, layout.columns)) for layout in (recorded[0], corpus.layouts[0]))
                    raise changed_setting("columns", *shown) from error
                raise
            refuse_changes(options.context, run)
            files = tuple(file for file in (validation_pairs, validation_source, validation_target) if file)
            if files and files != run.read_config().corpus_as(PairCorpusInfo).validation_sources:
                raise UsageError(
                    "the validation set cannot change when a run is resumed",
                    hint="leave it out, or start a new run",
                )
            if columns and corpus is None:
                raise UsageError("--columns needs PAIRS to read", setting="columns")
        return options.train(run, budget, stop, processes)
