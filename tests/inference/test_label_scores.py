"""Scores of a classifier, against values computed by hand."""

from __future__ import annotations

from math import isnan, log

import numpy as np
import pytest

from rnntui.inference.label_scores import LabelResult, calibration_error, score_labels, selections

# Three labels. Predicted:      0                1                0                2                1
P = [[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8], [0.0, 0.9, 0.1]]
TRUTH = [0, 1, 1, 2, 0]


def test_accuracy_and_macro_f1() -> None:
    scores = score_labels(P, TRUTH)
    assert scores.rows == 5
    assert scores.accuracy == pytest.approx(60.0)
    assert scores.confusion.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert scores.label_results[0] == LabelResult(precision=50.0, recall=50.0, f1=50.0, support=2, predicted=2)
    assert scores.macro_f1 == pytest.approx((50 + 50 + 100) / 3)
    assert scores.metrics == {"accuracy": scores.accuracy, "macro_f1": scores.macro_f1}
    assert scores.majority_accuracy == pytest.approx(40.0)


def test_log_loss_is_finite_for_a_probability_of_zero() -> None:
    known = log(0.7) + log(0.6) + log(0.4) + log(0.8)
    assert score_labels(P[:4], TRUTH[:4]).log_loss == pytest.approx(-known / 4)
    assert score_labels(P, TRUTH).log_loss == pytest.approx(-(known + log(2.220446049250313e-16)) / 5)


def test_calibration_error_is_the_weighted_gap_of_the_bins() -> None:
    # Bins of 0.1: (0.6, 0.7] holds 0.65 and 0.7, one of them correct; (0.9, 1.0] holds 0.95 and 1.0, both correct.
    confidence = np.array([0.65, 0.7, 0.95, 1.0])
    is_correct = np.array([True, False, True, True])
    expected = 100 * (2 / 4 * abs(0.675 - 0.5) + 2 / 4 * abs(0.975 - 1.0))
    assert calibration_error(confidence, is_correct, bins=10) == pytest.approx(expected)
    assert calibration_error(np.ones(3), np.ones(3, bool)) == 0.0
    assert calibration_error(np.ones(4), np.zeros(4, bool)) == 100.0


def test_labels_that_do_not_occur_have_no_f1() -> None:
    scores = score_labels([[0.9, 0.1, 0.0, 0.0], [0.2, 0.8, 0.0, 0.0]], [0, 2])
    # Labels 0 (F1 100), 1 (predicted once, never true: 0) and 2 (never predicted: 0) occur, label 3 does not.
    assert scores.macro_f1 == pytest.approx(100 / 3)
    assert scores.label_results[3] == LabelResult(0.0, 0.0, 0.0, 0, 0)


def test_rows_of_labels_that_the_classifier_does_not_know_are_wrong() -> None:
    scores = score_labels([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [1.0, 0.0]], [0, 1, 2, 3])
    assert scores.accuracy == 50.0
    assert scores.unknown_rows == 2
    assert scores.confusion.tolist() == [[1, 0], [0, 1], [1, 0], [1, 0]]
    assert scores.macro_f1 == pytest.approx((50.0 + 100.0 + 0 + 0) / 4)
    assert scores.log_loss == pytest.approx(-(log(0.9) + log(0.8)) / 2)
    # Each row is alone in its bin: the gaps are 0.1, 0.2, 0.6 and 1.0, as 0.9 and 1.0 are in different fifteenths.
    assert scores.calibration_error == pytest.approx(100 * (0.1 + 0.2 + 0.6 + 1.0) / 4)
    assert isnan(score_labels([[0.5, 0.5]], [2]).log_loss)


@pytest.mark.parametrize(
    ("probabilities", "label_ids"),
    [
        (np.zeros((0, 2)), []),
        ([[0.5, 0.5]], [0, 1]),
        ([0.5, 0.5], [0, 1]),
        ([[np.nan, 0.5]], [0]),
        (P, [0, 1, 1, 2, -1]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(probabilities: object, label_ids: object) -> None:
    with pytest.raises(ValueError, match=r"label ids|finite"):
        score_labels(probabilities, label_ids)  # type: ignore[arg-type]


def test_selections_are_the_thresholds_that_keep_some_rows() -> None:
    confidence = np.array([0.69996, 0.7, 0.899, 0.95, 0.55])  # the first is written as 0.7000
    is_correct = np.array([True, False, True, True, False])
    assert selections(confidence, is_correct) == [
        (0.6, 4, 3), (0.7, 4, 3), (0.8, 2, 2), (0.9, 1, 1), (0.95, 1, 1),
    ]  # fmt: skip
    assert selections(np.array([1.0, 1.0]), np.array([True, True])) == []
