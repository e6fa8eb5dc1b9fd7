"""State of a training: model, optimizer, progress and plan, new or as the resume file keeps them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnntui.config import Budget, TrainerConfig
from rnntui.errors import RunError
from rnntui.runs.belonging import REPAIRED
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_file import load_weights
from rnntui.runs.weights_header import read_weights_header
from rnntui.training.adamw import AdamW, can_fuse
from rnntui.training.evaluation_share import LOSS_SHARE, TRANSLATION_SHARE
from rnntui.training.outer_step import OuterStep
from rnntui.training.plan import StepPlanner
from rnntui.training.progress import TrainingProgress
from rnntui.training.resume import load_state, save_state
from rnntui.training.task import Task
from rnntui.training.weight_average import WeightAverage


@dataclass(frozen=True)
class TrainingState:
    """Everything that training changes; `task` holds the model and the position in the data.

    Args:
        task: Model and data.
        optimizer: It holds the moments of the gradients.
        average: Average of the model's weights; None if the settings ask for none.
        outer_step: Ends rounds of local steps; None if the settings ask for none.
        progress: Counters and the best weights so far.
        planner: Step count and schedule.
    """

    task: Task
    optimizer: AdamW
    average: WeightAverage | None
    outer_step: OuterStep | None
    progress: TrainingProgress
    planner: StepPlanner

    @classmethod
    def initial(cls, task: Task, config: TrainerConfig, budget: Budget) -> TrainingState:
        """Return the state before the first step."""
        planner = StepPlanner(budget, config, task.steps_per_epoch)
        optimizer, average = make_optimizer(task, config), _make_average(task, config)
        outer_step = _make_outer_step(task, optimizer, config)
        return cls(task, optimizer, average, outer_step, TrainingProgress(budget=budget), planner)

    @classmethod
    def resumed(cls, task: Task, config: TrainerConfig, run: RunFolder, budget: Budget | None) -> TrainingState:
        """Load the state that a run saved, and with it the random generators.

        Args:
            task: Task of the run; its weights and its position are replaced.
            config: Settings of the optimizer and of the plan.
            run: The run to resume.
            budget: New budget for the whole run, finished steps included; None keeps the one that was saved.

        Raises `RunError` if the resume file is broken.
        """
        optimizer, average = make_optimizer(task, config), _make_average(task, config)
        outer_step = _make_outer_step(task, optimizer, config)
        progress = load_state(run.resume_file, task, optimizer, average, outer_step)
        if progress.best_loss is not None and not progress.evaluation_shares:  # of a version that always read all
            progress.evaluation_shares = {LOSS_SHARE: 1.0, TRANSLATION_SHARE: 1.0}
        task.evaluation_shares = dict(progress.evaluation_shares)
        status = run.read_status()
        if status.state == "done":  # the final evaluation took time after the last save
            progress.seconds = max(progress.seconds, status.seconds)
        if not _has_best_weights(run):
            progress.best_loss = None  # the best weights are lost, so the next ones are the best
        if budget is not None:
            progress.budget, progress.reason, progress.stale_checks = budget, "", 0
        planner = StepPlanner(progress.budget, config, task.steps_per_epoch)
        if budget is None:
            planner.keep(progress.plan)
        else:
            planner.extend(progress)
        progress.plan = planner.plan
        return cls(task, optimizer, average, outer_step, progress, planner)

    @property
    def is_over(self) -> bool:
        """True if no step is left to do; the final evaluation may still be due."""
        progress = self.progress
        return bool(progress.reason) or self.planner.is_spent(progress)

    def save(self, path: Path) -> None:
        """Write the whole state to the resume file."""
        save_state(path, self.task, self.optimizer, self.average, self.outer_step, self.progress)

    def update_average(self, steps: int = 1) -> None:
        """Count the weights after a round of steps in their average, if there is one."""
        if self.average is not None:
            self.average.update(self.progress.step, steps)

    def averaged_weights(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which the model has the average of its weights, if there is one."""
        return contextlib.nullcontext() if self.average is None else self.average.in_model()


def make_optimizer(task: Task, config: TrainerConfig) -> AdamW:
    """Return AdamW over the task's model, without weight decay on biases."""
    groups: list[dict[str, Any]] = []
    for group in task.parameter_groups():
        decay = config.weight_decay if group.weight_decay is None else group.weight_decay
        matrices = [p for p in group.parameters if p.dim() > 1]
        biases = [p for p in group.parameters if p.dim() <= 1]
        for parameters, weight_decay in ((matrices, decay), (biases, 0.0)):
            if parameters:
                values = {"lr": config.learning_rate, "weight_decay": weight_decay, "rate_factor": group.rate_factor}
                groups.append({"params": parameters, **values})
    return AdamW(groups, (0.9, config.adam_beta2), can_fuse(task.hardware.device))


def _make_average(task: Task, config: TrainerConfig) -> WeightAverage | None:
    return WeightAverage(task.model, config.weight_average) if config.weight_average else None


def _make_outer_step(task: Task, optimizer: AdamW, config: TrainerConfig) -> OuterStep | None:
    return OuterStep(task.model, optimizer, task.hardware.group) if config.local_steps > 1 else None


def _has_best_weights(run: RunFolder) -> bool:
    """Return True if the weights of a run are those of its best evaluation, and not lost or replaced by a repair."""
    try:
        load_weights(run.weights_file)
    except RunError:
        return False
    header = read_weights_header(run.weights_file)
    return header is not None and REPAIRED not in header.metadata
