"""Training of the processes other than that of rank 0: they do what it announces, and write nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from rnntui.config import FINAL_EVALUATION_FACTOR, TrainerConfig
from rnntui.training.evaluation import EvaluationMonitor
from rnntui.training.gradient_step import GradientStep
from rnntui.training.process_group import Command, ProcessGroup, ProcessLostError, TrainingEndedError
from rnntui.training.training_state import TrainingState


def follow(state: TrainingState, config: TrainerConfig, stop_requested: Callable[[], bool]) -> bool:
    """Take part in a training until rank 0 ends it; return True if it ended well, False if it was interrupted.

    Args:
        state: The model and the optimizer; their weights change as those of rank 0.
        config: Settings of the loop.
        stop_requested: Asked with every step; a request here stops all processes.

    Raises `ProcessLostError` if the training failed in another process.
    """
    step = GradientStep(state.task, state.optimizer, config.clip_grad_norm, stop_requested, state.outer_step)
    state.task.model.train()
    try:
        while True:
            _do_next(state, step, config.eval_tokens)
    except TrainingEndedError as end:
        if end.code > 1:
            raise ProcessLostError("the training has failed in the process of rank 0, whose message says why") from end
        return end.code == 0


def _do_next(state: TrainingState, step: GradientStep, eval_tokens: int) -> None:
    """Do what rank 0 announces. Raises `TrainingEndedError` if that is the end of the training."""
    task, group, threads = state.task, state.task.hardware.group, state.task.hardware.threads
    command, value = group.receive()
    if command == Command.POSITION:
        task.position()
    elif command == Command.WEIGHTS:
        group.take_over(list(task.model.parameters()))
    elif command == Command.LIMIT_EVALUATION:
        task.limit_evaluation(eval_tokens, value)
    elif command == Command.EVALUATE:
        task.evaluate(eval_tokens, _monitor(group))
    elif command == Command.EVALUATE_FINALLY:
        task.final_evaluation(FINAL_EVALUATION_FACTOR * eval_tokens, _monitor(group, value))
    elif command == Command.OUTER_STEP:
        step.end_round()
    else:
        threads.start_step()
        began = time.perf_counter()
        tokens = step.run(value)
        threads.add_step(time.perf_counter() - began, tokens)


def _monitor(group: ProcessGroup, seconds: float = math.inf) -> EvaluationMonitor:
    """Return the monitor of this process's part of an evaluation, which ends after some seconds or when rank 0 says."""
    end = time.perf_counter() + seconds
    return EvaluationMonitor(lambda: end - time.perf_counter(), lambda fraction: group.check_ended())
