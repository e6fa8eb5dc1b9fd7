"""Search for the settings of a training within a budget: one trial after the other, a line in the ledger for each step.

The first trial has the default settings. The best finished trial's run is kept, the others are deleted. Everything that
the search knows is in its ledger, so a process that was stopped or killed is continued by the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from rnntui.errors import TrainingError
from rnntui.runs.tuning_ledger import Curve, Trial, TrialState, Tuning, TuningLedger
from rnntui.training.tuning_space import Dimension
from rnntui.training.tuning_study import RUNGS, TuningStudy, rung_losses

_MAX_STARTS = 3  # of a trial that ends its process each time, as one may for which memory is short
_MAX_FAILURES = 3  # in a row, before any trial has finished: the fault is not that of the settings

EndReason = Literal["time", "trials", "exhausted", "interrupted"]


@dataclass(frozen=True)
class TrialStarted:
    """A trial starts, or goes on after an interruption."""

    trial: Trial


@dataclass(frozen=True)
class TrialProgress:
    """A trial is under way.

    Args:
        number: of the trial.
        fraction: how much of its training is done, 0..1.
        loss: its last validation loss; None before the first.
    """

    number: int
    fraction: float
    loss: float | None


@dataclass(frozen=True)
class TrialEnded:
    """A trial is over or interrupted; `is_best` is True if it is the best one so far."""

    trial: Trial
    is_best: bool


@dataclass(frozen=True)
class TrialKept:
    """The run of a finished trial is not deleted, as it is in use, has a note or other files."""

    trial: Trial
    reason: str


TuningEvent = TrialStarted | TrialProgress | TrialEnded | TrialKept


@dataclass(frozen=True)
class TrialResult:
    """Result of a trial; the fields are those of `Trial`."""

    state: TrialState
    reason: str = ""
    loss: float | None = None
    bits_per_character: float | None = None
    fraction: float = 0.0


@dataclass
class TrialWatch:
    """What a training tells the search while it runs, and when it has to stop.

    Args:
        curve: evaluations so far.
        is_stopped_at: counts the loss at a rung; returns True if the trial is to be stopped there.
        stop_reason: returns why the search wants the trial to stop now: `interrupted`, `out of time`, or nothing.
        report: receives the fraction that is done and the last validation loss.
    """

    curve: list[tuple[float, float]]
    is_stopped_at: Callable[[int, float], bool]
    stop_reason: Callable[[], str]
    report: Callable[[float, float | None], None]
    pruned: str = ""
    _rungs: int = field(default=0, init=False)

    def add_evaluation(self, fraction: float, loss: float) -> None:
        """Count an evaluation after a fraction of the training."""
        if self.curve and fraction <= self.curve[-1][0]:
            return  # a resumed training repeats steps
        self.curve.append((round(fraction, 4), loss))
        for loss_there in rung_losses(tuple(self.curve))[self._rungs :]:
            rung, self._rungs = self._rungs, self._rungs + 1
            if self.is_stopped_at(rung, loss_there) and not self.pruned:
                self.pruned = f"in the worse half after {100 * RUNGS[rung]:.0f}%"

    def should_stop(self) -> bool:
        """Return True if the training should stop now."""
        return bool(self.pruned or self.stop_reason())


class TrialTrainer(Protocol):
    """Trains the runs of trials."""

    def train(self, trial: Trial, watch: TrialWatch) -> TrialResult:
        """Train the run of a trial, from its start or from where it was interrupted."""
        ...

    def unrecorded_seconds(self, trial: Trial) -> float:
        """Return the training time of a trial whose process was killed, beyond what the ledger has."""
        ...

    def drop(self, trial: Trial) -> str:
        """Delete the run of a trial, if any. Return why it is kept if it is in use, has a note or other files."""
        ...


@dataclass(frozen=True)
class TuningLimits:
    """Limits of a search; None for no limit.

    Args:
        seconds: time of the whole search, in all processes.
        trials: number of trials.
        trial_seconds: length of a trial's training.
        keep_all: True to keep the runs of all trials.
    """

    seconds: float | None
    trials: int | None
    trial_seconds: float | None
    keep_all: bool = False


class Tuner:
    """A search that begins or goes on.

    Args:
        ledger: the ledger; the caller holds the lock of its folder.
        space: the settings that are searched.
        defaults: the settings of the first trial.
        trainer: trains the trials.
        limits: when the search ends.
    """

    def __init__(
        self,
        ledger: TuningLedger,
        space: Sequence[Dimension],
        defaults: Mapping[str, Any],
        trainer: TrialTrainer,
        limits: TuningLimits,
    ) -> None:
        self._ledger = ledger
        self._space = space
        self._defaults = {dimension.name: defaults[dimension.name] for dimension in space}
        self._trainer = trainer
        self._limits = limits
        self._spent = ledger.tuning.seconds
        self._began = 0.0

    @property
    def tuning(self) -> Tuning:
        return self._ledger.tuning

    @property
    def seconds(self) -> float:
        """Time of the search so far, in all processes."""
        return self._spent + time.perf_counter() - self._began

    def run(
        self, report: Callable[[TuningEvent], None], stop_requested: Callable[[], bool], began: float | None = None
    ) -> EndReason:
        """Search until a limit is reached or a stop is requested, and return which of them it was.

        Args:
            report: receives every event.
            stop_requested: asked before every step of a training.
            began: when the work of this process began, by `time.perf_counter`; now by default.

        Raises `TrainingError` if the first trials all fail.
        """
        self._began = time.perf_counter() if began is None else began
        unfinished = self._recover(report)
        study = TuningStudy(
            self._space, self.tuning.description.seed, (trial for trial in self.tuning.trials if trial.is_over)
        )
        while True:
            trial = unfinished
            if trial is None:
                reason = self._limit_reached()
                settings = None if reason else self._next_settings(study)
                if settings is None:
                    return reason or "exhausted"
                trial = Trial(len(self.tuning.trials) + 1, settings)
            elif self._is_late(1 - trial.fraction):
                return "time"
            unfinished = None
            ended = self._run_trial(trial, study, report, stop_requested)
            if ended.state == "interrupted":
                return "interrupted"
            self._check_failures()

    def _recover(self, report: Callable[[TuningEvent], None]) -> Trial | None:
        """Return the trial that an earlier process left unfinished, and delete runs that it left behind."""
        unfinished = None
        for trial in self.tuning.trials:
            if trial.state == "running":
                self._spent += self._trainer.unrecorded_seconds(trial)
                if trial.starts >= _MAX_STARTS:
                    self._end(trial, TrialResult("failed", "it ended the process each time; memory may be short"), ())
                    continue
            if not trial.is_over:
                unfinished = trial
            elif not trial.is_kept and not trial.published:
                self._drop(trial, report)
        self._drop_worse(report)
        return unfinished

    def _limit_reached(self) -> EndReason | None:
        trials = self._limits.trials
        if trials is not None and len(self.tuning.trials) >= trials:
            return "trials"
        return "time" if self._is_late(1.0) else None

    def _is_late(self, fraction: float) -> bool:
        """Return True if there is not enough time for that much of another trial."""
        if self._limits.seconds is None:
            return False
        left = self._limits.seconds - self.seconds
        finished = [trial.seconds for trial in self.tuning.trials if trial.state == "finished"]
        length = self._limits.trial_seconds or 0.0
        expected = max([length, *finished])
        return left <= 0 or left < fraction * expected

    def _next_settings(self, study: TuningStudy) -> dict[str, Any] | None:
        return study.propose() if self.tuning.trials else dict(self._defaults)

    def _run_trial(
        self,
        trial: Trial,
        study: TuningStudy,
        report: Callable[[TuningEvent], None],
        stop_requested: Callable[[], bool],
    ) -> Trial:
        """Train a trial, and write its lines; returns it as it has ended."""
        changed = trial.changes(self.tuning.trials[0]) if self.tuning.trials else {}
        self._ledger.append(
            trial.number, settings=dict(trial.settings), changed=changed, search_seconds=round(self.seconds, 1)
        )
        report(TrialStarted(trial))
        study.begin(trial.settings)

        def stop_reason() -> str:
            if stop_requested():
                return "interrupted"
            limit = self._limits.seconds
            return "out of time" if limit is not None and self.seconds > limit else ""

        def is_stopped_at(rung: int, loss: float) -> bool:
            return study.is_stopped_at(rung, loss) and trial.number > 1  # the defaults are what others compare with

        watch = TrialWatch([], is_stopped_at, stop_reason, lambda *values: report(TrialProgress(trial.number, *values)))
        for point in trial.curve:
            watch.add_evaluation(*point)
        began = time.perf_counter()
        try:
            result = self._trainer.train(trial, watch)
        except KeyboardInterrupt:  # a second Ctrl-C: the training goes on from its last save
            self._end(trial, TrialResult("interrupted"), tuple(watch.curve), trial.seconds)
            raise
        seconds = trial.seconds + time.perf_counter() - began
        ended = self._end(trial, result, tuple(watch.curve), seconds)
        if ended.is_over:
            study.end(ended)
        best = self.tuning.best
        self._drop_worse(report)
        report(TrialEnded(ended, best is not None and best.number == ended.number))
        return ended

    def _end(self, trial: Trial, result: TrialResult, curve: Curve, seconds: float = 0.0) -> Trial:
        """Write the line of a trial's end and return the trial with its result."""
        self._ledger.append(
            trial.number,
            state=result.state,
            reason=result.reason or None,
            loss=result.loss,
            bits_per_character=result.bits_per_character,
            fraction=round(result.fraction, 4),
            seconds=round(max(seconds, trial.seconds), 2),
            curve=[[fraction, round(loss, 5)] for fraction, loss in curve],
            search_seconds=round(self.seconds, 1),
        )
        return next(known for known in self.tuning.trials if known.number == trial.number)

    def _drop_worse(self, report: Callable[[TuningEvent], None]) -> None:
        """Delete the runs of trials that are over, but for that of the best."""
        best = self.tuning.best
        for trial in self.tuning.trials:
            if self._limits.keep_all or not (trial.is_over and trial.is_kept) or trial == best:
                continue
            reason = trial.state if best is None or trial.state != "finished" else f"trial {best.number} is better"
            self._ledger.append(trial.number, dropped=reason)  # first: a killed process leaves a run to delete
            self._drop(trial, report)

    def _drop(self, trial: Trial, report: Callable[[TuningEvent], None]) -> None:
        if reason := self._trainer.drop(trial):  # the next process that goes on with the search tries again
            report(TrialKept(trial, reason))

    def _check_failures(self) -> None:
        trials = self.tuning.trials
        if len(trials) >= _MAX_FAILURES and all(trial.state == "failed" for trial in trials):
            raise TrainingError(f"the first {len(trials)} trials have failed: {trials[-1].reason}")
