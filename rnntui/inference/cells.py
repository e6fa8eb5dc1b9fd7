"""The recurrent cells in numpy: LSTM, GRU and the plain RNN, each one step at a time for B texts.

All take weights as torch lays them out, `weight_ih (G*H, I)`, `weight_hh (G*H, H)` and two biases `(G*H,)` with
G gates, and keep them transposed: for the matrix-vector product of a single text, numpy's row-times-matrix form is
the faster one (150 µs against 185 for 2048 × 1024). Sigmoids are computed as σ(a) = (1 + tanh(a/2)) / 2 with the half
folded into the weights: one tanh over all gates, and no overflow.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rnntui.config import Cell, Nonlinearity

Array = NDArray[np.float32]


class RecurrentCell(ABC):
    """One layer. Its state is an array `(S, B, H)`; row 0 is the hidden state h that the next layer sees."""

    gates: ClassVar[int]
    states: ClassVar[int]

    def __init__(self, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array) -> None:
        self.hidden = weight_hh.shape[1]
        scale = self._scale().repeat(self.hidden)
        self._in = np.ascontiguousarray((weight_ih[self._order()] * scale[:, None]).T)
        self._recurrent = np.ascontiguousarray((weight_hh[self._order()] * scale[:, None]).T)
        self._bias_in = bias_ih[self._order()] * scale
        self._bias_recurrent = bias_hh[self._order()] * scale

    def _scale(self) -> Array:
        """A factor for each gate `(G,)`, in the order of `_order`: a half for sigmoid gates."""
        return np.ones(self.gates, dtype=np.float32)

    def _order(self) -> NDArray[np.intp]:
        """Which of torch's rows `(G*H,)` come first here."""
        return np.arange(self.gates * self.hidden)

    def project(self, inputs: Array) -> Array:
        """The inputs' part of the gates, `(..., I) -> (..., G*H)`: all steps at once where they are known."""
        projected: Array = inputs @ self._in
        projected += self._bias_in
        return projected

    @abstractmethod
    def step(self, projected: Array, state: Array, new: Array) -> None:
        """One step: `projected (B, G*H)` and `state (S, B, H)` give `new (S, B, H)`, which is filled in place."""


class LSTMCell(RecurrentCell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate by Gers et al. 2000).

    i = σ(W_ii x + b_ii + W_hi h + b_hi)        input gate
    f = σ(W_if x + b_if + W_hf h + b_hf)        forget gate
    g = tanh(W_ig x + b_ig + W_hg h + b_hg)     candidate
    o = σ(W_io x + b_io + W_ho h + b_ho)        output gate
    c' = f ∘ c + i ∘ g
    h' = o ∘ tanh(c')

    torch's rows are in the order i, f, g, o; here i, f, o, g, so that the sigmoids lie together. State: h, c.
    """

    gates = 4
    states = 2

    def __init__(self, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array) -> None:
        super().__init__(weight_ih, weight_hh, bias_ih, bias_hh)
        self._bias_in = self._bias_in + self._bias_recurrent

    def _scale(self) -> Array:
        return np.array([0.5, 0.5, 0.5, 1.0], dtype=np.float32)

    def _order(self) -> NDArray[np.intp]:
        rows = np.arange(4 * self.hidden).reshape(4, self.hidden)
        return rows[[0, 1, 3, 2]].ravel()

    def step(self, projected: Array, state: Array, new: Array) -> None:
        size = self.hidden
        gates = state[0] @ self._recurrent
        gates += projected
        np.tanh(gates, out=gates)
        sigmoids = gates[:, : 3 * size]
        sigmoids *= 0.5
        sigmoids += 0.5
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
    ∘ h)); here, as in torch and cuDNN, it is applied after the matrix, so that all three products with h are one.
    """

    gates = 3
    states = 1

    def __init__(self, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array) -> None:
        super().__init__(weight_ih, weight_hh, bias_ih, bias_hh)
        # The reset gate multiplies b_hn, so that bias stays with the recurrent product; the others can join.
        sigmoids = slice(0, 2 * self.hidden)
        self._bias_in[sigmoids] += self._bias_recurrent[sigmoids]
        self._bias_candidate = self._bias_recurrent[2 * self.hidden :]

    def _scale(self) -> Array:
        return np.array([0.5, 0.5, 1.0], dtype=np.float32)

    def step(self, projected: Array, state: Array, new: Array) -> None:
        size = self.hidden
        h = state[0]
        recurrent = h @ self._recurrent
        sigmoids = recurrent[:, : 2 * size]
        sigmoids += projected[:, : 2 * size]
        np.tanh(sigmoids, out=sigmoids)
        sigmoids *= 0.5
        sigmoids += 0.5
        candidate = recurrent[:, 2 * size :]
        candidate += self._bias_candidate
        candidate *= sigmoids[:, :size]
        candidate += projected[:, 2 * size :]
        np.tanh(candidate, out=candidate)
        # n + z (h - n) is (1 - z) n + z h with one product less.
        np.subtract(h, candidate, out=new[0])
        new[0] *= sigmoids[:, size:]
        new[0] += candidate


class RNNCell(RecurrentCell):
    """The plain recurrent network (Elman 1990).

    h' = φ(W_ih x + b_ih + W_hh h + b_hh), with φ = tanh or φ(a) = max(0, a).
    """

    gates = 1
    states = 1

    def __init__(
        self,
        weight_ih: Array,
        weight_hh: Array,
        bias_ih: Array,
        bias_hh: Array,
        nonlinearity: Nonlinearity = "tanh",
    ) -> None:
        super().__init__(weight_ih, weight_hh, bias_ih, bias_hh)
        self._bias_in = self._bias_in + self._bias_recurrent
        self._relu = nonlinearity == "relu"

    def step(self, projected: Array, state: Array, new: Array) -> None:
        h = new[0]
        np.matmul(state[0], self._recurrent, out=h)
        h += projected
        if self._relu:
            np.maximum(h, 0.0, out=h)
        else:
            np.tanh(h, out=h)


def make_cell(
    cell: Cell, nonlinearity: Nonlinearity, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array
) -> RecurrentCell:
    """The cell by its name."""
    if cell == "rnn":
        return RNNCell(weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity)
    return {"lstm": LSTMCell, "gru": GRUCell}[cell](weight_ih, weight_hh, bias_ih, bias_hh)
