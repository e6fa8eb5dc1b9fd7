"""Blocks endless repetition in beam search, the loops that translation models are prone to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnntui.inference.cells import Array
from rnntui.inference.numpy_language_model import Ids

_MAX_PERIOD = 8  # tokens in the longest loop that is recognized
_FREE_REPEATS = 3  # repeats that are allowed though the source has none
_FREE_TOKENS = 12  # repeated tokens that are allowed, however short the period: a million in digits is not a loop


@dataclass(frozen=True, eq=False)
class RepetitionBlocker:
    """Bans the token that would continue a loop for too long.

    A loop is a sequence of up to eight tokens that is repeated without a break. Allowed are three repeats more than the
    source itself has, and at least twelve repeated tokens: a copy of "ha ha ha ha ha ha" is not a fault.

    For each of N hypotheses and each period p from 1 to 8 it counts how many tokens in a row equalled the one p tokens
    before. Its size does not depend on the length of a hypothesis.

    Args:
        max_matches: `(N, 8)`, the largest count that is allowed at each period.
        matches: `(N, 8)`, the counts; column p - 1 is that of period p.
        recent: `(N, 8)`, the last eight tokens, the newest first; -1 before the first token.
    """

    max_matches: NDArray[np.int64]
    matches: NDArray[np.int64]
    recent: Ids

    @classmethod
    def for_sources(cls, sources: Sequence[Ids], width: int) -> RepetitionBlocker:
        """Return the blocker before the first token, for `width` hypotheses of each source."""
        repeats = np.array([_FREE_REPEATS + _max_repeats(source) for source in sources]).repeat(width)  # (N,)
        max_matches = np.maximum(repeats[:, None] * np.arange(1, _MAX_PERIOD + 1), _FREE_TOKENS)
        return cls(max_matches, np.zeros_like(max_matches), np.full_like(max_matches, -1))

    def ban(self, logits: Array) -> None:
        """Set the logit of such tokens to -inf, in place in `logits (N, V)`."""
        rows, periods = np.nonzero(self.matches >= self.max_matches)
        logits[rows, self.recent[rows, periods]] = -np.inf

    def advance(self, sources: NDArray[np.intp], rows: NDArray[np.intp], tokens: Ids) -> RepetitionBlocker:
        """Return the blocker for the hypotheses of the next step.

        Args:
            sources: `(B',)`, the indices of the sources whose search goes on.
            rows: `(N',)`, for each new hypothesis the row of the one that it extends, equally many for each source.
            tokens: `(N',)`, the token that each is extended by.
        """
        width = len(rows) // len(sources)
        recent = self.recent[rows]
        return RepetitionBlocker(
            max_matches=self.max_matches[sources.repeat(width) * width],
            matches=np.where(recent == tokens[:, None], self.matches[rows] + 1, 0),
            recent=np.concatenate([tokens[:, None], recent[:, :-1]], axis=1),
        )


def _max_repeats(source: Ids) -> int:
    """The largest number of times that any sequence in the source is repeated right after its first occurrence."""
    max_repeats = 0
    for period in range(1, min(_MAX_PERIOD, len(source) - 1) + 1):
        matches = source[period:] == source[:-period]
        mismatches = np.flatnonzero(~np.concatenate([[False], matches, [False]]))
        max_repeats = max(max_repeats, int(np.diff(mismatches).max() - 1) // period)
    return max_repeats
