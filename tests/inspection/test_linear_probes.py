"""Linear probes: planted signals are found, noise is at chance."""

from __future__ import annotations

import numpy as np
import pytest

from rnntui.inspection.linear_probes import (
    Cut,
    LayerProbes,
    ProbeSplit,
    ProbeTarget,
    balanced_accuracy,
    best_threshold,
    shifted,
    token_baseline,
)

TOKENS, UNITS = 3000, 24
HELD_OUT = np.arange(TOKENS) % 300 >= 200
SPLIT = ProbeSplit(~HELD_OUT, HELD_OUT)
RNG = np.random.default_rng(4)
SWITCH = (np.cumsum(RNG.random(TOKENS) < 0.05) % 2).astype(np.float32)  # stretches of 20 tokens on average
COUNT = (np.arange(TOKENS) % 37).astype(np.float32)


def planted(target: np.ndarray, unit: int, noise: float) -> np.ndarray:
    units = RNG.normal(size=(TOKENS, UNITS)).astype(np.float32)
    units[:, unit] = 0.3 - 0.2 * target + noise * units[:, unit]
    return units


@pytest.mark.parametrize(
    ("values", "truth", "cut", "accuracy"),
    [
        ([1, 2, 3, 4], [0, 0, 1, 1], Cut(2.5, True), 1.0),
        ([4, 3, 1, 1], [0, 0, 1, 1], Cut(2.0, False), 1.0),
        ([1, 1, 1, 2], [0, 1, 0, 1], Cut(1.5, True), 0.75),
        ([1, 2, 3, 4, 5], [1, 0, 0, 0, 0], Cut(1.5, False), 1.0),
        ([7, 7], [0, 1], Cut(7.0, True), 0.5),
        ([1, 2], [1, 1], Cut(0.0, True), 0.5),
    ],
)
def test_the_best_threshold_divides_two_values(
    values: list[float], truth: list[int], cut: Cut, accuracy: float
) -> None:
    array, wanted = np.array(values, dtype=np.float32), np.array(truth, dtype=bool)
    found = best_threshold(array, wanted)
    assert found == cut
    assert balanced_accuracy((array > found.threshold) == found.is_above, wanted) == accuracy


@pytest.mark.parametrize(("target", "is_number"), [(SWITCH, False), (COUNT, True)], ids=["binary", "count"])
def test_a_planted_unit_is_ranked_first_and_a_layer_knows_it(target: np.ndarray, is_number: bool) -> None:
    wanted = ProbeTarget(target, is_number)
    probes = LayerProbes(planted(target, 17, 0.02), [wanted], SPLIT)
    first, second = probes.best_units(0, 2)
    assert first.unit == 17 and first.score > 0.97 and not first.cut.is_above
    assert second.score < wanted.chance + 0.1
    assert probes.layer_scores()[0] > 0.97


def test_noise_and_shuffled_labels_are_at_chance() -> None:
    targets = [ProbeTarget(SWITCH, False), ProbeTarget(COUNT, True)]
    noise = LayerProbes(RNG.normal(size=(TOKENS, UNITS)).astype(np.float32), targets, SPLIT)
    for index, target in enumerate(targets):
        assert abs(noise.best_units(index, 1)[0].score - target.chance) < 0.06
        assert abs(noise.layer_scores()[index] - target.chance) < 0.06
    shuffled = shifted(targets[0], SPLIT, 0.41)
    signal = LayerProbes(planted(SWITCH, 3, 0.02), [shuffled], SPLIT)
    assert abs(signal.best_units(0, 1)[0].score - 0.5) < 0.1
    assert abs(signal.layer_scores()[0] - 0.5) < 0.1


def test_shuffled_labels_keep_their_neighbours_and_their_part() -> None:
    target = ProbeTarget(SWITCH, False)
    moved = shifted(target, SPLIT, 0.3)
    for rows in SPLIT:
        assert moved.values[rows].sum() == SWITCH[rows].sum()
        changes = [np.count_nonzero(np.diff(values[rows])) for values in (moved.values, SWITCH)]
        assert abs(changes[0] - changes[1]) <= 2
    assert (moved.values != SWITCH).any()


def test_units_that_do_nothing_and_values_that_never_change_are_at_chance() -> None:
    still = LayerProbes(np.full((TOKENS, 3), 0.25, dtype=np.float32), [ProbeTarget(SWITCH, False)], SPLIT)
    assert still.best_units(0, 1)[0].score == 0.5 and still.layer_scores() == [0.5]
    constant = ProbeTarget(np.ones(TOKENS, dtype=np.float32), True)
    assert LayerProbes(planted(SWITCH, 0, 0.1), [constant], SPLIT).layer_scores() == [0.0]


def test_the_current_token_alone_knows_what_it_determines_and_nothing_of_the_past() -> None:
    tokens = RNG.integers(0, 6, TOKENS)
    is_even = ProbeTarget((tokens % 2 == 0).astype(np.float32), False)
    before = ProbeTarget(np.roll(is_even.values, 1), False)
    assert token_baseline(tokens, is_even, SPLIT) == 1.0
    assert abs(token_baseline(tokens, before, SPLIT) - 0.5) < 0.06
    assert token_baseline(tokens, ProbeTarget(tokens.astype(np.float32), True), SPLIT) == pytest.approx(1.0)
