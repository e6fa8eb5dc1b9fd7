"""Headers of safetensors files: shapes, types and metadata, read without the arrays and without numpy."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

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


def check_header_size(path: Path) -> None:
    """Raise `ValueError` if the header of a safetensors file is too long to be one of a model, `OSError` if unreadable.

    The library accepts one of 100 MB, and takes many times as much to read it.
    """
    with open_regular(path) as file:
        size = int.from_bytes(file.read(8), "little")
        if size > _MAX_BYTES:
            raise ValueError(f"a header of {size:,} bytes")
        if file.read(size).count(b"{") > _MAX_ARRAYS:
            raise ValueError("too many arrays")


def read_weights_header(path: Path) -> WeightsHeader | None:
    """Return the header of a safetensors file; None if the file is missing or broken."""
    try:
        with open_regular(path) as file:
            size = int.from_bytes(file.read(8), "little")
            values = parse_bounded_json(file.read(size)) if size <= _MAX_BYTES else None
        if not isinstance(values, dict):
            return None
        metadata = values.pop("__metadata__", {})
        shapes = [_checked_shape(array["shape"]) for array in values.values()]
        types = dict.fromkeys(_TYPE_NAMES.get(array["dtype"], str(array["dtype"])[:20]) for array in values.values())
        if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
            metadata = {}
        return WeightsHeader(sum(math.prod(shape) for shape in shapes), tuple(types), metadata)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _checked_shape(shape: object) -> list[int]:
    """Return a shape. Raises `ValueError` if it is none that a file can hold."""
    if not isinstance(shape, list) or len(shape) > 32 or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError("not a shape")
    if math.prod(shape) >= 1 << 63:
        raise ValueError("a shape of too many elements")
    return shape
