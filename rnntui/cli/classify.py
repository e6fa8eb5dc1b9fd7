"""`rnntui classify`: the label of each line by a classifier, or the language model that explains it best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.classify_runs import (
    RunsOutput,
    check_runs_options,
    classify_by_runs,
    compared_runs,
    runs_identity,
    runs_option,
)
from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.line_input import NumberedLine, TextReading, check_texts, file_option, read_lines
from rnntui.cli.line_jobs import LineFunction, LineJobOptions, LineResult, run_line_job
from rnntui.cli.line_output import open_output, output_options, run_identity
from rnntui.cli.options import checkpoints_option, corpus_options, number_option, run_option, settings_options
from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.run_choice import choose_run
from rnntui.cli.terminal import print_note, utf8_argument
from rnntui.config import PoolConfig
from rnntui.errors import UsageError
from rnntui.text.control_chars import escape_control_chars

if TYPE_CHECKING:
    from collections.abc import Callable

    from rnntui.api import ClassificationModel, Explanation
    from rnntui.cli.classify_output import ClassificationWriter, Threshold
    from rnntui.runs.folder import RunFolder

_UNSURE = "?"
_MAX_BATCH = 4096  # lines: enough for every processor to have several batches of similar length
_LONG_INPUT = 20_000  # lines
_MAX_EXPLAINED, _LONG_EXPLAINED = 64, 1000  # lines, with explanations, which take far longer


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
@output_options
@settings_options(PoolConfig)
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
    output: str | None,
    resume: bool,
    jobs: int | None,
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
        folders = compared_runs(runs, checkpoints)
        with open_output(context, runs_identity(folders)) as lines:
            classify_by_runs(folders, source, lines, RunsOutput(as_json, explain), jobs)
        return
    use_one_blas_thread()
    from rnntui.cli.classify_output import ClassificationWriter, Threshold
    from rnntui.kinds.classifier import CLASSIFIER

    run = choose_run(run_name, checkpoints, CLASSIFIER)
    limit = Threshold(threshold, _UNSURE if unsure is None else unsure) if threshold is not None else None
    with open_output(context, run_identity(run)) as lines:
        writer = ClassificationWriter(top, as_json, lines.is_terminal, limit)
        job = _ClassificationJob(run, writer, limit, explain)
        if limit is not None:
            _check_threshold(limit, job.load_model())
        options = LineJobOptions(
            jobs, _LONG_EXPLAINED if explain else _LONG_INPUT, _MAX_EXPLAINED if explain else _MAX_BATCH
        )
        with ProgressBar("classifying", is_wanted=not lines.is_terminal) as bar:
            counts = run_line_job(job, source, lines, bar, options)
    if limit is not None and counts["lines"]:
        count, below = counts["lines"], counts["unsure"]
        noun, are = "line" if count == 1 else "lines", "is" if below == 1 else "are"
        print_note(f"{below:,} of {count:,} {noun} {are} below --threshold {threshold:g} ({below / count:.1%})")


@dataclass(frozen=True)
class _ClassificationJob:
    """Classifies lines, with explanations if `explain`."""

    run: RunFolder
    writer: ClassificationWriter
    threshold: Threshold | None
    explain: bool

    def load_model(self) -> ClassificationModel:
        from rnntui.api import ClassificationModel

        return ClassificationModel(self.run)

    def load(self, workers: int) -> LineFunction:
        classifier = self.load_model()

        def classify(batch: list[NumberedLine], on_progress: Callable[[float], None] | None = None) -> LineResult:
            notes = [note for line in batch for note in classifier.warnings_for(line.text, line.label)]
            texts, outputs = [line.text for line in batch], []
            report = None if self.explain else on_progress
            classifications = classifier.classify(texts, on_progress=report, workers=workers)
            for number, (line, classification) in enumerate(zip(batch, classifications, strict=True), 1):
                explanation = _explanation(classifier, line, notes) if self.explain else None
                outputs.append(self.writer.output(line.text, classification, explanation))
                if self.explain and on_progress is not None:
                    on_progress(number / len(batch))
            labelled = [each for each in classifications if each.labels]
            unsure = 0 if self.threshold is None else sum(map(self.threshold.is_unsure, labelled))
            return LineResult(_joined(outputs), tuple(notes), {"lines": len(labelled), "unsure": unsure})

        return classify


def _joined(outputs: list[str | bytes]) -> str | bytes:
    """Join the outputs of lines; those with colours are bytes for a terminal, the others text to be escaped there."""
    if all(isinstance(output, str) for output in outputs):
        return "".join(map(str, outputs))
    encoded = (
        escape_control_chars(each).encode("utf-8", "replace") if isinstance(each, str) else each for each in outputs
    )
    return b"".join(encoded)


def _check_threshold(threshold: Threshold, classifier: ClassificationModel) -> None:
    """Note that a threshold changes nothing where the best of the labels always reaches it."""
    least = round(1 / len(classifier.labels), 4)
    if threshold.probability <= least:
        print_note(
            f"--threshold {threshold.probability:g} changes nothing: of {len(classifier.labels):,} labels, "
            f"the best one always has {least:g} or more"
        )


def _explanation(classifier: ClassificationModel, line: NumberedLine, notes: list[str]) -> Explanation | None:
    """Return the explanation of a line's label; None, with a note added to `notes`, if it is too long."""
    try:
        return classifier.explain(line.text)
    except UsageError as error:
        notes.append(f"{line.label}: {error}")
        return None
