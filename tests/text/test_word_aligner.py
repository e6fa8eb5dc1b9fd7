"""Word alignment: dictionaries are found again from pairs of sentences in any order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rnntui.text import word_alignment
from rnntui.text.pair_ids import PairDataset, write_pairs
from rnntui.text.vocabulary import EOS, PAD
from rnntui.text.word_alignment import WordAligner

FIRST, WORDS = 10, 12  # ids of words; the target word of source word w is w + WORDS
SIZE = FIRST + 2 * WORDS


def dataset(path: Path, sentences: list[tuple[list[int], list[int]]]) -> PairDataset:
    encoded = [(np.array(source, np.int64), np.array(target, np.int64)) for source, target in sentences]
    return PairDataset(write_pairs(path, encoded, 100, SIZE), path)


def sentences(count: int) -> list[tuple[list[int], list[int]]]:
    """Return sentences and their words' translations, in reverse order."""
    rng = np.random.default_rng(1)
    sources = [rng.choice(WORDS, rng.integers(2, 6), replace=False) + FIRST for _ in range(count)]
    return [(source.tolist(), (source[::-1] + WORDS).tolist()) for source in sources]


def column(*ids: int) -> NDArray[np.int64]:
    return np.array(ids, np.int64)[:, None]


@pytest.mark.parametrize("limit", [1 << 22, 700])
def test_each_word_is_aligned_with_the_one_that_it_translates(
    limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_alignment, "_MAX_CELLS", limit)  # 700: a quarter of the pairs
    aligner = WordAligner.train(dataset(tmp_path / "ids", sentences(200)), SIZE)
    source, target = column(11, 13, 17, EOS, PAD), column(17 + WORDS, 11 + WORDS, EOS, PAD)
    [aligned] = aligner.align(source, target)
    np.testing.assert_allclose(aligned.sum(axis=1), [1, 1, 1, 0], atol=1e-6)
    assert aligned[0, 2] > 0.9 and aligned[1, 0] > 0.9
    assert aligned[2].tolist() == [0, 0, 0, 1, 0]


def test_a_word_that_was_not_seen_is_not_aligned_and_pairs_do_not_affect_each_other(tmp_path: Path) -> None:
    aligner = WordAligner.train(dataset(tmp_path / "ids", sentences(50)), SIZE)
    sources = np.concatenate([column(11, 12, EOS), column(5, EOS, PAD)], axis=1)
    targets = np.concatenate([column(11 + WORDS, 5, EOS), column(11 + WORDS, EOS, PAD)], axis=1)
    both = aligner.align(sources, targets)
    assert both[0, 0].argmax() == 0 and not both[0, 1].any() and not both[1, 0].any()
    assert both[1, 1].tolist() == [0, 1, 0] and not both[1, 2].any()
    for pair in range(2):
        alone = aligner.align(sources[:, pair : pair + 1], targets[:, pair : pair + 1])
        np.testing.assert_array_equal(alone[0], both[pair])


def test_a_repeated_source_word_shares_its_translation(tmp_path: Path) -> None:
    aligner = WordAligner.train(dataset(tmp_path / "ids", sentences(200)), SIZE)
    [aligned] = aligner.align(column(11, 11, EOS), column(11 + WORDS, EOS))
    np.testing.assert_allclose(aligned[0], [0.5, 0.5, 0], atol=1e-6)


def test_pairs_of_which_a_side_is_empty(tmp_path: Path) -> None:
    pairs = [([], [20]), ([11], []), ([], [])]
    aligner = WordAligner.train(dataset(tmp_path / "ids", pairs), SIZE)
    [aligned] = aligner.align(column(11, EOS), column(20, EOS))
    assert aligned.tolist() == [[0, 0], [0, 1]]
    mixed = WordAligner.train(dataset(tmp_path / "more", [*pairs, ([11], [23])]), SIZE)
    [aligned] = mixed.align(column(11, EOS), column(23, EOS))
    assert aligned.tolist() == [[1, 0], [0, 1]]
