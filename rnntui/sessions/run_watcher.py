"""Watching the runs on disk: their states and metrics, read incrementally. Called from a thread."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from rnntui.atomic_files import parse_json
from rnntui.charts.metrics_history import MetricsHistory
from rnntui.config import Budget
from rnntui.runs.description import current_budget
from rnntui.runs.folder import RunFolder
from rnntui.runs.listing import RunSummary, read_run
from rnntui.runs.lookup import runs_in, shipped_runs
from rnntui.runs.run_config import RunConfig
from rnntui.runs.run_status import RunStatus
from rnntui.runs.weights_header import read_weights_header

_BLOCKS = 8  # of a metrics file, read in one poll
_MAX_HISTORIES = 24  # histories kept in memory, unless more runs than that are charted

_FileStamp = tuple[int, int, int]  # modification time, size, inode


@dataclass(frozen=True)
class WatchedRun:
    """A run as it was at a poll.

    Args:
        summary: what a list shows of it.
        config: None for a broken run.
        status: None for a broken run.
        budget: budget of the whole run, which a resumption may have changed; None for a broken run.
        is_out_of_patience: True if early stopping has ended the steps of a running run.
        step: last step known; the status is written at each evaluation, the metrics more often.
        best_step: step of the best weights; None while unknown.
        tokens_per_second: speed of the last steps if it runs, else its mean speed; None while unknown.
        slowdown: why and how much a running training is slower than usual; empty if it is not.
    """

    summary: RunSummary
    config: RunConfig | None
    status: RunStatus | None
    budget: Budget | None = None
    is_out_of_patience: bool = False
    step: int = 0
    best_step: int | None = None
    tokens_per_second: float | None = None
    slowdown: str = ""

    @property
    def path(self) -> str:
        return self.summary.path

    @property
    def name(self) -> str:
        return self.summary.name

    @property
    def state(self) -> str:
        return self.summary.state

    @property
    def is_in_final_evaluation(self) -> bool:
        """True for a running run whose steps are done."""
        steps = self.status.steps if self.status else None
        return self.state == "running" and (self.is_out_of_patience or (steps is not None and self.step >= steps))

    @property
    def progress(self) -> float | None:
        """Fraction of the training that is done, 0..1; None while unknown."""
        steps = self.status.steps if self.status else None
        return min(1.0, self.step / steps) if steps else None

    @property
    def seconds_left(self) -> float | None:
        """Estimate of the remaining time of a running run, at its mean speed; None while unknown."""
        if self.state != "running" or not (self.status and self.status.steps and self.status.step):
            return None
        if self.is_in_final_evaluation:
            return None
        return max(0.0, (self.status.steps - self.step) * self.status.seconds / self.status.step)


@dataclass(frozen=True)
class RunsSnapshot:
    """All runs at a poll. `problem` says why their folder cannot be read; `has_more` asks to poll again at once."""

    runs: tuple[WatchedRun, ...] = ()
    problem: str = ""
    has_more: bool = False


class RunWatcher:
    """Polls a folder of runs, reading only what has changed.

    Only one thread may call `poll` at a time. Hold `lock` while a history is used, as `poll` appends to it.
    """

    def __init__(self, checkpoints: Path) -> None:
        self.checkpoints = checkpoints
        self.lock = threading.Lock()
        self._known: dict[Path, tuple[tuple[_FileStamp, ...], WatchedRun]] = {}
        self._histories: dict[str, MetricsHistory] = {}

    def history(self, path: str) -> MetricsHistory | None:
        """Return the metrics of a run, as far as they are read; None if no poll has asked for them yet."""
        return self._histories.get(path)

    def poll(self, charted: Collection[str]) -> RunsSnapshot:
        """Return the state of every run, the newest first; read the new metrics of running and `charted` runs."""
        problem = ""
        shipped = {run.path.resolve(): run for run in shipped_runs()}
        folders = dict(shipped)
        try:
            folders |= {run.path.resolve(): run for run in runs_in(self.checkpoints)}
        except OSError as error:
            problem = f"cannot read {self.checkpoints}: {error.strerror or error}"
        self._known = {path: known for path, known in self._known.items() if path in folders}
        runs = [self._read_run(path, run, path in shipped) for path, run in folders.items()]
        running = {run.path for run in runs if run.state == "running"}
        has_more = self._read_metrics({run.path for run in runs}, {*charted} | running)
        runs = [self._with_metrics(run) for run in runs]
        # Sorted by values that never change, so that no run moves in the list while a user looks at it.
        runs.sort(key=lambda run: (run.summary.shipped, -(run.config.created if run.config else 0), run.name))
        return RunsSnapshot(tuple(runs), problem, has_more)

    def _read_run(self, path: Path, run: RunFolder, shipped: bool) -> WatchedRun:
        stamps = _stamp(run.config_file), _stamp(run.status_file), _stamp(run.note_file)
        known = self._known.get(path)
        # A running run must be read even if no file has changed: a killed process writes nothing.
        if known and known[0] == stamps and known[1].state != "running":
            return known[1]
        summary, config, status = read_run(run, shipped)
        watched = WatchedRun(summary, config if status is not None else None, status)
        if config is not None and status is not None:
            weights = read_weights_header(run.weights_file)
            watched = replace(
                watched,
                budget=current_budget(run, config),
                is_out_of_patience=status.state == "running" and _is_out_of_patience(run),
                step=status.step,
                best_step=weights.step if weights else None,
                tokens_per_second=status.tokens / status.seconds if status.tokens and status.seconds else None,
            )
        self._known[path] = (stamps, watched)
        return watched

    def _read_metrics(self, existing: set[str], charted: set[str]) -> bool:
        """Read the new metrics of the charted runs. Returns True if there is more to read."""
        charted &= existing
        with self.lock:
            # In order of use, so that the least recently used one is dropped first.
            histories = {path: history for path, history in self._histories.items() if path in existing}
            for path in charted:
                history = histories.pop(path) if path in histories else _new_history(path)
                histories[path] = history
            for path in list(histories)[: max(0, len(histories) - max(_MAX_HISTORIES, len(charted)))]:
                del histories[path]
            self._histories = histories
        has_more = False
        for path in charted:
            history = histories[path]
            for _ in range(_BLOCKS):
                with self.lock:
                    try:
                        history.read()
                    except OSError:  # just removed, or not readable by us: there is nothing to chart
                        break
                if not history.has_more:
                    break
            has_more = has_more or history.has_more
        return has_more

    def _with_metrics(self, run: WatchedRun) -> WatchedRun:
        """Complete a run by its metrics, if they are read."""
        history = self._histories.get(run.path)
        if history is None:
            return run
        if run.state != "running":
            best_step = history.results.get("best_step", math.nan)
            is_new = run.best_step is None and math.isfinite(best_step)
            return replace(run, best_step=int(best_step)) if is_new else run
        with self.lock:
            last_step, speed, slowdown = history.last_step, history.last_value("tokens_per_second"), history.slowdown
        return replace(
            run,
            step=max(run.step, last_step),
            tokens_per_second=run.tokens_per_second if speed is None else speed,
            slowdown=slowdown,
        )


def _new_history(path: str) -> MetricsHistory:
    return MetricsHistory(RunFolder(Path(path)).metrics_file)


def _is_out_of_patience(run: RunFolder) -> bool:
    """Return True if the resume file records that training is over before its budget is spent."""
    header = read_weights_header(run.resume_file)
    try:
        return bool(parse_json(header.metadata["progress"])["reason"]) if header else False
    except (ValueError, KeyError, TypeError):
        return False


def _stamp(path: Path) -> _FileStamp:
    try:
        stat = path.stat()
    except OSError:
        return (0, 0, 0)
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)
