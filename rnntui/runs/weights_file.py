"""Weights on disk as safetensors, read and written with numpy; no pickle, so files from anywhere are safe to open.

A file holds a checksum of its arrays and metadata in its metadata, so that a flipped bit is an error and not another
model. Files of earlier versions, and of other programs, have none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from rnntui.atomic_files import atomic_write
from rnntui.errors import RunError
from rnntui.runs.format_1 import upgrade_weight_name
from rnntui.runs.weights_header import ArrayEntry, read_entries
from rnntui.untrusted_files import open_regular

CHECKSUM = "sha256"
"""Key of the checksum among the metadata of a file."""

_TYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip
"""Types of the format that numpy has."""
_BLOCK = 1 << 18  # bytes of an array that are read at a time
_MAX_WEIGHT = 1e6  # no training yields a larger one, which would overflow in a product


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], metadata: dict[str, str]) -> None:
    """Write arrays and their metadata to one file, atomically; the same ones make the same file."""
    from safetensors.numpy import save  # not needed to read them

    # safetensors 0.8.0 writes the memory as it lies, so any other order would be scrambled; 0.7.0 copied the array.
    contiguous = {name: _as_stored(array) for name, array in arrays.items()}
    data = save(contiguous, {**metadata, CHECKSUM: arrays_checksum(contiguous, metadata)})
    atomic_write(path, _with_sorted_metadata(data))


def _with_sorted_metadata(data: bytes) -> list[bytes | memoryview]:
    """Return a safetensors file in blocks, its metadata sorted: safetensors 0.8.0 writes them in a random order."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # arrays begin at a multiple of 8
    return [len(text).to_bytes(8, "little"), text, memoryview(data)[end:]]


