"""Backward pass of the recurrent cells in numpy: the gradient of a score with respect to the inputs of a layer.

Backpropagation through time (Werbos 1990) with the equations of `cells`, for the explanation of a classification; the
weights get no gradient. The gates of all steps are computed again from the layer's outputs in one product, so that the
forward pass need not store them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rnntui.inference.cells import Array, GRUCell, LSTMCell, RecurrentCell, RNNCell


def input_gradient(cell: RecurrentCell, inputs: Array, outputs: Array, output_gradient: Array) -> Array:
    """Return the gradient of a score with respect to a layer's inputs, `(T, B, I)`.

    Args:
        cell: one layer, one direction, which began from the zero state.
        inputs: `(T, B, I)`, in the order in which the cell read them.
        outputs: `(T, B, H)`, the h after each step.
        output_gradient: `(T, B, H)`, the gradient of the score with respect to each h as the next layer reads it,
            without what reaches it through the later steps of this layer.
    """
    previous = np.concatenate([np.zeros_like(outputs[:1]), outputs[:-1]])  # (T, B, H): h before each step
    return _BACKWARD[type(cell)](cell, inputs, previous, outputs, output_gradient)


def _lstm(cell: LSTMCell, inputs: Array, previous: Array, outputs: Array, output_gradient: Array) -> Array:
    """Backward pass of an LSTM.

    dc = dh ∘ o ∘ (1 - tanh² c') + dc of the next step ∘ its f
    do = dh ∘ tanh c',  di = dc ∘ g,  dg = dc ∘ i,  df = dc ∘ c
    dh of the step before = W_h^T (di ∘ i (1 - i), df ∘ f (1 - f), do ∘ o (1 - o), dg ∘ (1 - g²))
    """
    size = cell.hidden
    gates = np.tanh(cell.project(inputs) + previous @ cell.weight_recurrent)  # (T, B, 4H), in the order i, f, o, g
    gates[..., : 3 * size] = 0.5 * gates[..., : 3 * size] + 0.5
    i, f, o, g = np.split(gates, 4, axis=2)
    cells = i * g  # (T, B, H): c after each step
    for t in range(1, len(cells)):
        cells[t] += f[t] * cells[t - 1]
    previous_cells = np.concatenate([np.zeros_like(cells[:1]), cells[:-1]])
    tanh_cells = np.tanh(cells)
    # The derivative of each gate's activation times what the gate is multiplied with; for o that of dh, else of dc.
    factors = np.concatenate(
        [g * _sigmoid_slope(i), previous_cells * _sigmoid_slope(f), tanh_cells * _sigmoid_slope(o), i * (1 - g * g)],
        axis=2,
    )
    cell_factor = o * (1 - tanh_cells * tanh_cells)
    gates_gradient = np.empty_like(gates)
    h_gradient, c_gradient = np.zeros_like(outputs[0]), np.zeros_like(outputs[0])
    for t in range(len(outputs) - 1, -1, -1):
        h_gradient = h_gradient + output_gradient[t]
        c_gradient = c_gradient + h_gradient * cell_factor[t]
        by_gate = np.concatenate([c_gradient, c_gradient, h_gradient, c_gradient], axis=1)
        np.multiply(by_gate, factors[t], out=gates_gradient[t])
        h_gradient = gates_gradient[t] @ cell.weight_recurrent.T
        c_gradient = c_gradient * f[t]
    result: Array = gates_gradient @ cell.weight_in.T
    return result


def _gru(cell: GRUCell, inputs: Array, previous: Array, outputs: Array, output_gradient: Array) -> Array:
    """Backward pass of a GRU; u = W_hn h + b_hn is what the reset gate multiplies.

    da = dh ∘ (1 - z) ∘ (1 - n²)    gradient of the candidate before its tanh
    dz = dh ∘ (h - n),  dr = da ∘ u,  du = da ∘ r
    dh of the step before = dh ∘ z + W_h^T (dr ∘ r (1 - r), dz ∘ z (1 - z), du)
    """
    size = cell.hidden
    projected, recurrent = cell.project(inputs), previous @ cell.weight_recurrent  # (T, B, 3H), in the order r, z, n
    sigmoids: Array = np.tanh(projected[..., : 2 * size] + recurrent[..., : 2 * size])
    sigmoids = 0.5 * sigmoids + 0.5
    r, z = sigmoids[..., :size], sigmoids[..., size:]
    u = recurrent[..., 2 * size :] + cell.bias_candidate
    n = np.tanh(projected[..., 2 * size :] + r * u)
    candidate_factor = (1 - z) * (1 - n * n)
    # Factors of dh in the gradients of r, z and n as the input reaches them.
    factors = np.concatenate(
        [candidate_factor * u * _sigmoid_slope(r), (previous - n) * _sigmoid_slope(z), candidate_factor], axis=2
    )
    gates_gradient = np.empty_like(projected)
    h_gradient = np.zeros_like(outputs[0])
    for t in range(len(outputs) - 1, -1, -1):
        h_gradient = h_gradient + output_gradient[t]
        np.multiply(np.concatenate([h_gradient] * 3, axis=1), factors[t], out=gates_gradient[t])
        recurrent_gradient = gates_gradient[t].copy()
        recurrent_gradient[:, 2 * size :] *= r[t]
        h_gradient = h_gradient * z[t] + recurrent_gradient @ cell.weight_recurrent.T
    result: Array = gates_gradient @ cell.weight_in.T
    return result


def _rnn(cell: RNNCell, inputs: Array, previous: Array, outputs: Array, output_gradient: Array) -> Array:
    """Backward pass of a plain RNN: da = dh ∘ φ'(a), with φ' = 1 - h'² or, for ReLU, 1 where h' > 0.

    dh of the step before = W_h^T da.
    """
    slopes = (outputs > 0).astype(outputs.dtype) if cell.is_relu else 1 - outputs * outputs
    gradient = np.empty_like(outputs)
    h_gradient = np.zeros_like(outputs[0])
    for t in range(len(outputs) - 1, -1, -1):
        np.multiply(h_gradient + output_gradient[t], slopes[t], out=gradient[t])
        h_gradient = gradient[t] @ cell.weight_recurrent.T
    result: Array = gradient @ cell.weight_in.T
    return result


def _sigmoid_slope(sigmoid: Array) -> Array:
    """The derivative σ'(a) = σ (1 - σ), twice that, as the cells' stored weights give a/2."""
    slope: Array = 2 * sigmoid * (1 - sigmoid)
    return slope


_BACKWARD: dict[type[RecurrentCell], Callable[..., Array]] = {LSTMCell: _lstm, GRUCell: _gru, RNNCell: _rnn}
