"""A budget of minutes in the training loop, on a fake clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from labelled_runs import make_labelled_run, opinions
from pair_runs import copy_rows, make_pair_run
from test_resume import StopAfter, assert_same_run
from tiny_runs import word_text

from rnntui.config import Budget
from rnntui.inference.translator import Translator
from rnntui.runs.checksums import write_checksums
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import read_metrics
from rnntui.training import classifier_task, evaluation, evaluation_share, seq2seq_task, trainer
from rnntui.training.evaluation_share import affordable_share
from rnntui.training.events import Evaluated, Event, Stepped
from rnntui.training.process_group import SINGLE_PROCESS
from rnntui.training.train_run import train_run

SHAPE = {
    "minutes": 0.5, "save_every": 1e6, "sample_length": 0, "precision": "fp32", "evaluations": 3, "learning_rate": 1e-3,
    "patience": 0, "final_learning_rate": 0.0,
}  # fmt: skip


class Crash(Exception):
    """The process dies."""


class FakeClock:
    """Advances by `tick` seconds whenever the loop looks at it, and by `stall` seconds after step `stalls_at`."""

    tick = 0.05

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stalls_at: int = 0, stall: float = 0.0, dies_at: int = 0):
        self.now = 0.0
        self._stalls_at, self._stall, self._dies_at = stalls_at, stall, dies_at
        monkeypatch.setattr(trainer, "time", SimpleNamespace(perf_counter=self._read))
        monkeypatch.setattr(evaluation_share, "time", SimpleNamespace(perf_counter=lambda: self.now))

    def _read(self) -> float:
        self.now += self.tick
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


class SlowMachine(FakeClock):
    """On which a step takes half a second, and an evaluation so many seconds a token or a translated pair."""

    tick = 0.001

    def __init__(self, monkeypatch: pytest.MonkeyPatch, a_token: float, a_pair: float = 0.0, a_step: float = 0.5):
        super().__init__(monkeypatch)
        self._a_step = a_step
        self.stepping, self.events = 0.0, list[Event]()

        def slow(holder: object, name: str, seconds: Callable[..., float]) -> None:
            original = getattr(holder, name)

            def slowed(*args: object, **values: object) -> object:
                self.now += seconds(*args)
                return original(*args, **values)

            monkeypatch.setattr(holder, name, slowed)

        slow(evaluation, "_losses", lambda model, ids, positions, *rest: a_token * positions.size)
        slow(seq2seq_task, "batch_at", lambda pairs, part: a_token * int(pairs.target_lengths[part].sum()))
        slow(Translator, "translate", lambda self, sources, *rest: a_pair * len(sources))
        # Its batches are those of the loss too, where the model is in training mode.
        slow(
            classifier_task.ClassifierTask,
            "_logits",
            lambda task, batch, *rest: 0.0 if task.model.training else a_token * int(batch.lengths.sum()),
        )

    def report(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Stepped):
            self.now += self._a_step
            self.stepping += self._a_step


def with_minutes(run: RunFolder, minutes: float) -> RunFolder:
    run.write_config(replace(run.read_config(), budget=Budget(minutes=minutes)))
    write_checksums(run)
    return run


@pytest.mark.parametrize("kind", ["language model", "seq2seq", "classifier"])
@pytest.mark.parametrize("minutes", [0.2, 0.5])
def test_on_a_slow_machine_evaluations_are_cut_and_told_and_steps_have_most_of_the_time(
    kind: str, minutes: float, make_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In full, evaluations would take most of the budget, and the final one more than all of it."""
    machine = SlowMachine(monkeypatch, a_token=0.001 if kind == "language model" else 0.01, a_pair=0.03)
    if kind == "language model":
        settings = SHAPE | {"minutes": minutes, "eval_tokens": 10**4, "ngram_prior": 0}
        run = make_run(word_text(20_000), **settings)
    elif kind == "seq2seq":
        settings = {"bleu_pairs": 300, "validation_fraction": 0.5, "sample_length": 0, "patience": 0}
        run = with_minutes(make_pair_run(tmp_path, copy_rows(1000), "pairs", **settings), minutes)
    else:
        settings = {"validation_fraction": 0.5, "sample_length": 0, "patience": 0}
        run = with_minutes(make_labelled_run(tmp_path, opinions(2000), "texts", **settings), minutes)
    finished = train_run(run, machine.report, never)
    assert 60 * minutes - 4 < finished.seconds < 60 * minutes + 3 and finished.seconds_late == 0
    assert machine.stepping > 0.5 * finished.seconds
    assert "the final evaluation was cut short" in finished.evaluation_note
    rows = read_metrics(run.metrics_file)
    checks = [row["evaluation_tokens"] for row in rows if "validation_loss" in row]
    assert len(checks) >= 2 and len(set(checks)) == 1
    notes = [event.note for event in machine.events if isinstance(event, Evaluated)]
    assert f"read {checks[0]:,} validation tokens each" in notes[0]
    assert "read" not in "".join(notes[1:])
    assert any("translate" in note for note in notes) == (kind == "seq2seq")


