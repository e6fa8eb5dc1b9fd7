"""Linear probes: how well a feature of a text can be read off single units, and off a whole layer.

Karpathy, Johnson and Li (2015, "Visualizing and Understanding Recurrent Networks") found such units by eye; probes are
those of Alain and Bengio (2016, "Understanding intermediate layers using linear classifier probes"), in closed form. A
unit's probe of a binary feature is a threshold. A layer's is ridge regression on the labels, which for two classes
gives the direction of Fisher's discriminant, and a threshold on its output. Probes of counts are regressions.

Accuracy is balanced: the mean of the accuracies with and without the feature, so that always giving the more frequent
answer has 50%, however rare the feature is. Counts have R², the share of variance that the probe explains on held-out
tokens, at least 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

_RIDGE = 0.01  # of the number of tokens, for standardized units
_FLAT = 1e-6  # standard deviation of a unit that does nothing
_CHANCE = 0.5


class ProbeSplit(NamedTuple):
    """Which of N tokens a probe is fitted on and which it is measured on, `(N,)` each; some are neither."""

    fit: NDArray[np.bool_]
    held_out: NDArray[np.bool_]


@dataclass(frozen=True)
class ProbeTarget:
    """What is probed for: a value of each token, `(N,)`, a count if `is_number`, else 0 or 1."""

    values: NDArray[np.float32]
    is_number: bool

    @property
    def chance(self) -> float:
        """The score of a probe that knows nothing."""
        return 0.0 if self.is_number else _CHANCE

    def score(self, scores: NDArray[np.floating], cut: Cut, rows: NDArray[np.bool_]) -> float:
        """Return balanced accuracy, or R², of `scores (N,)` cut by a probe, on some rows."""
        wanted, read = self.values[rows], scores[rows]
        if not self.is_number:
            return balanced_accuracy((read > cut.threshold) == cut.is_above, wanted > 0)
        residual = wanted - (cut.threshold + cut.slope * read)
        spread = float(((wanted - wanted.mean()) ** 2).mean())
        return max(0.0, 1.0 - float((residual * residual).mean()) / spread) if spread > 0 else 0.0

    def fit(self, scores: NDArray[np.floating], rows: NDArray[np.bool_]) -> Cut:
        """Return the best threshold on `scores (N,)`, or the regression on them, fitted on some rows."""
        read, wanted = scores[rows], self.values[rows]
        if not self.is_number:
            return best_threshold(read, wanted > 0)
        spread = read.var()
        slope = float(((read - read.mean()) * (wanted - wanted.mean())).mean() / spread) if spread > _FLAT**2 else 0.0
        return Cut(float(wanted.mean() - slope * read.mean()), slope >= 0, slope)


class Cut(NamedTuple):
    """A probe on one number: a threshold, with the feature above or below it; of a count, intercept and slope."""

    threshold: float
    is_above: bool
    slope: float = 1.0


class UnitScore(NamedTuple):
    """A unit by its column, its probe, and its score on held-out tokens and on those it was fitted on."""

    unit: int
    cut: Cut
    score: float
    fit_score: float


def balanced_accuracy(answers: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Return the mean of the accuracies on true and on false rows, `(N,)` each; 0.5 if there are none of either."""
    if truth.all() or not truth.any():
        return _CHANCE
    return float(answers[truth].mean() + (~answers[~truth]).mean()) / 2


def best_threshold(values: NDArray[np.floating], truth: NDArray[np.bool_]) -> Cut:
    """Return the threshold on `values (N,)` with the highest balanced accuracy against `truth (N,)`.

    It lies between two values that differ, in the middle.
    """
    if truth.all() or not truth.any():
        return Cut(0.0, True)
    order = np.argsort(values)  # of equal values in any order: no threshold lies between them
    ordered, positives = values[order], truth[order]
    true_below = np.cumsum(positives) / positives.sum()
    false_below = np.cumsum(~positives) / (~positives).sum()
    advantage = false_below - true_below  # twice the balanced accuracy, minus 1, of a threshold after each value
    advantage[:-1][ordered[:-1] == ordered[1:]] = 0.0
    advantage[-1] = 0.0
    best = int(np.argmax(np.abs(advantage)))
    if not advantage[best]:
        return Cut(float(ordered[-1]), True)
    return Cut(float(ordered[best] + ordered[best + 1]) / 2, bool(advantage[best] > 0))


