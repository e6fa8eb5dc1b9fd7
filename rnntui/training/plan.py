"""Step count, evaluation interval and learning rate schedule of a run.

A budget of steps or epochs gives the number of steps directly. A budget of minutes is converted to steps once the
first steps have been timed. From then on the clock is asked after every step: where the run would end too early or too
late, the rest of the schedule is spread over the time that is left, so that the learning rate reaches its end when the
budget does. The plan is stored with the run, and at once when it changes, so that a resumed run keeps to it.
"""

from __future__ import annotations

import itertools
import math
import statistics
import sys
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from rnntui.config import DEFAULT_MINUTES, Budget, TrainerConfig

_UNTIMED_STEPS = 3  # the first steps set up kernels and caches
_TIMED_STEPS, _TIMED_SECONDS = 10, 2.0  # either is enough to plan by
_MIN_FIRST_STEPS = 50  # of a plan by fewer timed steps than that
_LATEST_PLAN = 0.25  # fraction of a time budget by which there is a plan, however little was timed
_WINDOW_SECONDS, _WINDOW_STEPS = 10.0, 8  # of the present speed: the longer one
_STALL = 4.0  # a step counts as at most so many average ones: a stall says nothing about the speed after it
_TOLERANCE = 0.05  # of the time left: error of the predicted end that triggers a new plan
_MIN_TOLERANCE = 0.01  # of the budget, or 1 second if that is more
_MIN_TOLERANCE_SECONDS = 1.0
_EVALUATION_SHARE = 0.04  # fraction of the time that evaluations may take
_MIN_EVALUATIONS = 3
_LONGEST_EVALUATION, _LONGEST_FINAL = 0.05, 0.2  # fractions of a time budget; what would take longer reads less
_PROMISED, _PROMISED_SECONDS = 0.03, 3.0  # how late a run may end: a fraction of its budget, or seconds if more


