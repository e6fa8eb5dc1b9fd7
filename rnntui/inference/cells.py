"""Recurrent cells in numpy: LSTM, GRU and the plain RNN, computed one step at a time for B texts.

Weights are given in torch's layout, `weight_ih (G*H, I)`, `weight_hh (G*H, H)` and two biases `(G*H,)` with G gates, I
inputs and H hidden units. They are stored transposed: for a single text, numpy's vector-times-matrix product is the
faster one (150 µs against 185 for 2048 × 1024). Sigmoids are computed as σ(a) = (1 + tanh(a/2)) / 2 with the half
folded into the weights: one tanh over all gates, and no overflow.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from rnntui.config import Cell, Nonlinearity

Array = NDArray[np.float32]


class Matrix(Protocol):
    """An array, or anything else that arrays can be multiplied by: `inputs (..., K) @ matrix` is `(..., N)`."""

    def __rmatmul__(self, inputs: Array, /) -> Array: ...


class Weight(Protocol):
    """A weight of which some rows at a time are looked at: an array, or one in a file that is read by parts."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __getitem__(self, rows: slice, /) -> Array: ...


_Cell = TypeVar("_Cell", bound="RecurrentCell")

_BLOCK = 1 << 16  # elements of a matrix that are transposed at a time


def transposed(weight: Weight) -> Array:
    """Return a matrix `(K, N)` as `(N, K)`, contiguous. It is read by blocks of rows, so there is no further copy."""
    return _transposed(weight, [(slice(0, weight.shape[0]), 1.0)])


