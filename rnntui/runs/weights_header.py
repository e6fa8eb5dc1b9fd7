"""Headers of safetensors files: shapes, types and metadata, read without the arrays and without numpy."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from rnntui.untrusted_files import open_regular, parse_bounded_json

_MAX_BYTES = 1 << 21  # of a header; those of our files have a few kilobytes
_MAX_ARRAYS = 10_000  # of a file; a resume file has some hundred
_TYPE_NAMES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}


@dataclass(frozen=True)
class WeightsHeader:
    """Header of a file of weights.

    Args:
        parameters: number of weights.
        types: names of the types that they are stored in, as in `float32`.
        metadata: the metadata of the file.
    """

    parameters: int
    types: tuple[str, ...]
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def step(self) -> int | None:
        """The training step that the weights are of; None where the file does not say."""
        text = self.metadata.get("step", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


class ArrayEntry(NamedTuple):
    """An array of a safetensors file.

    Args:
        dtype: its type as the file names it, as in `F16`.
        shape: its shape.
        start: where its bytes begin in the file.
        size: the number of its bytes.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int


def read_entries(file: BinaryIO) -> tuple[dict[str, ArrayEntry], dict[str, str]]:
    """Return the arrays of a safetensors file by name, and its metadata.

    Raises `ValueError` if the header is not one of ours or does not fit the size of the file, as every byte behind it
    belongs to one array; `OSError` if it is unreadable.
    """
    values, start = _read_header(file)
    metadata = values.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise ValueError("its metadata are not texts")
    for text in (*values, *metadata, *metadata.values()):
        text.encode()  # which raises a `ValueError` for half a surrogate pair
    try:
        entries = {name: _entry(array, start) for name, array in values.items()}
    except (KeyError, TypeError) as error:
        raise ValueError(f"an array is not described: {error}") from error
    for entry in sorted(entries.values(), key=lambda entry: (entry.start, entry.size)):
        if entry.start != start:
            raise ValueError("its arrays do not lie one behind the other")
        start += entry.size
    size = os.fstat(file.fileno()).st_size
    if start != size:
        raise ValueError(f"it has {size:,} bytes, where its header says {start:,}")
    return entries, metadata


def _read_header(file: BinaryIO) -> tuple[dict[str, Any], int]:
    """Return what the header of a safetensors file says, and where it ends; raise `ValueError` if it is not one."""
    size = int.from_bytes(file.read(8), "little")
    if size > _MAX_BYTES:  # the format allows 100 MB, which would take many times as much to read
        raise ValueError(f"a header of {size:,} bytes")
    header = file.read(size)
    if header.count(b"{") > _MAX_ARRAYS:
        raise ValueError("too many arrays")
    values = parse_bounded_json(header)
    if not isinstance(values, dict):
        raise ValueError("its header is no object")
    return values, 8 + size


def _entry(array: Any, start: int) -> ArrayEntry:
    """Return the entry of an array, where those of the file begin at `start`; raise `ValueError` for a wrong one."""
    shape, (begin, end) = _checked_shape(array["shape"]), array["data_offsets"]
    if type(begin) is not int or type(end) is not int or not 0 <= begin <= end:
        raise ValueError("an array is nowhere in the file")
    return ArrayEntry(str(array["dtype"])[:20], tuple(shape), start + begin, end - begin)


def read_weights_header(path: Path) -> WeightsHeader | None:
    """Return the header of a safetensors file; None if the file is missing or broken."""
    try:
        with open_regular(path) as file:
            entries, metadata = read_entries(file)
    except (OSError, ValueError):
        return None
    types = dict.fromkeys(_TYPE_NAMES.get(entry.dtype, entry.dtype) for entry in entries.values())
    return WeightsHeader(sum(math.prod(entry.shape) for entry in entries.values()), tuple(types), metadata)


def _checked_shape(shape: object) -> list[int]:
    """Return a shape. Raises `ValueError` if it is none that a file can hold."""
    if not isinstance(shape, list) or len(shape) > 32 or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError("not a shape")
    if math.prod(shape) >= 1 << 63:
        raise ValueError("a shape of too many elements")
    return shape
