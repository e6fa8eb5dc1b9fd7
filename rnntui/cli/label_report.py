"""Report on the evaluation of a classifier: scores, labels, confusion matrix, confident errors; the same as JSON."""

from __future__ import annotations

import math
import shutil
import sys
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.confusion import MAX_LABELS, ConfusionMatrix
from rnntui.charts.confusion_rows import percent_text, render_confusion
from rnntui.cli.chart_output import has_colours, print_rows
from rnntui.cli.evaluate_output import plain_table
from rnntui.cli.terminal import write_out, write_table
from rnntui.inference.label_scores import CALIBRATION_BINS, LabelScores, Selection, selections
from rnntui.kinds.classifier import ACCURACY, MACRO_F1
from rnntui.text.control_chars import one_line
from rnntui.text.labelled_corpus import LabelledCorpus, LabelledText

_ERRORS = 10  # the most confident ones that are shown
_CONFUSIONS = 10  # the largest ones that are listed
_MIN_LISTED = 5  # labels from which on the largest confusions are listed beside the matrix
_PIPE_WIDTH = 80  # columns of the matrix in a pipe
_MAX_TEXT = 200  # characters of a text
_MAX_LABEL = 40  # characters of a label


class ConfidentError(NamedTuple):
    """A text with a wrong answer, and the probability of that."""

    row: LabelledText
    predicted: str
    probability: float


@dataclass(frozen=True, eq=False)
class LabelEvaluation:
    """The answers of a classifier to N labelled texts.

    Args:
        run: the name of the run.
        corpus: the texts with their labels.
        labels: the T labels by id: those that the run knows, then the others.
        predicted: the ids of the predicted labels, `(N,)`.
        confidence: the probabilities of the predicted labels, `(N,)`.
        scores: the scores of all texts.
    """

    run: str
    corpus: LabelledCorpus
    labels: tuple[str, ...]
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float64]
    scores: LabelScores

    @property
    def matrix(self) -> ConfusionMatrix:
        """The confusion matrix with its labels."""
        return ConfusionMatrix(self.labels, self.scores.confusion)

    @property
    def majority_label(self) -> str:
        """The label that is most frequent in the texts."""
        return self.labels[int(self.scores.confusion.sum(1).argmax())]

    @property
    def selections(self) -> list[Selection]:
        """Texts and accuracy at some thresholds of the probability."""
        label_ids = {label: index for index, label in enumerate(self.labels)}
        truth = np.array([label_ids[row.label] for row in self.corpus.rows])
        return selections(self.confidence, self.predicted == truth)

    def confident_errors(self, limit: int = _ERRORS) -> list[ConfidentError]:
        """Return the wrong answers, the most confident first; of equal ones, in the order of the texts."""
        rows, predicted = self.corpus.rows, [self.labels[index] for index in self.predicted.tolist()]
        wrong = [index for index, row in enumerate(rows) if row.label != predicted[index]]
        wrong.sort(key=lambda index: -float(self.confidence[index]))
        return [ConfidentError(rows[i], predicted[i], float(self.confidence[i])) for i in wrong[:limit]]


def print_report(evaluation: LabelEvaluation) -> None:
    """Print scores, the results of each label, the confusion matrix and the most confident errors."""
    _print_scores(evaluation)
    _print_labels(evaluation)
    _print_selections(evaluation)
    _print_matrix(evaluation)
    _print_errors(evaluation)


def evaluation_json(evaluation: LabelEvaluation) -> dict[str, Any]:
    """Return everything of the report as JSON; the confusion matrix is complete, however many labels there are."""
    scores, labels = evaluation.scores, evaluation.labels
    known = scores.confusion.shape[1]
    return {
        "run": evaluation.run,
        "text": list(evaluation.corpus.display_names),
        "texts": scores.rows,
        "accuracy": scores.accuracy,
        "macro_f1": scores.macro_f1,
        "log_loss": scores.log_loss if math.isfinite(scores.log_loss) else None,
        "calibration_error": scores.calibration_error,
        "majority_label": evaluation.majority_label,
        "majority_accuracy": scores.majority_accuracy,
        "unknown_labels": {label: int(scores.confusion[known + i].sum()) for i, label in enumerate(labels[known:])},
        "labels": [
            {
                "label": label,
                "precision": result.precision,
                "recall": result.recall,
                "f1": result.f1,
                "texts": result.support,
                "predicted": result.predicted,
            }
            for label, result in zip(labels, scores.label_results, strict=True)
        ],
        "thresholds": [
            {"threshold": each.threshold, "texts": each.rows, "accuracy": 100.0 * each.correct / each.rows}
            for each in evaluation.selections
        ],
        "confusion": {"true": list(labels), "predicted": list(labels[:known]), "counts": scores.confusion.tolist()},
        "confident_errors": [
            {**error.row._asdict(), "predicted": error.predicted, "probability": error.probability}
            for error in evaluation.confident_errors()
        ],
    }


