"""Conversion of minutes to steps, and the learning rate schedule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnntui.config import Budget, LanguageModelTrainingConfig
from rnntui.training.plan import StepPlan, StepPlanner, StepTimer, learning_rate


def run_by_clock(minutes: float, step_times, evaluation_time: float = 0.0) -> tuple[float, int]:
    """Simulate a run on a fake clock; returns its end in seconds, and its number of steps."""
    planner = StepPlanner(Budget(minutes=minutes), LanguageModelTrainingConfig(), 100.0)
    timer = StepTimer(evaluation_seconds=evaluation_time, final_seconds=2 * evaluation_time)
    seconds, step = evaluation_time, 0
    while planner.plan.steps is None or step < planner.plan.steps:
        duration = step_times(step, seconds)
        timer.add(duration)
        seconds += duration
        step += 1
        planner.update(step, seconds, timer)
        if planner.plan.is_evaluation(step):
            seconds += evaluation_time
    return seconds + timer.final_seconds, step


@pytest.mark.parametrize("step_time", [0.002, 0.05, 0.7])
@pytest.mark.parametrize("evaluation_time", [0.0, 1.5])
def test_a_steady_machine_ends_on_time(step_time: float, evaluation_time: float) -> None:
    seconds, _ = run_by_clock(5, lambda step, now: step_time, evaluation_time)
    assert 0.97 * 300 < seconds < 1.03 * 300


def test_slow_first_steps_do_not_distort_the_plan() -> None:
    seconds, _ = run_by_clock(1, lambda step, now: 1.0 if step < 3 else 0.01)
    assert 57 < seconds < 63


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_machine_that_changes_its_speed_still_ends_near_the_budget(factor: float) -> None:
    seconds, _ = run_by_clock(5, lambda step, now: 0.05 if now < 90 else 0.05 * factor)
    assert 0.93 * 300 < seconds < 1.07 * 300


def test_a_steady_machine_keeps_its_first_step_count() -> None:
    planner = StepPlanner(Budget(minutes=1), LanguageModelTrainingConfig(), 100.0)
    timer, counts = StepTimer(), set()
    for step in range(1, 600):
        timer.add(0.1)
        planner.update(step, 0.1 * step, timer)
        counts.add(planner.plan.steps)
    assert len(counts - {None}) == 1


def test_a_resumed_run_keeps_the_plan_it_had() -> None:
    planner = StepPlanner(Budget(minutes=5), LanguageModelTrainingConfig(), 100.0)
    planner.keep(StepPlan(1000, 100))
    timer = StepTimer()
    for step in range(500, 600):
        timer.add(100.0)
        planner.update(step, 1e5, timer)
    assert planner.plan == StepPlan(1000, 100)


def test_evaluations_take_a_small_part_of_a_short_budget() -> None:
    planner = StepPlanner(Budget(minutes=1), LanguageModelTrainingConfig(), 100.0)
    timer = StepTimer(evaluation_seconds=2.0)
    for _ in range(20):
        timer.add(0.1)
    planner.update(20, 2.0, timer)
    assert planner.plan.steps is not None
    assert planner.plan.steps / planner.plan.every <= 3.01


@given(st.integers(1, 5000), st.integers(0, 500), st.floats(1e-5, 1.0))
def test_the_learning_rate_rises_then_falls_within_its_bounds(steps: int, warmup: int, peak: float) -> None:
    rates = [learning_rate(step, steps, peak, warmup) for step in range(steps)]
    assert all(0 < rate <= peak for rate in rates)
    top = rates.index(max(rates))
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert top <= max(1, steps // 5 + 1)
    assert learning_rate(steps, steps, peak, warmup) == pytest.approx(0.0, abs=1e-12)


def test_the_warm_up_is_the_same_before_and_after_the_step_count_is_known() -> None:
    before = [learning_rate(step, None, 1.0, 80) for step in range(20)]
    after = [learning_rate(step, 100_000, 1.0, 80) for step in range(20)]
    assert before == pytest.approx(after, rel=1e-3)
