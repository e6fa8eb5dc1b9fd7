"""One update of the weights: loss, gradient over all processes, clipping, optimizer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rnntui.training.adamw import AdamW
from rnntui.training.outer_step import OuterStep
from rnntui.training.process_group import ProcessGroup
from rnntui.training.task import Task

_CLIP_EPSILON = 1e-6  # that torch adds to the norm before it divides by it


class GradientStep:
    """Updates the weights of a task's model, step by step.

    A single process on a GPU reads no number of a step, which would wait for the GPU (`reads_later`).

    Args:
        task: Computes the loss, in a group this process's share of it.
        optimizer: Updates the weights.
        clip_grad_norm: Norm to which gradients are clipped.
        stop_requested: Asked with every step; the request of any process reaches all of them.
        outer_step: Ends rounds of steps that each process takes on its own; None for gradients that are added up.
    """

    def __init__(
        self,
        task: Task,
        optimizer: AdamW,
        clip_grad_norm: float,
        stop_requested: Callable[[], bool] = lambda: False,
        outer_step: OuterStep | None = None,
    ) -> None:
        self._task = task
        self._optimizer = optimizer
        self._clip_grad_norm = clip_grad_norm
        self._parameters = list(task.model.parameters())
        self._stop_requested = stop_requested
        group = task.hardware.group
        self._outer_step = outer_step
        is_common = group.size > 1 and outer_step is None
        self._gradients = _FlatGradients(self._parameters, group) if is_common else None
        self.reads_later = task.hardware.is_asynchronous and group.size == 1

    def stop_requested(self) -> bool:
        """Return True if this process is asked to stop, or another one was by the last step."""
        common = self._gradients or self._outer_step
        return self._stop_requested() or (common is not None and common.is_stop_requested)

    def is_clipped(self, gradient_norm: float) -> bool:
        """Return True if a gradient of this norm is clipped."""
        return gradient_norm + _CLIP_EPSILON > self._clip_grad_norm

    def run(self, rate: float, check: Callable[[Tensor, Tensor], None] | None = None) -> int:
        """Update the weights once; return the number of tokens of the whole batch.

        With `reads_later`, an update whose loss or gradient norm is not finite changes nothing. With an outer step,
        loss and gradient are those of this process's part alone.

        Args:
            rate: Learning rate.
            check: Receives two scalars on the device before the update: the mean loss of the whole batch, in nats a
                token, and the norm of the gradient before clipping. An exception that it raises prevents the update.
        """
        optimizer = self._optimizer
        for group in optimizer.param_groups:
            group["lr"] = rate * group["rate_factor"]()
        loss, tokens = self._task.loss()
        if self._outer_step is not None:
            self._outer_step.begin_round()
            loss = loss * self._task.hardware.group.size  # the mean over all processes is that of the whole batch
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self._gradients is not None:
            loss = self._gradients.add_up(loss, self._stop_requested())
        norm = torch.nn.utils.get_total_norm(p.grad for p in self._parameters if p.grad is not None)
        if check is not None:
            check(loss, norm)
        skip = (~torch.isfinite(loss.detach() + norm)).float() if self.reads_later else None
        # Where there is nothing to clip, `clip_grad_norm_` multiplies all gradients by 1: a pass over all of them.
        if self.reads_later or self.is_clipped(norm.item()):
            torch.nn.utils.clip_grads_with_norm_(self._parameters, self._clip_grad_norm, norm)
        optimizer.step(skip)
        return tokens

    def end_round(self) -> None:
        """End a round of steps that each process has taken on its own."""
        if self._outer_step is not None:
            self._outer_step.run(self._stop_requested())


class _FlatGradients:
    """Gradients of all weights in one buffer, so that a step costs one message, with the loss and stop requests.

    Args:
        parameters: The weights.
        group: The processes whose gradients are added up.
    """

    def __init__(self, parameters: list[torch.nn.Parameter], group: ProcessGroup) -> None:
        self._parameters = parameters
        self._group = group
        sizes = [parameter.numel() for parameter in parameters]
        self._buffer = torch.zeros(sum(sizes) + 2, device=parameters[0].device)
        parts = torch.split(self._buffer[:-2], sizes)
        self._views = [part.view_as(parameter) for part, parameter in zip(parts, parameters, strict=True)]
        self.is_stop_requested = False

    def add_up(self, loss: Tensor, is_stop_requested: bool) -> Tensor:
        """Replace the gradients by their sum over all processes; return that of the losses."""
        has_gradient = [parameter.grad is not None for parameter in self._parameters]
        for view, has in zip(self._views, has_gradient, strict=True):
            if not has:
                view.zero_()
        views = [view for view, has in zip(self._views, has_gradient, strict=True) if has]
        torch._foreach_copy_(views, [parameter.grad for parameter in self._parameters if parameter.grad is not None])
        self._buffer[-2] = loss.detach()
        self._buffer[-1] = float(is_stop_requested)
        self._group.add_up(self._buffer)
        for parameter, view, has in zip(self._parameters, self._views, has_gradient, strict=True):
            parameter.grad = view if has else None  # the same weights have none in all processes
        self.is_stop_requested = bool(self._buffer[-1] > 0)
        return self._buffer[-2]
