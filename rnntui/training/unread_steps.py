"""Losses and gradient norms that stay on a GPU until several steps' are read at once."""

from __future__ import annotations

import torch
from torch import Tensor


class UnreadSteps:
    """Numbers of steps that have not been read from the device.

    To read one makes the program wait for all the work that a GPU has been given, so that the GPU then waits for the
    program: a step that reads none of its numbers is prepared while the step before it is computed.
    """

    def __init__(self) -> None:
        self._steps: list[tuple[int, Tensor, Tensor, float]] = []

    def __len__(self) -> int:
        return len(self._steps)

    def add(self, step: int, loss: Tensor, gradient_norm: Tensor, rate: float) -> None:
        """Add a step: its number from 1, its loss and gradient norm as scalars on the device, its learning rate."""
        self._steps.append((step, loss.detach(), gradient_norm.detach(), rate))

    def read(self) -> list[tuple[int, float, float, float]]:
        """Return number, loss, gradient norm and learning rate of each step, and forget them."""
        steps, self._steps = self._steps, []
        if not steps:
            return []
        scalars = [scalar for _, loss, gradient_norm, _ in steps for scalar in (loss, gradient_norm)]
        numbers = [float(number) for number in torch.stack(scalars).tolist()]  # the only wait
        return [
            (step, numbers[2 * index], numbers[2 * index + 1], rate) for index, (step, _, _, rate) in enumerate(steps)
        ]
