"""Learning rate range test: losses of steps whose learning rate rises exponentially (Smith 2017, section 3.3).

Smith, "Cyclical Learning Rates for Training Neural Networks"; the rates rise exponentially instead of linearly, as what
counts is their order of magnitude.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from rnntui.runs.folder import RunFolder
from rnntui.training.train_run import open_task
from rnntui.training.training_state import make_optimizer

STEPS = 100
LOWEST_RATE, HIGHEST_RATE = 1e-5, 1.0
_MAX_LOSS_RATIO = 2.0  # to the first loss, from which no more is to be learned


class RangeTest(NamedTuple):
    """Learning rates and the losses after a step with each, `(N,)`, and the loss before the first step, in nats.

    The last loss is NaN or far above the first if the test ended early, as it does once training diverges.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    first_loss: float


def run_range_test(run: RunFolder, report: Callable[[float], None], steps: int) -> RangeTest:
    """Train the model of a new run for a few steps, and forget it.

    The model, the batches, the optimizer and the clipping are those of the run's training; its files stay as they are.

    Args:
        run: a run that is ready to train.
        report: receives the fraction of the steps that is done.
        steps: number of rates, at least two.

    Raises `TrainingError` if a step needs more memory than there is, or torch computes wrong numbers here.
    """
    config = run.read_config()
    task = open_task(run, config)
    optimizer = make_optimizer(task, config.training)
    parameters = list(task.model.parameters())
    rates = np.geomspace(LOWEST_RATE, HIGHEST_RATE, steps)
    losses: list[float] = []
    task.model.train()
    for index, rate in enumerate([*rates.tolist(), math.nan]):
        loss_tensor, _ = task.loss()
        losses.append(loss_tensor.item())
        report(index / steps)
        if index == steps or not losses[-1] <= _MAX_LOSS_RATIO * losses[0]:
            break
        optimizer.zero_grad()
        loss_tensor.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(parameters, config.training.clip_grad_norm)
        if not math.isfinite(norm.item()):
            break
        for group in optimizer.param_groups:
            group["lr"] = rate * group["rate_factor"]()
        optimizer.step()
    count = len(losses) - 1
    return RangeTest(rates[:count], np.array(losses[1:]), losses[0])
