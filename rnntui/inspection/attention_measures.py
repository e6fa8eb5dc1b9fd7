"""Measures of an attention matrix: entropy, coverage, the diagonal, reading order, agreement with a word alignment.

A matrix is `(T, S)`: a distribution over S source tokens for each of T target tokens. All but entropy and coverage are
measured without the end tokens, which are aligned with each other in any order of words.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.attention_grid import UNSEEN_WEIGHT

Floats = NDArray[np.float64]

_HALF = 0.5 + 1e-9  # source tokens at most so far from the diagonal lie on it
_MIN_STEPS = 3  # target tokens below which an order means nothing
_EQUAL = 1e-6  # difference of probabilities that are the same


class Agreement(NamedTuple):
    """Agreement with a word alignment over target tokens that it knows.

    Args:
        agreed: target tokens that look most at a source token that the alignment says they translate.
        expected: how many of them would, looking at random.
        tokens: target tokens that the alignment knows.
    """

    agreed: int
    expected: float
    tokens: int


def entropy_bits(weights: Floats) -> Floats:
    """Return the entropy of each row in bits, `(T,)`: 0 for one source token, log₂ S for all of them alike."""
    logs = np.log2(weights, out=np.zeros_like(weights), where=weights > 0)
    entropies: Floats = np.abs((weights * logs).sum(axis=1))
    return entropies


def unseen_sources(weights: Floats) -> NDArray[np.bool_]:
    """Return True for each source token `(S,)` to which no target token gives `UNSEEN_WEIGHT` of its attention."""
    unseen: NDArray[np.bool_] = weights.max(axis=0, initial=0.0) < UNSEEN_WEIGHT
    return unseen


def diagonal_share(weights: Floats, is_reversed: bool = False) -> float:
    """Return the share of the attention on the diagonal of a matrix without end tokens, 0 to 1; 0 without rows.

    The diagonal has, for each target token, the source token at the same relative place (two of them, where the place
    is halfway between two).

    Args:
        weights: `(T, S)`, without end tokens; a row may sum to less than 1, as the rest is on the end token.
        is_reversed: measure the anti-diagonal, from the last source token to the first.
    """
    steps, sources = weights.shape
    if not steps or not sources:
        return 0.0
    places = np.linspace(0, sources - 1, steps) if steps > 1 else np.array([(sources - 1) / 2])  # (T,)
    if is_reversed:
        places = places[::-1]
    is_on = np.abs(np.arange(sources) - places[:, None]) <= _HALF  # (T, S)
    return float((weights * is_on).sum() / steps)


def diagonal_chance(steps: int, sources: int) -> float:
    """Return the `diagonal_share` of attention that is spread evenly over a source and its end token."""
    if not steps or not sources:
        return 0.0
    return diagonal_share(np.full((steps, sources), 1 / (sources + 1)))


def reading_order(weights: Floats) -> float | None:
    """Return the correlation between target places and the mean source places they look at, -1 to 1.

    1 is a source that is read from its beginning to its end, -1 one that is read backwards. None for fewer than three
    target tokens, for a single source token, and where all look at the same place.

    Args:
        weights: `(T, S)`, without end tokens.
    """
    steps, sources = weights.shape
    totals = weights.sum(axis=1)
    if steps < _MIN_STEPS or sources < 2 or not (totals > 0).all():
        return None
    centres = weights @ np.arange(sources) / totals
    if float(np.ptp(centres)) < _EQUAL:
        return None
    return float(np.corrcoef(np.arange(steps), centres)[0, 1])


def alignment_agreement(weights: Floats, alignment: Floats) -> Agreement:
    """Return how often the source token with the largest weight is one that an alignment finds most probable.

    Args:
        weights: `(T, S)`, without the row of the end token; its column may be there.
        alignment: `(T, S)`, the probability that a target token translates a source token; rows of zeros where nothing
            is known, which do not count. The same word at several places has the same probability at all of them.
    """
    largest = alignment.max(axis=1, initial=0.0)
    is_known = largest > 0
    if not is_known.any():
        return Agreement(0, 0.0, 0)
    best = alignment[is_known] >= largest[is_known, None] - _EQUAL  # (N, S)
    agreed = best[np.arange(len(best)), weights[is_known].argmax(axis=1)]
    return Agreement(int(agreed.sum()), float(best.mean(axis=1).sum()), len(best))
