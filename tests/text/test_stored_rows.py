"""Rows in a temporary file: read back as they were added, whole, in part and by index."""

from __future__ import annotations

import errno
import hashlib
import random
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from rnntui.errors import CorpusError
from rnntui.text import stored_rows
from rnntui.text.parallel_corpus import Pair, PairRows
from rnntui.text.stored_rows import (
    StoredRows,
    TextColumn,
    batches_of,
    count_distinct,
    reported,
    select_rows,
    sha256_of_rows,
    text_hashes,
)

TEXTS = ("a", "¿Qué?", "tab\tinside", "\ud800", "a\rb", "\u2028", "x" * 300, "")


def random_pairs(seed: int, count: int) -> list[Pair]:
    """Pairs of several files whose row numbers leap."""
    choose = random.Random(seed)
    pairs, row, file = [], 0, 0
    for _ in range(count):
        row += choose.choice([1, 1, 1, 1, 2, 3])
        if choose.random() < 0.01:
            file, row = file + 1, 1
        source = choose.choice(TEXTS).replace("\t", " ")
        pairs.append(Pair(source, choose.choice(TEXTS), f"{file}.tsv", row))
    return pairs


def stored(pairs: list[Pair]) -> StoredRows[Pair]:
    rows = StoredRows(Pair)
    for pair in pairs:
        rows.add(*pair)
    return rows


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 1024, 2500])
@pytest.mark.parametrize("in_memory", [1 << 24, 100])
def test_rows_come_back_as_they_were_added(count: int, in_memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_rows, "_IN_MEMORY", in_memory)
    pairs = random_pairs(count, count)
    rows = stored(pairs)
    assert list(rows) == pairs and rows == pairs and len(rows) == count
    assert all(type(pair.row) is int for pair in rows), "it is told in messages"
    assert rows != [*pairs, Pair("a", "b", "c.tsv", 1)] and rows != count
    chosen = sorted(random.Random(1).sample(range(count), count // 3))
    part = rows.select(np.array(chosen, dtype=np.int64))
    assert list(part) == [pairs[index] for index in chosen]
    assert [rows[index] for index in chosen[:20]] == [pairs[index] for index in chosen[:20]]
    assert list(part[3:40:5]) == [pairs[index] for index in chosen][3:40:5] and list(rows[-5:]) == pairs[-5:]
    again = np.arange(len(chosen))[::2]
    assert list(part.select(again)) == list(select_rows([pairs[index] for index in chosen], again))


def test_stored_rows_stay_stored_when_some_of_them_are_selected() -> None:
    part = select_rows(stored(random_pairs(2, 100)), np.array([4, 70]))
    assert isinstance(part, StoredRows) and len(part) == 2
    with pytest.raises(ValueError, match="in increasing order"):
        part[::-1]


def test_a_row_after_the_last_is_an_error_and_a_selection_counts_from_its_own_end() -> None:
    rows = stored(random_pairs(3, 100))
    part = rows.select(np.array([4, 70]))
    assert part[-1] == rows[70] and rows[-1] == rows[99]
    for sequence, index in ((rows, 100), (rows, -101), (part, 2)):
        with pytest.raises(IndexError):
            sequence[index]


def test_rows_may_be_added_after_some_were_read() -> None:
    pairs = random_pairs(4, 300)
    rows = stored(pairs[:100])
    assert list(rows) == pairs[:100]
    for pair in pairs[100:]:
        rows.add(*pair)
    assert list(rows) == pairs


def test_two_readings_at_once_do_not_disturb_each_other() -> None:
    pairs = random_pairs(5, 3000)
    rows = stored(pairs)
    assert list(zip(rows, rows, strict=True)) == list(zip(pairs, pairs, strict=True))


@pytest.mark.parametrize("hashed", [stored_rows._HASHED, 1000])
def test_the_hash_is_that_of_the_lines_whether_rows_are_stored_or_not(
    monkeypatch: pytest.MonkeyPatch, hashed: int
) -> None:
    monkeypatch.setattr(stored_rows, "_HASHED", hashed)
    pairs = random_pairs(6, 200)
    lines = "".join(f"{pair.source}\t{pair.target}\n" for pair in pairs).encode("utf-8", "surrogatepass")
    rows = stored(pairs)
    assert sha256_of_rows(rows) == sha256_of_rows(pairs) == hashlib.sha256(lines).hexdigest()
    first = np.arange(150)
    assert rows.select(first).sha256() == sha256_of_rows(pairs[:150])


def test_a_column_is_a_sequence_of_texts() -> None:
    pairs = random_pairs(7, 200)
    sources = [pair.source for pair in pairs]
    column = TextColumn(stored(pairs), 0)
    assert list(column) == list(column) == sources and len(column) == 200
    assert column[5:100:7] == sources[5:100:7] and column[-1] == sources[-1]
    assert list(TextColumn(pairs, 1)) == [pair.target for pair in pairs]
    assert count_distinct(column) == len(set(sources))


def test_a_text_has_a_hash_of_64_bits() -> None:
    hashes = text_hashes(TEXTS)
    assert hashes.dtype == np.int64 and len(set(hashes.tolist())) == len(TEXTS)
    assert (hashes == text_hashes(reversed(TEXTS))[::-1]).all()


def test_items_come_in_batches_of_a_size() -> None:
    assert [list(batches_of("abcde", size)) for size in (2, 5, 6)] == [
        [["a", "b"], ["c", "d"], ["e"]],
        [list("abcde")],
        [list("abcde")],
    ]
    assert list(batches_of("", 2)) == []


def test_rows_in_a_file_take_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(stored_rows, "_IN_MEMORY", 1)
    rows = stored([Pair("a", "b", "t.tsv", 1)] * 64)
    tracemalloc.start()
    try:
        for row in range(2, 6402):
            rows.add("a", "b", "t.tsv", row)
        assert tracemalloc.get_traced_memory()[0] < 3 * len(rows), "3 bytes for each row"
    finally:
        tracemalloc.stop()
    assert [rows[index].row for index in (63, 64, 6463)] == [1, 2, 6401]


def test_a_full_disk_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class FullFile(tempfile.SpooledTemporaryFile[bytes]):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", FullFile)
    rows = PairRows()
    for row in range(63):
        rows.add("a", "b", "t.tsv", row)
    with pytest.raises(
        CorpusError, match=r"cannot keep the rows of the corpus in .*: No space left on device"
    ) as found:
        rows.add("a", "b", "t.tsv", 63)
    assert "TMPDIR" in found.value.hint


def test_rows_of_more_than_some_megabytes_need_a_folder_for_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    pairs = random_pairs(9, 200)
    assert list(stored(pairs)) == pairs, "so few are in memory"
    monkeypatch.setattr(stored_rows, "_IN_MEMORY", 1000)
    with pytest.raises(CorpusError, match=r"cannot keep the rows of the corpus in .*missing: No such file"):
        stored(pairs)


def test_no_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_rows, "_IN_MEMORY", 10)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rows = stored(random_pairs(8, 200))
    assert len(list(rows)) == 200 and not list(tmp_path.iterdir())


def test_progress_is_told_while_rows_are_added_and_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_rows, "_REPORTED", -1.0)
    told: list[str] = []
    rows = StoredRows(Pair, told.append)
    for row in range(2500):
        rows.add("a", "b", "t.tsv", row)
    assert told == ["read 1,000 rows", "read 2,000 rows"]
    assert list(reported(rows, len(rows), "compared", told.append)) == rows
    assert told[2:] == [f"compared: {done:,} of 2,500" for done in (0, 1000, 2000)]
    assert list(reported(rows, len(rows), "compared", None)) == rows and len(told) == 5