class StepTimer:
    """Durations in seconds: steps, an evaluation during training, the final evaluation, a save.

    Steps are measured in this process; the others may come from an earlier process of the same run.
    """

    def __init__(self, evaluation_seconds: float = 0.0, final_seconds: float = 0.0) -> None:
        self.evaluation_seconds = evaluation_seconds
        self.final_seconds = final_seconds
        self.save_seconds = 0.0
        self._recent: deque[float] = deque()
        self._recent_sum = 0.0
        self.steps, self.seconds = 0, 0.0  # all in this process
        self._timed_seconds = 0.0
        self._fastest_untimed = 0.0

    def add(self, seconds: float) -> None:
        """Add the duration of one more step."""
        self.steps += 1
        self.seconds += seconds
        if self.steps <= _UNTIMED_STEPS:
            self._fastest_untimed = min(seconds, self._fastest_untimed or seconds)
            return
        self._timed_seconds += seconds
        if len(self._recent) >= _WINDOW_STEPS:
            seconds = min(seconds, _STALL * self.step_seconds)
        self._recent.append(seconds)
        self._recent_sum += seconds
        if len(self._recent) == _WINDOW_STEPS:
            longest = _STALL * statistics.median(self._recent)
            self._recent = deque(min(seconds, longest) for seconds in self._recent)
            self._recent_sum = sum(self._recent)
        while len(self._recent) > _WINDOW_STEPS and self._recent_sum - self._recent[0] > _WINDOW_SECONDS:
            self._recent_sum -= self._recent.popleft()

    @property
    def step_seconds(self) -> float:
        """Mean over the last steps, or median of the first ones: the present speed of the machine. 0 if unknown."""
        if len(self._recent) > _TIMED_STEPS:
            return max(0.0, self._recent_sum) / len(self._recent)
        return statistics.median(self._recent) if self._recent else self._fastest_untimed

    @property
    def fastest_step(self) -> float:
        """The shortest of the last few steps: how fast the machine may have become."""
        return min(itertools.islice(reversed(self._recent), _WINDOW_STEPS), default=self.step_seconds)

    @property
    def is_reliable(self) -> bool:
        """True once enough steps were timed to plan by."""
        timed = self.steps - _UNTIMED_STEPS
        return timed >= _TIMED_STEPS or (timed >= _TIMED_STEPS // 2 and self._timed_seconds > _TIMED_SECONDS)


@dataclass(frozen=True)
class StepPlan:
    """Position in the schedule, and the number of steps in all. The fields are keys of the resume file.

    Args:
        steps: Number of steps in all; None while unknown.
        every: Interval of evaluations, in steps.
        from_step: Step at which this plan was made.
        from_position: Fraction of the schedule that was done by then.
        by_clock: True for a time budget: the last step is then at the very end of the schedule.
        deadline: Seconds of training by which it ends, where a stall has gone past the budget.
    """

    steps: int | None = None
    every: int = 0
    from_step: int = 0
    from_position: float = 0.0
    by_clock: bool = False
    deadline: float | None = None

    def is_evaluation(self, step: int, last_evaluation: int) -> bool:
        """Return True if the run evaluates after `step` steps, having done so last after `last_evaluation`."""
        return self.steps is not None and (step >= self.steps or step - last_evaluation >= self.every)

    def evaluations_left(self, step: int, last_evaluation: int) -> int:
        """Return how many evaluations follow `step`, the one after the last step included."""
        if self.steps is None or step >= self.steps:
            return 0
        return max(0, self.steps - 1 - max(last_evaluation, step - self.every)) // self.every + 1

    def position(self, step: int) -> float:
        """Return the fraction of the schedule that is done before the step of index `step`, from 0."""
        if self.steps is None:
            return self.from_position
        length = self.steps - self.from_step - self.by_clock
        done = (step - self.from_step) / length if length > 0 else 1.0
        return min(1.0, self.from_position + (1.0 - self.from_position) * done)


class Position(Protocol):
    """Progress as a plan needs it: steps done, step of the last evaluation, seconds of training."""

    step: int
    evaluated_step: int
    seconds: float


class StepPlanner:
    """Derives the plan from the budget; a time budget's is made again whenever the clock contradicts it."""

    def __init__(self, budget: Budget, config: TrainerConfig, steps_per_epoch: float) -> None:
        self._evaluations = config.evaluations
        self._save_every = config.save_every
        self.plan = StepPlan()
        self._budget_seconds: float | None = None
        self._planned_at = 0.0
        self._began: float | None = None  # seconds of training in earlier processes
        self._deadline = 0.0  # the budget, until a stall has gone past it
        self._max_steps = math.inf  # of a time budget
        if budget.steps is not None:
            self._set_steps(budget.steps)
        elif budget.epochs is not None:
            self._set_steps(max(1, math.ceil(budget.epochs * steps_per_epoch)))
        else:
            self._budget_seconds = self._deadline = 60.0 * (budget.minutes or DEFAULT_MINUTES)
            if config.max_epochs is not None:
                self._max_steps = max(1, math.ceil(config.max_epochs * steps_per_epoch))

    def is_spent(self, progress: Position) -> bool:
        """Return True if the budget is used up. A time budget gets at least one step, whatever stalls before it."""
        if self.plan.steps is not None:
            return progress.step >= self.plan.steps
        if self.is_at_most_epochs(progress):
            return True
        return self._budget_seconds is not None and progress.step > 0 and progress.seconds >= self._budget_seconds

    def is_at_most_epochs(self, progress: Position) -> bool:
        """Return True if the run has had all epochs that its settings allow with a time budget."""
        return self._budget_seconds is not None and progress.step >= self._max_steps

    def keep(self, plan: StepPlan) -> None:
        """Adopt the plan of a resumed run, if it had one; with a time budget, the clock still corrects it."""
        if plan.steps is not None:
            self.plan = plan
            self._deadline = plan.deadline or self._deadline

    def latest_end(self) -> float:
        """Return the seconds of training at which even the final evaluation is cut short.

        That is some seconds after the budget, or after what a stall has made of it; infinite without a time budget.
        """
        if self._budget_seconds is None:
            return math.inf
        tolerance = max(2 * _MIN_TOLERANCE * self._budget_seconds, 2 * _MIN_TOLERANCE_SECONDS)
        return self._deadline + tolerance

    @property
    def evaluation_limit(self) -> float:
        """Seconds that one evaluation may take; infinite without a time budget."""
        return math.inf if self._budget_seconds is None else _LONGEST_EVALUATION * self._budget_seconds

    @property
    def final_limit(self) -> float:
        """Seconds that are kept for the final evaluation at most; infinite without a time budget."""
        return math.inf if self._budget_seconds is None else _LONGEST_FINAL * self._budget_seconds

    def seconds_late(self, progress: Position) -> float:
        """Return by how many seconds a run has missed its time budget; 0 if by no more than is promised."""
        if self._budget_seconds is None:
            return 0.0
        late = progress.seconds - self._budget_seconds
        return late if late > max(_PROMISED * self._budget_seconds, _PROMISED_SECONDS) else 0.0

    def extend(self, progress: Position) -> None:
        """Begin a new budget of a run that has been trained: its schedule goes on where its time is in the budget."""
        if self._budget_seconds is not None:
            position = min(1.0, progress.seconds / self._budget_seconds)
            self.plan = StepPlan(from_step=progress.step, from_position=position)

    def update(self, progress: Position, timer: StepTimer) -> bool:
        """Make or correct the plan of a time budget; return True if the plan changed."""
        step, seconds = progress.step, progress.seconds
        if self._began is None:
            self._began = seconds - timer.seconds
        budget, plan = self._budget_seconds, self.plan
        if budget is None or not timer.step_seconds:
            return False
        # Just started or resumed, the speed of this machine is not known yet.
        latest = self._began + (_LATEST_PLAN if plan.steps is None else 1.0) * (budget - self._began)
        if not timer.is_reliable and seconds < latest:
            return False
        if plan.steps is not None and step >= plan.steps:
            return False
        tolerance = max(_MIN_TOLERANCE * budget, _MIN_TOLERANCE_SECONDS)
        left = self._deadline - seconds - timer.final_seconds
        if plan.steps is not None:
            error = self._predict(progress, timer) - left
            if error < 0 and plan.steps >= self._max_steps:
                return False  # it ends early, as it may not do more
            if abs(error) <= max(tolerance if self._deadline == budget else tolerance / 4, _TOLERANCE * left):
                return False
            soon = (plan.steps - step) * timer.fastest_step < 2 * tolerance
            if seconds - self._planned_at < tolerance < left / 5 and not soon:
                return False  # there is time to see whether the error lasts
        shortest = timer.evaluation_seconds + tolerance / 2
        if left < shortest and self._deadline == budget:
            # A stall has used up the budget. Once, the schedule gets a little time to come to its end.
            left, self._deadline = shortest, seconds + timer.final_seconds + shortest
        self._planned_at = seconds
        return self._replan(progress, left, timer)

    def seconds_left(self, progress: Position, timer: StepTimer) -> float | None:
        """Predict the training time that remains, in seconds; None while it is unknown.

        The first steps of a process set up kernels and caches, so a resumed run goes by the mean speed of the earlier
        ones until enough steps are timed. A time budget limits the prediction: the plan is corrected before it would
        run late.
        """
        if self.plan.steps is None or not timer.step_seconds:
            return None
        earlier_steps = progress.step - timer.steps
        if earlier_steps > 0 and not timer.is_reliable:
            seconds = (self.plan.steps - progress.step) * (progress.seconds - timer.seconds) / earlier_steps
        else:
            seconds = self._predict(progress, timer)
        end = self._deadline if progress.seconds < self._deadline else self.latest_end()
        limit = math.inf if self._budget_seconds is None else max(0.0, end - progress.seconds)
        return min(limit, seconds + timer.final_seconds)

    def _predict(self, progress: Position, timer: StepTimer) -> float:
        """Predict the seconds until the last step and the evaluation after it are done."""
        assert self.plan.steps is not None
        evaluations = self.plan.evaluations_left(progress.step, progress.evaluated_step)
        seconds = (self.plan.steps - progress.step) * timer.step_seconds + evaluations * timer.evaluation_seconds
        return seconds * self._with_saves(timer)

    def _with_saves(self, timer: StepTimer) -> float:
        """Return the factor by which saves between evaluations lengthen training."""
        return 1.0 + min(1.0, timer.save_seconds / max(1.0, self._save_every))

    def _replan(self, progress: Position, left: float, timer: StepTimer) -> bool:
        """Spread the rest of the schedule over the seconds that are left; return True if that is a change."""
        assert self._budget_seconds is not None
        share = min(1.0, max(0.0, left) / max(1e-9, self._budget_seconds - timer.final_seconds))
        evaluations = max(_MIN_EVALUATIONS, self._evaluations) * share
        if timer.evaluation_seconds:
            affordable = _EVALUATION_SHARE * max(0.0, left) / timer.evaluation_seconds
            evaluations = min(evaluations, max(affordable, _MIN_EVALUATIONS * share))
        evaluations = max(1, round(evaluations))
        for_steps = left / self._with_saves(timer) - evaluations * timer.evaluation_seconds
        # A stall in the first steps looks like a slow machine, and would use up the schedule at once.
        is_late = self._deadline != self._budget_seconds
        is_slow = timer.steps > 1 and _MIN_FIRST_STEPS * timer.fastest_step > 10 * left
        is_known = timer.is_reliable or is_late or is_slow
        least = 1 if is_known else _MIN_FIRST_STEPS
        step, is_first = progress.step, self.plan.steps is None
        count = max(least, int(for_steps / max(timer.step_seconds, 1e-9)))
        count = max(1, min(count, int(min(self._max_steps, sys.maxsize)) - step))
        every = max(1, math.ceil((step + count - progress.evaluated_step) / evaluations))
        plan = StepPlan(
            steps=step + count,
            every=every,
            from_step=self.plan.from_step if is_first else step,
            from_position=self.plan.position(step),
            by_clock=True,
            deadline=self._deadline if is_late else None,
        )
        changed = (plan.steps, plan.every) != (self.plan.steps, self.plan.every)
        if changed:
            self.plan = plan
        return changed

    def _set_steps(self, steps: int) -> None:
        self.plan = StepPlan(steps, max(1, math.ceil(steps / self._evaluations)))


def learning_rate(step: int, plan: StepPlan, config: TrainerConfig) -> float:
    """Return the learning rate of a step: linear warm-up, then half a cosine (Loshchilov and Hutter 2017).

    Args:
        step: Index of the step, from 0.
        plan: Says where in the schedule the step is; a time budget without a plan is still at its start.
        config: Peak and final learning rate, and the steps of the warm-up, which takes at most a fifth of the run.
    """
    warmup_steps = config.warmup if plan.steps is None else min(config.warmup, plan.steps // 5)
    warmup_factor = min(1.0, (step + 1) / (warmup_steps + 1))
    cosine = 0.5 * (1.0 + math.cos(math.pi * plan.position(step)))
    share = config.final_learning_rate + (1.0 - config.final_learning_rate) * cosine
    return config.learning_rate * warmup_factor * share
