"""`curves.safetensors`: the downsampled metrics of a long run beside its `metrics.jsonl`, so that charts open at once.

It says how many bytes of the metrics it holds, and is used only if they still begin with these; the rows after them are
read as usual. It is written whole, and can be deleted at any time: the next reader of the metrics writes it again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.metric_columns import MetricColumns
from rnntui.errors import RnntuiError, RunError
from rnntui.runs.folder import CURVES_FILE
from rnntui.runs.weights_file import load_arrays, save_arrays
from rnntui.untrusted_files import open_regular, parse_bounded_json

SAVE_EVERY = 8 << 20
"""Bytes of new metrics that are worth a new file: they take a second to read at most."""

_FORMAT = "1"
_MAX_BYTES = 1 << 28  # of the file; there are 140 MB of 64 metrics
_STATE = "state"  # the array with the bytes of a JSON text
_BLOCKS, _BLOCK = 64, 1 << 12  # of the metrics, of which a fingerprint is made, and their bytes


class CachedCurves(NamedTuple):
    """Contents of the file.

    Args:
        columns: the numbers of the metrics.
        state: the JSON object that was saved beside them.
        offset: bytes of `metrics.jsonl` that they were read from.
        inode: the inode of that file.
    """

    columns: MetricColumns
    state: dict[str, Any]
    offset: int
    inode: int


def save_curves(metrics_file: Path, offset: int, columns: MetricColumns, state: Mapping[str, Any]) -> bool:
    """Save what was read from the first `offset` bytes of a metrics file; return False if that is not possible.

    It need not be: the folder may be read-only, or the disk full.
    """
    values = {
        **state,
        "keys": list(columns.values),
        "level": columns.level,
        "next_ordinal": columns.next_ordinal,
        "smoothing": columns.smoothing,
    }
    text = np.frombuffer(json.dumps(values).encode(), np.uint8)
    try:
        with open_regular(metrics_file) as file:
            fingerprint = _fingerprint(file, offset)
        metadata = {"format": _FORMAT, "metrics_bytes": str(offset), "fingerprint": fingerprint}
        save_arrays(metrics_file.with_name(CURVES_FILE), columns.to_arrays() | {_STATE: text}, metadata)
    except (OSError, RnntuiError):
        return False
    return True


def load_curves(metrics_file: Path) -> CachedCurves | None:
    """Return what was saved of a metrics file; None if there is nothing, or it is damaged or of other metrics."""
    path = metrics_file.with_name(CURVES_FILE)
    # A file from elsewhere may hold anything.
    with contextlib.suppress(OSError, RunError, ValueError, KeyError, TypeError, OverflowError):
        if path.stat().st_size > _MAX_BYTES:
            return None
        arrays, metadata = load_arrays(path)
        offset = int(metadata["metrics_bytes"])
        with open_regular(metrics_file) as file:
            inode = os.fstat(file.fileno()).st_ino
            if metadata["format"] != _FORMAT or metadata["fingerprint"] != _fingerprint(file, offset):
                return None
        columns, state = _contents(arrays)
        return CachedCurves(columns, state, offset, inode)
    return None


def _contents(arrays: dict[str, NDArray[Any]]) -> tuple[MetricColumns, dict[str, Any]]:
    """Return the columns and the JSON object. Raises `ValueError`, `KeyError` or `TypeError` if they are broken."""
    state = parse_bounded_json(arrays[_STATE].tobytes())
    if not isinstance(state, dict) or not all(isinstance(key, str) for key in state["keys"]):
        raise TypeError("not an object with keys")
    numbers = float(state["smoothing"]), int(state["level"]), int(state["next_ordinal"])
    return MetricColumns.from_arrays(arrays, state["keys"], *numbers), state


def _fingerprint(file: BinaryIO, size: int) -> str:
    """Return a SHA-256 of parts of the first `size` bytes, evenly spread, with the very first and last; empty if fewer.

    All of two gigabytes would take seconds. A changed row in between is found by `verify`, which reads everything.
    """
    if not 0 < size <= os.fstat(file.fileno()).st_size:
        return ""
    digest = hashlib.sha256(str(size).encode())
    for index in range(_BLOCKS):
        file.seek(max(0, size - _BLOCK) * index // (_BLOCKS - 1))
        digest.update(file.read(min(size, _BLOCK)))
    return digest.hexdigest()
