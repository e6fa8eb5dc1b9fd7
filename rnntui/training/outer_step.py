"""Outer step of local training: processes that have each taken some steps on their own come to common weights again.

Between two outer steps the processes exchange no gradients. So a slow link carries weights and moments once in H steps,
instead of gradients in each (local SGD: Lin et al. 2020, "Don't Use Large Mini-Batches, Use Local SGD").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnntui.errors import TrainingError
from rnntui.training.adamw import AdamW
from rnntui.training.process_group import ProcessGroup

_RATE, _MOMENTUM = 0.7, 0.9  # of DiLoCo; mostly better than plain averages (SCALING.md)
_MOMENTS = ("exp_avg", "exp_avg_sq")


class OuterStep:
    """SGD with Nesterov momentum on what the processes' own steps have changed on average.

    This is DiLoCo (Douillard et al. 2023, algorithm 1), but AdamW's moments are averaged too: afterwards all processes
    have the same state, that of a single process, which one resume file keeps.

    Args:
        model: Its weights are those of the process.
        optimizer: It holds the moments.
        group: The processes.
    """

    def __init__(self, model: nn.Module, optimizer: AdamW, group: ProcessGroup) -> None:
        self._names = [name for name, _ in model.named_parameters()]
        self._parameters = list(model.parameters())
        self._weights = [parameter.detach() for parameter in self._parameters]
        self._velocity = [torch.zeros_like(weight) for weight in self._weights]
        self._common: list[Tensor] = []  # weights at the beginning of the round
        self._optimizer = optimizer
        self._group = group
        self.is_stop_requested = False

    def begin_round(self) -> None:
        """Remember the common weights, unless the round has begun."""
        if not self._common:
            self._common = [weight.clone() for weight in self._weights]

    def run(self, is_stop_requested: bool) -> None:
        """End a round: give all processes the same weights and moments.

        Args:
            is_stop_requested: True if this process is asked to stop, which all then know.

        Raises `TrainingError` in all processes if the weights of one have diverged; nothing is changed then.
        """
        self._average([*self._weights, *self._moments()], is_stop_requested)
        changes = torch._foreach_sub(self._common, self._weights)
        torch._foreach_mul_(self._velocity, _MOMENTUM)
        torch._foreach_add_(self._velocity, changes)
        torch._foreach_add_(changes, self._velocity, alpha=_MOMENTUM)
        torch._foreach_add_(self._common, changes, alpha=-_RATE)
        torch._foreach_copy_(self._weights, self._common)
        self._common = []

    def _average(self, tensors: list[Tensor], is_stop_requested: bool) -> None:
        """Replace tensors by their averages over all processes, in one message."""
        stop = torch.full((1,), float(is_stop_requested), device=tensors[0].device)
        buffer = torch.cat([tensor.flatten() for tensor in (*tensors, stop)])
        self._group.add_up(buffer)
        if not torch.isfinite(buffer).all():  # a state that is saved could not be resumed
            raise TrainingError(
                "the weights of a process are not finite after its own steps; the best model so far is kept",
                hint="start again with a lower --learning-rate, --clip-grad-norm or --local-steps",
            )
        self.is_stop_requested = bool(buffer[-1] > 0)
        buffer /= self._group.size
        parts = torch.split(buffer[:-1], [tensor.numel() for tensor in tensors])
        torch._foreach_copy_(tensors, [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)])

    def _moments(self) -> list[Tensor]:
        states = (self._optimizer.state.get(parameter, {}) for parameter in self._parameters)
        return [state[name] for state in states for name in _MOMENTS if name in state]

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of the momentum, by the names of the weights."""
        return {name: velocity.cpu().numpy().copy() for name, velocity in self._named()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Load the momentum. Raises `KeyError` where one is missing, `ValueError` where one has another shape."""
        for name, velocity in self._named():
            if arrays[name].shape != tuple(velocity.shape):  # which `copy_` would broadcast
                raise ValueError(f"the momentum of {name} has shape {arrays[name].shape}")
            velocity.copy_(torch.from_numpy(arrays[name].copy()))

    def _named(self) -> Iterator[tuple[str, Tensor]]:
        return zip(self._names, self._velocity, strict=True)
