"""Reading of files that may come from anywhere: no devices, no pipes, bounded sizes, JSON of bounded memory."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from pathlib import Path
from typing import Any, BinaryIO

from rnntui.atomic_files import parse_json

MAX_JSON_BYTES = 1 << 24
"""Size of a JSON file; a config of a hundred thousand source files has less."""

_VALUES, _CONTAINERS = 200_000, 20_000  # of JSON that has few bytes for each
_BYTES_PER_VALUE, _BYTES_PER_CONTAINER = 32, 64
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # possessive, and its end optional: linear in time
_LEAST_READ = 1 << 16  # bytes that are asked for of a file that says it has none, as those below /proc do
_COPIED = 1 << 20  # bytes at a time
_NOT_A_FILE = "it is not a file, but a folder, device or pipe"


class _RegularFile(io.FileIO):
    """A file whose reads give nothing, and not None, where they would wait."""

    def readinto(self, buffer: Any) -> int:
        return super().readinto(buffer) or 0

    def read(self, size: int | None = -1) -> bytes:
        return super().read(-1 if size is None else size) or b""

    def readall(self) -> bytes:
        return super().readall() or b""


def check_regular(path: Path) -> None:
    """Raise `OSError` if a path is not that of a file: reading a pipe would wait, and a device may never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, _NOT_A_FILE, str(path))


def open_regular(path: Path, buffering: int = -1) -> BinaryIO:
    """Open a file for reading. Raises `OSError` if it is missing, or no file as `check_regular` says.

    It ends where reading would wait, as some files below /proc make it; those on a disk never do.
    """
    # Without waiting: opening a pipe that nobody writes to never returns, nor do reads of some files below /proc.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL, _NOT_A_FILE, str(path))
        file = _RegularFile(handle)
    except BaseException:
        os.close(handle)
        raise
    return file if buffering == 0 else io.BufferedReader(file)


def read_bounded(path: Path, limit: int) -> bytes:
    """Return the contents of a file. Raises `OSError` as `open_regular` does, or if it has more than `limit` bytes."""
    with open_regular(path, buffering=0) as file:
        data = bytearray()
        size = os.fstat(file.fileno()).st_size
        if size <= limit:
            # As much memory is taken as is asked for, so not as much as is allowed.
            while block := file.read(min(max(size + 1, _LEAST_READ), limit + 1 - len(data))):
                data += block
                if len(data) > limit:
                    break
            else:
                return bytes(data)
    raise OSError(errno.EFBIG, f"it is too large, over {limit >> 20:,} MB", str(path))


def copy_regular(path: Path, target: Path) -> None:
    """Copy the contents of a file. Raises `OSError` as `open_regular` does, or if it cannot be written."""
    with open_regular(path) as file, target.open("wb") as copy:
        while block := file.read(_COPIED):
            copy.write(block)


def read_json(path: Path, limit: int = MAX_JSON_BYTES, max_values: int = 0) -> Any:
    """Return the value in a JSON file.

    Raises `OSError` as `read_bounded` does, `ValueError` as `parse_bounded_json` does.
    """
    return parse_bounded_json(read_bounded(path, limit), max_values)


def parse_bounded_json(data: bytes, max_values: int = 0) -> Any:
    """Return the value of a JSON text that takes a few times its size in memory, at most.

    A list of empty lists takes twenty times its text. What is written for its contents has few values for its size;
    `max_values` allows for more of them, as in the table of a vocabulary.

    Raises `ValueError` if the text is invalid, nested too deeply or has too many values.
    """
    most_containers = _CONTAINERS + len(data) // _BYTES_PER_CONTAINER
    most_values = max(max_values, _VALUES + len(data) // _BYTES_PER_VALUE)
    containers, commas = data.count(b"[") + data.count(b"{"), data.count(b",")
    if containers > most_containers or containers + commas > most_values:
        # Commas within strings explain so many only if the strings are long. In UTF-16, a quote is no single byte.
        if (data.count(b'"') - data.count(b'\\"')) // 2 > most_containers or b"\0" in data:
            raise ValueError("too many values")
        in_strings = _count_in_strings(data)
        containers, commas = containers - in_strings[0], commas - in_strings[1]
    if containers > most_containers:
        raise ValueError("too many lists and objects")
    if containers + commas > most_values:
        raise ValueError("too many values")
    return parse_json(data)


def _count_in_strings(data: bytes) -> tuple[int, int]:
    """Return the numbers of opening brackets and of commas within the strings of a JSON text, which are no values."""
    brackets = commas = 0
    for string in _STRING.finditer(data):
        span = string.span()
        brackets += data.count(b"[", *span) + data.count(b"{", *span)
        commas += data.count(b",", *span)
    return brackets, commas
