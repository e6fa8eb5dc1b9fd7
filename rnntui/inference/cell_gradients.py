"""Backward pass of the recurrent cells in numpy: gradients of a score with respect to states and inputs of a layer.

Backpropagation through time (Werbos 1990) with the equations of `cells`, for the explanation of a classification and
for the inspection of gradients; the weights get no gradient. The gates of all steps are computed again from the layer's
outputs in one product, so that the forward pass need not store them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from rnntui.inference.cells import Array, GRUCell, LSTMCell, RecurrentCell, RNNCell


class LayerBackward(ABC):
    """Backward pass of one layer over T steps of B texts, one step at a time.

    Args:
        cell: one layer, one direction.
        projected: `(T, B, G*H)`, the result of `cell.project` for the inputs.
        outputs: `(T, B, H)`, the h after each step.
        initial: `(C, B, H)`, the state before the first step.
    """

    def __init__(self, cell: RecurrentCell, projected: Array, outputs: Array, initial: Array) -> None:
        self.cell = cell
        self._previous = np.concatenate([initial[:1], outputs[:-1]])  # (T, B, H): h before each step
        self._prepare(projected, outputs, initial)

    @abstractmethod
    def _prepare(self, projected: Array, outputs: Array, initial: Array) -> None:
        """Compute what `step` needs of the gates, for all steps at once."""

    @abstractmethod
    def step(self, t: int, h_gradient: Array, c_gradient: Array, gates_gradient: Array) -> tuple[Array, Array]:
        """Go back over step t; return the gradients of the score with respect to the h and the c before it, `(B, H)`.

        A cell without c returns `c_gradient` as it is.

        Args:
            t: index of the step.
            h_gradient: `(B, H)`, the gradient with respect to the h after the step, on all ways.
            c_gradient: `(B, H)`, the gradient with respect to the c after the step, on the way through later steps.
            gates_gradient: `(B, G*H)`, overwritten by the gradient with respect to `projected[t]`.
        """


def input_gradient(cell: RecurrentCell, inputs: Array, outputs: Array, output_gradient: Array) -> Array:
    """Return the gradient of a score with respect to a layer's inputs, `(T, B, I)`.

    Args:
        cell: one layer, one direction, which began from the zero state.
        inputs: `(T, B, I)`, in the order in which the cell read them.
        outputs: `(T, B, H)`, the h after each step.
        output_gradient: `(T, B, H)`, the gradient of the score with respect to each h as the next layer reads it,
            without what reaches it through the later steps of this layer.
    """
    projected = cell.project(inputs)
    initial = np.zeros((cell.states, *outputs.shape[1:]), outputs.dtype)
    backward = layer_backward(cell, projected, outputs, initial)
    gates_gradient = np.empty_like(projected)
    h_gradient, c_gradient = np.zeros_like(outputs[0]), np.zeros_like(outputs[0])
    for t in range(len(outputs) - 1, -1, -1):
        h_gradient, c_gradient = backward.step(t, h_gradient + output_gradient[t], c_gradient, gates_gradient[t])
    result: Array = gates_gradient @ cell.weight_in.T
    return result


def layer_backward(cell: RecurrentCell, projected: Array, outputs: Array, initial: Array) -> LayerBackward:
    """Return the backward pass of a layer; the arguments are those of `LayerBackward`."""
    return _BACKWARD[type(cell)](cell, projected, outputs, initial)


class _LSTMBackward(LayerBackward):
    """Backward pass of an LSTM.

    dc = dh ∘ o ∘ (1 - tanh² c') + dc of the next step ∘ its f
    do = dh ∘ tanh c',  di = dc ∘ g,  dg = dc ∘ i,  df = dc ∘ c
    dh of the step before = W_h^T (di ∘ i (1 - i), df ∘ f (1 - f), do ∘ o (1 - o), dg ∘ (1 - g²))
    """

    def _prepare(self, projected: Array, outputs: Array, initial: Array) -> None:
        size = self.cell.hidden
        gates = np.tanh(projected + self._previous @ self.cell.weight_recurrent)  # (T, B, 4H), in the order i, f, o, g
        gates[..., : 3 * size] = 0.5 * gates[..., : 3 * size] + 0.5
        i, self._forget, o, g = np.split(gates, 4, axis=2)
        cells = i * g  # (T, B, H): c after each step
        cells[0] += self._forget[0] * initial[1]
        for t in range(1, len(cells)):
            cells[t] += self._forget[t] * cells[t - 1]
        previous_cells = np.concatenate([initial[1:], cells[:-1]])
        tanh_cells = np.tanh(cells)
        # The derivative of each gate's activation times what the gate is multiplied with; for o that of dh, else of dc.
        self._factors = np.concatenate(
            [
                g * _sigmoid_slope(i), previous_cells * _sigmoid_slope(self._forget), tanh_cells * _sigmoid_slope(o),
                i * (1 - g * g),
            ],
            axis=2,
        )  # fmt: skip
        self._cell_factor = o * (1 - tanh_cells * tanh_cells)

    def step(self, t: int, h_gradient: Array, c_gradient: Array, gates_gradient: Array) -> tuple[Array, Array]:
        c_gradient = c_gradient + h_gradient * self._cell_factor[t]
        by_gate = np.concatenate([c_gradient, c_gradient, h_gradient, c_gradient], axis=1)
        np.multiply(by_gate, self._factors[t], out=gates_gradient)
        return gates_gradient @ self.cell.weight_recurrent.T, c_gradient * self._forget[t]


class _GRUBackward(LayerBackward):
    """Backward pass of a GRU; u = W_hn h + b_hn is what the reset gate multiplies.

    da = dh ∘ (1 - z) ∘ (1 - n²)    gradient of the candidate before its tanh
    dz = dh ∘ (h - n),  dr = da ∘ u,  du = da ∘ r
    dh of the step before = dh ∘ z + W_h^T (dr ∘ r (1 - r), dz ∘ z (1 - z), du)
    """

    cell: GRUCell

    def _prepare(self, projected: Array, outputs: Array, initial: Array) -> None:
        size = self.cell.hidden
        recurrent = self._previous @ self.cell.weight_recurrent  # (T, B, 3H), in the order r, z, n
        sigmoids: Array = np.tanh(projected[..., : 2 * size] + recurrent[..., : 2 * size])
        sigmoids = 0.5 * sigmoids + 0.5
        self._reset, self._update = r, z = sigmoids[..., :size], sigmoids[..., size:]
        u = recurrent[..., 2 * size :] + self.cell.bias_candidate
        n = np.tanh(projected[..., 2 * size :] + r * u)
        candidate_factor = (1 - z) * (1 - n * n)
        # Factors of dh in the gradients of r, z and n as the input reaches them.
        self._factors = np.concatenate(
            [candidate_factor * u * _sigmoid_slope(r), (self._previous - n) * _sigmoid_slope(z), candidate_factor],
            axis=2,
        )

    def step(self, t: int, h_gradient: Array, c_gradient: Array, gates_gradient: Array) -> tuple[Array, Array]:
        np.multiply(np.concatenate([h_gradient] * 3, axis=1), self._factors[t], out=gates_gradient)
        recurrent_gradient = gates_gradient.copy()
        recurrent_gradient[:, 2 * self.cell.hidden :] *= self._reset[t]
        return h_gradient * self._update[t] + recurrent_gradient @ self.cell.weight_recurrent.T, c_gradient


class _RNNBackward(LayerBackward):
    """Backward pass of a plain RNN: da = dh ∘ φ'(a), with φ' = 1 - h'² or, for ReLU, 1 where h' > 0.

    dh of the step before = W_h^T da.
    """

    cell: RNNCell

    def _prepare(self, projected: Array, outputs: Array, initial: Array) -> None:
        self._slopes = (outputs > 0).astype(outputs.dtype) if self.cell.is_relu else 1 - outputs * outputs

    def step(self, t: int, h_gradient: Array, c_gradient: Array, gates_gradient: Array) -> tuple[Array, Array]:
        np.multiply(h_gradient, self._slopes[t], out=gates_gradient)
        return gates_gradient @ self.cell.weight_recurrent.T, c_gradient


def _sigmoid_slope(sigmoid: Array) -> Array:
    """The derivative σ'(a) = σ (1 - σ), twice that, as the cells' stored weights give a/2."""
    slope: Array = 2 * sigmoid * (1 - sigmoid)
    return slope


_BACKWARD: dict[type[RecurrentCell], type[LayerBackward]] = {
    LSTMCell: _LSTMBackward,
    GRUCell: _GRUBackward,
    RNNCell: _RNNBackward,
}
