"""The learning rate that a range test suggests, on curves made by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rnntui.inspection.learning_rate_range import LearningRateRange

RATES = np.geomspace(1e-5, 1, 101)


def curve(losses: np.ndarray, present: float = 0.004) -> LearningRateRange:
    return LearningRateRange("notes", RATES[: len(losses)], losses, 4.0, present)


def valley(lowest: float) -> np.ndarray:
    """Losses that fall from 4 from a hundredth of a rate on, are lowest at it and rise behind it."""
    distance = np.log10(RATES / lowest)
    return np.where(distance < -2, 4.0, np.where(distance < 0, 2.0 - distance, 2.0 + 3 * distance))


@pytest.mark.parametrize("lowest", [1e-2, 1e-1])
def test_a_fifth_of_the_rate_with_the_lowest_loss_is_suggested(lowest: float) -> None:
    noise = np.random.default_rng(1).normal(0, 0.05, len(RATES))
    found = curve(valley(lowest) + noise)
    assert found.suggestion == pytest.approx(lowest / 5, rel=0.5)
    assert lowest / 200 < RATES[found.steepest] < lowest
    assert f"Suggested: {found.suggestion:g}" in found.summary()[1]
    assert "in the same range" in curve(valley(0.04)).summary()[2]
    assert "times lower" in curve(valley(0.04), 0.0001).summary()[2]


def test_a_curve_that_does_not_fall_suggests_nothing() -> None:
    for losses in (np.full(101, 4.0), valley(0.01)[::-1] + 2.0):
        flat = curve(losses)
        assert flat.suggestion is None and "keep 0.004" in flat.summary()[1]


def test_a_test_that_diverges_ends_early_and_is_drawn_without_its_last_losses() -> None:
    losses = np.append(valley(0.01)[:80], [9.0, np.nan])
    found = curve(losses)
    assert found.suggestion == pytest.approx(0.002, rel=0.3) and "not finite any more" in found.summary()[0]
    rows = ["".join(text for text, _ in row) for row in found.rows(80)]
    assert {len(row) for row in rows} == {80} and not any(row.startswith(("9", "8")) for row in rows)
    assert "learning rate" in found.svg()
    values = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert values["losses"][-1] is None and values["suggestion"] == found.suggestion
    nothing = LearningRateRange("notes", RATES[:0], np.array([]), float("nan"), 0.004)
    assert nothing.suggestion is None and "no learning rate was tried" in nothing.summary()[0]
