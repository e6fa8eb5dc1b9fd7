"""A guard against translations that go round in circles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rnntui.inference.cells import Array
from rnntui.inference.numpy_language_model import Ids

_PERIODS = 8  # tokens of the longest circle
_ROUNDS = 3  # times round, after the first, that need no example in the source
_TOKENS = 12  # nor do so many tokens: a million written in digits is no circle


class RepetitionBlocker:
    """Forbids the token that would go further round in a circle.

    A circle is up to eight tokens that come again and again without a break. As many rounds as the source itself has,
    and three more, and at least twelve tokens, are allowed: a copy of "ha ha ha ha ha ha" is no fault. For each of N
    hypotheses it keeps the last tokens, `last (N, 8)`, and for each period how many tokens have equalled the one a
    period before, `same (N, 8)`.
    """

    def __init__(self, sources: Sequence[Ids], width: int) -> None:
        rounds = np.array([_ROUNDS + _rounds(source) for source in sources]).repeat(width)
        self._most = np.maximum(rounds[:, None] * np.arange(1, _PERIODS + 1), _TOKENS)  # (N, 8)
        self._last: Ids = np.full((len(rounds), _PERIODS), -1, dtype=np.int64)  # [:, p]: p + 1 tokens ago
        self._same = np.zeros((len(rounds), _PERIODS), dtype=np.int64)

    def ban(self, logits: Array) -> None:
        """Make such tokens impossible in `logits (N, V)`."""
        rows, periods = np.nonzero(self._same >= self._most)
        logits[rows, self._last[rows, periods]] = -np.inf

    def follow(self, sources: NDArray[np.intp], rows: NDArray[np.intp], tokens: Ids) -> RepetitionBlocker:
        """The guard of the hypotheses `rows`, each with one more of `tokens`; `sources` are those that go on."""
        width = len(rows) // len(sources)
        new = object.__new__(RepetitionBlocker)
        new._most = self._most[sources.repeat(width) * width]
        last = self._last[rows]
        new._same = np.where(last == tokens[:, None], self._same[rows] + 1, 0)
        new._last = np.concatenate([tokens[:, None], last[:, :-1]], axis=1)
        return new


def _rounds(source: Ids) -> int:
    """The most rounds that a circle in the source makes beyond the first."""
    most = 0
    for period in range(1, min(_PERIODS, len(source) - 1) + 1):
        same = source[period:] == source[:-period]
        breaks = np.flatnonzero(~np.concatenate([[False], same, [False]]))
        most = max(most, int(np.diff(breaks).max() - 1) // period)
    return most
