"""Exponential moving average of a model's weights (Polyak and Juditsky 1992), updated while the weights are trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

_INTERVAL = 4  # steps between updates: every step would take 2% of the default model's time
_DENSE_STEPS = 32  # so many first steps each update the average, as the weights move far


class WeightAverage:
    """Average of the weights of a model, in memory of its own.

    After step t an average with decay d has moved by 1 - min(d, (1 + t) / (10 + t)) of the way to the weights, so that
    it spans at most about a ninth of the training so far: random initial weights are soon forgotten, and a short
    training is averaged over its end alone.

    Args:
        model: The model whose weights are averaged; the average begins as a copy of them.
        decay: Decay for each step, in [0, 1).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._names = [name for name, _ in model.named_parameters()]
        self._weights = [parameter.detach() for parameter in model.parameters()]
        self._averages = [weight.clone() for weight in self._weights]
        self._decay = decay

    def update(self, step: int, steps: int = 1) -> None:
        """Move the average towards the weights.

        Args:
            step: Number of steps that have changed the weights.
            steps: Number of them since the weights before, where those between are not to be averaged.
        """
        interval = steps if steps > 1 else 1 if step <= _DENSE_STEPS else _INTERVAL
        if steps > 1 or step % interval == 0:
            decay = min(self._decay, (1 + step) / (10 + step)) ** interval
            torch._foreach_lerp_(self._averages, self._weights, 1 - decay)

    @contextmanager
    def in_model(self) -> Iterator[None]:
        """Exchange the model's weights for the average inside; afterwards the weights are back, bit for bit."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        # Values, not tensors: kernels may hold on to the memory of the weights.
        for weight, average in zip(self._weights, self._averages, strict=True):
            previous = weight.clone()
            weight.copy_(average)
            average.copy_(previous)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of the averages, by the names of the weights."""
        return {name: a.to("cpu", torch.float32).numpy().copy() for name, a in self._named()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Load averages. Raises `KeyError` where one is missing, `ValueError` where one has another shape."""
        for name, average in self._named():
            array = arrays[name]
            if array.shape != tuple(average.shape):  # which `copy_` would broadcast
                raise ValueError(f"the average of {name} has shape {array.shape}, the model {tuple(average.shape)}")
            average.copy_(torch.from_numpy(array.copy()))

    def _named(self) -> Iterator[tuple[str, torch.Tensor]]:
        return zip(self._names, self._averages, strict=True)
