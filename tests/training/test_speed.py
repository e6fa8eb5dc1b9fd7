"""Messages about the speed of a training, with processor times handed in."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rnntui.training import speed
from rnntui.training.speed import SpeedMonitor


class FakeProcessors:
    """Processor times of a machine on which this process uses one processor, and others what is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.others = self.stolen = self.own = self.idle = 0.0
        monkeypatch.setattr(speed.psutil, "cpu_times", self._system)
        monkeypatch.setattr(speed.psutil, "Process", lambda: SimpleNamespace(cpu_times=self._process))
        monkeypatch.setattr(speed, "time", SimpleNamespace(monotonic=lambda: self.now))

    def pass_second(self, others: float = 0.0, stolen: float = 0.0, idle: float = 0.0) -> None:
        self.now += 1.0
        self.own += 1.0
        self.others += others
        self.stolen += stolen
        self.idle += idle

    def _system(self) -> SimpleNamespace:
        return SimpleNamespace(user=self.own + self.others, system=0.0, nice=0.0, steal=self.stolen, idle=self.idle)

    def _process(self) -> SimpleNamespace:
        return SimpleNamespace(user=self.own, system=0.0)


@pytest.fixture
def processors(monkeypatch: pytest.MonkeyPatch) -> FakeProcessors:
    return FakeProcessors(monkeypatch)


def train(monitor: SpeedMonitor, processors: FakeProcessors, seconds: int, tokens: int, **used: float) -> str:
    """Train for some seconds at so many tokens each, and return what is said at the end."""
    for _ in range(seconds):
        processors.pass_second(**used)
        monitor.add(1.0, tokens)
    return str(monitor.slowdown or "")


def test_a_slow_training_names_the_other_program(processors: FakeProcessors) -> None:
    monitor = SpeedMonitor()
    assert train(monitor, processors, 30, 1000) == ""
    slow = train(monitor, processors, 6, 250, others=1.0)
    assert slow == "25% of its usual speed: another program is using the processor"
    assert train(monitor, processors, 6, 1000) == ""


def test_a_host_that_takes_the_processor_is_named(processors: FakeProcessors) -> None:
    monitor = SpeedMonitor()
    train(monitor, processors, 30, 1000)
    slow = train(monitor, processors, 6, 500, stolen=0.6)
    assert slow == "50% of its usual speed: the host of this virtual machine takes processor time"


def test_without_a_cause_seen_none_is_named(processors: FakeProcessors) -> None:
    monitor = SpeedMonitor()
    train(monitor, processors, 30, 1000)
    assert train(monitor, processors, 6, 400) == "40% of its usual speed"
    assert train(monitor, processors, 6, 400, others=0.5, idle=14.0) == "40% of its usual speed"


def test_a_steady_speed_is_not_called_slow_however_slow_it_is(processors: FakeProcessors) -> None:
    assert train(SpeedMonitor(), processors, 40, 10, others=1.0) == ""


def test_nothing_is_said_before_the_usual_speed_is_known(processors: FakeProcessors) -> None:
    monitor = SpeedMonitor()
    train(monitor, processors, 2, 1000)
    assert train(monitor, processors, 3, 100, others=1.0) == ""