def _as_stored(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array in C order and of little-endian numbers."""
    # Not ascontiguousarray, which turns a scalar into an array of shape (1,).
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


class StoredArray:
    """An array in an open file, whose elements are read when they are asked for.

    Raises `ValueError` for an array that numpy has no type for, or whose bytes are not those of its shape.
    """

    def __init__(self, file: BinaryIO, entry: ArrayEntry) -> None:
        if entry.dtype not in _TYPES:
            raise ValueError(f"an array of {entry.dtype}, a type that numpy does not have")
        self.dtype, self.shape = np.dtype(_TYPES[entry.dtype]), entry.shape
        if entry.size != math.prod(self.shape) * self.dtype.itemsize:
            raise ValueError(f"an array of {entry.dtype} and the shape {self.shape} in {entry.size:,} bytes")
        self._file, self._start, self._size = file, entry.start, entry.size

    def elements(self, elements: slice) -> NDArray[Any]:
        """Return some elements of the flat array, `(N,)`. Raises `ValueError` if the file has ended before."""
        start, stop, _ = elements.indices(math.prod(self.shape))
        result = np.empty(stop - start, self.dtype)
        self._file.seek(self._start + start * self.dtype.itemsize)
        if self._file.readinto(result.view(np.uint8).data) != result.nbytes:  # type: ignore[attr-defined]
            raise ValueError("it was cut while it was read")
        return result

    def blocks(self) -> Iterator[slice]:
        """Yield slices of all elements of the flat array, each of a quarter of a megabyte at most."""
        step = _BLOCK // self.dtype.itemsize
        for start in range(0, math.prod(self.shape), step):
            yield slice(start, min(start + step, math.prod(self.shape)))


class StoredWeight:
    """A weight in an open file, whose rows are read, checked and converted when they are asked for: `weight[2:5]`.

    Raises `RunError` for a weight that is no array of floating-point numbers, and, when they are read, for values that
    are not finite or too large, or cannot be read.

    Args:
        name: its name in the file.
        array: the array.
        dtype: type in which rows are returned.
    """

    def __init__(self, name: str, array: StoredArray, dtype: type[np.floating] = np.float32) -> None:
        if array.dtype.kind != "f":
            raise RunError(f"{name!r:.80} holds {array.dtype}, where weights are floating-point numbers")
        self._name, self._array = name, array
        self.shape, self.dtype = array.shape, np.dtype(dtype)

    @property
    def nbytes(self) -> int:
        """Number of bytes in the file."""
        return math.prod(self.shape) * self._array.dtype.itemsize

    def __getitem__(self, rows: slice, /) -> NDArray[np.float32]:
        start, stop, _ = rows.indices(self.shape[0])
        width = math.prod(self.shape[1:])
        values = self._elements(slice(start * width, stop * width), self.dtype)
        return values.reshape(stop - start, *self.shape[1:])

    def whole(self, dtype: np.dtype[Any] | None = None) -> NDArray[np.float32]:
        """Return the whole weight in a type, by default that of its rows; never more than a block of it is copied."""
        result = np.empty(self.shape, dtype or self.dtype)
        flat = result.reshape(-1)
        for block in self._array.blocks():
            flat[block] = self._elements(block, result.dtype)
        return result

    def table(self) -> NDArray[np.float32]:
        """Return the whole weight as it is in the file if that is float16, which takes half as much as float32."""
        return self.whole(self._array.dtype if self._array.dtype == np.float16 else np.dtype(np.float32))

    def check(self) -> None:
        """Raise `RunError` if a value is not finite or too large."""
        for block in self._array.blocks():
            self._elements(block, self.dtype)

    def _elements(self, elements: slice, dtype: np.dtype[Any]) -> NDArray[Any]:
        try:
            stored = self._array.elements(elements)
        except (OSError, ValueError) as error:
            raise RunError(f"cannot read {self._name!r:.80}: {error}") from error
        with np.errstate(over="ignore"):  # overflow becomes infinity, which is refused
            values = stored.astype(np.float32, copy=False)
        # Of float32, for numpy takes ten times as long for those of float16. Both are nan if there is one.
        if values.size and not (float(values.min()) > -_MAX_WEIGHT and float(values.max()) < _MAX_WEIGHT):
            raise RunError(f"{self._name!r:.80} holds values that no trained model has; the file is broken")
        return stored if stored.dtype == dtype else values.astype(dtype, copy=False)


class _ArraysFile:
    """A safetensors file that is open: its arrays by their names in it, and its metadata.

    Raises `RunError` if it is missing or no safetensors file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with contextlib.ExitStack() as opened, _names_file(path):
            self._file = opened.enter_context(open_regular(path))
            entries, self.metadata = read_entries(self._file)
            self.arrays = {name: StoredArray(self._file, entry) for name, entry in entries.items()}
            self.checksum = self.metadata.pop(CHECKSUM, None)
            self._opened = opened.pop_all()

    def __enter__(self) -> _ArraysFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def check(self, arrays: Mapping[str, _AnyArray]) -> None:
        """Raise `RunError` if the file holds a checksum and it is not that of the arrays."""
        if self.checksum is not None and self.checksum != arrays_checksum(arrays, self.metadata):
            raise RunError(
                f"{self._path} is damaged: its contents are not those that were written",
                hint="rnntui verify --repair saves what can be saved",
            )


@contextlib.contextmanager
def _names_file(path: Path) -> Iterator[None]:
    """Turn errors of reading a file into a `RunError` that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing: the run has no weights yet, or is broken") from error
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read {path}: {error}") from error


def load_arrays(path: Path) -> tuple[dict[str, NDArray[np.generic]], dict[str, str]]:
    """Return the arrays as they were saved, under their names in the present format, and the metadata.

    Raises `RunError` if the file is missing, not a safetensors file, or not as it was written.
    """
    with _ArraysFile(path) as file, _names_file(path):
        arrays = {name: array.elements(slice(None)).reshape(array.shape) for name, array in file.arrays.items()}
        file.check(arrays)
        return {upgrade_weight_name(name): array for name, array in arrays.items()}, file.metadata


def check_arrays(path: Path, *, are_weights: bool) -> bool:
    """Return True if a file of arrays holds a checksum. Raises `RunError` as `load_arrays` or `load_weights` does."""
    with _ArraysFile(path) as file, _names_file(path):
        file.check(file.arrays)
        if are_weights:
            with errors_name_file(path):
                for name, array in file.arrays.items():
                    StoredWeight(name, array).check()
        return file.checksum is not None


def stored_checksum(path: Path) -> str | None:
    """Return the checksum that a file of arrays holds, without a look at the arrays; None if it holds none.

    Raises `RunError` if the file is missing or its header cannot be read.
    """
    with _ArraysFile(path) as file:
        return file.checksum


@contextlib.contextmanager
def open_weights(path: Path, dtype: type[np.floating] = np.float32) -> Iterator[dict[str, StoredWeight]]:
    """Open a model's weights to read them by parts: a model that is built of them takes no more than its own arrays.

    A `RunError` that is raised while they are open names the file. They can be read until then.

    Args:
        path: a file of weights, of any type of floating-point numbers.
        dtype: type in which rows are returned.

    Raises `RunError` if the file is missing or broken.
    """
    with _ArraysFile(path) as file:
        with _names_file(path):
            file.check(file.arrays)
        with errors_name_file(path):
            yield {upgrade_weight_name(name): StoredWeight(name, array, dtype) for name, array in file.arrays.items()}


@contextlib.contextmanager
def errors_name_file(path: Path) -> Iterator[None]:
    """Name a file in every `RunError` that is raised inside."""
    try:
        yield
    except RunError as error:
        raise RunError(f"{path}: {error}") from error


def load_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return a model's weights as float32, whatever their dtype on disk.

    Raises `RunError` if the file is missing or broken, or if a weight is not finite or too large.
    """
    with open_weights(path) as weights:
        return {name: weight.whole() for name, weight in weights.items()}


_AnyArray = NDArray[Any] | StoredArray


def arrays_checksum(arrays: Mapping[str, _AnyArray], metadata: Mapping[str, str] | None = None) -> str:
    """Return the SHA-256 of arrays, their names, types and shapes, and of metadata, as hexadecimal digits.

    The arrays are in C order and of little-endian numbers, as in a file.
    """
    digest = hashlib.sha256(json.dumps(sorted((metadata or {}).items())).encode())
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        for block in _flat_blocks(array):
            digest.update(block.view(np.uint8).data)
    return digest.hexdigest()


def _flat_blocks(array: _AnyArray) -> Iterator[NDArray[Any]]:
    """Yield an array as flat blocks."""
    if isinstance(array, np.ndarray):
        yield array.reshape(-1)
    else:
        for block in array.blocks():
            yield array.elements(block)
