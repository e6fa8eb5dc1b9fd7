"""Weight matrices of 8-bit or 4-bit integers with exact integer products, for models too wide for a processor's cache.

A step of a wide model is bound by memory: it reads every weight once. With 8 bits, a weight is an integer times one
float32 scale for its column; with 4 bits, an integer from -8 to 7, times a small integer for its block of 127 rows of
the column, times the column's scale. Inputs are rounded to integers from -127 to 127, by one scale for each row.

Everything between the two scales is integer arithmetic whose sums stay below 2²⁴, where float32 is exact. So a product
is the same, bit for bit, whichever kernel computes it, in any order of additions and beside any other rows: onnxruntime
if it is installed (the extra "fast"), else numpy, which is exact too, but no faster than with float32 weights.

Measured on 25,000 characters of Shakespeare, 8 bits cost a model of 1×512 0.0005 bits a character and 4 bits 0.0044; a
model of 2×1024, after 800 steps of training, less than 0.0002 and 0.0008. The output layer has 8 bits in both cases:
with 4, it alone cost 0.01.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnntui.inference.cells import Array, RecurrentCell
from rnntui.inference.integer_kernels import (
    BLOCK_ROWS,
    MAX_INPUT,
    IntegerKernel,
    int4_kernel,
    int8_kernel,
)

_MAX_LEVEL = 7.5  # largest weight in units of its block's scale: levels go from -8 to 7
_MAX_MULTIPLIER = 15  # with the largest level, -8, an integer weight still fits into 8 bits
_PART = 1 << 17  # weights that are rounded at a time
_TINY = np.float32(1e-30)  # instead of a largest value of 0, which no scale can have


class QuantizedWeights(NamedTuple):
    """A matrix `(K, N)` as integers with scales.

    Args:
        integers: `(K, N)` of 8 bits, or the levels `(blocks, 127, N)` of 4 bits.
        multipliers: those of the blocks of levels, `(blocks, N)`; None for 8 bits.
        scales: `(N,)`.
        shape: `(K, N)`.
    """

    integers: NDArray[np.int8]
    multipliers: NDArray[np.int8] | None
    scales: Array
    shape: tuple[int, int]

    @classmethod
    def of(cls, weights: Array, bits: int) -> QuantizedWeights:
        """Return weights `(K, N)` with 8 or 4 bits for each integer."""
        shape = (weights.shape[0], weights.shape[1])
        if bits == 8:
            integers, scales = quantize_to_int8(weights)
            return cls(integers, None, scales, shape)
        levels, multipliers, scales = quantize_to_int4(weights)
        return cls(levels, multipliers, scales, shape)


class QuantizedMatrix:
    """A matrix `(K, N)` of integers with scales; `inputs @ matrix` works as with an array.

    Args:
        weights: its weights; apart from what they are made of, so that this need not be in memory any more.
        is_bounded: True if inputs are between -1 and 1, as the hidden states of most cells are; then all rows have the
            scale 1/127, instead of one of their own.
    """

    __array_ufunc__ = None  # so that numpy leaves `array @ matrix` to `__rmatmul__`

    def __init__(self, weights: QuantizedWeights, is_bounded: bool) -> None:
        integers, multipliers, self._scales, self.shape = weights
        self._kernel: IntegerKernel = (
            int8_kernel(integers) if multipliers is None else int4_kernel(integers, multipliers)
        )
        self._is_bounded = is_bounded
        self._bounded_scales = self._scales / np.float32(MAX_INPUT)

    def __rmatmul__(self, inputs: Array, /) -> Array:
        rows = inputs.reshape(-1, self.shape[0])  # (R, K)
        if self._is_bounded:
            products = self._kernel(np.rint(rows * np.float32(MAX_INPUT)))
            products *= self._bounded_scales
        else:
            largest = np.abs(rows).max(axis=1, keepdims=True)  # (R, 1)
            scales = np.maximum(largest, _TINY) / np.float32(MAX_INPUT)
            products = self._kernel(np.rint(rows / scales))
            products *= scales
            products *= self._scales
        return products.reshape(*inputs.shape[:-1], self.shape[1])


def quantize_cell(cell: RecurrentCell, bits: int, are_inputs_bounded: bool) -> None:
    """Replace the matrices of a recurrent layer by quantized ones.

    Args:
        cell: the layer.
        bits: 8 or 4.
        are_inputs_bounded: True if its inputs are between -1 and 1, as other layers' hidden states are.
    """
    weights = QuantizedWeights.of(cell.weight_in, bits)
    cell.weight_in = cell.matrix_in = np.empty((0, 0), dtype=np.float32)  # freed before a kernel copies the integers
    cell.matrix_in = QuantizedMatrix(weights, are_inputs_bounded)
    weights = QuantizedWeights.of(cell.weight_recurrent, bits)
    cell.weight_recurrent = cell.matrix_recurrent = cell.weight_in
    cell.matrix_recurrent = QuantizedMatrix(weights, cell.is_bounded)


def quantize_to_int8(weights: Array) -> tuple[NDArray[np.int8], Array]:
    """Return integers `(K, N)` from -127 to 127 and scales `(N,)`, whose products are about the weights `(K, N)`."""
    integers, scales = np.empty(weights.shape, np.int8), np.empty(weights.shape[1], np.float32)
    # In parts of several columns each, so that there are no other arrays of the size of the weights.
    parts = max(1, math.ceil(weights.size / _PART))
    edges = [weights.shape[1] * part // parts for part in range(parts + 1)]
    for columns in map(slice, edges, edges[1:]):
        part = weights[:, columns]
        magnitudes = np.abs(part)
        # The second bound keeps the sum of the largest products below 2**24, also where each is rounded up.
        bound = magnitudes.sum(axis=0) * np.float32(MAX_INPUT / (2**24 - MAX_INPUT * len(weights)))
        scales[columns] = np.maximum(np.maximum(magnitudes.max(axis=0) / np.float32(127), bound), _TINY)
        integers[:, columns] = np.rint(part / scales[columns])
    return integers, scales


def quantize_to_int4(weights: Array) -> tuple[NDArray[np.int8], NDArray[np.int8], Array]:
    """Quantize weights `(K, N)`.

    A weight is about its level times the multiplier of its block, 127 rows of a column, times its column's scale.

    Returns:
        levels: `(blocks, 127, N)`, from -8 to 7; those beyond row K are 0.
        multipliers: `(blocks, N)`, from 1 to 15.
        scales: `(N,)`.
    """
    rows, columns = weights.shape
    blocks = math.ceil(rows / BLOCK_ROWS)
    # Kernels may add levels shifted by 8, from 0 to 15: no sum of them may reach 2**24.
    highest = max(1, min(_MAX_MULTIPLIER, 2**24 // (MAX_INPUT * 15 * (BLOCK_ROWS + 1) * blocks)))
    largest = np.maximum(np.maximum(weights.max(axis=0), -weights.min(axis=0)), _TINY)
    scales: Array = largest / np.float32(_MAX_LEVEL * highest)
    inverse = np.float32(1) / scales
    levels = np.zeros((blocks, BLOCK_ROWS, columns), dtype=np.int8)
    multipliers = np.ones((blocks, columns), dtype=np.int8)
    for block in range(blocks):
        scaled = weights[block * BLOCK_ROWS : (block + 1) * BLOCK_ROWS] * inverse
        # Clipping the largest weights of a block lowers the squared error, but cost twice the loss.
        multipliers[block] = np.clip(np.ceil(np.abs(scaled).max(axis=0) / np.float32(_MAX_LEVEL)), 1, highest)
        scaled /= multipliers[block]
        levels[block, : len(scaled)] = np.clip(np.rint(scaled, out=scaled), -8, 7, out=scaled)
    return levels, multipliers, scales
