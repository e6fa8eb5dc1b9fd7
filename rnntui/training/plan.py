"""Step count, evaluation interval and learning rate schedule of a run.

A budget of steps or epochs gives the number of steps directly. A budget of minutes is converted to steps once the
first steps have been timed; the number is stored with the run, so that the schedule ends with the budget and a resumed
run keeps to it. Where the machine turns out faster or slower by more than 3 %, the remaining steps are planned again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from rnntui.config import DEFAULT_MINUTES, Budget, TrainerConfig

_UNTIMED_STEPS = 3  # the first steps set up kernels and caches
_TOLERANCE = 0.03  # relative error of the predicted end that triggers a new plan
_LAST_REPLAN = 0.9  # past this fraction of the budget the step count is final
_EVALUATION_SHARE = 0.04  # fraction of a time budget that evaluations may take


@dataclass
class StepTimer:
    """Durations in seconds, measured in this process: steps, an evaluation during training, the final evaluation."""

    evaluation_seconds: float = 0.0
    final_seconds: float = 0.0
    _cumulative: list[float] = field(default_factory=lambda: [0.0])  # running sum over the timed steps
    _steps_to_skip: int = _UNTIMED_STEPS

    def add(self, seconds: float) -> None:
        """Add the duration of one more step."""
        if self._steps_to_skip:
            self._steps_to_skip -= 1
        else:
            self._cumulative.append(self._cumulative[-1] + seconds)

    @property
    def step_seconds(self) -> float:
        """Mean over the later half of the steps: the current speed of the machine, stalls included. 0 if unknown."""
        timed = len(self._cumulative) - 1
        start = timed // 2
        return (self._cumulative[-1] - self._cumulative[start]) / max(1, timed - start)

    @property
    def is_reliable(self) -> bool:
        """True once enough steps were timed to plan by."""
        return len(self._cumulative) > 10 or self._cumulative[-1] > 2.0


@dataclass
class StepPlan:
    """Number of `steps` in all, None while unknown, with an evaluation after every `every` of them."""

    steps: int | None = None
    every: int = 0

    def is_evaluation(self, step: int) -> bool:
        """Return True if the run evaluates after `step` steps."""
        return self.steps is not None and (step == self.steps or step % self.every == 0)


class StepPlanner:
    """Derives the plan from the budget, and corrects it by the clock."""

    def __init__(self, budget: Budget, config: TrainerConfig, steps_per_epoch: float) -> None:
        self._evaluations = config.evaluations
        self.plan = StepPlan()
        self._budget_seconds: float | None = None
        self._planned_at = 0.0
        if budget.steps is not None:
            self._set_plan(budget.steps, config.evaluations)
        elif budget.epochs is not None:
            self._set_plan(max(1, math.ceil(budget.epochs * steps_per_epoch)), config.evaluations)
        else:
            self._budget_seconds = 60.0 * (budget.minutes or DEFAULT_MINUTES)

    def is_spent(self, step: int, seconds: float) -> bool:
        """Return True if the budget is used up after `step` steps and `seconds` of training."""
        if self.plan.steps is not None:
            return step >= self.plan.steps
        return self._budget_seconds is not None and seconds >= self._budget_seconds

    def keep(self, plan: StepPlan) -> None:
        """Adopt the plan of a resumed run; if its step count is known, the clock no longer changes it."""
        if plan.steps is not None:
            self.plan, self._budget_seconds = plan, None

    def update(self, step: int, seconds: float, timer: StepTimer) -> None:
        """Make or correct the plan of a time budget after `step` steps and `seconds` of training."""
        if self._budget_seconds is None or not timer.is_reliable:
            return
        if self.plan.steps is None:
            self._replan(step, seconds, timer)
        elif self._planned_at + 0.05 * self._budget_seconds < seconds < _LAST_REPLAN * self._budget_seconds:
            predicted_end = seconds + self._predict(self.plan.steps - step, timer)
            if abs(predicted_end - self._budget_seconds) > _TOLERANCE * self._budget_seconds:
                self._replan(step, seconds, timer)

    def seconds_left(self, step: int, timer: StepTimer) -> float | None:
        """Predict the training time that remains after `step` steps, in seconds; None while it is unknown."""
        if self.plan.steps is None or not timer.step_seconds:
            return None
        return self._predict(self.plan.steps - step, timer)

    def _predict(self, steps_left: int, timer: StepTimer) -> float:
        evaluations_left = steps_left / self.plan.every
        return steps_left * timer.step_seconds + evaluations_left * timer.evaluation_seconds + timer.final_seconds

    def _replan(self, step: int, seconds: float, timer: StepTimer) -> None:
        assert self._budget_seconds is not None
        evaluations = self._evaluations
        if timer.evaluation_seconds:
            evaluations = min(evaluations, int(_EVALUATION_SHARE * self._budget_seconds / timer.evaluation_seconds))
        evaluations = max(3, evaluations)
        seconds_left = self._budget_seconds - seconds - timer.final_seconds
        seconds_left -= evaluations * timer.evaluation_seconds * max(0.0, seconds_left / self._budget_seconds)
        self._set_plan(step + max(1, int(seconds_left / max(timer.step_seconds, 1e-9))), evaluations)
        self._planned_at = seconds

    def _set_plan(self, steps: int, evaluations: int) -> None:
        self.plan = StepPlan(steps, max(1, math.ceil(steps / evaluations)))


def learning_rate(step: int, steps: int | None, peak: float, warmup: int) -> float:
    """Return the learning rate of a step: linear warm-up, then half a cosine to zero (Loshchilov and Hutter 2017).

    Args:
        step: Index of the step, from 0.
        steps: Number of steps in all; None until a time budget has fixed it, when the run is still at its start.
        peak: Learning rate at the end of the warm-up.
        warmup: Steps of warm-up, at most a fifth of the run.
    """
    warmup_steps = warmup if steps is None else min(warmup, steps // 5)
    warmup_factor = min(1.0, (step + 1) / (warmup_steps + 1))
    decay = 1.0 if steps is None else 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / steps)))
    return peak * warmup_factor * decay
