"""Event files of TensorBoard, written without TensorBoard: metrics as scalars, samples as texts.

A file is a series of records (`TFRecord`): length, checksum of the length, an `Event` as a protocol buffer, checksum.
Field numbers are those of `event.proto`, `summary.proto` and `tensor.proto` of TensorBoard 2.
"""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from rnntui.kinds.samples import sample_from_json
from rnntui.protobuf import bytes_field, double_field, float_field, integer_field, text_field

_LATEST = 1e12  # seconds since 1970 that are a time; the numbers of a file may be anything
_POSITION = {"step", "tokens", "seconds", "best_step"}
_DT_STRING = 7
_SESSION_STARTS = 1
_MASK = 0xA282EAD8  # added to checksums, as data may contain checksums itself


class TensorBoardLog:
    """Appends to an event file of its own, which is flushed after each row.

    Args:
        folder: the folder of event files; it is made if it is missing.
        resumed_at: the step after which rows are written anew; None for a new run. What older files have of later steps
            is then not shown.
    """

    def __init__(self, folder: Path, resumed_at: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        count = len(list(folder.iterdir()))
        self._file: BinaryIO = (folder / f"events.out.tfevents.{int(now):010}.{count:04}.rnntui").open("wb")
        self._write(double_field(1, now) + text_field(3, "brain.Event:2"))
        if resumed_at is not None:
            session = bytes_field(7, integer_field(1, _SESSION_STARTS))
            self._write(double_field(1, now) + integer_field(2, resumed_at + 1) + session)

    def write(self, row: Mapping[str, Any], at: float | None = None) -> None:
        """Append a row of `metrics.jsonl`, whose numbers become scalars by their keys.

        A row without a step is left out. `at` is the time of the row, by default now.
        """
        step = row.get("step")
        if type(step) is not int:
            return
        values = [
            bytes_field(1, text_field(1, key) + float_field(2, value))
            for key, value in row.items()
            if key not in _POSITION and type(value) in (int, float) and abs(value) < math.inf
        ]
        sample = sample_from_json(row.get("sample"))
        if sample is not None:
            values.append(bytes_field(1, _text_value("sample", "\n".join(sample.values()))))
        moment = double_field(1, time.time() if at is None or not abs(at) < _LATEST else float(at))
        if values:
            self._write(moment + integer_field(2, step) + bytes_field(5, b"".join(values)))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        self._file.write(length + _checksum(length) + event + _checksum(event))
        self._file.flush()


def _text_value(tag: str, text: str) -> bytes:
    """Return the value of a summary that is a text. TensorBoard reads Markdown: the text is a block of code."""
    markdown = "".join(f"    {line}\n" for line in text.splitlines() or [""])
    shape = bytes_field(2, bytes_field(2, integer_field(1, 1)))
    tensor = integer_field(1, _DT_STRING) + shape + bytes_field(8, markdown.encode("utf-8", "replace"))
    plugin = bytes_field(9, bytes_field(1, text_field(1, "text")))
    return text_field(1, tag) + bytes_field(8, tensor) + plugin


def _checksum(data: bytes) -> bytes:
    """Return the masked CRC-32C of data."""
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF)


def crc32c(data: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of data."""
    table, crc = _crc_table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


@cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)
