"""How many steps a run takes, and at which of them it stops to check.

A budget of steps or epochs says so itself. A budget of minutes is turned into steps once the first steps have shown
how fast they are; the count is stored with the run, so the schedule ends when the budget does and a resumed run
keeps to it. Where the machine turns out faster or slower by more than 3 %, the rest is planned anew.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from rnntui.config import DEFAULT_MINUTES, Budget, TrainerConfig

_UNTIMED = 3  # the first steps set up kernels and caches
_TOLERANCE = 0.03
_SETTLED = 0.9  # past this part of the budget the count stays
_CHECK_SHARE = 0.04  # part of a time budget that checks may take


@dataclass
class Pace:
    """What has been measured of this process's speed, in seconds: of steps, of a check and of the last evaluation."""

    check: float = 0.0
    final: float = 0.0
    _ends: list[float] = field(default_factory=lambda: [0.0])  # running sum of the steps timed
    _untimed: int = _UNTIMED

    def add(self, seconds: float) -> None:
        """One more step took so long."""
        if self._untimed:
            self._untimed -= 1
        else:
            self._ends.append(self._ends[-1] + seconds)

    @property
    def step(self) -> float:
        """The mean over the later half of the steps: what the machine does now, stalls included."""
        timed = len(self._ends) - 1
        since = timed // 2
        return (self._ends[-1] - self._ends[since]) / max(1, timed - since)

    @property
    def known(self) -> bool:
        """Whether enough steps were timed to plan by."""
        return len(self._ends) > 10 or self._ends[-1] > 2.0


@dataclass
class Plan:
    """`steps` in all, None while unknown; a check after every `every` of them."""

    steps: int | None = None
    every: int = 0

    def is_check(self, step: int) -> bool:
        """Whether the run stops to evaluate after so many steps."""
        return self.steps is not None and (step == self.steps or step % self.every == 0)


class Planner:
    """Makes the plan from the budget, and keeps it in step with the clock."""

    def __init__(self, budget: Budget, config: TrainerConfig, steps_per_epoch: float) -> None:
        self._evaluations = config.evaluations
        self.plan = Plan()
        self._seconds: float | None = None
        self._planned_at = 0.0
        if budget.steps is not None:
            self._fix(budget.steps, config.evaluations)
        elif budget.epochs is not None:
            self._fix(max(1, math.ceil(budget.epochs * steps_per_epoch)), config.evaluations)
        else:
            self._seconds = 60.0 * (budget.minutes or DEFAULT_MINUTES)

    def spent(self, seconds: float) -> bool:
        """Whether a budget of minutes is used up after so many seconds of training."""
        return self._seconds is not None and seconds >= self._seconds

    def keep(self, plan: Plan) -> None:
        """Take over the plan of a run that is resumed; a plan that was settled is not changed by the clock."""
        if plan.steps is not None:
            self.plan, self._seconds = plan, None

    def update(self, step: int, seconds: float, pace: Pace) -> None:
        """After `step` steps and `seconds` of training: settle the plan, or mend it."""
        if self._seconds is None or not pace.known:
            return
        if self.plan.steps is None:
            self._replan(step, seconds, pace)
        elif self._planned_at + 0.05 * self._seconds < seconds < _SETTLED * self._seconds:
            left = self.plan.steps - step
            checks = left / self.plan.every
            ends = seconds + left * pace.step + checks * pace.check + pace.final
            if abs(ends - self._seconds) > _TOLERANCE * self._seconds:
                self._replan(step, seconds, pace)

    def _replan(self, step: int, seconds: float, pace: Pace) -> None:
        assert self._seconds is not None
        affordable = int(_CHECK_SHARE * self._seconds / pace.check) if pace.check else self._evaluations
        evaluations = max(3, min(self._evaluations, affordable))
        left = self._seconds - seconds - pace.final
        left -= evaluations * pace.check * max(0.0, left / self._seconds)
        self._fix(step + max(1, int(left / max(pace.step, 1e-9))), evaluations)
        self._planned_at = seconds

    def _fix(self, steps: int, evaluations: int) -> None:
        self.plan = Plan(steps, max(1, math.ceil(steps / evaluations)))
