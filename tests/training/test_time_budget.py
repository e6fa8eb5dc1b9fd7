"""A budget of minutes in the training loop, on a fake clock."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from test_resume import assert_same_run

from rnntui.runs.metrics_log import read_metrics
from rnntui.training import trainer
from rnntui.training.events import Event, Stepped
from rnntui.training.train_run import train_run

SHAPE = {
    "minutes": 0.5, "save_every": 1e6, "sample_length": 0, "precision": "fp32", "evaluations": 3, "learning_rate": 1e-3,
    "patience": 0, "final_learning_rate": 0.0,
}  # fmt: skip


class Crash(Exception):
    """The process dies."""


class FakeClock:
    """Advances by 50 ms whenever the loop looks at it, and stands still for `stall` seconds after step `stalls_at`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stalls_at: int = 0, stall: float = 0.0, dies_at: int = 0):
        self.now = 0.0
        self._stalls_at, self._stall, self._dies_at = stalls_at, stall, dies_at
        monkeypatch.setattr(trainer, "time", SimpleNamespace(perf_counter=self._read))

    def _read(self) -> float:
        self.now += 0.05
        return self.now

    def report(self, event: Event) -> None:
        if isinstance(event, Stepped) and event.step == self._stalls_at:
            self.now += self._stall
        if isinstance(event, Stepped) and event.step == self._dies_at:
            raise Crash


def never() -> bool:
    return False


def test_a_stall_shortens_the_rest_and_the_learning_rate_still_ends(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    steady, stalled = make_run(name="steady", **SHAPE), make_run(name="stalled", **SHAPE)
    plain = train_run(steady, FakeClock(monkeypatch).report, never)
    finished = train_run(stalled, FakeClock(monkeypatch, stalls_at=40, stall=15.0).report, never)
    assert 29 < plain.seconds < 31
    assert 29 < finished.seconds < 31
    assert finished.step < 0.75 * plain.step
    for run in (steady, stalled):
        rates = [row["learning_rate"] for row in read_metrics(run.metrics_file) if "learning_rate" in row]
        assert rates[-1] == pytest.approx(0.0, abs=1e-12)


def test_a_plan_that_the_clock_made_outlives_a_crash(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that dies a few steps after a stall, with no save due in between, goes on as if it had not died."""
    straight, crashed = make_run(name="straight", **SHAPE), make_run(name="crashed", **SHAPE)
    train_run(straight, FakeClock(monkeypatch, stalls_at=40, stall=15.0).report, never)
    with pytest.raises(Crash):
        train_run(crashed, FakeClock(monkeypatch, stalls_at=40, stall=15.0, dies_at=45).report, never)
    train_run(crashed, FakeClock(monkeypatch).report, never)
    assert_same_run(straight, crashed)
