"""AdamW without the start of torch's compiler."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim.adamw import adamw

_EPSILON = 1e-8


def can_fuse(device: torch.device) -> bool:
    """Return True if torch has a kernel for a device that updates all weights of a group."""
    return device.type in ("cpu", "cuda")


class AdamW:
    """AdamW (Loshchilov and Hutter 2019), bit for bit that of `torch.optim.AdamW`, whose step function it calls.

    torch's class imports torch's compiler with its first group of weights and in each step, though nothing here is
    compiled: 2 s of processor time at each start of a training.

    Args:
        groups: Weights that are optimized alike, each with `params`, `lr` and `weight_decay`; a training changes `lr`.
        betas: Decay rates of the averages of the gradient and of its square.
        fused: One kernel updates all weights of a group.
    """

    def __init__(self, groups: list[dict[str, Any]], betas: tuple[float, float], fused: bool) -> None:
        self.param_groups = groups
        self.betas = betas
        self.state: dict[Parameter, dict[str, Tensor]] = {}
        """Of each weight that had a gradient: `exp_avg` and `exp_avg_sq` of its shape, and the number of its steps."""
        self._fused = fused

    def zero_grad(self) -> None:
        """Drop the gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    @torch.no_grad()
    def step(self, skip: Tensor | None = None) -> None:
        """Update the weights that have gradients.

        Args:
            skip: A scalar on the device of the weights; where it is 1, nothing changes. It is not read on the host.
                Only the fused kernel takes it.
        """
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            states = [self._state_of(parameter) for parameter in parameters]
            adamw(
                parameters,
                [parameter.grad for parameter in parameters],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [],
                [state["step"] for state in states],
                fused=self._fused,
                found_inf=skip,
                amsgrad=False,
                beta1=self.betas[0],
                beta2=self.betas[1],
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=_EPSILON,
                maximize=False,
            )

    def _state_of(self, parameter: Parameter) -> dict[str, Tensor]:
        if parameter not in self.state:
            self.state[parameter] = {
                # The fused kernel counts on the device of the weights.
                "step": torch.zeros((), device=parameter.device if self._fused else "cpu"),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
        return self.state[parameter]
