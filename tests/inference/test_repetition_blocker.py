"""The repetition blocker: endless loops are cut, and what the source repeats may be copied."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rnntui.inference.repetition_blocker import RepetitionBlocker
from rnntui.text.vocabulary import EOS


def tokens_until_banned(source: list[int], loop: list[int], limit: int = 100) -> int:
    """The number of tokens of a loop that a target may have, if it has nothing else."""
    blocker = RepetitionBlocker.for_sources([np.array([*source, EOS])], 1)
    for count, token in enumerate(itertools.islice(itertools.cycle(loop), limit)):
        logits = np.zeros((1, 20), dtype=np.float32)
        blocker.ban(logits)
        banned = np.flatnonzero(np.isneginf(logits[0])).tolist()
        if banned:
            assert banned == [token]
            return count
        blocker = blocker.advance(np.array([0]), np.array([0]), np.array([token]))
    return limit


@pytest.mark.parametrize("period", range(1, 9))
def test_a_loop_is_cut_three_repeats_after_those_of_the_source(period: int) -> None:
    loop = list(range(4, 4 + period))
    assert tokens_until_banned([5, 6, 7], loop) == period + max(3 * period, 12)
    assert tokens_until_banned(loop * 6, loop) == period + max(8 * period, 12)
    assert tokens_until_banned(loop * 2, loop) == period + max(4 * period, 12)
    assert tokens_until_banned(loop * 20, [15]) == 1 + max(22, 12), "repeats of the source may be of another loop"


def test_what_repeats_after_more_than_eight_tokens_is_no_loop() -> None:
    loop = list(range(4, 13))
    assert tokens_until_banned([5, 6, 7], loop) == 100
    assert tokens_until_banned(loop * 20, [15, 16]) == 2 + 12


def test_repeats_are_counted_across_reordered_hypotheses() -> None:
    blocker = RepetitionBlocker.for_sources([np.array([4, EOS])], 2)
    for n in range(13):
        blocker = blocker.advance(np.array([0]), np.array([0, 1]), np.array([5, 6 + n % 3]))
    blocker = blocker.advance(np.array([0]), np.array([1, 0]), np.array([7, 5]))
    logits = np.zeros((2, 10), dtype=np.float32)
    blocker.ban(logits)
    assert np.isneginf(logits).tolist() == [[False] * 10, [token == 5 for token in range(10)]]
