"""Scores of a classifier: accuracy, macro F1, log loss, calibration error, confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

CALIBRATION_BINS = 15
"""Number of equal-width bins of confidence, as in Guo et al. 2017."""

_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)

Confusion = NDArray[np.int64]
"""Counts of rows, `(T, K)`, by true label and predicted label.

K labels can be predicted. T is K, or more where rows have labels that the classifier does not know: those come last.
"""


class LabelResult(NamedTuple):
    """Precision, recall and F1 of one label in percent; its rows, and the rows it was predicted for.

    A value that is undefined, as the precision of a label that was never predicted, is 0, as in scikit-learn.
    """

    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True)
class LabelScores:
    """Scores of the predictions on rows whose labels are known.

    Labels that the classifier does not know (ids of K and more) count as follows. Their rows are wrong in the accuracy
    and in the calibration error. Each is a label with an F1 of 0 in the macro F1. Their rows are left out of the log
    loss, which would be infinite.

    Args:
        rows: number of rows.
        accuracy: rows whose most probable label is the true one, in percent.
        macro_f1: mean F1 of the labels that occur as true or predicted ones, in percent. These are the labels that
            scikit-learn's `f1_score(average="macro")` takes the mean of; a label that does not occur has no F1.
        log_loss: mean of -ln of the true label's probability, in nats, over the rows whose label the classifier knows;
            NaN if there are none. A probability counts as at least 2.2e-16, as in scikit-learn.
        calibration_error: expected calibration error in percent (Guo et al. 2017, "On Calibration of Modern Neural
            Networks", equation 5). Rows are put into 15 bins by the probability of the predicted label; the error is
            the mean difference between a bin's mean probability and its accuracy, weighted by its rows.
        confusion: counts `(T, K)` by true and predicted label.
    """

    rows: int
    accuracy: float
    macro_f1: float
    log_loss: float
    calibration_error: float
    confusion: Confusion

    @property
    def metrics(self) -> dict[str, float]:
        """Accuracy and macro F1 by their keys in `metrics.jsonl`."""
        return {"accuracy": self.accuracy, "macro_f1": self.macro_f1}

    @property
    def majority_accuracy(self) -> float:
        """The accuracy in percent of always predicting the label that is most frequent in these rows."""
        return 100.0 * float(self.confusion.sum(1).max()) / self.rows

    @property
    def unknown_rows(self) -> int:
        """The number of rows whose label the classifier does not know."""
        return int(self.confusion[self.confusion.shape[1] :].sum())

    @property
    def label_results(self) -> list[LabelResult]:
        """The results of each of the T labels."""
        return label_results(self.confusion)


def score_labels(probabilities: ArrayLike, label_ids: ArrayLike) -> LabelScores:
    """Score predicted probabilities against the true labels.

    The predicted label is the most probable one; of equally probable labels, the first.

    Args:
        probabilities: `(N, K)`, rows that sum to 1.
        label_ids: `(N,)`, the index of each row's true label; K and above for labels that the classifier does not know.

    Raises:
        ValueError: if there are no rows, the shapes do not fit, a probability is not finite, or an id is negative.
    """
    p = np.asarray(probabilities, np.float64)
    truth = np.asarray(label_ids, np.int64)
    if p.ndim != 2 or not p.size or truth.shape != p.shape[:1]:
        raise ValueError(f"probabilities {p.shape} and label ids {truth.shape} are not (N, K) and (N,)")
    if not np.isfinite(p).all():
        raise ValueError("probabilities are not finite")
    if truth.min() < 0:
        raise ValueError("label ids are negative")
    predicted = p.argmax(1)  # (N,)
    confusion = count_confusion(truth, predicted, p.shape[1])
    is_known = truth < p.shape[1]
    true_p = p[is_known, truth[is_known]]
    log_loss = -np.log(np.maximum(true_p, np.finfo(np.float64).eps)).mean() if true_p.size else np.nan
    return LabelScores(
        rows=len(truth),
        accuracy=100.0 * float(np.mean(predicted == truth)),
        macro_f1=macro_f1(confusion),
        log_loss=float(log_loss),
        calibration_error=calibration_error(p.max(1), predicted == truth),
        confusion=confusion,
    )


class Selection(NamedTuple):
    """The rows whose label has a probability of at least `threshold`: how many, and how many of them are right."""

    threshold: float
    rows: int
    correct: int


def selections(confidence: NDArray[Any], is_correct: NDArray[np.bool_]) -> list[Selection]:
    """Return what `rnntui classify --threshold` would keep, by thresholds that keep some of the rows and not all.

    Args:
        confidence: `(N,)`, the probability of each row's predicted label.
        is_correct: `(N,)`, True where the predicted label is the true one.
    """
    written = confidence.round(4)  # as rnntui classify compares them
    chosen = [(threshold, written >= threshold) for threshold in _THRESHOLDS]
    return [
        Selection(threshold, int(rows.sum()), int(is_correct[rows].sum()))
        for threshold, rows in chosen
        if 0 < rows.sum() < len(rows)
    ]


def count_confusion(label_ids: NDArray[Any], predicted_ids: NDArray[Any], labels: int) -> Confusion:
    """Return the counts `(T, K)` of true ids `(N,)` and predicted ids `(N,)`; K is `labels`."""
    height = max(labels, int(label_ids.max(initial=-1)) + 1)
    cells = label_ids.astype(np.int64) * labels + predicted_ids
    return np.bincount(cells, minlength=height * labels).reshape(height, labels).astype(np.int64)


def label_results(confusion: Confusion) -> list[LabelResult]:
    """Return precision, recall and F1 of each label from a confusion matrix `(T, K)`."""
    height, width = confusion.shape
    support = confusion.sum(1)  # (T,)
    correct, predicted = np.zeros((2, height), np.int64)
    correct[:width] = confusion.diagonal()
    predicted[:width] = confusion.sum(0)
    return [
        LabelResult(_percent(hits, guesses), _percent(hits, rows), _percent(2 * hits, rows + guesses), rows, guesses)
        for hits, rows, guesses in zip(correct.tolist(), support.tolist(), predicted.tolist(), strict=True)
    ]


def macro_f1(confusion: Confusion) -> float:
    """Return the mean F1 in percent of the labels that occur as true or predicted ones; 0 if none does."""
    f1 = [result.f1 for result in label_results(confusion) if result.support or result.predicted]
    return sum(f1) / len(f1) if f1 else 0.0


def calibration_error(confidence: NDArray[Any], is_correct: NDArray[np.bool_], bins: int = CALIBRATION_BINS) -> float:
    """Return the expected calibration error in percent (Guo et al. 2017, equation 5).

    Args:
        confidence: `(N,)`, the probability of each row's predicted label.
        is_correct: `(N,)`, True where the predicted label is the true one.
        bins: number of equal-width bins; bin m holds confidences in ((m - 1) / bins, m / bins].
    """
    index = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)  # (N,)
    gaps = np.bincount(index, confidence - is_correct, minlength=bins)  # rows times (confidence - accuracy)
    return 100.0 * float(np.abs(gaps).sum()) / len(confidence)


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 0.0
