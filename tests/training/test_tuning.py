"""The search of `rnntui tune` with a simulated training: proposals, early stops, limits, interruptions, the ledger."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("optuna")

from rnntui.config import Budget
from rnntui.errors import TrainingError
from rnntui.runs.tuning_ledger import Trial, TuningDescription, TuningFolder, TuningLedger, read_tuning
from rnntui.training.tuning import TrialKept, TrialResult, TrialWatch, Tuner, TuningEvent, TuningLimits
from rnntui.training.tuning_space import Dimension, combinations, search_space
from rnntui.training.tuning_study import NEIGHBOURS, RUNGS, TuningStudy, rung_losses

DEFAULTS = {
    "cell": "lstm", "layers": 1, "hidden": 512, "embedding": 64, "dropout": 0.1, "learning_rate": 4e-3,
    "batch_size": 16, "bptt": 32,
}  # fmt: skip
SPACE = search_space(DEFAULTS, (), has_shape=False, tokens=10**6)
TINY = (Dimension("cell", ("lstm", "gru"), is_ordered=False), Dimension("layers", (1, 2, 3)))
NO_LIMITS = TuningLimits(None, None, None)


def loss_of(settings: dict[str, Any]) -> float:
    """Return the loss of a training that likes a GRU of 256 units and a learning rate of 8e-3."""
    rate, hidden = settings.get("learning_rate", 4e-3), settings.get("hidden", 512)
    loss = 1.4 + 0.02 * math.log2(rate / 8e-3) ** 2 + 0.02 * math.log2(hidden / 256) ** 2
    return loss + 0.03 * (settings["cell"] == "lstm") + 0.02 * (settings["layers"] - 1)


class Killed(BaseException):
    """Stands for a process that is killed."""


@dataclass
class FakeTrainer:
    """Trains at once, with five evaluations; `interrupt` is called before each with trial number and fraction."""

    loss: Callable[[dict[str, Any]], float] = loss_of
    interrupt: Callable[[int, float], None] = lambda number, fraction: None
    dropped: list[int] = field(default_factory=list)
    trained: list[tuple[int, float]] = field(default_factory=list)
    kept: dict[int, str] = field(default_factory=dict)

    def train(self, trial: Trial, watch: TrialWatch) -> TrialResult:
        loss = self.loss(dict(trial.settings))
        if math.isnan(loss):
            return TrialResult("failed", "the loss is not finite")
        for fraction in (0.2, 0.4, 0.6, 0.8, 1.0):
            if fraction <= trial.fraction:
                continue
            self.interrupt(trial.number, fraction)
            self.trained.append((trial.number, fraction))
            watch.add_evaluation(fraction, loss + 1 - fraction)
            if watch.should_stop() and fraction < 1:
                reason = watch.pruned or watch.stop_reason()
                state = "interrupted" if reason == "interrupted" else "pruned"
                return TrialResult(state, reason, loss + 1 - fraction, None, fraction)
        return TrialResult("finished", "", loss, loss / math.log(2), 1.0)

    def unrecorded_seconds(self, trial: Trial) -> float:
        return 7.0

    def drop(self, trial: Trial) -> str:
        self.dropped.append(trial.number)
        return self.kept.get(trial.number, "")


def search(
    folder: Path,
    trainer: FakeTrainer,
    limits: TuningLimits,
    *,
    space: tuple[Dimension, ...] = SPACE,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Tuner, str, list[TuningEvent]]:
    """Begin or continue a search in a folder; return it, why it ended, and its events."""
    folder.mkdir(exist_ok=True)
    paths = TuningFolder(folder)
    ledger = TuningLedger.open(paths)
    if ledger is None:
        values = {dimension.name: dimension.values for dimension in space}
        ledger = TuningLedger.create(paths, TuningDescription(("book.txt",), {}, values, Budget(minutes=1), 1))
    tuner = Tuner(ledger, space, DEFAULTS, trainer, limits)
    events: list[TuningEvent] = []
    return tuner, tuner.run(events.append, stop), events


def test_a_search_begins_with_the_defaults_and_keeps_only_the_best_run(tmp_path: Path) -> None:
    trainer = FakeTrainer()
    tuner, reason, _ = search(tmp_path / "book.tuning", trainer, TuningLimits(None, 18, None))
    tuning = tuner.tuning
    first, best = tuning.trials[0], tuning.best
    assert reason == "trials" and len(tuning.trials) == 18 and first.settings == DEFAULTS
    assert best is not None and best.loss is not None and first.loss is not None and best.loss < first.loss - 0.02
    assert [trial.number for trial in tuning.trials if trial.is_kept] == [best.number]
    assert sorted(trainer.dropped) == [n for n in range(1, 19) if n != best.number]
    pruned = [trial for trial in tuning.trials if trial.state == "pruned"]
    assert len(pruned) > 4 and {trial.fraction for trial in pruned} <= {0.4, 0.6} and first.state == "finished"
    assert "in the worse half after 25%" in {trial.reason for trial in pruned}
    assert len({json.dumps(trial.settings) for trial in tuning.trials}) == 18


def test_a_run_that_somebody_has_a_use_for_is_told_of_once_by_each_process(tmp_path: Path) -> None:
    trainer = FakeTrainer(kept={1: "it has a note: mine"})
    for trials in (4, 5, 5):
        tuner, _, events = search(tmp_path / "book.tuning", trainer, TuningLimits(None, trials, None))
        kept = [event for event in events if isinstance(event, TrialKept)]
        assert [(event.trial.number, event.reason) for event in kept] == [(1, "it has a note: mine")]
    assert tuner.tuning.best is not None and tuner.tuning.best.number > 1


def test_the_first_proposals_move_every_setting(tmp_path: Path) -> None:
    search(tmp_path / "book.tuning", FakeTrainer(), TuningLimits(None, 1 + NEIGHBOURS, None))
    tuning = read_tuning(TuningFolder(tmp_path / "book.tuning"))
    assert tuning is not None
    seen = [{trial.settings[dimension.name] for trial in tuning.trials} for dimension in SPACE]
    assert all(len(values) > 1 for values in seen)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search of nine trials that nothing has interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "book.tuning"
    search(folder, FakeTrainer(), TuningLimits(None, 9, None))
    return folder


@pytest.mark.parametrize("kill_at", [(1, 0.4), (3, 0.2), (8, 0.4)])
def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(
    kill_at: tuple[int, float], whole: Path, tmp_path: Path
) -> None:
    """The same trials with the same results; a line that was cut in the middle of a write is nothing."""

    def kill(number: int, fraction: float) -> None:
        if (number, fraction) == kill_at:
            raise Killed

    limits = TuningLimits(None, 9, None)
    killed = tmp_path / "killed.tuning"
    with pytest.raises(Killed):
        search(killed, FakeTrainer(interrupt=kill), limits)
    with (killed / "tuning.jsonl").open("a") as file:
        file.write('{"trial": 3, "state": "fin')
    search(killed, FakeTrainer(), limits)
    once, again = (read_tuning(TuningFolder(folder)) for folder in (whole, killed))
    assert once is not None and again is not None
    assert [(t.settings, t.state, t.loss) for t in once.trials] == [(t.settings, t.state, t.loss) for t in again.trials]
    assert again.seconds >= 7.0  # of the killed training


def test_an_interrupted_trial_is_continued_and_not_begun_again(tmp_path: Path) -> None:
    folder, trainer = tmp_path / "book.tuning", FakeTrainer()
    stops = iter([False] * 7 + [True] * 100)
    _, reason, events = search(folder, trainer, NO_LIMITS, stop=lambda: next(stops))
    assert reason == "interrupted" and events[-1].trial.state == "interrupted"
    number, fraction = trainer.trained[-1]
    later = FakeTrainer()
    tuner, _, _ = search(folder, later, TuningLimits(None, number, None))
    assert later.trained[0] == (number, pytest.approx(fraction + 0.2)) and tuner.tuning.trials[-1].is_over
    evaluations = [point[0] for point in tuner.tuning.trials[-1].curve]
    assert evaluations == [0.2, 0.4, 0.6, 0.8, 1.0][: len(evaluations)]


def test_a_trial_that_ends_its_process_each_time_fails(tmp_path: Path) -> None:
    """As where memory is short: the system ends the process without a word."""

    def kill(number: int, fraction: float) -> None:
        if number == 2:
            raise Killed

    folder = tmp_path / "book.tuning"
    for _ in range(3):
        with pytest.raises(Killed):
            search(folder, FakeTrainer(interrupt=kill), TuningLimits(None, 4, None))
    tuner, _, _ = search(folder, FakeTrainer(interrupt=kill), TuningLimits(None, 4, None))
    states = [trial.state for trial in tuner.tuning.trials]
    assert states[:2] == ["finished", "failed"] and "memory may be short" in tuner.tuning.trials[1].reason
    assert len(states) == 4 and "failed" not in states[2:]


def test_a_failed_trial_is_no_end_but_failures_alone_are(tmp_path: Path) -> None:
    trainer = FakeTrainer(lambda settings: math.nan if settings["cell"] == "gru" else loss_of(settings))
    tuner, _, _ = search(tmp_path / "book.tuning", trainer, TuningLimits(None, 8, None))
    states = {trial.state for trial in tuner.tuning.trials}
    assert states >= {"finished", "failed"} and tuner.tuning.best is not None
    with pytest.raises(TrainingError, match="the first 3 trials have failed: the loss is not finite"):
        search(tmp_path / "broken.tuning", FakeTrainer(lambda settings: math.nan), NO_LIMITS)


def test_every_combination_of_a_small_space_is_tried_once(tmp_path: Path) -> None:
    tuner, reason, _ = search(tmp_path / "book.tuning", FakeTrainer(), NO_LIMITS, space=TINY)
    assert reason == "exhausted" and len(tuner.tuning.trials) == combinations(TINY) == 6
    assert tuner.tuning.best is not None and tuner.tuning.best.settings == {"cell": "gru", "layers": 1}


@pytest.mark.parametrize(
    ("seconds", "length", "spent", "trials"), [(100, 30, 0, 4), (100, 30, 75, 0), (100, 101, 0, 0), (None, 30, 1e9, 4)]
)
def test_no_trial_begins_that_could_not_end_in_time(
    seconds: float | None, length: float, spent: float, trials: int, tmp_path: Path
) -> None:
    folder = tmp_path / "book.tuning"
    search(folder, FakeTrainer(), TuningLimits(None, 1, None))
    ledger = TuningLedger.open(TuningFolder(folder))
    assert ledger is not None
    ledger.append(1, published="book", search_seconds=spent)
    tuner, reason, _ = search(folder, FakeTrainer(), TuningLimits(seconds, 5, length))
    assert len(tuner.tuning.trials) == 1 + trials and reason == ("trials" if trials else "time")


def test_what_is_fixed_or_given_by_a_run_is_not_searched() -> None:
    def names(*given: str, has_shape: bool = False, **changes: Any) -> set[str]:
        space = search_space(DEFAULTS | changes, given, has_shape=has_shape, tokens=100)
        return {dimension.name for dimension in space}

    assert names() == set(DEFAULTS)
    assert names("hidden", "learning_rate") == set(DEFAULTS) - {"hidden", "learning_rate"}
    assert names(has_shape=True) == {"dropout", "learning_rate", "batch_size", "bptt"}
    assert "embedding" not in names(embedding=None)
    [bptt] = [d for d in search_space(DEFAULTS, (), has_shape=False, tokens=100) if d.name == "bptt"]
    assert bptt.values == (16, 32, 64)  # a window is shorter than the text
    [rate] = [
        d
        for d in search_space(DEFAULTS | {"learning_rate": 0.003}, (), has_shape=False, tokens=100)
        if d.name == "learning_rate"
    ]
    assert 0.003 in rate.values and list(rate.values) == sorted(rate.values)


def test_losses_at_rungs_are_interpolated_between_evaluations() -> None:
    curve = ((0.2, 2.0), (0.3, 1.0), (0.45, 0.9))
    assert RUNGS == (0.25, 0.5) and rung_losses(curve) == [pytest.approx(1.5)] and rung_losses(()) == []


def test_the_same_results_give_the_same_proposal() -> None:
    def proposal(seed: int) -> object:
        study = TuningStudy(SPACE, seed)
        generator = np.random.default_rng(5)
        for number in range(1, 12):
            settings = {name: values[int(generator.integers(len(values)))] for name, values, _ in SPACE}
            study.begin(settings)
            study.end(Trial(number, settings, "finished", loss=loss_of(settings)))
        return study.propose()

    assert proposal(1) == proposal(1) != proposal(2)
