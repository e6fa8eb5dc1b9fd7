"""Files of encoded pairs: what was written comes back, side by side, and a file that is cut is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnntui.config_seq2seq import Seq2SeqTokenizerConfig
from rnntui.errors import CorpusError
from rnntui.text.pair_ids import EncodedPair, PairDataset, PairList, PairWriter, encode_pairs, write_pairs
from rnntui.text.parallel_corpus import Pair
from rnntui.text.token_ids import TokenFile
from rnntui.text.vocabulary import EOS, train_vocabularies

LISTS = [([5, 6, 7], [8]), ([9], []), ([], [4, 4, 4]), ([], []), ([3, 200], [11, 12])]


def encoded(lists: list[tuple[list[int], list[int]]]) -> list[EncodedPair]:
    return [(np.array(source, dtype=np.int64), np.array(target, dtype=np.int64)) for source, target in lists]


def dataset(folder: Path, pairs: list[EncodedPair], largest_id: int = 255) -> PairDataset:
    return PairDataset(write_pairs(folder / "ids", pairs, 100, largest_id), folder / "ids")


def test_a_pair_is_encoded_by_the_vocabulary_of_each_side() -> None:
    source, target = train_vocabularies(["abc"], ["xyz"], Seq2SeqTokenizerConfig(type="char", separate_vocab=True))
    [(source_ids, target_ids), _] = encode_pairs([Pair("abc", "zz", "f", 1), Pair("a", "x", "f", 2)], source, target)
    assert source.decode(source_ids) == "abc" and target.decode(target_ids) == "zz"
    assert EOS not in source_ids and EOS not in target_ids


def test_sources_and_targets_come_back_with_their_ends(tmp_path: Path) -> None:
    pairs = dataset(tmp_path, encoded(LISTS))
    assert len(pairs) == 5 and pairs.characters == 100
    assert pairs.source_lengths.tolist() == [3, 1, 0, 0, 2] and pairs.target_lengths.tolist() == [1, 0, 3, 0, 2]
    for index, (source, target) in enumerate(LISTS):
        assert pairs.source(index).tolist() == [*source, EOS] and pairs.target(index).tolist() == [*target, EOS]
        assert pairs.source(index).dtype == pairs.target(index).dtype == np.int64


def test_pairs_in_memory_are_those_of_the_file(tmp_path: Path) -> None:
    in_memory, in_file = PairList(encoded(LISTS)), dataset(tmp_path, encoded(LISTS))
    assert len(in_memory) == len(in_file)
    assert in_memory.source_lengths.tolist() == in_file.source_lengths.tolist()
    assert in_memory.target_lengths.tolist() == in_file.target_lengths.tolist()
    dtypes = {
        lengths.dtype for pairs in (in_memory, in_file) for lengths in (pairs.source_lengths, pairs.target_lengths)
    }
    assert dtypes == {np.dtype(np.int32)}
    assert PairList([]).source_lengths.dtype == PairList([]).target_lengths.dtype == np.int32
    for index in range(len(in_file)):
        assert in_memory.source(index).tolist() == in_file.source(index).tolist()
        assert in_memory.target(index).tolist() == in_file.target(index).tolist()


@pytest.mark.parametrize(("largest_id", "bytes_each"), [(0, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 4)])
def test_a_file_has_the_smallest_integers_that_hold_both_vocabularies(
    tmp_path: Path, largest_id: int, bytes_each: int
) -> None:
    pairs = encoded([([largest_id or 3, 3], [largest_id or 4])])
    file = write_pairs(tmp_path / "ids", pairs, 7, largest_id)
    assert (file.tokens, file.characters, file.dtype) == (5, 7, f"uint{8 * bytes_each}")
    assert (tmp_path / "ids").stat().st_size == 5 * bytes_each
    assert PairDataset(file, tmp_path / "ids").source(0).tolist() == [largest_id or 3, 3, EOS]


def test_the_largest_ids_are_those_of_each_side(tmp_path: Path) -> None:
    assert dataset(tmp_path, encoded(LISTS)).largest_ids() == (200, 12)
    assert dataset(tmp_path, encoded([([], []), ([], [7])])).largest_ids() == (EOS, 7)


def test_ids_of_targets_are_counted_in_a_file_of_many_pairs(tmp_path: Path) -> None:
    assert dataset(tmp_path, encoded(LISTS)).target_counts(14).tolist() == [0, 0, 5, 0, 3, 0, 0, 0, 1, 0, 0, 1, 1, 0]
    # More than are counted at a time, each side of another length, and each id with a count of its own.
    many = encoded([([13] * (n % 3), [4 + n % 5] * (n % 4)) for n in range(17_000)])
    counts = dict.fromkeys(range(14), 0) | {EOS: 17_000}
    for n in range(17_000):
        counts[4 + n % 5] += n % 4
    assert dataset(tmp_path, many).target_counts(14).tolist() == list(counts.values())


@pytest.mark.parametrize(("ids_read", "largest_id"), [(1, 70_000), (7, 255), (1 << 20, 70_000)])
def test_pairs_that_are_not_kept_are_as_if_they_had_not_been_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ids_read: int, largest_id: int
) -> None:
    monkeypatch.setattr("rnntui.text.pair_ids._IDS_READ", ids_read)
    pairs = encoded(LISTS)
    for number in range(1 << len(pairs)):
        kept = np.array([number >> index & 1 for index in range(len(pairs))], dtype=bool)
        left = [pair for pair, is_kept in zip(pairs, kept, strict=True) if is_kept]
        with PairWriter(tmp_path / "ids", largest_id) as writer:
            writer.add(pairs)
            writer.keep(kept)
            assert writer.count == len(left)
            assert [column.tolist() for column in writer.token_counts()] == [
                [len(pair[side]) for pair in left] for side in (0, 1)
            ]
            writer.add(pairs[:1])
            file = writer.finish(7)
        expected = write_pairs(tmp_path / "expected", [*left, pairs[0]], 7, largest_id)
        assert file == expected and (tmp_path / "ids").read_bytes() == (tmp_path / "expected").read_bytes()


@pytest.mark.parametrize(
    "ids",
    [[5, EOS], [5, EOS, 6, EOS, 7, EOS], [5, 6, 7], [5, EOS, 6], [5, EOS, 6, EOS, 7], [5, EOS, 6, EOS, 7, EOS, 8]],
)
def test_a_file_that_does_not_end_with_a_whole_pair_is_refused(tmp_path: Path, ids: list[int]) -> None:
    (tmp_path / "ids").write_bytes(bytes(ids))
    with pytest.raises(CorpusError, match="ids is not a file of complete pairs"):
        PairDataset(TokenFile(len(ids), 1, "uint8"), tmp_path / "ids")
