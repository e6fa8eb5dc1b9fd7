"""`metrics.jsonl`: written row by row, read while it grows."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_examples import Failure, fail, json_values, repeatable

from rnntui.runs import metrics_log
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import (
    MetricsLog,
    MetricsTail,
    broken_lines,
    drop_after,
    metrics_checksum,
    read_metrics,
    rewrite_rows,
    rows_between,
)


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_a_watcher_sees_each_row_as_soon_as_it_is_written(run: RunFolder) -> None:
    log, tail = MetricsLog(run.metrics_file), MetricsTail(run.metrics_file)
    try:
        for step in range(3):
            log.write({"step": step, "sample": "日本\n\u2028", "validation_loss": None})
            assert tail.read() == [{"step": step, "sample": "日本\n\u2028"}]
        assert tail.read() == []
    finally:
        log.close()
    assert len(read_metrics(run.metrics_file)) == 3


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be replaced")
@pytest.mark.parametrize("data", [None, b"", b'{"step": 7}\n'])
def test_a_file_that_is_deleted_or_replaced_while_it_is_written_keeps_its_rows(
    run: RunFolder, data: bytes | None
) -> None:
    log = MetricsLog(run.metrics_file)
    log.write({"step": 0})
    if data is None:
        run.metrics_file.unlink()
    else:
        (run.path / "other").write_bytes(data)
        (run.path / "other").replace(run.metrics_file)
    log.write({"step": 1})
    log.sync()
    log.write({"step": 2})
    log.close()
    assert read_metrics(run.metrics_file) == [{"step": 0}, {"step": 1}, {"step": 2}]
    assert (log.size, log.checksum) == (36, metrics_checksum(run.metrics_file, 36))


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be replaced")
def test_a_file_that_is_written_again_has_the_bytes_that_it_had(run: RunFolder) -> None:
    before = '{"step": 0}\r\n{"sample": "日本"}\n'.encode()  # as other programs write them
    append(run.metrics_file, before)
    log = MetricsLog(run.metrics_file)
    run.metrics_file.unlink()
    log.sync()
    log.close()
    assert run.metrics_file.read_bytes() == before


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_json_lacks_is_not_written(run: RunFolder, value: float) -> None:
    log = MetricsLog(run.metrics_file)
    with pytest.raises(ValueError, match="JSON"):
        log.write({"step": 0, "loss": value})
    log.close()
    assert run.metrics_file.read_bytes() == b"" and log.size == 0


@pytest.mark.parametrize("block", [metrics_log._BLOCK, 5])
def test_the_checksum_of_the_beginning_of_a_file(run: RunFolder, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(metrics_log, "_BLOCK", block)
    rows = b'{"step": 0}\n{"step": 1}\n'
    append(run.metrics_file, rows)
    for size in range(len(rows) + 1):
        assert metrics_checksum(run.metrics_file, size) == hashlib.sha256(rows[:size]).hexdigest()
    assert metrics_checksum(run.metrics_file, len(rows) + 1) == "", "it is shorter"
    log = MetricsLog(run.metrics_file)
    assert (log.size, log.checksum) == (len(rows), hashlib.sha256(rows).hexdigest())
    log.close()


def test_reopening_a_log_appends_to_it(run: RunFolder) -> None:
    for step in range(2):
        log = MetricsLog(run.metrics_file)
        log.write({"step": step})
        log.close()
    assert read_metrics(run.metrics_file) == [{"step": 0}, {"step": 1}]


def test_no_byte_is_read_twice(run: RunFolder) -> None:
    append(run.metrics_file, b'{"step": 1}\n{"step": 2}\n')
    tail = MetricsTail(run.metrics_file)
    assert len(tail.read()) == 2
    with run.metrics_file.open("r+b") as file:
        # What was read may now say anything.
        file.write(b'{"step": 8}\n{"step": 9}\n{"step": 3}\n')
    assert tail.read() == [{"step": 3}]


def test_a_watcher_can_begin_at_any_line(run: RunFolder) -> None:
    append(run.metrics_file, b'{"step": 1}\n{"step": 2}\n{"step": 3}\n')
    tail = MetricsTail(run.metrics_file)
    tail.skip_to(12, run.metrics_file.stat().st_ino)
    assert tail.read() == [{"step": 2}, {"step": 3}] and not tail.restarted
    tail.skip_to(12, run.metrics_file.stat().st_ino + 1)
    assert tail.read() == [{"step": 1}, {"step": 2}, {"step": 3}] and tail.restarted


def test_an_incomplete_line_is_left_for_the_next_read_even_if_it_is_json(run: RunFolder) -> None:
    tail = MetricsTail(run.metrics_file)
    for part in (b'{"step": 1, "sam', b'ple": "\xc3', b'\xa9"', b"}"):
        append(run.metrics_file, part)
        assert tail.read() == []
    append(run.metrics_file, b'\n{"step"')
    assert tail.read() == [{"step": 1, "sample": "é"}]


def test_a_missing_file_has_no_rows(run: RunFolder) -> None:
    tail = MetricsTail(run.metrics_file)
    assert not tail.restarted and not tail.has_more
    assert tail.read() == [] and not tail.has_more
    append(run.metrics_file, b'{"step": 1}\n')
    assert tail.read() == [{"step": 1}]
    assert not tail.restarted


def test_a_file_that_shrank_is_reread_and_restarted_is_true_once(run: RunFolder) -> None:
    append(run.metrics_file, b'{"step": 1}\n{"step": 2}\n{"step": 3}\n')
    tail = MetricsTail(run.metrics_file)
    tail.read()
    assert not tail.restarted
    drop_after(run.metrics_file, 1)
    assert tail.read() == [{"step": 1}]
    assert tail.restarted
    append(run.metrics_file, b'{"step": 2}\n')
    assert tail.read() == [{"step": 2}]
    assert not tail.restarted


def test_a_replaced_file_is_reread_even_if_it_is_longer(run: RunFolder) -> None:
    append(run.metrics_file, b'{"step": 1}\n{"step": 2, "loss": 4.5}\n')
    tail = MetricsTail(run.metrics_file)
    tail.read()
    drop_after(run.metrics_file, 1)
    append(run.metrics_file, b'{"step": 2, "loss": 4.25}\n{"step": 3, "loss": 4.0}\n')
    assert tail.read() == [{"step": 1}, {"step": 2, "loss": 4.25}, {"step": 3, "loss": 4.0}]
    assert tail.restarted


GARBAGE = (b"", b"not json", b"\xff\xfe\x00", b"\0\0\0\0", b"[1, 2]", b"7", b'"text"', b"null", b'{"step": ', b"{}}")


@pytest.mark.parametrize("garbage", [*GARBAGE, pytest.param(b"[" * 100_000, id="nested too deep")])
def test_a_line_that_is_not_a_row_is_skipped(garbage: bytes, run: RunFolder) -> None:
    append(run.metrics_file, b'{"step": 1}\n' + garbage + b'\n{"step": 2}\n')
    assert read_metrics(run.metrics_file) == [{"step": 1}, {"step": 2}]


@repeatable
@given(
    st.lists(
        st.one_of(
            st.dictionaries(st.text(max_size=3), json_values, max_size=3).map(
                lambda row: json.dumps(row, ensure_ascii=False).encode()
            ),
            st.sampled_from(GARBAGE),
        ),
        max_size=6,
    ),
    st.data(),
)
def test_rows_do_not_depend_on_how_the_writes_are_split(scratch: Path, lines: list[bytes], data: st.DataObject) -> None:
    written = b"".join(line + b"\n" for line in lines)
    expected = [json.loads(line) for line in lines if line not in GARBAGE]
    path = scratch / "metrics.jsonl"
    path.write_bytes(b"")
    cuts = sorted(data.draw(st.sets(st.integers(0, len(written)), max_size=6)))
    tail = MetricsTail(path)
    rows = []
    for start, end in zip([0, *cuts], [*cuts, len(written)], strict=True):
        append(path, written[start:end])
        rows += tail.read()
        assert not tail.restarted
    assert rows == expected
    assert read_metrics(path) == expected


def test_a_read_can_be_bounded(run: RunFolder) -> None:
    append(run.metrics_file, b"".join(b'{"step": %d}\n' % step for step in range(10)))
    tail = MetricsTail(run.metrics_file)
    assert tail.read(30) == [{"step": 0}, {"step": 1}] and tail.has_more
    assert tail.offset == 24, "the third line waits for the next read"
    assert tail.read(12) == [{"step": 2}] and tail.has_more
    assert len(tail.read()) == 7 and not tail.has_more
    assert tail.read(30) == [] and not tail.has_more


@pytest.mark.parametrize("length", range(100, 120))
def test_only_lines_longer_than_the_bound_are_skipped(run: RunFolder, length: int) -> None:
    append(run.metrics_file, b'{"step": 1}\n{"long": "' + b"x" * length + b'"}\n{"step": 2}\n')
    tail = MetricsTail(run.metrics_file)
    found = tail.read(20)
    while tail.has_more:
        found += tail.read(20)
    assert found == [{"step": 1}, {"step": 2}]
    append(run.metrics_file, b'{"long": "' + b"x" * 50)
    assert tail.read(20) == tail.read(20) == []
    replaced = run.metrics_file.with_name("replaced")
    append(replaced, b'{"step": 3}\n')
    replaced.replace(run.metrics_file)
    assert tail.read(20) == [{"step": 3}] and tail.restarted, "another file begins with the start of a line"


def test_the_rest_of_a_line_that_is_too_long_is_no_row(run: RunFolder) -> None:
    append(run.metrics_file, b"x" * 20 + b'{"step": 1}\n{"step": 2}\n')
    tail = MetricsTail(run.metrics_file)
    assert tail.read(20) == [] and tail.read(24) == [{"step": 2}]


def test_a_row_that_is_longer_than_any_is_skipped_and_counts_as_broken(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_log, "MAX_ROW_BYTES", 100)
    append(run.metrics_file, b'{"step": 1}\n{"sample": "' + b"x" * 100 + b'"}\n{"step": 2}\n')
    assert read_metrics(run.metrics_file) == [{"step": 1}, {"step": 2}]
    assert broken_lines(run.metrics_file) == 1
    append(run.metrics_file, b'not json\n[]\n{"sample": "' + b"x" * 100 + b'"}\n{"step": 3}\n{"step": 4')
    assert read_metrics(run.metrics_file) == [{"step": 1}, {"step": 2}, {"step": 3}]
    assert broken_lines(run.metrics_file) == 4


def test_drop_after_removes_later_rows_and_broken_lines(run: RunFolder) -> None:
    append(
        run.metrics_file,
        b'{"kind": "start"}\n{"step": 1}\ngarbage\n{"step": 2}\n{"step": 3}\n{"step": 2, "late": true}\n'
        b'{"step": 2, "best_step": 1}\n{"step": 1',
    )
    drop_after(run.metrics_file, 2)
    append(run.metrics_file, b'{"step": 3, "again": true}\n')
    assert read_metrics(run.metrics_file) == [
        {"kind": "start"},
        {"step": 1},
        {"step": 2},
        {"step": 2, "late": True},
        {"step": 3, "again": True},
    ]


@pytest.mark.parametrize("block", [metrics_log.MAX_ROW_BYTES, 60])
def test_drop_after_leaves_a_file_without_later_rows_as_it_is(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(metrics_log, "MAX_ROW_BYTES", block)
    append(run.metrics_file, b'{"step": 1, "loss": 1e3}\n{"step": 2, "loss": 1.50}\n{"step": 2, "time": 7}\n')
    before = run.metrics_file.stat(), run.metrics_file.read_bytes()
    drop_after(run.metrics_file, 2)
    assert (run.metrics_file.stat(), run.metrics_file.read_bytes()) == before
    append(run.metrics_file, b'{"step": 3, ')  # cut by a kill
    drop_after(run.metrics_file, 2)
    assert run.metrics_file.read_bytes() == before[1]


def test_drop_after_is_atomic(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    before = b'{"step": 1}\n{"step": 2}\n'
    append(run.metrics_file, before)
    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(Failure):
        drop_after(run.metrics_file, 1)
    assert run.metrics_file.read_bytes() == before


@pytest.mark.parametrize("content", [None, b""])
def test_drop_after_leaves_nothing_of_a_file_without_rows(run: RunFolder, content: bytes | None) -> None:
    if content is not None:
        append(run.metrics_file, content)
    drop_after(run.metrics_file, 0)
    assert run.metrics_file.read_bytes() == b""


def test_rows_can_be_chosen_by_what_they_say_and_by_their_place(run: RunFolder, tmp_path: Path) -> None:
    append(run.metrics_file, b'{"step": 1}\n{"step": 2}\nnot json\n{"step": 3}\n{"step": 4}\n')
    kept = tmp_path / "kept.jsonl"
    assert rewrite_rows(kept, run.metrics_file, lambda row, index: row["step"] > 1 and index < 3) == 2
    assert kept.read_bytes() == b'{"step": 2}\n{"step": 3}\n'
    assert rewrite_rows(run.metrics_file, run.metrics_file) == 4
    assert run.metrics_file.read_bytes() == b"".join(b'{"step": %d}\n' % step for step in range(1, 5))


def test_rows_are_parsed_together_and_not_one_by_one(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []

    def parse(data: bytes) -> Any:
        parsed.append(data)
        return json.loads(data)

    append(run.metrics_file, b"".join(b'{"step": %d}\n' % step for step in range(100)))
    monkeypatch.setattr(metrics_log, "parse_bounded_json", parse)
    assert len(read_metrics(run.metrics_file)) == 100 and len(parsed) == 1


def many_rows(pad: int) -> list[dict[str, Any]]:
    """Rows of steps 3, 6, 9 and so on, one to three of each, of different lengths."""
    return [
        {"step": 3 * step, "row": row, "sample": "x" * (step * 37 % (pad + 1))}
        for step in range(1, 41)
        for row in range(1 + step % 3)
    ]


@pytest.mark.parametrize("last", [0, 6, 1000])
def test_the_rows_of_any_steps_are_found(run: RunFolder, monkeypatch: pytest.MonkeyPatch, last: int) -> None:
    monkeypatch.setattr(metrics_log, "_BISECTED", 200)
    rows = many_rows(pad=110)  # the longest has 160 bytes
    append(run.metrics_file, b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    append(run.metrics_file, b'{"step": 123, "row"')  # it is being written
    for first in range(126):
        expected = [row for row in rows if first <= row["step"] <= first + last]
        assert rows_between(run.metrics_file, first, first + last, 1 << 20) == expected


def test_little_is_read_besides_the_rows_that_are_wanted(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_log, "_BISECTED", 100)
    append(run.metrics_file, b"".join(b'{"step": %d, "loss": 1}\n' % step for step in range(1000, 5000)))
    calls: list[bytes] = []

    class Counted(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:
            calls.append(super().read(-1 if size is None else size) or b"")
            return calls[-1]

    monkeypatch.setattr(metrics_log, "open_regular", Counted)
    for first in range(1000, 5000, 111):
        calls.clear()
        rows = rows_between(run.metrics_file, first, first + 9, 1 << 20)
        assert rows == [{"step": step, "loss": 1} for step in range(first, min(first + 10, 5000))]
        # Of 104 kB, blocks of 100 bytes: half of what is left, ten or eleven times, and the last block, for either end.
        assert len(calls) <= 2 * 12 + 1 and sum(map(len, calls)) <= 2 * 12 * 100 + 260


def test_rows_that_are_longer_than_what_is_looked_through_are_not_taken_for_others(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_log, "_BISECTED", 100)
    rows = many_rows(pad=150)
    append(run.metrics_file, b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    for first in range(126):
        expected = [row for row in rows if first <= row["step"] <= first + 9]
        assert rows_between(run.metrics_file, first, first + 9, 1 << 20) in (expected, None)


def test_rows_are_not_looked_for_where_they_are_not_in_order(run: RunFolder) -> None:
    steps = [1, 2, 4, 3, 5, 6]
    append(run.metrics_file, b"".join(b'{"step": %d, "loss": 1}\n' % step for step in steps))
    assert rows_between(run.metrics_file, 1, 6, 1 << 20) is None
    assert rows_between(run.metrics_file, 5, 6, 1 << 20) == [{"step": 5, "loss": 1}, {"step": 6, "loss": 1}]
    assert rows_between(run.metrics_file, 5, 6, 45) is None, "they have 46 bytes"
    assert rows_between(run.metrics_file, 5, 6, 46) is not None


def test_rows_up_to_a_part_without_steps_are_not_found(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_log, "_BISECTED", 100)
    rows = [b'{"step": %d, "loss": 1}\n' % step for step in range(400)]
    append(run.metrics_file, b"".join([*rows[:300], *[b"x" * 20 + b"\n"] * 100, *rows[300:]]))
    assert rows_between(run.metrics_file, 10, 12, 1 << 20) == [{"step": step, "loss": 1} for step in (10, 11, 12)]
    assert rows_between(run.metrics_file, 10, 300, 1 << 20) is None


def test_rows_with_a_key_are_found_without_the_others(run: RunFolder) -> None:
    rows = [{"step": step, **({"validation_loss": 2.0} if step % 3 == 0 else {"train_loss": 1.0})} for step in range(9)]
    append(run.metrics_file, b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    append(run.metrics_file, b'no row of "validation_loss"\n{"best_step": 3}\n')
    found = list(metrics_log.rows_with(run.metrics_file, "validation_loss", "best_step"))
    assert found == [*rows[::3], {"best_step": 3}]
