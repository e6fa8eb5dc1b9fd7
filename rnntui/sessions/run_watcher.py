"""Watching the runs on disk: which there are, where each stands, what they have logged. Called from a thread."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from rnntui.charts.metrics_history import MetricsHistory
from rnntui.errors import RunError
from rnntui.runs.folder import RunFolder
from rnntui.runs.listing import RunSummary, summarize_run
from rnntui.runs.lookup import runs_in, shipped_runs
from rnntui.runs.run_config import RunConfig
from rnntui.runs.run_status import RunStatus

_BLOCKS = 8  # of a metrics file, read in one look
_KEPT = 24  # histories kept in memory, beside those that are wanted

_Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class WatchedRun:
    """A run as it was found; `config` and `status` are None for one that is broken.

    `step` is the newest step that is known of: the status tells it at each check, the metrics oftener.
    """

    summary: RunSummary
    config: RunConfig | None
    status: RunStatus | None
    step: int = 0

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
    def share(self) -> float | None:
        """How much of the training is done, 0..1; None while that is not known."""
        steps = self.status.steps if self.status else None
        return min(1.0, self.step / steps) if steps else None

    @property
    def seconds_left(self) -> float | None:
        """How much longer a running run takes at the speed so far; None while that is not known."""
        if self.state != "running" or not (self.status and self.status.steps and self.status.step):
            return None
        return max(0.0, (self.status.steps - self.step) * self.status.seconds / self.status.step)


@dataclass(frozen=True)
class RunsSnapshot:
    """All that a look found. `problem` says why a folder of runs cannot be read; `more` asks to look again at once."""

    runs: tuple[WatchedRun, ...] = ()
    problem: str = ""
    more: bool = False


class RunWatcher:
    """Looks at a folder of runs again and again, reading only what has changed.

    `look` is for one thread at a time. `lock` must be held while a history is used, as `look` reads on in it.
    """

    def __init__(self, checkpoints: Path) -> None:
        self.checkpoints = checkpoints
        self.lock = threading.Lock()
        self._known: dict[Path, tuple[_Stamp, WatchedRun]] = {}
        self._histories: dict[str, MetricsHistory] = {}

    def history(self, path: str) -> MetricsHistory | None:
        """What a run has logged, as far as it is read; None if nobody wanted it yet."""
        return self._histories.get(path)

    def look(self, wanted: Collection[str]) -> RunsSnapshot:
        """Where every run stands now, the newest made first; reads on in the metrics of those `wanted` by path."""
        problem = ""
        shipped = {run.path.resolve(): run for run in shipped_runs()}
        found = dict(shipped)
        try:
            found |= {run.path.resolve(): run for run in runs_in(self.checkpoints)}
        except OSError as error:
            problem = f"cannot read {self.checkpoints}: {error.strerror or error}"
        self._known = {path: known for path, known in self._known.items() if path in found}
        runs = [self._see(path, run, path in shipped) for path, run in found.items()]
        more = self._read({run.path for run in runs}, {*wanted, *(run.path for run in runs if run.state == "running")})
        runs = [self._at_step(run) for run in runs]
        # By what never changes, so that no run moves in the list while one looks at it.
        runs.sort(key=lambda run: (run.summary.shipped, -(run.config.created if run.config else 0), run.name))
        return RunsSnapshot(tuple(runs), problem, more)

    def _see(self, path: Path, run: RunFolder, shipped: bool) -> WatchedRun:
        stamp = _stamp(run.config_file) + _stamp(run.status_file)
        known = self._known.get(path)
        # What is running must be looked at even if no file changes: a killed process writes nothing.
        if known and known[0] == stamp and known[1].state != "running":
            return known[1]
        row = summarize_run(run, shipped)
        config = status = None
        if row.state != "broken":
            try:
                config, status = run.read_config(), run.read_status()
            except RunError:  # it broke between the two: the next look tells
                config = status = None
        seen = WatchedRun(row, config, status, status.step if status else 0)
        self._known[path] = (stamp, seen)
        return seen

    def _read(self, there: set[str], wanted: set[str]) -> bool:
        """Read on in the metrics of the wanted runs; whether there is more to read."""
        more = False
        with self.lock:
            # In the order of their use, so that the oldest one goes first.
            kept = {path: history for path, history in self._histories.items() if path in there}
            for path in wanted & there:
                used = kept.pop(path) if path in kept else MetricsHistory(RunFolder(Path(path)).metrics_file)
                kept[path] = used
            for path in list(kept)[: max(0, len(kept) - max(_KEPT, len(wanted)))]:
                del kept[path]
            self._histories = kept
        for path in wanted & there:
            history = kept[path]
            for _ in range(_BLOCKS):
                with self.lock:
                    try:
                        history.read()
                    except OSError:  # removed at this moment, or not ours to read: there is nothing to chart
                        break
                if not history.more:
                    break
            more = more or history.more
        return more

    def _at_step(self, run: WatchedRun) -> WatchedRun:
        history = self._histories.get(run.path)
        if history is None or run.state != "running":
            return run
        with self.lock:
            ends = [history.series(key).axes["step"][-1] for key in history.quantities]
        return WatchedRun(run.summary, run.config, run.status, max(run.step, int(max(ends, default=0))))


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return ((0, 0, 0),)
    return ((found.st_mtime_ns, found.st_size, found.st_ino),)
