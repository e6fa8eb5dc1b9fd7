"""Choice of the number of threads, on a fake machine whose speed for each number of threads is given."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from rnntui.thread_tuner import ThreadTuner, thread_counts

# Milliseconds of a step by number of threads, as measured with two cores (see benchmarks/contention.py).
QUIET = {1: 32.0, 2: 21.0}
ONE_BUSY = {1: 38.0, 2: 129.0}
TWO_BUSY = {1: 54.0, 2: 66.0}
SMALL_MODEL = {1: 2.6, 2: 3.2}
Costs = dict[int, float]


@dataclass
class FakeMachine:
    """Runs steps of one unit of work with the tuner's number of threads.

    It stands still for `stall` seconds during the first step on two threads after 15 seconds.
    """

    costs: Callable[[float], Costs]
    counts: list[int]
    seed: int = 0
    stall: float = 0.0
    stalled_at: float | None = None
    now: float = 0.0
    used: list[tuple[float, int]] = field(default_factory=list)

    def run(self, seconds: float) -> FakeMachine:
        rng = random.Random(self.seed)
        self.tuner = ThreadTuner(self.counts, lambda count: None, lambda: self.now)
        while self.now < seconds:
            cost = self.costs(self.now)[self.tuner.count] / 1000 * rng.lognormvariate(0.0, 0.15)
            if self.stall and self.stalled_at is None and self.now > 15 and self.tuner.count == 2:
                self.stalled_at, cost = self.now, cost + self.stall
            self.now += cost
            self.used.append((self.now, self.tuner.count))
            self.tuner.add(cost, 1.0)
        return self

    def speed(self, start: float, end: float) -> float:
        """Return the steps per second between two moments."""
        return sum(start < moment <= end for moment, _ in self.used) / (end - start)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("costs", [QUIET, ONE_BUSY, TWO_BUSY, SMALL_MODEL], ids=["quiet", "one", "two", "small"])
def test_a_steady_machine_works_nearly_as_fast_as_with_the_best_fixed_number(costs: Costs, seed: int) -> None:
    machine = FakeMachine(lambda now: costs, [1, 2], seed).run(60)
    assert machine.speed(0, 60) > 0.95 * 1000 / min(costs.values())


@pytest.mark.parametrize("seed", range(3))
def test_contention_is_noticed_within_seconds_and_its_end_too(seed: int) -> None:
    machine = FakeMachine(lambda now: ONE_BUSY if 30 < now < 90 else QUIET, [1, 2], seed).run(150)
    assert machine.speed(34, 90) > 0.95 * 1000 / ONE_BUSY[1]
    assert machine.speed(100, 150) > 0.95 * 1000 / QUIET[2]
    assert not machine.tuner.is_reduced


def test_while_others_are_busy_the_number_counts_as_reduced() -> None:
    machine = FakeMachine(lambda now: ONE_BUSY if now > 20 else QUIET, [1, 2]).run(40)
    assert machine.tuner.is_reduced


@pytest.mark.parametrize("processors", [2, 4, 8])
def test_a_small_model_on_one_thread_is_not_reduced(processors: int) -> None:
    costs = {count: 2.6 + 0.6 * (count - 1) for count in range(1, processors + 1)}
    machine = FakeMachine(lambda now: costs, thread_counts(processors)).run(20)
    assert machine.speed(5, 20) > 0.95 * 1000 / costs[1]
    assert not machine.tuner.is_reduced


@pytest.mark.parametrize("stall", [1.0, 10.0])
def test_a_machine_that_stands_still_during_a_trial_does_not_forbid_more_threads_for_long(stall: float) -> None:
    machine = FakeMachine(lambda now: ONE_BUSY if now < 20 else QUIET, [1, 2], stall=stall)
    machine.run(20 + stall + 60)
    assert machine.stalled_at is not None and machine.stalled_at > 15
    assert machine.speed(machine.stalled_at + stall + 20, machine.now) > 0.95 * 1000 / QUIET[2]


def test_many_processors_are_tried_step_by_step() -> None:
    costs = {count: 100 / min(count, 4) + 4 * count for count in range(1, 17)}  # best on four
    machine = FakeMachine(lambda now: costs, thread_counts(16)).run(60)
    assert machine.speed(20, 60) > 0.93 * 1000 / costs[4]


def test_other_work_begins_with_fewer_threads_while_the_machine_is_busy() -> None:
    applied: list[int] = []
    tuner = ThreadTuner([1, 2, 4], applied.append)
    tuner.resume(at_most=2)
    assert applied == [4, 2]
    assert tuner.count == 2
    tuner.resume(at_most=4)
    assert tuner.count == 2


def test_a_fixed_number_is_never_changed() -> None:
    applied: list[int] = []
    tuner = ThreadTuner([3], applied.append)
    for seconds in (0.1, 5.0, 0.1, 5.0) * 20:
        tuner.add(seconds, 1.0)
    assert applied == [3]


def test_thread_counts() -> None:
    assert [thread_counts(count) for count in (1, 2, 3, 4, 8)] == [
        [1],
        [1, 2],
        [1, 2, 3],
        [1, 2, 3, 4],
        [1, 2, 4, 7, 8],
    ]
