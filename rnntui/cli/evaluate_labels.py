"""`rnntui evaluate` of a classifier: its answers to labelled texts, scored. Works without torch."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from rnntui.cli.chart_output import save_image
from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.evaluate_output import save_rows
from rnntui.cli.inputs import LabelledReading, read_labelled_texts
from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.terminal import check_new_file, print_note, write_out
from rnntui.config_classifier import ClassifierTrainingConfig
from rnntui.errors import CorpusError, UsageError
from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
from rnntui.processors import usable_cpus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rnntui.cli.evaluate import EvaluateArguments
    from rnntui.runs.folder import RunFolder
    from rnntui.text.labelled_corpus import LabelledCorpus

_MAX_NAMED = 5  # labels that a message names


def evaluate_labels(run: RunFolder, arguments: EvaluateArguments) -> None:
    """Print the scores of a classifier on labelled texts, as a report or as a JSON line, or save its matrix."""
    image = _image_file(arguments)
    labels = run.read_config().corpus_as(LabelledCorpusInfo).labels
    corpus, unknown = _read_texts(run, arguments, labels)
    if arguments.save is not None:
        save_rows(arguments.save, corpus.rows)
    use_one_blas_thread()
    import numpy as np

    from rnntui.cli.label_report import LabelEvaluation, evaluation_json, print_report
    from rnntui.inference.classifier import load_classifier
    from rnntui.inference.label_scores import score_labels

    all_labels = (*labels, *unknown)
    label_ids = {label: index for index, label in enumerate(all_labels)}
    with ProgressBar("evaluating", is_immediate=True) as bar:
        classifier = load_classifier(run)
        texts = [row.text for row in corpus.rows]
        probabilities = classifier.probabilities(texts, arguments.threads or usable_cpus(), bar.update)
    evaluation = LabelEvaluation(
        run.name,
        corpus,
        all_labels,
        probabilities.argmax(1),
        probabilities.max(1),
        score_labels(probabilities, np.array([label_ids[row.label] for row in corpus.rows])),
    )
    if image is not None:
        from rnntui.charts.confusion_svg import confusion_svg

        save_image(confusion_svg(evaluation.matrix, f"Confusion matrix of {run.name}"), *image)
        if image[1] == "-":
            return
    if arguments.as_json:
        write_out(json.dumps(evaluation_json(evaluation) | {"held_out": arguments.held_out}) + "\n")
    else:
        print_report(evaluation)


def _image_file(arguments: EvaluateArguments) -> tuple[str, str] | None:
    """Return the flag and the name of the image to save. Raises `UsageError` if there are two, or it cannot be."""
    files = {"--svg": arguments.svg, "--png": arguments.png}
    images = [(flag, file) for flag, file in files.items() if file is not None]
    if len(images) > 1:
        raise UsageError("--svg and --png: choose one")
    for flag, file in images:
        check_new_file(flag, file)
        if file == "-" and arguments.as_json:
            raise UsageError(f"{flag} - and --json: choose one for standard output")
    return images[0] if images else None


def _read_texts(
    run: RunFolder, arguments: EvaluateArguments, labels: Sequence[str]
) -> tuple[LabelledCorpus, dict[str, int]]:
    """Read the labelled texts to evaluate on, and print notes about them.

    Returns the texts, and the labels that the run does not know with the number of their texts.
    """
    info = run.read_config().corpus_as(LabelledCorpusInfo)
    reading = LabelledReading(
        arguments.label_column, arguments.text_column, arguments.encoding, arguments.errors, arguments.newlines
    )
    find_layouts = (lambda files: info.layouts or ()) if arguments.held_out else None
    corpus = read_labelled_texts(arguments.text, reading, find_layouts, labels)
    if corpus is None:
        raise UsageError("name labelled texts to evaluate on: a table, or a folder or file for each label")
    notes = [*corpus.notes, *([corpus.dropped.message] if corpus.dropped.count else [])]
    if arguments.held_out:
        total, corpus = len(corpus.rows), _held_out_texts(run, corpus)
        notes.append(
            f"evaluating on {len(corpus.rows):,} of {total:,} texts: those held out from run {run.name}; none of them "
            f"is a training text"
        )
    elif corpus.fingerprint() == info.fingerprint:
        notes.append(f"run {run.name} was trained on most of these texts; --held-out evaluates on the others alone")
    unknown = _unknown_labels(corpus, labels)
    if unknown:
        notes.append(_unknown_labels_note(run, corpus, unknown, labels))
    for note in notes:
        print_note(note)
    return corpus, unknown


def _held_out_texts(run: RunFolder, texts: LabelledCorpus) -> LabelledCorpus:
    """Return the texts that were held out when a run was created from `texts`, by repeating the split.

    Raises `CorpusError` if the run was created from other texts or had separate ones for validation, `RunError` if
    the split of this version gives other texts.
    """
    from rnntui.runs.held_out import check_held_out_corpus, split_differs
    from rnntui.text.label_split import is_recorded_split, split_labelled

    config = run.read_config()
    info, settings = config.corpus_as(LabelledCorpusInfo), config.training_as(ClassifierTrainingConfig)
    check_held_out_corpus(
        run.name, config, info.validation_sources, texts.fingerprint(), texts.display_names, rows="texts"
    )
    training, held_out = split_labelled(texts.rows, settings.validation_fraction, settings.seed)
    if not is_recorded_split(info, training, held_out):
        raise split_differs(run.name, config, "texts")
    return replace(texts, rows=held_out)


def _unknown_labels(texts: LabelledCorpus, labels: Sequence[str]) -> dict[str, int]:
    """Return the labels that are not among those of a run, with the number of their texts, the most frequent first."""
    known = set(labels)
    return dict(Counter(row.label for row in texts.rows if row.label not in known).most_common())


def _unknown_labels_note(run: RunFolder, texts: LabelledCorpus, unknown: dict[str, int], labels: Sequence[str]) -> str:
    """Return a note on unknown labels. Raises `CorpusError` if there are no others."""
    rest = f" and {len(unknown) - _MAX_NAMED} more" if len(unknown) > _MAX_NAMED else ""
    if sum(unknown.values()) == len(texts.rows):
        names = ", ".join(texts.display_names)
        raise CorpusError(
            f"{names}: run {run.name} knows none of the labels {_listed(list(unknown))}{rest}; "
            f"it knows {_listed(labels)}"
            f"{f' and {len(labels) - _MAX_NAMED} more' if len(labels) > _MAX_NAMED else ''}",
            hint="--label-column names the column of the labels",
        )
    count = sum(unknown.values())
    are, verb = ("1 text has a label", "counts") if count == 1 else (f"{count:,} texts have labels", "count")
    counts = _listed([f"{label!r} ({number:,})" for label, number in unknown.items()])
    return f"{are} that run {run.name} was not trained on, and {verb} as wrong: {counts}{rest}"


def _listed(labels: Sequence[str]) -> str:
    return ", ".join([*labels][:_MAX_NAMED])
