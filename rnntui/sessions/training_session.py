"""Controller of the Train tab, without Textual: watched and charted runs; starting, stopping and resuming trainings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rnntui.charts.metrics_history import MetricsHistory
from rnntui.errors import RnntuiError
from rnntui.formatting import format_loss
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.registry import kind_or_default
from rnntui.runs.creation import find_resumable_run
from rnntui.runs.folder import RunFolder
from rnntui.runs.stopping import stop_run
from rnntui.sessions.overlaid_runs import MAX_OVERLAYS, OverlaidRuns, Overlay
from rnntui.sessions.run_facts import metrics_text
from rnntui.sessions.run_watcher import RunsSnapshot, RunWatcher, WatchedRun
from rnntui.sessions.training_form import resume_arguments, training_name
from rnntui.sessions.training_jobs import TrainingJobs
from rnntui.sessions.training_process import TrainingProcess

Launcher = Callable[[Sequence[str], str, str, str | None], TrainingProcess]
"""Starts a training process, as `launch_training` does."""


@dataclass(frozen=True)
class Notice:
    """A notification for the user."""

    text: str
    title: str
    severity: Literal["information", "warning", "error"] = "information"


@dataclass(frozen=True)
class ChartedRun:
    """A run in the charts; `overlay` is None where no runs are overlaid."""

    run: WatchedRun
    history: MetricsHistory
    overlay: Overlay | None


class TrainingSession:
    """The runs of a folder and the trainings started here.

    Args:
        checkpoints: the folder of the user's runs.
        launcher: starts training processes.
    """

    def __init__(self, checkpoints: Path, launcher: Launcher) -> None:
        self.checkpoints = checkpoints
        self._launcher = launcher
        self.watcher = RunWatcher(checkpoints)
        self.snapshot = RunsSnapshot()
        self.overlays = OverlaidRuns()
        self.jobs = TrainingJobs()
        self.form_values: dict[str, str] = {}  # entered in the training form, by option name
        self.form_problem = ""  # why the last training did not start, shown in the form

    # -- watching ------------------------------------------------------------------------------------------------

    def charted_paths(self, current: str | None) -> list[str]:
        """Return the paths of the runs whose metrics the charts need."""
        return [*self.overlays.paths, *([current] if current else [])]

    def update(
        self, snapshot: RunsSnapshot, ended: Sequence[TrainingProcess]
    ) -> tuple[list[Notice], list[TrainingProcess]]:
        """Take a new snapshot of the runs; return notices, and the processes whose run has just appeared.

        Args:
            snapshot: the runs on disk now.
            ended: processes that had ended before the snapshot was taken, so that it holds all that they wrote.
        """
        states_before = {run.path: run.state for run in self.snapshot.runs}
        self.snapshot = snapshot
        self.overlays.keep_only({run.path for run in snapshot.runs})
        appeared = self.jobs.match(snapshot.runs)
        notices = [
            end_notice(run)
            for run in snapshot.runs
            if states_before.get(run.path) == "running" and run.state != "running"
        ]
        for process in ended:
            notices += self._remove(process)
        for process in appeared:
            self.form_values.pop("name", None)  # the next run needs another name
            notices += [Notice(message, f"Training {process.name}", "warning") for message in process.messages()]
        return notices, appeared

    def _remove(self, process: TrainingProcess) -> list[Notice]:
        problem = self.jobs.remove(process, self.run_at(process.path))
        if not problem:
            return []
        if process.path is None:
            self.form_problem = problem
        return [Notice(problem, "Training has ended" if process.path else "Training did not start", "error")]

    # -- showing -------------------------------------------------------------------------------------------------

    def run_at(self, path: str | None) -> WatchedRun | None:
        """Return the run in a folder, or None."""
        return next((run for run in self.snapshot.runs if run.path == path), None)

    @property
    def activities(self) -> dict[str, str]:
        """What is being done to runs, by their paths."""
        return self.jobs.activities(self.snapshot.runs)

    def list_notes(self) -> list[str]:
        """Return the lines above the list of runs."""
        notes = self.jobs.pending()
        if self.snapshot.problem:
            notes.append(self.snapshot.problem)
        if not self.snapshot.runs and not notes:
            notes.append("no runs yet; n starts one")
        return notes

    def charted(self, current: WatchedRun | None) -> list[ChartedRun]:
        """Return the runs to chart, those overlaid and the current one, as far as their metrics are read."""
        overlays: dict[str, Overlay | None] = dict(self.overlays.shown(current.path if current else None))
        if not overlays and current is not None:
            overlays = {current.path: None}
        charted = []
        for path, overlay in overlays.items():
            run, history = self.run_at(path), self.watcher.history(path)
            if run is not None and history is not None:
                charted.append(ChartedRun(run, history, overlay))
        return charted

    def toggle_overlay(self, path: str) -> Notice | None:
        """Mark or unmark a run as overlaid; return a notice if too many are marked."""
        if self.overlays.toggle(path):
            return None
        return Notice(f"At most {MAX_OVERLAYS} runs can be told apart.", "Not marked", "warning")

    # -- training ------------------------------------------------------------------------------------------------

    def start(self, arguments: Sequence[str]) -> Notice | None:
        """Start a training from the form; return a notice if no process can be started."""
        self.form_problem = ""
        return self._launch(arguments, "starting", training_name(self.form_values), None)

    def stop(self, run: WatchedRun) -> Notice | None:
        """Ask a run to save and stop; return a notice if it cannot be stopped."""
        if self.jobs.is_stopping(run.path):
            return None
        try:
            stop_run(RunFolder(Path(run.path)))
        except RnntuiError as error:
            return Notice(str(error), "Not stopped", "warning")
        self.jobs.mark_stopping(run.path)
        return None

    def check_resumable(self, run: WatchedRun) -> Notice | None:
        """Return a notice if a run cannot be resumed."""
        if run.state == "running" or run.path in self.activities:
            return Notice(f"{run.name} is being trained already.", "Not resumed", "warning")
        try:
            find_resumable_run(_kind_of(run), None, run.name, Path(run.path).parent)
        except RnntuiError as error:
            return Notice(str(error), "Not resumed", "warning")
        return None

    def resume(self, run: WatchedRun, budget: Sequence[str]) -> Notice | None:
        """Resume a run; return a notice if no process can be started.

        `budget` is the flag and value of a new budget, which a run that is done needs.
        """
        arguments = resume_arguments(_kind_of(run), run.name, Path(run.path).parent, budget)
        return self._launch(arguments, "resuming", run.name, run.path)

    def _launch(self, arguments: Sequence[str], activity: str, name: str, path: str | None) -> Notice | None:
        try:
            self.jobs.add(self._launcher(arguments, activity, name, path))
        except RnntuiError as error:
            return Notice(str(error), "Training did not start", "error")
        return None

    def tab_for(self, run: WatchedRun) -> str | Notice:
        """Return the tab that uses a run, or a notice if the run has no weights yet."""
        if run.config is None or not RunFolder(Path(run.path)).weights_file.is_file():
            return Notice(f"{run.name} has no weights yet.", "No chat", "warning")
        return _kind_of(run).use.tab


def _kind_of(run: WatchedRun) -> ModelKind:
    return kind_or_default(run.config.kind if run.config is not None else None)


def end_notice(run: WatchedRun) -> Notice:
    """Return the notice that a run is no longer running."""
    if run.state == "done":
        metrics = metrics_text(run.summary.kind, run.status) if run.status else ""
        loss = f"validation loss {format_loss(run.summary.validation_loss)}"
        return Notice(f"{run.name}: {', '.join(filter(None, (metrics, loss)))}", "Training is done")
    if run.state == "stopped":
        return Notice(f"{run.name} is saved; it can be resumed.", "Training has stopped")
    message = run.status.message if run.status else run.summary.problem
    return Notice(f"{run.name}: {message}", "Training failed", "error")
