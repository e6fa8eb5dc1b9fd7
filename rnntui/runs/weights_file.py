"""Weights on disk as safetensors, read and written by numpy: no pickle, so a file can be opened from anywhere."""

from __future__ import annotations

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

_LARGEST = 1e6  # a weight beyond this would overflow in a product, and is no result of training


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], metadata: dict[str, str]) -> None:
    """Write arrays and their metadata as one file, whole."""
    # Not ascontiguousarray: that makes a single number an array of one.
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    atomic_write(path, save(contiguous, metadata))


def load_arrays(path: Path) -> tuple[dict[str, NDArray[np.generic]], dict[str, str]]:
    """The arrays as they were saved, under their names in the present format, and the metadata.

    Raises `RunError` if the file is missing or is no safetensors file.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {upgrade_weight_name(name): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return arrays, dict(file.metadata() or {})
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing: the run has no weights yet, or is broken") from error
    except (OSError, SafetensorError, struct.error, ValueError, TypeError, AttributeError) as error:
        # AttributeError: a number format that numpy does not have.
        raise RunError(f"cannot read {path}: {error}") from error


def load_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """A model's weights as float32, whatever they were stored as. Raises `RunError`, as for values not finite."""
    arrays, _ = load_arrays(path)
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            raise RunError(f"{path}: {name} holds {array.dtype}, where weights are floating-point numbers")
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is told below
        weights = {name: array.astype(np.float32, copy=False) for name, array in arrays.items()}
    for name, weight in weights.items():
        if not (np.abs(weight) < _LARGEST).all():  # false also for what is no number
            raise RunError(f"{path}: {name} holds values that no trained model has; the file is broken")
    return weights
