"""Weights by name from a weights file, each checked against the shape that config.json implies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnntui.config import RecurrentConfig
from rnntui.errors import RunError
from rnntui.inference.cells import CELL_CLASSES, Array, RecurrentCell, RNNCell, transposed
from rnntui.runs.weights_file import StoredWeight

Weights = Mapping[str, Array] | Mapping[str, StoredWeight]
"""A model's weights by name: arrays, or weights of a file, opened in the dtype in which the model computes."""


class WeightReader:
    """Reads arrays and recurrent cells from weights, which may come from anywhere and are therefore checked.

    Every method raises `RunError` where a weight is missing or of another shape.
    """

    def __init__(self, weights: Weights, dtype: type[np.floating] = np.float32) -> None:
        self._weights = weights
        self._dtype = dtype

    @property
    def nbytes(self) -> int:
        """Number of bytes of all weights, as they are stored."""
        return sum(weight.nbytes for weight in self._weights.values())

    def array(self, name: str, *shape: int) -> Array:
        """Return the weight of that name, in the reader's dtype."""
        weight = self._weight(name, *shape)
        return weight if isinstance(weight, np.ndarray) else weight.whole()

    def table(self, name: str, *shape: int) -> Array:
        """Return a weight of which rows are looked up, and then converted to the reader's dtype: in that of the file.

        Of a file of float16, it takes half the memory that it has in float32.
        """
        weight = self._checked(name, *shape)
        return weight if isinstance(weight, np.ndarray) else weight.table()

    def transposed(self, name: str, *shape: int) -> Array:
        """Return the weight of that name and shape `(K, N)` as `(N, K)`, contiguous, in the reader's dtype."""
        return transposed(self._weight(name, *shape))

    def _weight(self, name: str, *shape: int) -> Array | StoredWeight:
        """Return a weight whose rows have the reader's dtype."""
        weight = self._checked(name, *shape)
        return np.asarray(weight, self._dtype) if isinstance(weight, np.ndarray) else weight

    def _checked(self, name: str, *shape: int) -> Array | StoredWeight:
        weight = self._weights.get(name)
        if weight is None:
            raise RunError(f"{name} is missing; the weights do not belong to config.json")
        if weight.shape != shape:
            raise RunError(f"{name} has shape {weight.shape}, but config.json implies {shape}")
        return weight

    def cell(self, config: RecurrentConfig, prefix: str, layer: int, inputs: int, hidden: int) -> RecurrentCell:
        """Return one layer's cell, built from the weights `{prefix}.weight_ih_l{layer}` and so on, as torch names them.

        Args:
            config: says which cell, and for a plain RNN which nonlinearity.
            prefix: name of the torch module that the weights belong to.
            layer: index of the layer within that module.
            inputs: size I of the layer's inputs.
            hidden: hidden units H; the matrices are `(G*H, I)` and `(G*H, H)`, the biases `(G*H,)` for G gates.
        """
        cell_class = CELL_CLASSES[config.cell]
        rows = cell_class.gates * hidden
        weights = (
            self._weight(f"{prefix}.weight_ih_l{layer}", rows, inputs),
            self._weight(f"{prefix}.weight_hh_l{layer}", rows, hidden),
            self._weight(f"{prefix}.bias_ih_l{layer}", rows),
            self._weight(f"{prefix}.bias_hh_l{layer}", rows),
        )
        return RNNCell(*weights, config.nonlinearity) if cell_class is RNNCell else cell_class(*weights)
