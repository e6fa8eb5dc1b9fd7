"""Controller of the Train tab: the watched runs, which are charted, and what is done to them. It knows no Textual."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rnntui.charts.metrics_history import MetricsHistory
from rnntui.errors import RnntuiError
from rnntui.formatting import number
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.registry import KINDS
from rnntui.runs.creation import find_resumable_run
from rnntui.runs.folder import RunFolder
from rnntui.runs.stopping import stop_run
from rnntui.sessions.overlaid_runs import MAX_OVERLAYS, OverlaidRuns, Overlay
from rnntui.sessions.run_facts import metrics_text
from rnntui.sessions.run_watcher import RunsSnapshot, RunWatcher, WatchedRun
from rnntui.sessions.training_form import resume_arguments, training_name
from rnntui.sessions.training_jobs import TrainingJobs
from rnntui.sessions.training_process import Training

Launch = Callable[[Sequence[str], str, str, str | None], Training]


@dataclass(frozen=True)
class Notice:
    """Something to tell the user: a text, a title, and how bad it is."""

    text: str
    title: str
    severity: Literal["information", "warning", "error"] = "information"


@dataclass(frozen=True)
class ChartedRun:
    """A run in the charts; `overlay` is None where it is the only one."""

    run: WatchedRun
    history: MetricsHistory
    overlay: Overlay | None


class TrainingSession:
    """The runs of a folder and the trainings started here.

    Args:
        checkpoints: the folder of the user's runs.
        launch: starts a training process.
    """

    def __init__(self, checkpoints: Path, launch: Launch) -> None:
        self.checkpoints = checkpoints
        self._launch = launch
        self.watcher = RunWatcher(checkpoints)
        self.snapshot = RunsSnapshot()
        self.overlays = OverlaidRuns()
        self.jobs = TrainingJobs()
        self.typed: dict[str, str] = {}  # in the form that starts a training
        self.form_problem = ""  # why the last training did not start

    # -- watching ------------------------------------------------------------------------------------------------

    def wanted(self, current: str | None) -> list[str]:
        """Paths of the runs whose metrics are to be read."""
        return [*self.overlays.paths, *([current] if current else [])]

    def take(self, snapshot: RunsSnapshot, ended: Sequence[Training]) -> tuple[list[Notice], list[Training]]:
        """Take in a look at the disk; returns what to tell, and the trainings whose run was seen for the first time.

        Args:
            snapshot: what the look found.
            ended: trainings that had ended before the look, so that it has seen all that they wrote.
        """
        states_before = {run.path: run.state for run in self.snapshot.runs}
        self.snapshot = snapshot
        self.overlays.keep_only({run.path for run in snapshot.runs})
        started = self.jobs.match(snapshot.runs)
        notices = [
            end_notice(run)
            for run in snapshot.runs
            if states_before.get(run.path) == "running" and run.state != "running"
        ]
        for training in ended:
            notices += self._end(training)
        for training in started:
            self.typed.pop("name", None)  # the next run needs another
            notices += [Notice(note, f"Training {training.name}", "warning") for note in training.notes()]
        return notices, started

    def _end(self, training: Training) -> list[Notice]:
        problem = self.jobs.end(training, self.run_at(training.path))
        if not problem:
            return []
        if training.path is None:
            self.form_problem = problem
        return [Notice(problem, "Training has ended" if training.path else "Training did not start", "error")]

    # -- showing -------------------------------------------------------------------------------------------------

    def run_at(self, path: str | None) -> WatchedRun | None:
        """The run in a folder, if there is one."""
        return next((run for run in self.snapshot.runs if run.path == path), None)

    @property
    def states(self) -> dict[str, str]:
        """What is being done to runs, by their paths."""
        return self.jobs.states(self.snapshot.runs)

    def list_notes(self) -> list[str]:
        """Lines above the list of runs."""
        notes = self.jobs.pending()
        if self.snapshot.problem:
            notes.append(self.snapshot.problem)
        if not self.snapshot.runs and not notes:
            notes.append("no runs yet; n starts one")
        return notes

    def charted(self, current: WatchedRun | None) -> list[ChartedRun]:
        """The runs to chart: the overlaid ones and the current one, as far as their metrics are read."""
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
        """Keep a run in the charts, or no longer; a notice if there are too many."""
        if self.overlays.toggle(path):
            return None
        return Notice(f"{MAX_OVERLAYS} runs are the most that can be told apart.", "Not marked", "warning")

    # -- training ------------------------------------------------------------------------------------------------

    def start(self, arguments: Sequence[str]) -> Notice | None:
        """Start the training that the form asked for; a notice if no process can be started."""
        self.form_problem = ""
        return self._begin(arguments, "starting", training_name(self.typed), None)

    def stop(self, run: WatchedRun) -> Notice | None:
        """Stop a run, which saves itself; a notice if it cannot be stopped."""
        if self.jobs.is_stopping(run.path):
            return None
        try:
            stop_run(RunFolder(Path(run.path)))
        except RnntuiError as error:
            return Notice(str(error), "Not stopped", "warning")
        self.jobs.stop(run.path)
        return None

    def check_resumable(self, run: WatchedRun) -> Notice | None:
        """A notice if a run cannot be resumed."""
        if run.state == "running" or run.path in self.states:
            return Notice(f"{run.name} is being trained already.", "Not resumed", "warning")
        try:
            find_resumable_run(_kind_of(run), None, run.name, Path(run.path).parent)
        except RnntuiError as error:
            return Notice(str(error), "Not resumed", "warning")
        return None

    def resume(self, run: WatchedRun, budget: Sequence[str]) -> Notice | None:
        """Resume a run, with the flags of a new budget if it is done; a notice if no process can be started."""
        arguments = resume_arguments(_kind_of(run), run.name, Path(run.path).parent, budget)
        return self._begin(arguments, "resuming", run.name, run.path)

    def _begin(self, arguments: Sequence[str], doing: str, name: str, path: str | None) -> Notice | None:
        try:
            self.jobs.add(self._launch(arguments, doing, name, path))
        except RnntuiError as error:
            return Notice(str(error), "Training did not start", "error")
        return None

    def tab_for(self, run: WatchedRun) -> str | Notice:
        """The tab that uses a run; a notice if it has no weights yet."""
        if run.config is None or not RunFolder(Path(run.path)).weights_file.is_file():
            return Notice(f"{run.name} has no weights yet.", "No chat", "warning")
        return _kind_of(run).use.tab


def _kind_of(run: WatchedRun) -> ModelKind:
    return KINDS.get(run.config.kind, LANGUAGE_MODEL) if run.config is not None else LANGUAGE_MODEL


def end_notice(run: WatchedRun) -> Notice:
    """The notice that a run is no longer running."""
    if run.state == "done":
        metrics = metrics_text(run.summary.kind, run.status) if run.status else ""
        loss = f"validation loss {number(run.summary.validation_loss)}"
        return Notice(f"{run.name}: {', '.join(filter(None, (metrics, loss)))}", "Training is done")
    if run.state == "stopped":
        return Notice(f"{run.name} is saved; it can be resumed.", "Training has stopped")
    message = run.status.message if run.status else run.summary.problem
    return Notice(f"{run.name}: {message}", "Training failed", "error")