class LayerProbes:
    """Probes of the units of a layer for several targets.

    Args:
        units: `(N, H)`, the values of H units.
        targets: F features that they are probed for.
        split: the tokens to fit and to measure on.
    """

    def __init__(self, units: Matrix, targets: Sequence[ProbeTarget], split: ProbeSplit) -> None:
        self._units, self._targets, self._split = units, targets, split
        fit = units[split.fit]
        self._mean, deviation = fit.mean(axis=0), fit.std(axis=0)
        self._scale = 1.0 / np.where(deviation > _FLAT, deviation, np.inf)  # a unit that does nothing becomes 0
        fit -= self._mean
        fit *= self._scale
        wanted = np.stack([target.values[split.fit] for target in targets], axis=1)
        wanted -= wanted.mean(axis=0)
        self._gram = fit.T @ fit  # (H, H)
        self._products = fit.T @ wanted  # (H, F), the correlations up to a factor of each column
        self._rows = len(fit)

    def best_units(self, target: int, candidates: int) -> list[UnitScore]:
        """Return the units with the highest correlations with the target of an index, by their scores on the tokens of
        the fit, best first.
        """
        order = np.argsort(-np.abs(self._products[:, target]), kind="stable")
        wanted, split = self._targets[target], self._split
        ranked = []
        for unit in order[:candidates].tolist():
            values = self._units[:, unit]
            cut = wanted.fit(values, split.fit)
            ranked.append(
                UnitScore(unit, cut, wanted.score(values, cut, split.held_out), wanted.score(values, cut, split.fit))
            )
        return sorted(ranked, key=lambda score: -score.fit_score)

    def layer_scores(self) -> list[float]:
        """Return the held-out score of a linear probe on all units at once, for each target."""
        ridge = np.eye(len(self._gram), dtype=self._gram.dtype) * (_RIDGE * self._rows)
        weights = np.linalg.solve(self._gram + ridge, self._products)  # (H, F)
        outputs = ((self._units - self._mean) * self._scale) @ weights  # (N, F)
        return [
            target.score(column, target.fit(column, self._split.fit), self._split.held_out)
            for target, column in zip(self._targets, outputs.T, strict=True)
        ]


def token_baseline(tokens: NDArray[np.int64], target: ProbeTarget, split: ProbeSplit) -> float:
    """Return the held-out score of a probe that sees the current token alone, `tokens (N,)`, and remembers nothing."""
    size = int(tokens.max()) + 1
    fit_tokens, wanted = tokens[split.fit], target.values[split.fit].astype(np.float64)
    counts = np.bincount(fit_tokens, minlength=size)
    means = np.bincount(fit_tokens, wanted, size) / np.maximum(counts, 1)
    means[counts == 0] = wanted.mean()
    outputs = means[tokens]
    return target.score(outputs, target.fit(outputs, split.fit), split.held_out)


def shifted(target: ProbeTarget, split: ProbeSplit, fraction: float) -> ProbeTarget:
    """Return a target whose values are those of other tokens: shuffled labels, which no probe can know.

    They are moved along the text by a fraction of it, round the end, not shuffled one by one: neighbours stay together.
    A unit that changes as slowly as a feature does can match it by luck, which labels without neighbours would hide.
    """
    values = target.values.copy()
    for rows in split:
        values[rows] = np.roll(values[rows], int(fraction * rows.sum()))
    return ProbeTarget(values, target.is_number)
