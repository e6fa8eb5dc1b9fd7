"""Headers of safetensors files: shapes, types and metadata, read without the arrays and without numpy."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from rnntui.atomic_files import parse_json

_MAX_BYTES = 1 << 24  # of a header; those of our files have a few kilobytes
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


def read_weights_header(path: Path) -> WeightsHeader | None:
    """Return the header of a safetensors file; None if the file is missing or broken."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            values = parse_json(file.read(size)) if size <= _MAX_BYTES else None
        if not isinstance(values, dict):
            return None
        metadata = values.pop("__metadata__", {})
        shapes = [array["shape"] for array in values.values()]
        types = dict.fromkeys(_TYPE_NAMES.get(array["dtype"], array["dtype"]) for array in values.values())
        if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
            metadata = {}
        return WeightsHeader(sum(math.prod(shape) for shape in shapes), tuple(types), metadata)
    except (OSError, ValueError, KeyError, TypeError):
        return None
