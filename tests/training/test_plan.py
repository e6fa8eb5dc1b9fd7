"""Conversion of minutes to steps, the end of a time budget under stalls, and the learning rate schedule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from rnntui.config import Budget, TrainerConfig
from rnntui.config_language_model import LanguageModelTrainingConfig
from rnntui.training.plan import StepPlan, StepPlanner, StepTimer, learning_rate
from rnntui.training.progress import TrainingProgress

_SCHEDULE = TrainerConfig(learning_rate=1.0)


@dataclass
class FakeRun:
    """A run on a fake clock. `stalls` are (second at which the machine stands still, for how long).

    With `done` steps at `now` seconds it is a run that was trained before and gets a new budget; `first_step` is then
    the duration of its first step.
    """

    minutes: float
    step_seconds: Callable[[float], float] = lambda now: 0.05
    evaluation_seconds: float = 0.0
    final_seconds: float = 0.0
    stalls: list[tuple[float, float]] = field(default_factory=list)
    done: int = 0
    first_step: float = 0.0
    now: float = 0.0
    last_stall: float = 0.0
    rates: list[float] = field(default_factory=list)
    plans: list[StepPlan] = field(default_factory=list)
    evaluations: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)  # predicted after each step
    max_epochs: float | None = None

    def train(self) -> FakeRun:
        progress = TrainingProgress(step=self.done, evaluated_step=self.done, seconds=self.now)
        planner = StepPlanner(
            Budget(minutes=self.minutes), LanguageModelTrainingConfig(max_epochs=self.max_epochs), 100.0
        )
        timer = StepTimer(self.evaluation_seconds, self.final_seconds)
        self.stalls = sorted(self.stalls)
        if self.done:
            planner.extend(progress)
        else:
            self._spend(self.evaluation_seconds)
        progress.seconds = self.now
        while not planner.is_spent(progress):
            self.rates.append(learning_rate(progress.step, planner.plan, _SCHEDULE))
            began = self.now
            self._spend(self.first_step or self.step_seconds(self.now))
            self.first_step = 0.0
            timer.add(self.now - began)
            progress.step, progress.seconds = progress.step + 1, self.now
            if planner.update(progress, timer):
                self.plans.append(planner.plan)
            left = planner.seconds_left(progress, timer)
            if left is not None:
                self.ends.append(self.now + left)
            if planner.plan.is_evaluation(progress.step, progress.evaluated_step):
                self._spend(self.evaluation_seconds)
                progress.evaluated_step, progress.seconds = progress.step, self.now
                self.evaluations.append(self.now)
        self._spend(self.final_seconds)
        return self

    def _spend(self, seconds: float) -> None:
        end = self.now + seconds
        while self.stalls and self.stalls[0][0] <= end:
            end += self.stalls.pop(0)[1]
            self.last_stall = end
        self.now = end


@pytest.mark.parametrize("step_seconds", [0.004, 0.05, 0.7])
@pytest.mark.parametrize("evaluation_seconds", [0.0, 1.5])
def test_a_steady_machine_ends_on_time_by_one_plan(step_seconds: float, evaluation_seconds: float) -> None:
    run = FakeRun(5, lambda now: step_seconds, evaluation_seconds, 4 * evaluation_seconds).train()
    assert 0.98 * 300 < run.now < 1.02 * 300
    assert len(run.plans) == 1


def test_a_budget_of_minutes_ends_at_the_most_epochs_at_the_end_of_its_schedule() -> None:
    run = FakeRun(5, evaluation_seconds=0.5, stalls=[(20.0, 9.0)], max_epochs=6.5).train()
    assert len(run.rates) == 650 and run.now < 60
    assert run.rates[-1] < 1e-4 < run.rates[600]
    assert len(run.plans) == 1 and 10 < len(run.evaluations) <= 26
    # A machine that is too slow for them ends on time all the same.
    slow = FakeRun(1, lambda now: 0.05 if now < 10 else 0.4, max_epochs=6.5).train()
    assert 0.98 * 60 < slow.now < 1.03 * 60 and len(slow.rates) < 650


def test_a_final_evaluation_that_takes_long_does_not_cost_others() -> None:
    run = FakeRun(1, lambda now: 0.02, evaluation_seconds=0.05, final_seconds=15.0).train()
    assert 59 < run.now < 61
    assert 24 <= len(run.evaluations) <= 26


def test_slow_first_steps_do_not_distort_the_plan() -> None:
    run = FakeRun(1, lambda now: 1.0 if now < 2.5 else 0.01).train()
    assert 58.5 < run.now < 61.5


@given(
    minutes=st.sampled_from([0.05, 0.2, 0.7, 5.0, 20.0]),
    step_seconds=st.sampled_from([0.02, 0.1, 0.4]),
    factors=st.lists(st.floats(0.2, 6.0), min_size=1, max_size=6),
    evaluation=st.sampled_from([0.0, 0.003, 0.01]),
    stalls=st.lists(st.tuples(st.floats(0.0, 1.05), st.floats(0.0, 1.0)), max_size=8),
)
@example(minutes=5.0, step_seconds=0.02, factors=[1.0], evaluation=0.01, stalls=[(0.93, 0.33)])
@example(minutes=0.7, step_seconds=0.02, factors=[1.0, 5.0], evaluation=0.01, stalls=[])
@example(minutes=5.0, step_seconds=0.1, factors=[1.0], evaluation=0.0, stalls=[(0.0, 0.9)])
@example(minutes=0.2, step_seconds=0.1, factors=[3.0], evaluation=0.0, stalls=[(0.125, 0.5)])
@example(minutes=0.2, step_seconds=0.02, factors=[2.0, 0.25], evaluation=0.0, stalls=[])
@example(minutes=20.0, step_seconds=0.1, factors=[3.13, 3.38, 4.28, 0.25], evaluation=0.0, stalls=[])
@example(minutes=0.7, step_seconds=0.02, factors=[3.69, 5.12, 0.21], evaluation=0.0, stalls=[])
@settings(max_examples=120, deadline=None, derandomize=True)
def test_a_time_budget_ends_on_time_at_the_end_of_its_schedule_whatever_stalls(
    minutes: float, step_seconds: float, factors: list[float], evaluation: float, stalls: list[tuple[float, float]]
) -> None:
    """Stalls of any length anywhere, and a machine that changes its speed: places and lengths relative to the budget.

    A stall that itself goes past the budget cannot be made good; the run then ends as soon as it is over.
    """
    budget = 60 * minutes
    slowest = step_seconds * max(factors)
    assume(budget > 20 * slowest)
    assume(budget < 40_000 * step_seconds)  # 60,000 steps of 20 ms would be most of the time of this test
    part = budget / len(factors)
    run = FakeRun(
        minutes,
        lambda now: step_seconds * factors[min(int(now / part), len(factors) - 1)],
        evaluation * budget,
        4 * evaluation * budget,
        [(place * budget, length * budget) for place, length in stalls],
    ).train()
    tolerance = max(0.03 * budget, 3.0)
    latest = max(budget, run.last_stall + run.final_seconds + run.evaluation_seconds)
    assert budget - tolerance - slowest < run.now < latest + tolerance + 2 * slowest
    assert run.rates[-1] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("first_step", [0.05, 0.5, 2.0])
def test_a_new_budget_goes_on_in_the_schedule_however_slow_the_first_step_is(first_step: float) -> None:
    run = FakeRun(10, lambda now: 0.05, done=3000, now=300.0, first_step=first_step).train()
    assert 594 < run.now < 606
    assert run.rates[0] == pytest.approx(0.5, abs=0.01)  # half a cosine, at half the time
    assert max(abs(after - before) for before, after in zip(run.rates, run.rates[1:], strict=False)) < 0.01
    assert sum(run.rates) / len(run.rates) > 0.15


@pytest.mark.parametrize(("minutes", "step_seconds"), [(1, 100.0), (5, 60.0)])
def test_steps_that_take_long_overshoot_by_two_at_most(minutes: float, step_seconds: float) -> None:
    run = FakeRun(minutes, lambda now: step_seconds).train()
    assert run.now <= 60 * minutes + 2 * step_seconds


def test_the_learning_rate_does_not_jump_when_a_stall_shortens_the_rest() -> None:
    run = FakeRun(5, lambda now: 0.05, stalls=[(150, 100)]).train()
    changes = [abs(after - before) for before, after in zip(run.rates[300:], run.rates[301:], strict=False)]
    assert len(run.plans) >= 2
    assert max(changes) < 0.01


def test_evaluations_go_on_while_plans_change() -> None:
    run = FakeRun(5, lambda now: 0.02 if now % 40 < 20 else 0.12, 0.5, 2.0).train()
    assert len(run.plans) > 5
    pauses = [after - before for before, after in zip([0.0, *run.evaluations], run.evaluations, strict=False)]
    assert max(pauses) < 75


def test_a_resumed_run_keeps_its_plan_while_the_clock_agrees_with_it() -> None:
    planner = StepPlanner(Budget(minutes=5), LanguageModelTrainingConfig(), 100.0)
    plan = StepPlan(3000, 100, from_step=200, from_position=0.3, by_clock=True)
    planner.keep(plan)
    timer, progress = StepTimer(), TrainingProgress(step=500, evaluated_step=500, seconds=50.0)
    for _ in range(100):
        timer.add(0.1)
        progress.step, progress.seconds = progress.step + 1, progress.seconds + 0.1
        assert not planner.update(progress, timer)
    assert planner.plan == plan


def test_a_resumed_run_on_a_slower_machine_still_ends_on_time() -> None:
    planner = StepPlanner(Budget(minutes=5), LanguageModelTrainingConfig(), 100.0)
    planner.keep(StepPlan(3000, 100, by_clock=True))
    timer, progress = StepTimer(), TrainingProgress(step=500, evaluated_step=500, seconds=50.0)
    while not planner.is_spent(progress):
        timer.add(0.5)
        progress.step, progress.seconds = progress.step + 1, progress.seconds + 0.5
        planner.update(progress, timer)
    assert 291 < progress.seconds < 309


@pytest.mark.parametrize("budget", [Budget(minutes=2), Budget(steps=2400), Budget(epochs=24)])
@pytest.mark.parametrize("first_step", [0.05, 1.5, 40.0])
def test_a_resumed_run_predicts_its_end_from_its_first_step_on(budget: Budget, first_step: float) -> None:
    planner = StepPlanner(budget, LanguageModelTrainingConfig(), 100.0)
    planner.keep(StepPlan(steps=2400, every=120, from_position=0.0, by_clock=budget.minutes is not None))
    progress = TrainingProgress(step=1200, evaluated_step=1200, seconds=60.0)
    timer = StepTimer()
    for seconds in (first_step, *[0.05] * 20):
        timer.add(seconds)
        progress.step, progress.seconds = progress.step + 1, progress.seconds + seconds
        left = planner.seconds_left(progress, timer)
        assert left is not None
        until_deadline = 120 - progress.seconds if budget.minutes else 66
        assert min(54, until_deadline) <= left <= min(66, until_deadline)


@pytest.mark.parametrize("done", [0, 400])
@given(stall=st.tuples(st.floats(0, 40), st.floats(0, 10)), first_step=st.floats(0.05, 20))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_no_predicted_end_is_later_than_a_time_budget(done: int, stall: tuple[float, float], first_step: float) -> None:
    run = FakeRun(1, evaluation_seconds=0.3, final_seconds=0.5, stalls=[stall], done=done, now=done / 20)
    run.first_step = first_step
    ends = run.train().ends
    assert max(ends) <= 60 + 1  # a plan is not corrected for a second, the tolerance of a budget of a minute
    assert sum(end > 60 + 1e-6 for end in ends) <= 1 / 0.05 + 1  # and no later end is predicted before that second


def test_a_new_budget_that_is_spent_already_leaves_no_step_to_do() -> None:
    planner = StepPlanner(Budget(minutes=1), LanguageModelTrainingConfig(), 100.0)
    assert planner.is_spent(TrainingProgress(step=500, seconds=61.0))
    assert not planner.is_spent(TrainingProgress(step=500, seconds=59.0))
    assert not planner.is_spent(TrainingProgress(seconds=61.0))


@pytest.mark.parametrize("budget", [Budget(steps=1000), Budget(epochs=10)])
def test_a_budget_of_steps_or_epochs_does_not_ask_the_clock(budget: Budget) -> None:
    planner = StepPlanner(budget, LanguageModelTrainingConfig(), 100.0)
    timer, progress = StepTimer(), TrainingProgress()
    for step in range(1, 30):
        timer.add(100.0)
        progress.step, progress.seconds = step, 100.0 * step
        assert not planner.update(progress, timer)
    assert planner.plan == StepPlan(1000, 40)


def test_evaluations_take_a_small_part_of_a_short_budget() -> None:
    run = FakeRun(1, lambda now: 0.1, evaluation_seconds=2.0).train()
    assert len(run.evaluations) <= 3


@given(st.integers(1, 5000), st.integers(0, 500), st.floats(1e-5, 1.0), st.floats(0.0, 1.0))
def test_the_learning_rate_rises_then_falls_within_its_bounds(
    steps: int, warmup: int, peak: float, final: float
) -> None:
    plan = StepPlan(steps, 1)
    config = TrainerConfig(warmup=warmup, learning_rate=peak, final_learning_rate=final)
    rates = [learning_rate(step, plan, config) for step in range(steps)]
    assert all(0 < rate <= peak for rate in rates)
    top = rates.index(max(rates))
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert top <= max(1, steps // 5 + 1)
    assert learning_rate(steps, plan, config) == pytest.approx(peak * final, abs=1e-12)


def test_the_warm_up_is_the_same_before_and_after_the_step_count_is_known() -> None:
    config = TrainerConfig(learning_rate=1.0, warmup=80)
    before = [learning_rate(step, StepPlan(), config) for step in range(20)]
    after = [learning_rate(step, StepPlan(100_000, 1), config) for step in range(20)]
    assert before == pytest.approx(after, rel=1e-3)
