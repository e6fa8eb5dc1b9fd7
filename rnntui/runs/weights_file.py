"""Weights on disk as safetensors, read and written with numpy; no pickle, so files from anywhere are safe to open.

A file holds a checksum of its arrays and metadata in its metadata, so that a flipped bit is an error and not another
model. Files of earlier versions, and of other programs, have none.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from rnntui.atomic_files import atomic_write
from rnntui.errors import RunError
from rnntui.runs.format_1 import upgrade_weight_name
from rnntui.runs.weights_header import check_header_size

CHECKSUM = "sha256"
"""Key of the checksum among the metadata of a file."""

_MAX_WEIGHT = 1e6  # no training yields a larger one, which would overflow in a product


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], metadata: dict[str, str]) -> None:
    """Write arrays and their metadata to one file, atomically."""
    # safetensors 0.8.0 writes the memory as it lies, so any other order would be scrambled; 0.7.0 copied the array.
    contiguous = {name: _as_stored(array) for name, array in arrays.items()}
    atomic_write(path, save(contiguous, {**metadata, CHECKSUM: _checksum(contiguous, metadata)}))


def _as_stored(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array in C order and of little-endian numbers."""
    # Not ascontiguousarray, which turns a scalar into an array of shape (1,).
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def load_arrays(path: Path) -> tuple[dict[str, NDArray[np.generic]], dict[str, str]]:
    """Return the arrays as they were saved, under their names in the present format, and the metadata.

    Raises `RunError` if the file is missing, not a safetensors file, or not as it was written.
    """
    arrays, metadata, _ = _checked(path)
    return {upgrade_weight_name(name): array for name, array in arrays.items()}, metadata


def check_arrays(path: Path, *, are_weights: bool) -> bool:
    """Return True if a file of arrays holds a checksum. Raises `RunError` as `load_arrays` or `load_weights` does."""
    arrays, _, has_checksum = _checked(path)
    if are_weights:
        _as_weights(path, arrays)
    return has_checksum


def _checked(path: Path) -> tuple[dict[str, NDArray[np.generic]], dict[str, str], bool]:
    """Return the arrays by their names in the file, the metadata, and whether a checksum vouches for them."""
    arrays, metadata, checksum = _read(path)
    if checksum is not None and checksum != _checksum(arrays, metadata):
        raise RunError(
            f"{path} is damaged: its contents are not those that were written",
            hint="rnntui verify --repair saves what can be saved",
        )
    return arrays, metadata, checksum is not None


def _read(path: Path) -> tuple[dict[str, NDArray[np.generic]], dict[str, str], str | None]:
    """Return the arrays by their names in the file, the metadata without the checksum, and the checksum."""
    try:
        check_header_size(path)
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = dict(file.metadata() or {})
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing: the run has no weights yet, or is broken") from error
    except (OSError, SafetensorError, struct.error, ValueError, TypeError, AttributeError) as error:
        # AttributeError: a dtype that numpy does not have.
        raise RunError(f"cannot read {path}: {error}") from error
    return arrays, metadata, metadata.pop(CHECKSUM, None)


def _checksum(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> str:
    """Return the SHA-256 of arrays, their names, types and shapes, and of metadata, as hexadecimal digits."""
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def load_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return a model's weights as float32, whatever their dtype on disk.

    Raises `RunError` if the file is missing or broken, or if a weight is not finite or too large.
    """
    arrays, _ = load_arrays(path)
    return _as_weights(path, arrays)


def _as_weights(path: Path, arrays: dict[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
    """Return arrays as float32, and empty their dictionary: a file must not be in memory twice.

    Raises `RunError`, which names the file, if they are no weights of a model.
    """
    weights: dict[str, NDArray[np.float32]] = {}
    while arrays:
        name, array = arrays.popitem()
        if array.dtype.kind != "f":
            raise RunError(f"{path}: {name!r:.80} holds {array.dtype}, where weights are floating-point numbers")
        with np.errstate(over="ignore"):  # overflow becomes infinity, which is refused
            weight = array.astype(np.float32, copy=False)
        # Of float32, for numpy takes ten times as long for those of float16. Both are nan if there is one.
        if weight.size and not (float(weight.min()) > -_MAX_WEIGHT and float(weight.max()) < _MAX_WEIGHT):
            raise RunError(f"{path}: {name!r:.80} holds values that no trained model has; the file is broken")
        weights[name] = weight
    return dict(reversed(weights.items()))
