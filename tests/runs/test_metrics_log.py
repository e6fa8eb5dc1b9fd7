"""`metrics.jsonl`: written row by row, read while it grows."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_examples import Failure, fail, json_values, repeatable

from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import MetricsLog, MetricsTail, drop_after, metrics_checksum, read_metrics


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


def test_an_incomplete_line_is_left_for_the_next_read_even_if_it_is_json(run: RunFolder) -> None:
    tail = MetricsTail(run.metrics_file)
    for part in (b'{"step": 1, "sam', b'ple": "\xc3', b'\xa9"', b"}"):
        append(run.metrics_file, part)
        assert tail.read() == []
    append(run.metrics_file, b'\n{"step"')
    assert tail.read() == [{"step": 1, "sample": "é"}]


def test_a_missing_file_has_no_rows(run: RunFolder) -> None:
    tail = MetricsTail(run.metrics_file)
    assert tail.read() == []
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


def test_drop_after_leaves_a_file_without_later_rows_as_it_is(run: RunFolder) -> None:
    append(run.metrics_file, b'{"step": 1, "loss": 1e3}\n{"step": 2, "loss": 1.50}\n')
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