def _short(label: str) -> str:
    """Return a label as tables and sentences show it: on one line, and cut if it is very long."""
    return one_line(label if len(label) <= _MAX_LABEL else label[: _MAX_LABEL - 1] + "…")


def _print_scores(evaluation: LabelEvaluation) -> None:
    scores = evaluation.scores
    correct = int(scores.confusion.diagonal().sum())
    majority = f"majority label {scores.majority_accuracy:.1f}%: always '{_short(evaluation.majority_label)}'"
    occurring = sum(bool(result.support or result.predicted) for result in scores.label_results)
    unknown = f", without {scores.unknown_rows:,} of unknown labels" if scores.unknown_rows else ""
    from rich.text import Text  # labels are no markup

    table = plain_table(has_header=False)
    table.add_row(
        ACCURACY.label, f"{ACCURACY.text(scores.accuracy)}%", Text(f"{correct:,} of {scores.rows:,} texts; {majority}")
    )
    table.add_row(MACRO_F1.label, f"{MACRO_F1.text(scores.macro_f1)}%", f"mean of the F1 of {occurring:,} labels")
    table.add_row("log loss", f"{scores.log_loss:.4f}", f"nats a text{unknown}")
    bins = f"between probability and accuracy, in {CALIBRATION_BINS} bins"
    table.add_row("calibration error", f"{scores.calibration_error:.2f}%", bins)
    write_table(table)


def _print_labels(evaluation: LabelEvaluation) -> None:
    results = sorted(
        zip(evaluation.labels, evaluation.scores.label_results, strict=True), key=lambda item: -item[1].support
    )
    from rich.text import Text

    table = plain_table("label", "precision %", "recall %", "F1 %", "texts", "predicted")
    for label, result in results[:MAX_LABELS]:
        numbers = (f"{value:.1f}" for value in (result.precision, result.recall, result.f1))
        table.add_row(Text(_short(label)), *numbers, f"{result.support:,}", f"{result.predicted:,}")
    write_out("\n")
    write_table(table)
    if len(results) > MAX_LABELS:
        write_out(f"and {len(results) - MAX_LABELS:,} labels more, each with fewer texts; --json has all\n")


def _print_selections(evaluation: LabelEvaluation) -> None:
    """Print how many texts have an answer of some probability, and how many of those are right."""
    table = plain_table("probability at least", "texts %", "accuracy %")
    for threshold, rows, correct in evaluation.selections:
        table.add_row(f"{threshold:g}", f"{100 * rows / evaluation.scores.rows:.1f}", f"{100 * correct / rows:.1f}")
    if table.row_count:
        write_out("\n")
        write_table(table)


def _print_matrix(evaluation: LabelEvaluation) -> None:
    """Print the matrix in as many columns as there are, and the largest confusions where it has many labels."""
    matrix = evaluation.matrix
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH
    if len(matrix.labels) <= MAX_LABELS:
        rendered = render_confusion(matrix, "Confusion matrix", "counts", width)
        print_rows([*rendered.headings, *rendered.body], has_colours(), blank_line_before=True)
    confusions = matrix.largest_confusions(_CONFUSIONS)
    if len(matrix.labels) < _MIN_LISTED or not confusions:
        return
    from rich.text import Text

    table = plain_table("largest confusions", "texts", "% of the true label's")
    for confusion in confusions:
        labels = f"{_short(confusion.true)} → {_short(confusion.predicted)}"
        table.add_row(Text(labels), f"{confusion.texts:,}", percent_text(confusion.share))
    write_out("\n")
    write_table(table)


def _print_errors(evaluation: LabelEvaluation) -> None:
    errors = evaluation.confident_errors()
    if not errors:
        write_out("\nall answers are right\n")
        return
    from rich.text import Text

    files = {row.file for row in evaluation.corpus.rows}
    table = plain_table("probability")
    for heading in ("predicted", "label", "row", *(["file"] if len(files) > 1 else []), "text"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis", justify="right" if heading == "row" else "left")
    for error in errors:
        row = error.row
        text = row.text if len(row.text) <= _MAX_TEXT else row.text[: _MAX_TEXT - 1] + "…"
        file = [PurePath(row.file).name] if len(files) > 1 else []
        cells = (_short(error.predicted), _short(row.label), f"{row.row:,}", *file, text)
        table.add_row(f"{error.probability:.4f}", *(Text(one_line(cell)) for cell in cells))
    source = f" in {one_line(files.pop())}" if len(files) == 1 else ""
    write_out(f"\nthe most confident errors{source}\n")
    write_table(table)
