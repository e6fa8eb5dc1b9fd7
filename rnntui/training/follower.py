"""Training of the processes other than that of rank 0: they do what it announces, and write nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

from rnntui.training.gradient_step import GradientStep
from rnntui.training.process_group import Command, ProcessLostError
from rnntui.training.training_state import TrainingState


def follow(state: TrainingState, clip_grad_norm: float, stop_requested: Callable[[], bool]) -> bool:
    """Take part in a training until rank 0 ends it; return True if it ended well, False if it was interrupted.

    Args:
        state: The model and the optimizer; their weights change as those of rank 0.
        clip_grad_norm: Norm to which gradients are clipped.
        stop_requested: Asked with every step; a request here stops all processes.

    Raises `ProcessLostError` if the training failed in another process.
    """
    task, group, threads = state.task, state.task.group, state.task.hardware.threads
    step = GradientStep(task, state.optimizer, clip_grad_norm, stop_requested)
    task.model.train()
    while True:
        command, value = group.receive()
        if command == Command.END:
            if value > 1:
                raise ProcessLostError("the training has failed in the process of rank 0, whose message says why")
            return value == 0
        if command == Command.POSITION:
            task.position()
        elif command == Command.WEIGHTS:
            group.take_over(list(task.model.parameters()))
        else:
            threads.start_step()
            began = time.perf_counter()
            tokens = step.run(value)
            threads.add_step(time.perf_counter() - began, tokens)
