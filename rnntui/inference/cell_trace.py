"""Trace of a recurrent layer: its inputs and states at every step of a text, and the gates computed from them.

Reading a text records states alone, as generation and scoring would do it; the gates of all steps are computed from
them afterwards in one product, so that no step of the model has to store them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnntui.inference.cells import Array, RecurrentCell

_WINDOW = 1024  # rows of steps and texts whose gates are computed at a time


@dataclass(frozen=True)
class LayerTrace:
    """One layer's way through a text of T steps.

    Args:
        cell: the layer.
        inputs: `(T, B, I)`, what it read at each step.
        states: `(T + 1, C, B, H)`, the state before the first step and after each.
    """

    cell: RecurrentCell
    inputs: Array
    states: Array

    @property
    def outputs(self) -> Array:
        """The hidden state h after each step, `(T, B, H)`; a view."""
        return self.states[1:, 0]

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of what `values` returns: the states, then the gates."""
        return quantity_names(self.cell)

    def projected(self) -> Array:
        """Return the inputs' part of the gates at each step, `(T, B, G*H)`."""
        steps, batch = self.inputs.shape[:2]
        # In rows, as numpy multiplies an array of three dimensions in many small products.
        return self.cell.project(self.inputs.reshape(steps * batch, -1)).reshape(steps, batch, -1)

    def values(self, quantity: str) -> Array:
        """Return a state after each step, or a gate at each step, `(T, B, H)`. Raises `KeyError` for another name."""
        names = self.cell.state_names
        return self.states[1:, names.index(quantity)] if quantity in names else self.gates((quantity,))[quantity]

    def gates(self, names: Sequence[str]) -> dict[str, Array]:
        """Return gates at each step, `(T, B, H)` each, by name; all of them cost no more than one."""
        cell, (steps, batch, size) = self.cell, self.outputs.shape
        blocks = {name: cell.gate_names.index(name) for name in names if name in cell.gate_names}
        results = {name: np.empty((steps * batch, size), dtype=self.outputs.dtype) for name in blocks}
        if len(blocks) < len(names):
            raise KeyError(", ".join(set(names) - set(blocks)))
        inputs = self.inputs.reshape(steps * batch, -1)
        hidden = self.states[:-1, 0]
        window = max(1, _WINDOW // batch)
        for start in range(0, steps, window):
            rows = slice(start * batch, min(start + window, steps) * batch)
            values = cell.gate_values(cell.project(inputs[rows]), hidden[start : start + window].reshape(-1, size))
            for name, block in blocks.items():
                results[name][rows] = values[:, block * size : (block + 1) * size]
        return {name: result.reshape(steps, batch, size) for name, result in results.items()}


def quantity_names(cell: RecurrentCell) -> tuple[str, ...]:
    """Return the names of a cell's states and gates, as its equations have them."""
    return (*cell.state_names, *cell.gate_names)
