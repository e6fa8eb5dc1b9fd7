"""Layers of the models as ONNX nodes: embeddings, matrix products, recurrent layers; in float32 or with int8 weights.

In float32, recurrent layers are ONNX's own operators `LSTM`, `GRU` and `RNN`, whose time and batch axes are free. With
int8 weights they are a `Scan` over steps of the equations in `rnntui.inference.cells`, whose products are those of
`rnntui.inference.quantization`: integers from -127 to 127 with a scale for each column and each row of inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rnntui.config import Cell, RecurrentConfig
from rnntui.exporting.graph_builder import GraphBuilder, Value
from rnntui.inference.cells import CELL_CLASSES, Array
from rnntui.inference.integer_kernels import MAX_INPUT
from rnntui.inference.quantization import quantize_to_int8

# The blocks of H rows of torch's weights, in the order of ONNX: input, output, forget, cell; update, reset, hidden.
_ONNX_ORDER: dict[Cell, tuple[int, ...]] = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "rnn": (0,)}
_ZERO_POINT = 128  # of integers that are stored unsigned, which every processor multiplies exactly
_TINY = np.float32(1e-30)  # instead of a largest value of 0


class CellWeights(NamedTuple):
    """The weights of a recurrent layer in one direction: `(G*H, I)`, `(G*H, H)`, and two biases `(G*H,)`."""

    weight_ih: Array
    weight_hh: Array
    bias_ih: Array
    bias_hh: Array

    @classmethod
    def of(cls, weights: Mapping[str, Array], prefix: str, layer: int = 0) -> CellWeights:
        """Return those of a layer of a torch module, by its name and its index within the module."""
        return cls(*(weights[f"{prefix}.{name}_l{layer}"] for name in cls._fields))


class Steps(NamedTuple):
    """What a recurrent layer reads.

    Args:
        inputs: `(T, B, I)`.
        state: its C components before the first step, `(directions, B, H)` each; None for zeros.
        lengths: `(B,)` in int64, for sequences of several lengths; None if all have T steps.
    """

    inputs: Value
    state: Sequence[Value] | None = None
    lengths: Value | None = None


@dataclass(frozen=True)
class GraphLayers:
    """Makes the layers of one graph.

    Args:
        builder: the graph.
        is_int8: True for weights of 8 bits.
    """

    builder: GraphBuilder
    is_int8: bool = False

    def embedding(self, table: Array, rows: Value) -> Value:
        """Return the rows `(..., E)` of a table `(V, E)`; `rows (...)`."""
        builder = self.builder
        if not self.is_int8:
            return builder.node("Gather", builder.constant(table), rows, axis=0)
        integers, scales = quantize_to_int8(table.T)
        values = builder.node("Gather", builder.constant(np.ascontiguousarray(integers.T)), rows, axis=0)
        return values.cast(np.float32) * builder.node("Gather", builder.constant(scales[:, None]), rows, axis=0)

    def linear(self, inputs: Value, weights: Array, is_bounded: bool = False) -> Value:
        """Return the product `(..., N)` of inputs `(..., K)` and weights `(K, N)`.

        Inputs between -1 and 1 are `is_bounded`: with int8 weights, they all have the same scale.
        """
        builder = inputs.builder
        if not self.is_int8:
            return inputs @ builder.constant(weights)
        integers, scales = quantize_to_int8(weights)
        row_scales: Any = np.float32(1 / MAX_INPUT)
        if not is_bounded:
            largest = builder.node("ReduceMax", builder.node("Abs", inputs), builder.constant([-1]))
            row_scales = builder.node("Max", largest, builder.constant(_TINY)) / MAX_INPUT
        rounded = builder.node("Round", inputs / row_scales) + _ZERO_POINT
        zero_point = builder.constant(np.uint8(_ZERO_POINT))
        unsigned = builder.constant((integers.astype(np.int16) + _ZERO_POINT).astype(np.uint8))
        product = builder.node(
            "MatMulInteger", rounded.cast(np.uint8), unsigned, zero_point, zero_point, dtype=np.int32
        ).cast(np.float32)
        return product * builder.constant(scales) * row_scales  # type: ignore[no-any-return]

    def output(self, inputs: Value, weights: Array, is_bounded: bool = False) -> Value:
        """Return the product `(..., V)` of inputs `(..., E)` and the transpose of weights `(V, E)`.

        Those of a tied output layer are stored once, with the embedding.
        """
        if self.is_int8:
            return self.linear(inputs, weights.T, is_bounded)
        return inputs @ self.builder.constant(weights).transpose(1, 0)

    def recurrent(
        self, cells: Sequence[CellWeights], config: RecurrentConfig, steps: Steps
    ) -> tuple[Value, list[Value]]:
        """Return the outputs `(T, B, directions * H)`, zeros at padding, and the final state as in `Steps.state`.

        Args:
            cells: the forward one and, in a layer of both directions, the backward one.
            config: says which cell, and for a plain RNN which nonlinearity.
            steps: the inputs.
        """
        if not self.is_int8:
            return self._operator(cells, config, steps)
        results = [self._scan(cell, config, steps, index) for index, cell in enumerate(cells)]
        outputs = self.builder.concat([outputs for outputs, _ in results], 2)
        components = zip(*(state for _, state in results), strict=True)
        return outputs, [self.builder.concat(directions, 0) for directions in components]

    def _operator(
        self, cells: Sequence[CellWeights], config: RecurrentConfig, steps: Steps
    ) -> tuple[Value, list[Value]]:
        """Run a layer by an operator of ONNX."""
        builder, hidden = self.builder, cells[0].weight_hh.shape[1]
        weights = [
            np.stack(
                [np.concatenate([_in_onnx_order(array, config.cell) for array in arrays]) for arrays in directions]
            )
            for directions in (
                [(cell.weight_ih,) for cell in cells],
                [(cell.weight_hh,) for cell in cells],
                [(cell.bias_ih, cell.bias_hh) for cell in cells],
            )
        ]
        attributes: dict[str, Any] = {"hidden_size": hidden}
        if len(cells) > 1:
            attributes["direction"] = "bidirectional"
        if config.cell == "gru":
            attributes["linear_before_reset"] = 1  # the reset gate is applied after the matrix
        if config.cell == "rnn":
            attributes["activations"] = [config.nonlinearity.capitalize()] * len(cells)
        states = CELL_CLASSES[config.cell].states
        lengths = None if steps.lengths is None else steps.lengths.cast(np.int32)
        initial = list(steps.state) if steps.state is not None else [None] * states
        outputs, *final = builder.nodes(
            config.cell.upper(),
            steps.inputs,
            *map(builder.constant, weights),
            *([lengths, *initial] if lengths is not None or steps.state is not None else []),
            count=1 + states,
            **attributes,
        )  # outputs (T, directions, B, H)
        return outputs.transpose(0, 2, 1, 3).reshape(0, 0, len(cells) * hidden), final

    def _scan(
        self, cell: CellWeights, config: RecurrentConfig, steps: Steps, direction: int
    ) -> tuple[Value, list[Value]]:
        """Run one direction by steps of its equations; direction 1 is the backward one."""
        builder, hidden = self.builder, cell.weight_hh.shape[1]
        is_relu = config.cell == "rnn" and config.nonlinearity == "relu"
        projected = self.linear(steps.inputs, cell.weight_ih.T) + builder.constant(cell.bias_ih)  # (T, B, G*H)
        if direction:
            projected = _reversed(projected, steps)
        batch = steps.inputs.size(1)
        count = CELL_CLASSES[config.cell].states
        zeros = builder.node(
            "Expand", builder.constant(np.float32(0)), builder.concat([batch, builder.constant([hidden])], 0)
        )
        initial = [zeros] * count if steps.state is None else [value[direction] for value in steps.state]
        body = GraphBuilder(f"{projected.name}_steps", builder)
        state = [body.input(f"state_{index}", np.float32, "batch", hidden) for index in range(count)]
        gates = body.input("gates", np.float32, "batch", len(cell.bias_ih))
        new = _new_state(config, gates, self.linear(state[0], cell.weight_hh.T, not is_relu), cell.bias_hh, state)
        scanned, output = [projected], new[0]
        if steps.lengths is not None:
            is_inside = body.input("is_inside", np.bool_, "batch", 1)
            scanned.append(_inside(projected, steps.lengths))
            output = new[0] * is_inside.cast(np.float32)
            new = [body.where(is_inside, value, old) for value, old in zip(new, state, strict=True)]
        for index, value in enumerate(new):
            body.output(f"new_state_{index}", value, "batch", hidden)
        body.output("output", output, "batch", hidden)
        *final, outputs = builder.nodes(
            "Scan", *initial, *scanned, count=count + 1, body=body.graph(), num_scan_inputs=len(scanned)
        )
        return _reversed(outputs, steps) if direction else outputs, [value.expand(0) for value in final]


def _new_state(
    config: RecurrentConfig, gates: Value, recurrent: Value, bias: Array, state: Sequence[Value]
) -> list[Value]:
    """Return the state after a step.

    Args:
        config: says which cell.
        gates: the inputs' part of the gates, `(B, G*H)`.
        recurrent: the product of h and the recurrent weights, `(B, G*H)`.
        bias: of the recurrent weights, `(G*H,)`.
        state: the state before, C of `(B, H)`.
    """
    body, hidden = gates.builder, len(bias) // CELL_CLASSES[config.cell].gates
    recurrent = recurrent + body.constant(bias)

    def gate(value: Value, index: int) -> Value:
        return value.take(slice(index * hidden, (index + 1) * hidden), 1)

    if config.cell == "lstm":
        total = gates + recurrent
        inputs, forget, output = (body.node("Sigmoid", gate(total, index)) for index in (0, 1, 3))
        cell_state = forget * state[1] + inputs * body.node("Tanh", gate(total, 2))
        return [output * body.node("Tanh", cell_state), cell_state]
    if config.cell == "gru":
        reset, update = (body.node("Sigmoid", gate(gates, index) + gate(recurrent, index)) for index in (0, 1))
        candidate = body.node("Tanh", gate(gates, 2) + reset * gate(recurrent, 2))
        return [candidate + update * (state[0] - candidate)]
    return [body.node(config.nonlinearity.capitalize(), gates + recurrent)]


def _in_onnx_order(array: Array, cell: Cell) -> Array:
    """Return a layer's weights or bias `(G*H, ...)` with the gates in ONNX's order."""
    order = _ONNX_ORDER[cell]
    return np.concatenate([np.split(array, len(order))[index] for index in order])


def _reversed(values: Value, steps: Steps) -> Value:
    """Return `(T, B, ...)` with each sequence reversed within its own length."""
    assert steps.lengths is not None
    return values.builder.node("ReverseSequence", values, steps.lengths, batch_axis=1, time_axis=0)


def _inside(values: Value, lengths: Value) -> Value:
    """Return where sequences `(T, B, ...)` have a token, `(T, B, 1)`."""
    return positions(values, 0).expand(1, 2).less(lengths.expand(0, 2))


def positions(values: Value, axis: int) -> Value:
    """Return 0, 1, 2, ... along an axis, `(T,)`."""
    builder = values.builder
    return builder.node("Range", builder.constant(0), values.size(axis).squeeze(0), builder.constant(1))
