"""Event files of TensorBoard: as its own reader understands them, and byte by byte where it is not installed."""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rnntui.runs.tensorboard_log import TensorBoardLog, crc32c

ROWS: list[dict[str, Any]] = [
    {"step": 10, "tokens": 100, "seconds": 1.5, "train_loss": 2.5, "learning_rate": 1e-3, "threads": 2},
    {"step": 20, "tokens": 200, "seconds": 3.0, "validation_loss": 2.25, "sample": "one\ntwo", "confusion": [[1]]},
    {"step": 30, "tokens": 300, "seconds": 4.0, "train_loss": float("inf"), "slowdown": "slow"},
    {"train_loss": 1.0},
]


def records(folder: Path) -> Iterator[bytes]:
    """The records of a folder's files, whose checksums are right."""
    for file in sorted(folder.iterdir()):
        data = file.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event = data[12 : 12 + length]
            for part, checksum in ((data[:8], data[8:12]), (event, data[12 + length : 16 + length])):
                crc = crc32c(part)
                assert struct.unpack("<I", checksum)[0] == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
            yield event
            data = data[16 + length :]


def write(folder: Path, rows: list[dict[str, Any]], resumed_at: int | None = None) -> None:
    log = TensorBoardLog(folder, resumed_at)
    for row in rows:
        log.write(row, at=5.0)
    log.close()


def test_the_checksum_is_that_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720, appendix B.4 has its polynomial
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_each_row_is_a_record_and_holds_its_numbers_and_its_sample(tmp_path: Path) -> None:
    write(tmp_path, ROWS)
    version, first, second = records(tmp_path)
    assert b"brain.Event:2" in version
    assert first[:11] == b"\x09" + struct.pack("<d", 5.0) + b"\x10\x0a"  # its time, then step 10
    assert (
        b"\x0a\x0atrain_loss\x15" + struct.pack("<f", 2.5) in first and b"threads" in first and b"tokens" not in first
    )
    assert b"validation_loss" in second and b"    one\n    two\n" in second and b"confusion" not in second


def fields(data: bytes) -> list[tuple[int, Any]]:
    """The fields of a protocol buffer by number: integers, floats and bytes."""
    found: list[tuple[int, Any]] = []
    while data:
        number, wire = data[0] >> 3, data[0] & 7
        if wire == 0:  # all integers here take one byte
            value, data = data[1], data[2:]
        elif wire == 2:
            value, data = data[2 : 2 + data[1]], data[2 + data[1] :]
        else:
            width = {1: 8, 5: 4}[wire]
            (value,), data = struct.unpack("<d" if wire == 1 else "<f", data[1 : 1 + width]), data[1 + width :]
        found.append((number, value))
    return found


def test_an_event_has_the_fields_of_tensorboard_and_no_others(tmp_path: Path) -> None:
    write(tmp_path, [{"step": 20, "loss": 2.5, "count": 3, "on": True, "bad": float("nan"), "sample": "one\ntwö"}])
    version, event = map(fields, records(tmp_path))
    assert [number for number, _ in version] == [1, 3] and version[1] == (3, b"brain.Event:2")
    assert abs(version[0][1] - time.time()) < 100
    assert event[:2] == [(1, 5.0), (2, 20)] and [number for number, _ in event] == [1, 2, 5]
    assert [number for number, _ in fields(event[2][1])] == [1, 1, 1]
    loss, count, sample = (fields(value) for _, value in fields(event[2][1]))
    assert (loss, count) == ([(1, b"loss"), (2, 2.5)], [(1, b"count"), (2, 3.0)])
    assert [number for number, _ in sample] == [1, 8, 9] and sample[0] == (1, b"sample")
    assert fields(sample[1][1]) == [(1, 7), (2, b"\x12\x02\x08\x01"), (8, "    one\n    twö\n".encode())]
    assert fields(sample[2][1]) == [(1, b"\x0a\x04text")]


def test_a_sample_of_parts_or_of_any_characters_is_one_text(tmp_path: Path) -> None:
    write(tmp_path, [{"step": 1, "sample": {"source": "a", "translation": "\ud800"}}, {"step": 2, "sample": ""}])
    _, first, second = records(tmp_path)
    assert b"    a\n    ?\n" in first and second.count(b"    \n") == 1


def test_rows_without_a_step_or_a_number_leave_nothing(tmp_path: Path) -> None:
    write(tmp_path, [{"loss": 1.0}, {"step": 1.0, "loss": 1.0}, {"step": True, "loss": 1.0}, {"step": 3, "seconds": 2}])
    assert len(list(records(tmp_path))) == 1


def test_a_row_is_of_now_unless_a_time_is_given_and_is_there_at_once(tmp_path: Path) -> None:
    log = TensorBoardLog(tmp_path / "new" / "folder")
    log.write({"step": 1, "loss": 1.0})
    _, row = records(tmp_path / "new" / "folder")
    assert abs(fields(row)[0][1] - time.time()) < 100
    log.close()
    TensorBoardLog(tmp_path / "new" / "folder").close()
    first, second = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert re.fullmatch(r"events\.out\.tfevents\.\d{10}\.0000\.rnntui", first) and second.endswith(".0001.rnntui")


def test_the_rows_are_those_that_tensorboard_reads(tmp_path: Path) -> None:
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    write(tmp_path, [*ROWS, {"step": 40, "train_loss": 9.0}])
    write(tmp_path, [{"step": 30, "train_loss": 1.0}], resumed_at=20)
    events = event_accumulator.EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["tensors"] == ["sample/text_summary"] or "sample" in events.Tags()["tensors"]
    assert [(event.step, event.value) for event in events.Scalars("train_loss")] == [(10, 2.5), (30, 1.0)]
    assert events.Scalars("train_loss")[0].wall_time == 5.0
    [sample] = events.Tensors("sample")
    assert sample.step == 20 and sample.tensor_proto.string_val[0].decode() == "    one\n    two\n"
    assert events.SummaryMetadata("sample").plugin_data.plugin_name == "text"


def test_a_resumed_file_says_from_which_step_on_rows_are_written_anew(tmp_path: Path) -> None:
    write(tmp_path, ROWS)
    write(tmp_path, [{"step": 30, "train_loss": 1.0}], resumed_at=20)
    assert len(list(tmp_path.iterdir())) == 2
    *_, version, start, row = records(tmp_path)
    assert b"brain.Event:2" in version and b"train_loss" in row
    assert start[9:] == b"\x10\x15\x3a\x02\x08\x01"  # step 21, a session log with the status START