def _transposed(weight: Weight, parts: Sequence[tuple[slice, float]]) -> Array:
    """Return parts of the rows of a matrix, each times a number, transposed and beside each other."""
    result = np.empty((weight.shape[1], weight.shape[0]), weight.dtype)
    step, end = max(1, _BLOCK // max(1, weight.shape[1])), 0
    for rows, scale in parts:
        for start in range(rows.start, rows.stop, step):
            block = weight[start : min(start + step, rows.stop)].T
            np.multiply(block, weight.dtype.type(scale), out=result[:, end : end + block.shape[1]])
            end += block.shape[1]
    return result


class RecurrentCell(ABC):
    """One recurrent layer.

    `gates` is G, the number of blocks of H rows in the weights. `states` is C, the number of components of the state
    (h, and for an LSTM c): a state is `(C, B, H)`, and its row 0 is the hidden state h that the next layer reads.
    `state_names` are the names of these components in the equations, `gate_names` those of the gates, in the order in
    which `gate_values` has them. `gate_order` are the blocks of torch's rows in the order in which they are stored
    here, and `gate_scales` what each is multiplied by: a half for sigmoid gates. Both are empty where nothing changes.
    `weight_in (I, G*H)` and `weight_recurrent (H, G*H)` are the weights as stored, which `cell_gradients` reads;
    `matrix_in` and `matrix_recurrent` are what inputs and hidden states are multiplied by: the same arrays, unless
    `quantization` has replaced them.

    The weights are arrays of one dtype, or read from a file by parts.

    Args:
        weight_ih: `(G*H, I)`, applied to the input.
        weight_hh: `(G*H, H)`, applied to the hidden state.
        bias_ih: `(G*H,)`.
        bias_hh: `(G*H,)`.
    """

    gates: ClassVar[int]
    states: ClassVar[int]
    gate_order: ClassVar[tuple[int, ...]] = ()
    gate_scales: ClassVar[tuple[float, ...]] = ()
    gate_names: ClassVar[tuple[str, ...]] = ()
    state_names: ClassVar[tuple[str, ...]] = ("h",)

    def __init__(self, weight_ih: Weight, weight_hh: Weight, bias_ih: Weight, bias_hh: Weight) -> None:
        self.hidden = weight_hh.shape[1]
        blocks = (slice(gate * self.hidden, (gate + 1) * self.hidden) for gate in self.gate_order or range(self.gates))
        parts = list(zip(blocks, self.gate_scales or (1.0,) * self.gates, strict=True))
        self.weight_in = _transposed(weight_ih, parts)  # (I, G*H)
        self.weight_recurrent = _transposed(weight_hh, parts)  # (H, G*H)
        self.matrix_in: Matrix = self.weight_in
        self.matrix_recurrent: Matrix = self.weight_recurrent
        self._biases = [  # of the inputs and of the recurrent product, (G*H,) each
            np.concatenate([bias[rows] * bias.dtype.type(scale) for rows, scale in parts])
            for bias in (bias_ih, bias_hh)
        ]
        self._merge_biases()

    def _merge_biases(self) -> None:
        """Make of both biases the one that is added to the inputs' part of the gates, `(G*H,)`."""
        self._bias_in = self._biases[0] + self._biases[1]

    def converted(self: _Cell, dtype: type[np.floating]) -> _Cell:
        """Return the same cell in another dtype; its matrices must be arrays."""
        other = copy.copy(self)
        other.weight_in, other.weight_recurrent = self.weight_in.astype(dtype), self.weight_recurrent.astype(dtype)
        other.matrix_in, other.matrix_recurrent = other.weight_in, other.weight_recurrent
        other._biases = [bias.astype(dtype) for bias in self._biases]
        other._merge_biases()
        return other

    def project(self, inputs: Array) -> Array:
        """Return the inputs' part of the gates, `(..., I) -> (..., G*H)`; all steps at once where inputs are known."""
        projected: Array = inputs @ self.matrix_in
        projected += self._bias_in
        return projected

    @property
    def is_bounded(self) -> bool:
        """True if hidden states are between -1 and 1."""
        return True

    def gate_values(self, projected: Array, hidden: Array) -> Array:
        """Return the gates of one step or of many, `(..., N*H)` for the N gates of `gate_names`.

        Args:
            projected: `(..., G*H)`, the result of `project` for each step's inputs.
            hidden: `(..., H)`, the hidden state h before each step.
        """
        return projected[..., :0]

    @abstractmethod
    def step(self, projected: Array, state: Array, new: Array) -> None:
        """Compute one time step into `new`.

        Args:
            projected: `(B, G*H)`, the result of `project` for this step's inputs.
            state: `(C, B, H)`, the state before the step; not changed.
            new: `(C, B, H)`, overwritten by the state after the step.
        """


class LSTMCell(RecurrentCell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate by Gers et al. 2000).

    i = σ(W_ii x + b_ii + W_hi h + b_hi)        input gate
    f = σ(W_if x + b_if + W_hf h + b_hf)        forget gate
    g = tanh(W_ig x + b_ig + W_hg h + b_hg)     candidate
    o = σ(W_io x + b_io + W_ho h + b_ho)        output gate
    c' = f ∘ c + i ∘ g
    h' = o ∘ tanh(c')

    torch's rows are in the order i, f, g, o; here they are i, f, o, g, so that the sigmoids are adjacent. State: h, c.
    """

    gates = 4
    states = 2
    gate_order = (0, 1, 3, 2)
    gate_scales = (0.5, 0.5, 0.5, 1.0)
    gate_names = ("i", "f", "o", "g")
    state_names = ("h", "c")

    def gate_values(self, projected: Array, hidden: Array) -> Array:
        gates: Array = hidden @ self.matrix_recurrent
        gates += projected
        np.tanh(gates, out=gates)
        sigmoids = gates[..., : 3 * self.hidden]
        sigmoids *= 0.5
        sigmoids += 0.5
        return gates

    def step(self, projected: Array, state: Array, new: Array) -> None:
        size = self.hidden
        gates = self.gate_values(projected, state[0])
        h, c = new
        np.multiply(gates[:, size : 2 * size], state[1], out=c)
        c += gates[:, :size] * gates[:, 3 * size :]
        np.tanh(c, out=h)
        h *= gates[:, 2 * size : 3 * size]


class GRUCell(RecurrentCell):
    """Gated recurrent unit (Cho et al. 2014).

    r = σ(W_ir x + b_ir + W_hr h + b_hr)             reset gate
    z = σ(W_iz x + b_iz + W_hz h + b_hz)             update gate
    n = tanh(W_in x + b_in + r ∘ (W_hn h + b_hn))    candidate
    h' = (1 - z) ∘ n + z ∘ h

    There are two conventions for the reset gate. The paper applies it before the matrix, n = tanh(W_in x + W_hn (r
    ∘ h)); here, as in torch and cuDNN, it is applied after the matrix, so that one product with h serves all gates.
    """

    gates = 3
    states = 1
    gate_scales = (0.5, 0.5, 1.0)
    gate_names = ("r", "z", "n")

    def _merge_biases(self) -> None:
        # The reset gate multiplies b_hn, so that bias stays with the recurrent product; the others can be merged.
        self._bias_in, sigmoids = self._biases[0].copy(), slice(0, 2 * self.hidden)
        self._bias_in[sigmoids] += self._biases[1][sigmoids]
        self.bias_candidate = self._biases[1][2 * self.hidden :]

    def gate_values(self, projected: Array, hidden: Array) -> Array:
        size = self.hidden
        gates: Array = hidden @ self.matrix_recurrent
        sigmoids = gates[..., : 2 * size]
        sigmoids += projected[..., : 2 * size]
        np.tanh(sigmoids, out=sigmoids)
        sigmoids *= 0.5
        sigmoids += 0.5
        candidate = gates[..., 2 * size :]
        candidate += self.bias_candidate
        candidate *= sigmoids[..., :size]
        candidate += projected[..., 2 * size :]
        np.tanh(candidate, out=candidate)
        return gates

    def step(self, projected: Array, state: Array, new: Array) -> None:
        size = self.hidden
        gates = self.gate_values(projected, state[0])
        candidate = gates[:, 2 * size :]
        # n + z (h - n) equals (1 - z) n + z h, with one product less.
        np.subtract(state[0], candidate, out=new[0])
        new[0] *= gates[:, size : 2 * size]
        new[0] += candidate


class RNNCell(RecurrentCell):
    """The plain recurrent network (Elman 1990).

    h' = φ(W_ih x + b_ih + W_hh h + b_hh), with φ = tanh or φ(a) = max(0, a).
    """

    gates = 1
    states = 1

    def __init__(
        self,
        weight_ih: Weight,
        weight_hh: Weight,
        bias_ih: Weight,
        bias_hh: Weight,
        nonlinearity: Nonlinearity = "tanh",
    ) -> None:
        super().__init__(weight_ih, weight_hh, bias_ih, bias_hh)
        self.is_relu = nonlinearity == "relu"

    @property
    def is_bounded(self) -> bool:
        return not self.is_relu

    def step(self, projected: Array, state: Array, new: Array) -> None:
        h = new[0]
        np.add(state[0] @ self.matrix_recurrent, projected, out=h)
        if self.is_relu:
            np.maximum(h, 0.0, out=h)
        else:
            np.tanh(h, out=h)


CELL_CLASSES: dict[Cell, type[RecurrentCell]] = {"lstm": LSTMCell, "gru": GRUCell, "rnn": RNNCell}


def recurrent_weight_count(cell: Cell, layers: int, hidden: int) -> int:
    """Return the number of weights in the recurrent matrices of all layers."""
    return layers * CELL_CLASSES[cell].gates * hidden**2


def converted(value: Any, dtype: type[np.floating]) -> Any:
    """Return an array, a cell, or a list or tuple of such in another dtype."""
    if isinstance(value, (list, tuple)):
        return type(value)(converted(each, dtype) for each in value)
    return value.converted(dtype) if isinstance(value, RecurrentCell) else value.astype(dtype)
