"""`rnntui classify`: the label of each line by a classifier, or the language model that explains it best."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.classify_runs import RunsOutput, check_runs_options, classify_by_runs, runs_option
from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.line_input import Lines, NumberedLine, TextReading, check_texts, file_option, line_batches, read_lines
from rnntui.cli.options import checkpoints_option, corpus_options, number_option, run_option
from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.run_choice import choose_run
from rnntui.cli.terminal import print_note, utf8_argument, write_out
from rnntui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rnntui.api import Classification, ClassificationModel, Explanation
    from rnntui.cli.classify_output import Threshold

_UNSURE = "?"
_MAX_BATCH = 4096  # lines: enough for every processor to have several batches of similar length


def _one_column(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse a label that would not be one column of one line. A click callback."""
    label: str | None = utf8_argument(context, parameter, value)
    if label and ("\t" in label or label.splitlines() != [label]):
        raise click.BadParameter("a label has no tabs and no line breaks.", context, parameter)
    return label


@click.command("classify")
@click.argument("text", nargs=-1, callback=utf8_argument)
@file_option
@run_option
@runs_option
@checkpoints_option
@number_option(
    "--top", bounds=(1, 1_000_000), default=1, show_default=True, help="Number of labels, the most probable first."
)
@number_option(
    "--threshold", bounds=(0.0, 1.0), help="Write --unsure in place of a label whose probability is below this."
)
@click.option(
    "--unsure", metavar="LABEL", callback=_one_column, help="Label of the lines below --threshold [default: ?]."
)
@click.option(
    "--explain",
    is_flag=True,
    help="Show the share of each token in the decision, and what the classifier says without single words.",
)
@corpus_options
@click.option(
    "--json", "as_json", is_flag=True, help="Write a JSON line for each line, with the probability of every label."
)
@click.pass_context
def command(
    context: click.Context,
    text: tuple[str, ...],
    files: tuple[str, ...],
    run_name: str | None,
    runs: tuple[str, ...],
    checkpoints: str | None,
    top: int,
    threshold: float | None,
    unsure: str | None,
    explain: bool,
    encoding: str,
    errors: Any,
    newlines: Any,
    as_json: bool,
) -> None:
    """Classify each TEXT, or each line of the files of --file, or of standard input; a blank line stays blank.

    The output is the label and its probability, separated by a tab; with --top, further labels follow in the same way.
    A line gets the same answer alone and among others.

    With --threshold, an answer that is not sure enough is ? or the label of --unsure; with --top, the answer is a
    column of its own before the labels.

    With --explain, columns follow with the tokens that decide, and with words whose removal changes the label; in a
    terminal, the tokens are coloured by their share.

    With --runs, no classifier is needed: the output is the language model that explains a line best, and its margin
    over the second one in bits.
    """
    check_texts(text, files, "classified")
    if unsure is not None and threshold is None:
        raise UsageError("--unsure needs --threshold", setting="unsure")
    if runs:
        check_runs_options(context)
    source = read_lines(text, files, TextReading(encoding, errors, newlines))
    if runs:
        classify_by_runs(runs, checkpoints, source, RunsOutput(as_json, explain))
        return
    use_one_blas_thread()
    from rnntui.api import ClassificationModel
    from rnntui.cli.classify_output import ClassificationWriter, Threshold
    from rnntui.kinds.classifier import CLASSIFIER

    classifier = ClassificationModel(choose_run(run_name, checkpoints, CLASSIFIER))
    limit = Threshold(threshold, _UNSURE if unsure is None else unsure) if threshold is not None else None
    if limit is not None:
        _check_threshold(limit, classifier)
    writer = ClassificationWriter(top, as_json, sys.stdout.isatty(), limit)
    lines = unsure_lines = 0
    with ProgressBar("classifying", is_wanted=not sys.stdout.isatty()) as bar:
        for line, classification, explanation in _classified(source, classifier, explain, bar):
            write_out(writer.output(line, classification, explanation))
            lines += bool(classification.labels)
            unsure_lines += limit is not None and limit.is_unsure(classification)
    if limit is not None and lines:
        noun, are = "line" if lines == 1 else "lines", "is" if unsure_lines == 1 else "are"
        share = f"{unsure_lines / lines:.1%}"
        print_note(f"{unsure_lines:,} of {lines:,} {noun} {are} below --threshold {threshold:g} ({share})")


def _check_threshold(threshold: Threshold, classifier: ClassificationModel) -> None:
    """Note that a threshold changes nothing where the best of the labels always reaches it."""
    least = round(1 / len(classifier.labels), 4)
    if threshold.probability <= least:
        print_note(
            f"--threshold {threshold.probability:g} changes nothing: of {len(classifier.labels):,} labels, "
            f"the best one always has {least:g} or more"
        )


def _classified(
    source: Lines, classifier: ClassificationModel, explain: bool, bar: ProgressBar
) -> Iterator[tuple[str, Classification, Explanation | None]]:
    """Yield each line with its classification and, if wanted, its explanation."""
    done = 0
    for batch in line_batches(source, _MAX_BATCH):
        for line in batch:
            for warning in classifier.warnings_for(line.text, line.label):
                print_note(warning)
        report = bar.lines_of_batch(done, len(batch), source.count)
        texts = [line.text for line in batch]
        classifications = classifier.classify(texts, on_progress=report)
        for number, (line, classification) in enumerate(zip(batch, classifications, strict=True), 1):
            yield line.text, classification, _explanation(classifier, line) if explain else None
            if explain:
                bar.show_lines(done + number, source.count)
        done += len(batch)


def _explanation(classifier: ClassificationModel, line: NumberedLine) -> Explanation | None:
    """Return the explanation of a line's label; None, with a note, if it is too long."""
    try:
        return classifier.explain(line.text)
    except UsageError as error:
        print_note(f"{line.label}: {error}")
        return None
