"""Matrix products whose rows do not depend on the batch: each is the same, bit for bit, alone and among any others.

BLAS has kernels for one row, for a few and for blocks of many, which add up the products of a row in different orders,
so that the same row is rounded differently by where it stands. Here rows are the columns of the product that BLAS
computes, in which almost all of a wide product are added up in one order: with OpenBLAS's kernels for AVX2, all but the
first and the last 8; with those for AVX-512, all. A product is computed with a number of columns and from a column on
for which this was measured, with zeros in the columns that are left. Where less than half of a wide product is computed
alike, each row is multiplied on its own. Results of different processors may differ.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnntui.inference.cells import Array

MAX_COLUMNS = 256
"""Columns of a product at most. With more, a step is hardly faster for each of them."""

_COLUMNS = (1, 2, 4, 8, 16, 24, 32, 40, 48, 64, 80, 96, 112, 128, 160, 192, 224, MAX_COLUMNS)
_TRANSPOSED = 64  # outputs that are transposed at a time: four times as fast as all at once
_PROBED_NUMBERS = 1024  # of a product that are compared at least: few could be equal in different orders, by chance


class _Columns(NamedTuple):
    """The columns `[first, first + room)` of a product of `size` columns, which are computed alike."""

    size: int
    first: int
    room: int


class BatchInvariantMatrix:
    """A matrix `(K, N)` by which arrays can be multiplied: `inputs (..., K) @ matrix` is `(..., N)`.

    Args:
        weights: `(K, N)`, of which this keeps a copy.
    """

    __array_ufunc__ = None  # numpy leaves `array @ matrix` to `__rmatmul__`

    def __init__(self, weights: Array) -> None:
        self.shape = weights.shape
        self._weights = np.ascontiguousarray(weights.T)  # faster for few rows than the transposed view
        self._measured: dict[int, _Columns] = {}

    def __rmatmul__(self, inputs: Array, /) -> Array:
        rows = inputs.reshape(-1, self.shape[0])  # (R, K)
        products = np.empty((len(rows), self.shape[1]), self._weights.dtype)
        if self.room < MAX_COLUMNS // 2:
            for row, product in zip(rows, products, strict=True):
                product[:] = self._multiply(row[:, None])[:, 0]
            return products.reshape(*inputs.shape[:-1], self.shape[1])
        start = 0
        while start < len(rows):
            size, first, room = self._columns_for(len(rows) - start)
            piece = rows[start : start + room]
            padded = np.zeros((size, self.shape[0]), self._weights.dtype)
            padded[first : first + len(piece)] = piece
            columns = self._multiply(padded.T)[:, first : first + len(piece)]  # (N, rows)
            for block in range(0, self.shape[1], _TRANSPOSED):
                end = block + _TRANSPOSED
                products[start : start + room, block:end] = columns[block:end].T
            start += len(piece)
        return products.reshape(*inputs.shape[:-1], self.shape[1])

    @property
    def room(self) -> int:
        """Rows that the widest product computes together; if less than half of `MAX_COLUMNS`, none are."""
        return self._widest[0].room

    def _multiply(self, columns: Array) -> Array:
        """Return the products `(N, R)` of `columns (K, R)`, rounded as BLAS does it."""
        products: Array = self._weights @ columns
        return products

    def _columns_for(self, rows: int) -> _Columns:
        """Return the fewest columns with room for so many rows, or else the most."""
        for size in _COLUMNS:
            if size >= rows:
                columns = self._measured.get(size) or self._measured.setdefault(size, self._measure(size))
                if columns.room >= rows:
                    return columns
        return self._widest[0]

    def _measure(self, size: int) -> _Columns:
        """Return the longest run of columns that are computed as those of the widest product; without one, no room."""
        return _Columns(size, *_longest_run((self._products(size) == self._widest[1]).all(axis=0)))

    @cached_property
    def _widest(self) -> tuple[_Columns, NDArray[np.unsignedinteger]]:
        """The longest run of columns of the widest product that are computed alike, and one of them `(M, 1)`."""
        products = self._products(MAX_COLUMNS)
        is_new = (products[:, 1:] != products[:, :-1]).any(axis=0)
        bounds = [0, *(np.flatnonzero(is_new) + 1).tolist(), MAX_COLUMNS]
        room, first = max((end - start, start) for start, end in pairwise(bounds))
        return _Columns(MAX_COLUMNS, first, room), products[:, first : first + 1]

    def _products(self, size: int) -> NDArray[np.unsignedinteger]:
        """Return the products of `size` equal columns, for one column after the other: their bits, `(M, size)`."""
        probes = np.random.default_rng(0).uniform(-1, 1, (-(-_PROBED_NUMBERS // self.shape[1]), self.shape[0]))
        products = [self._multiply(np.repeat(probe[None], size, 0).T) for probe in probes.astype(self._weights.dtype)]
        bits = np.uint32 if self._weights.dtype == np.float32 else np.uint64
        return np.ascontiguousarray(np.concatenate(products)).view(bits)


def _longest_run(is_alike: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the start and the length of the longest run of True in `is_alike (N,)`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_alike, [False]])))
    runs = [(end - start, start) for start, end in edges.reshape(-1, 2).tolist()]
    length, start = max(runs, default=(0, 0))
    return start, length
