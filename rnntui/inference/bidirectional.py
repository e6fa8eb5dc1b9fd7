"""Recurrent layers over a padded batch of sequences, in one direction or both.

The equations are those of `rnntui.models.encoder`: padding is not read, and the backward cell reads each sequence
reversed within its own length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from rnntui.inference.cells import Array, RecurrentCell
from rnntui.inference.numpy_language_model import Ids

# Rows (steps times sequences) whose gates are computed at a time: a long text needs no (T, G*H) array of them.
_WINDOW_ROWS = 16_384

Number = TypeVar("Number", bound=np.generic)
Projection = Callable[[slice], Array]
"""Returns the gates' part of the inputs `(T, B, G*H)` of some steps; see `RecurrentCell.project`."""


@dataclass(eq=False, repr=False)
class PaddedBatch:
    """B sequences of ids, padded to the longest, T, and sorted by length, the longest first.

    So the sequences that are still being read at a step are the first ones of the batch.

    Args:
        ids: `(T, B)`, zeros at padding.
        lengths: `(B,)`, in descending order.
        order: `(B,)`, the original index of each column.
    """

    ids: Ids
    lengths: Ids
    order: NDArray[np.intp]

    @classmethod
    def of(cls, sequences: Sequence[Ids]) -> PaddedBatch:
        """Return a batch of sequences of at least one id each."""
        lengths = np.array([len(sequence) for sequence in sequences])
        order = np.argsort(-lengths, kind="stable")
        padded = np.zeros((int(lengths.max()), len(sequences)), dtype=np.int64)
        for column, index in enumerate(order):
            padded[: lengths[index], column] = sequences[index]
        return cls(padded, lengths[order], order)

    @cached_property
    def active(self) -> list[int]:
        """The number of sequences that have a token at each of the T steps."""
        steps = np.arange(len(self.ids))
        return [int(count) for count in len(self.lengths) - np.searchsorted(self.lengths[::-1], steps, side="right")]

    @cached_property
    def padding(self) -> NDArray[np.bool_]:
        """True after the end of a sequence, `(T, B)`."""
        return np.arange(len(self.ids))[:, None] >= self.lengths

    @cached_property
    def _reversed(self) -> tuple[Ids, Ids]:
        # Positions of each sequence from its end to its start; past the start, position 0 again, which is never read.
        positions = np.maximum(self.lengths - 1 - np.arange(len(self.ids))[:, None], 0)  # (T, B)
        return positions, np.arange(len(self.lengths))

    def reverse(self, array: NDArray[Number]) -> NDArray[Number]:
        """Return an array `(T, B, ...)` with each sequence's rows in reverse order, the padding last again."""
        return array[self._reversed]

    def restore(self, rows: NDArray[Number]) -> NDArray[Number]:
        """Return an array `(B, ...)` in the original order of the sequences."""
        result = np.empty_like(rows)
        result[self.order] = rows
        return result


class LayerOutput(NamedTuple):
    """Outputs of a layer `(T, B, D)`, zeros at padding, and the final h of each direction beside each other `(B, D)`.

    The final h is that at the last token for the forward direction, at the first token for the backward one. D is the
    hidden units of both directions together.
    """

    outputs: Array
    final: Array


def run_layer(forward: RecurrentCell, backward: RecurrentCell | None, inputs: Array, batch: PaddedBatch) -> LayerOutput:
    """Run one layer.

    Args:
        forward: the cell that reads from the first token on.
        backward: the one that reads from the last token on; None for a layer of one direction.
        inputs: `(T, B, I)`.
        batch: the lengths of the sequences.
    """
    projections = [projection(forward, inputs)]
    if backward is not None:
        projections.append(projection(backward, batch.reverse(inputs)))
    return run_projected(forward, backward, projections, batch)


def run_projected(
    forward: RecurrentCell, backward: RecurrentCell | None, projections: Sequence[Projection], batch: PaddedBatch
) -> LayerOutput:
    """Run one layer whose inputs are given as projections: that of the forward cell, and that of the backward one.

    The backward cell's projection is of the reversed sequences. See `run_layer` for the other arguments.
    """
    size = forward.hidden
    outputs, final = _run_cell(forward, projections[0], batch, 1 if backward is None else 2)
    if backward is None:
        return LayerOutput(outputs, final)
    backward_outputs, backward_final = _run_cell(backward, projections[1], batch, 1)
    outputs[:, :, size:] = batch.reverse(backward_outputs)
    outputs[batch.padding] = 0.0
    return LayerOutput(outputs, np.concatenate([final, backward_final], axis=1))


def projection(cell: RecurrentCell, inputs: Array) -> Projection:
    """Return the projection of known inputs `(T, B, I)`."""
    return lambda steps: cell.project(inputs[steps])


def _run_cell(cell: RecurrentCell, project: Projection, batch: PaddedBatch, directions: int) -> tuple[Array, Array]:
    """Run a cell over a batch. Return its outputs, zeros at padding, and the final h `(B, H)`.

    A sequence that has ended keeps its last state. The outputs are `(T, B, directions * H)`: with two directions, only
    the first half is written.
    """
    steps, size = batch.ids.shape
    window = max(1, _WINDOW_ROWS // size)
    dtype = cell.weight_recurrent.dtype
    outputs = np.zeros((steps, size, directions * cell.hidden), dtype)
    state = np.zeros((cell.states, size, cell.hidden), dtype)
    next_state = np.empty_like(state)
    for start in range(0, steps, window):
        for t, gates in enumerate(project(slice(start, start + window)), start):
            active = batch.active[t]
            cell.step(gates[:active], state[:, :active], next_state[:, :active])
            next_state[:, active:] = state[:, active:]
            state, next_state = next_state, state
            outputs[t, :active, : cell.hidden] = state[0, :active]
    return outputs, state[0]