def test_a_machine_that_is_fast_enough_reads_all(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = SlowMachine(monkeypatch, a_token=1e-5)
    finished = train_run(make_run(word_text(20_000), **SHAPE | {"eval_tokens": 10**4}), machine.report, never)
    assert not finished.evaluation_note
    assert not any(event.note for event in machine.events if isinstance(event, Evaluated))


def test_a_resumed_run_evaluates_on_the_tokens_of_before(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SHAPE | {"eval_tokens": 10**4, "ngram_prior": 0}
    run = make_run(word_text(20_000), **settings)
    stop = StopAfter(12)
    machine = SlowMachine(monkeypatch, a_token=0.01)
    train_run(run, lambda event: (stop.report(event), machine.report(event)), stop)
    train_run(run, SlowMachine(monkeypatch, a_token=1e-5).report, never)
    tokens = [row.get("evaluation_tokens") for row in read_metrics(run.metrics_file) if "validation_loss" in row]
    assert len(tokens) >= 3 and len(set(tokens)) == 1 and tokens[0]


def test_a_budget_that_a_step_has_missed_is_told(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    finished = train_run(make_run(**SHAPE), SlowMachine(monkeypatch, 1e-5, a_step=60.0).report, never)
    assert finished.seconds > 60
    assert finished.seconds_late == pytest.approx(finished.seconds - 30)


def test_the_time_of_the_final_evaluation_is_not_forgotten(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(**{key: value for key, value in SHAPE.items() if key != "minutes"}, steps=5)
    first = train_run(run, SlowMachine(monkeypatch, a_token=0.01).report, never)
    machine = SlowMachine(monkeypatch, a_token=0.01)
    second = train_run(run, machine.report, never, Budget(steps=6))
    assert next(event.seconds for event in machine.events if isinstance(event, Stepped)) > first.seconds
    assert second.seconds > first.seconds
    assert run.read_status().seconds == pytest.approx(second.seconds, abs=0.01)


@pytest.mark.parametrize("fixed", [0.0, 1.0])
def test_a_share_takes_the_time_that_there_is(fixed: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """All takes 100 seconds, and each reading as much again as `fixed`."""
    clock = FakeClock(monkeypatch)

    def read(share: float) -> float:
        clock.now += fixed + 100 * share
        return share

    for seconds in (5.0, 20.0):
        share = affordable_share(read, seconds, SINGLE_PROCESS)
        assert 0.2 * seconds < fixed + 100 * share < 1.1 * seconds
    assert affordable_share(read, 1000.0, SINGLE_PROCESS) == 1.0
    assert 0 < affordable_share(read, 0.0, SINGLE_PROCESS) < 0.01
    began = clock.now
    assert affordable_share(read, float("inf"), SINGLE_PROCESS) == 1.0 and clock.now == began
