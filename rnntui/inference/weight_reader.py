"""Weights by name from a weights file, each checked against the shape that config.json implies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from rnntui.config import RecurrentConfig
from rnntui.errors import RunError
from rnntui.inference.cells import CELL_CLASSES, Array, RecurrentCell, RNNCell


@contextmanager
def weights_of_file(path: Path) -> Iterator[None]:
    """Name the weights file in every `RunError` that is raised inside, where a model is built from its weights."""
    try:
        yield
    except RunError as error:
        raise RunError(f"{path}: {error}") from error


class WeightReader:
    """Reads arrays and recurrent cells from weights, which may come from anywhere and are therefore checked.

    Every method raises `RunError` where a weight is missing or of another shape.
    """

    def __init__(self, weights: Mapping[str, Array], dtype: type[np.floating] = np.float32) -> None:
        self._weights = weights
        self._dtype = dtype

    def array(self, name: str, *shape: int) -> Array:
        """Return the weight of that name, in the reader's dtype."""
        weight = self._weights.get(name)
        if weight is None:
            raise RunError(f"{name} is missing; the weights do not belong to config.json")
        if weight.shape != shape:
            raise RunError(f"{name} has shape {weight.shape}, but config.json implies {shape}")
        return np.asarray(weight, dtype=self._dtype)

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
            self.array(f"{prefix}.weight_ih_l{layer}", rows, inputs),
            self.array(f"{prefix}.weight_hh_l{layer}", rows, hidden),
            self.array(f"{prefix}.bias_ih_l{layer}", rows),
            self.array(f"{prefix}.bias_hh_l{layer}", rows),
        )
        return RNNCell(*weights, config.nonlinearity) if cell_class is RNNCell else cell_class(*weights)
