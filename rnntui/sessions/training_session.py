"""Controller of the Train tab, without Textual: watched and charted runs; starting, stopping and resuming them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rnntui.errors import MissingExtraError, RnntuiError
from rnntui.extras import require_extra
from rnntui.formatting import format_bytes, format_loss
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.registry import kind_or_default
from rnntui.runs.comparison import Comparison, compare_runs
from rnntui.runs.description import read_details
from rnntui.runs.folder import RunFolder
from rnntui.runs.management import check_deletable, delete_run, rename_run, size_on_disk, write_note
from rnntui.runs.resumable_run import find_resumable_run
from rnntui.runs.run_files import foreign_files, named
from rnntui.runs.stopping import stop_run
from rnntui.sessions.charted_runs import ChartedRun, DashboardData, logged_confusions
from rnntui.sessions.overlaid_runs import MAX_OVERLAYS, OverlaidRuns, Overlay
from rnntui.sessions.run_facts import distinct_names, metrics_text
from rnntui.sessions.run_order import RunListing, RunOrder, matching, next_order, runs_in_order
from rnntui.sessions.run_watcher import RunsSnapshot, RunWatcher, WatchedRun
from rnntui.sessions.training_form import resume_arguments, training_name
from rnntui.sessions.training_jobs import TrainingJobs
from rnntui.sessions.training_process import TrainingProcess
from rnntui.sessions.tuning_watcher import TuningWatcher, WatchedTuning

Launcher = Callable[[Sequence[str], str, str, str | None], TrainingProcess]
"""Starts a training process, as `launch_training` does."""


@dataclass(frozen=True)
class Notice:
    """A notification for the user."""

    text: str
    title: str
    severity: Literal["information", "warning", "error"] = "information"


@dataclass(frozen=True)
class PollResult:
    """Result of a poll: notices, and the processes whose run has appeared; `has_more` asks to poll again at once."""

    notices: list[Notice]
    appeared: list[TrainingProcess]
    has_more: bool


class TrainingSession:
    """The runs of a folder and the training processes started here.

    Args:
        checkpoints: the folder of the user's runs.
        launcher: starts training processes.
    """

    def __init__(self, checkpoints: Path, launcher: Launcher) -> None:
        self.checkpoints = checkpoints
        self._launcher = launcher
        self._watcher = RunWatcher(checkpoints)
        self._tuning_watcher = self.new_tuning_watcher()
        self.tunings: tuple[WatchedTuning, ...] = ()
        self.snapshot = RunsSnapshot()
        self._overlays = OverlaidRuns()
        self._jobs = TrainingJobs()
        self._ending: set[str] = set()  # paths of runs whose training is over, until its process lets go of them
        self._foreign: dict[str, list[str]] = {}  # by path of a run, what the question named before its deletion
        self._changes = 0  # counts the runs that were renamed or deleted here
        self.order: RunOrder = "by age"
        self.filter = ""  # words that a run must match to be listed
        self.form_values: dict[str, str] = {}  # entered in the training form, by option name
        self.form_problem = ""  # why the last training did not start, shown in the form

    # -- watching ------------------------------------------------------------------------------------------------

    async def poll(self, current: str | None) -> PollResult:
        """Read the state of the runs, in a thread, as the disk may be slow; then take it over.

        `current` is the path of the highlighted run, whose metrics the charts need besides those of the marked runs.
        """
        # Checked before the poll, which then reads all that an ended process wrote.
        ended = self._jobs.ended()
        changes = -1
        while changes != self._changes:  # a run that was renamed or deleted meanwhile would come back for a moment
            changes = self._changes
            charted = [*self._overlays.paths, *([current] if current else [])]
            snapshot = await asyncio.to_thread(self._watcher.poll, charted)
        self.tunings = await asyncio.to_thread(self._tuning_watcher.poll)
        states_before = {run.path: run.state for run in self.snapshot.runs}
        over = {run.path for run in snapshot.runs if run.state != "running"}
        self._ending |= {path for path in over if states_before.get(path) == "running"}
        self._ending &= over
        locked = await asyncio.to_thread(_locked, self._ending)
        notices, appeared = self._update(snapshot, ended, locked)
        return PollResult(notices, appeared, snapshot.has_more)

    def _update(
        self, snapshot: RunsSnapshot, ended: Sequence[TrainingProcess], locked: set[str]
    ) -> tuple[list[Notice], list[TrainingProcess]]:
        """Take a new snapshot of the runs; return notices, and the processes whose run has just appeared.

        Args:
            snapshot: the runs on disk now.
            ended: processes that had ended before the snapshot was taken, so that it holds all that they wrote.
            locked: paths of runs that are still held by the process that trained them.
        """
        self.snapshot = snapshot
        self._overlays.keep_only({run.path for run in snapshot.runs})
        appeared = self._jobs.match(snapshot.runs)
        removal_notices = [notice for process in ended for notice in self._remove(process)]
        # A run can be resumed or deleted once its process, which takes seconds to end, is gone.
        held = locked | {process.path for process in self._jobs.processes if process.path is not None}
        notices = [end_notice(run) for run in snapshot.runs if run.path in self._ending - held]
        self._ending &= held
        notices += removal_notices
        for process in appeared:
            self.form_values.pop("name", None)  # the next run needs another name
            notices += [Notice(message, f"Training {process.name}", "warning") for message in process.messages()]
        return notices, appeared

    def _remove(self, process: TrainingProcess) -> list[Notice]:
        problem = self._jobs.remove(process, self.run_at(process.path))
        if not problem:
            return []
        if process.path is None:
            self.form_problem = problem
        return [Notice(problem, "Training has ended" if process.path else "Training did not start", "error")]

    def new_tuning_watcher(self) -> TuningWatcher:
        """Return a watcher of the searches beside the runs."""
        return TuningWatcher(self.checkpoints)

    # -- showing -------------------------------------------------------------------------------------------------

    def run_at(self, path: str | None) -> WatchedRun | None:
        """Return the run in a folder, or None."""
        return next((run for run in self.snapshot.runs if run.path == path), None)

    @property
    def processes(self) -> list[TrainingProcess]:
        """The training processes that were started here and have not been seen to end."""
        return self._jobs.processes

    @property
    def activities(self) -> dict[str, str]:
        """Activity of each run (starting, resuming, stopping, ending), by path."""
        return self._jobs.activities(self.snapshot.runs) | dict.fromkeys(self._ending, "ending …")

    def listing(self, current: str | None) -> RunListing:
        """Return what the list shows while the run at the path `current` is highlighted."""
        runs = runs_in_order(matching(self.snapshot.runs, self.filter), self.order)
        names, overlays = distinct_names(self.snapshot.runs), self.shown_overlays(current)
        return RunListing(runs, names, overlays, self.activities, self._list_notes(len(runs)), self.order)

    def _list_notes(self, run_count: int) -> list[str]:
        notes = self._jobs.pending(self.snapshot.runs)
        if self.snapshot.problem:
            notes.append(self.snapshot.problem)
        if not self.snapshot.runs and not notes:
            notes.append("no runs yet; n starts one")
        if self.snapshot.runs and not run_count:
            notes.append("no run matches; Esc clears the filter")
        return [*notes, *self._tuning_notes()]

    def _tuning_notes(self) -> list[str]:
        """Return a line for each search under way, else one for all."""
        active = [tuning for tuning in self.tunings if tuning.is_active]
        if not active and self.tunings:
            return [f"t shows the search of {', '.join(tuning.name for tuning in self.tunings)}"]
        return [f"tuning {tuning.name}, {tuning.summary}; t shows it" for tuning in active]

    def name_of(self, run: WatchedRun) -> str:
        """Return the name under which a run is listed."""
        return distinct_names(self.snapshot.runs).get(run.path, run.name)

    def choose_next_order(self) -> None:
        """Sort the list by the next of its orders."""
        self.order = next_order(self.order)

    @contextmanager
    def dashboard_data(self, current: WatchedRun | None) -> Iterator[DashboardData]:
        """Yield what the dashboard shows; `poll` adds nothing to its histories until the context ends."""
        with self._watcher.lock:
            runs = self._charted(current)
            history = self._watcher.history(current.path) if current else None
            versions = [(run.run.path, run.name, run.history.version, id(run.history), run.colour) for run in runs]
            confusions = logged_confusions(current, self.name_of(current), history) if current and history else None
            samples = history.samples if history else []
            yield DashboardData(runs, current, samples, (current, versions), confusions)

    def _charted(self, current: WatchedRun | None) -> list[ChartedRun]:
        """Return the runs to chart, those overlaid and the current one, as far as their metrics are read."""
        overlays = self.shown_overlays(current.path if current else None)
        colours: dict[str, int | None] = {path: overlay.colour for path, overlay in overlays.items()}
        if not colours and current is not None:
            colours = {current.path: None}
        charted, names = [], distinct_names(self.snapshot.runs)
        for path, colour in colours.items():
            run, history = self.run_at(path), self._watcher.history(path)
            if run is not None and history is not None:
                order = run.config.training.selection_order if run.config else ()
                charted.append(ChartedRun(run, names[path], history, colour, history.best_check(order)))
        return charted

    def shown_overlays(self, current: str | None) -> dict[str, Overlay]:
        """Return the overlays of the marked runs and of the current one, by path; empty if none is marked."""
        return self._overlays.shown(current)

    def toggle_overlay(self, path: str) -> Notice | None:
        """Mark or unmark a run as overlaid; return a notice if too many are marked."""
        if self._overlays.toggle(path):
            return None
        return Notice(f"At most {MAX_OVERLAYS} runs can be marked.", "Not marked", "warning")

    def clear_overlays(self) -> None:
        """Unmark all runs."""
        self._overlays.clear()

    # -- training ------------------------------------------------------------------------------------------------

    def missing_libraries(self) -> str:
        """Return what training needs that is not installed, with the command that installs it; empty if nothing."""
        try:
            require_extra("train", "training")
        except MissingExtraError as error:
            return str(error)
        return ""

    def start(self, arguments: Sequence[str]) -> Notice | None:
        """Start a training from the form; return a notice if no process can be started."""
        self.form_problem = ""
        return self._launch(arguments, "starting", training_name(self.form_values), None)

    def stop(self, run: WatchedRun) -> Notice | None:
        """Ask a run to save and stop; return a notice if it cannot be stopped."""
        if self._jobs.is_stopping(run.path):
            return None
        try:
            stop_run(RunFolder(Path(run.path)))
        except RnntuiError as error:
            return Notice(str(error), "Not stopped", "warning")
        self._jobs.mark_stopping(run.path)
        return None

    def check_resumable(self, run: WatchedRun) -> Notice | None:
        """Return a notice if a run cannot be resumed."""
        if run.state == "running" or run.path in self.activities:
            return Notice(f"{run.name} is already in training.", "Not resumed", "warning")
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
            require_extra("train", "training")
            self._jobs.add(self._launcher(arguments, activity, name, path))
        except RnntuiError as error:
            return Notice(str(error), "Training did not start", "error")
        return None

    # -- managing ------------------------------------------------------------------------------------------------

    def check_changeable(self, run: WatchedRun, title: str) -> Notice | None:
        """Return a notice under a title if a run cannot be renamed or deleted: it is shipped, or in training."""
        if run.summary.shipped:
            return Notice(f"{run.name} is a shipped model and cannot be changed.", title, "warning")
        if run.state == "running" or run.path in self.activities:
            return Notice(f"{run.name} is in training; wait for its end, or stop it first.", title, "warning")
        return None

    def check_takes_note(self, run: WatchedRun) -> Notice | None:
        """Return a notice if a run can have no note: it is shipped."""
        if run.summary.shipped:
            return Notice(f"{run.name} is a shipped model and takes no note.", "No note", "warning")
        return None

    def rename(self, run: WatchedRun, name: str) -> str:
        """Rename a run; its mark goes with it. Returns its new path. Raises `RnntuiError` if it cannot be renamed."""
        if name == run.name:
            return run.path
        path = str(rename_run(RunFolder(Path(run.path)), name).path)
        self._overlays.rename(run.path, path)
        renamed = replace(run, summary=replace(run.summary, name=name, path=path))
        self._replace(run, [renamed])
        return path

    async def deletion_question(self, run: WatchedRun) -> str | Notice:
        """Return the question to confirm before a run is deleted, or a notice if it cannot be deleted.

        Looks at its files in a thread.
        """
        folder = RunFolder(Path(run.path))
        try:
            await asyncio.to_thread(check_deletable, folder, self.checkpoints)
        except RnntuiError as error:
            return Notice(str(error), "Not deleted", "warning")
        size = await asyncio.to_thread(size_on_disk, folder)
        self._foreign[run.path] = others = await asyncio.to_thread(foreign_files, folder)
        extra = f", including files that do not belong to a run: {named(others)}" if others else ""
        return f"Delete run {run.name} ({format_bytes(size)}){extra}? It cannot be restored."

    async def delete(self, run: WatchedRun) -> Notice | None:
        """Delete a run, in a thread, as it may be large; return a notice if that fails.

        Of files that do not belong to it, those go that the question has named.
        """
        problem = None
        foreign = self._foreign.pop(run.path, ())
        try:
            await asyncio.to_thread(delete_run, RunFolder(Path(run.path)), self.checkpoints, foreign)
        except RnntuiError as error:
            problem = Notice(str(error), "Not deleted", "error")
        if not Path(run.path).exists():
            self._replace(run, [])
        return problem

    def write_note(self, run: WatchedRun, text: str) -> None:
        """Replace the note on a run. Raises `RnntuiError` if it cannot be written."""
        write_note(RunFolder(Path(run.path)), text)
        self._replace(run, [replace(run, summary=replace(run.summary, note=text.strip()))])

    def _replace(self, run: WatchedRun, runs: Sequence[WatchedRun]) -> None:
        """Put other runs in the place of a run until the next poll."""
        self._changes += 1
        index = next((index for index, known in enumerate(self.snapshot.runs) if known.path == run.path), None)
        if index is not None:
            known = self.snapshot.runs
            self.snapshot = replace(self.snapshot, runs=(*known[:index], *runs, *known[index + 1 :]))

    async def compare(self, current: str | None) -> Comparison | Notice:
        """Compare the marked runs and the one at the path `current`, in a thread; a notice if there are not two."""
        paths = dict.fromkeys([*self._overlays.paths, *([current] if current else [])])
        folders = [RunFolder(Path(path)) for path in paths]
        if len(folders) < 2:
            return Notice("Mark a run with Space, and highlight another.", "Nothing to compare", "warning")
        try:
            return await asyncio.to_thread(lambda: compare_runs([read_details(folder) for folder in folders]))
        except RnntuiError as error:
            return Notice(str(error), "Not compared", "warning")

    def check_usable(self, run: WatchedRun) -> Notice | None:
        """Return a notice if a run has no weights yet."""
        if run.config is None or not RunFolder(Path(run.path)).weights_file.is_file():
            return Notice(f"{run.name} has no weights yet.", "Cannot open the model", "warning")
        return None

    def tab_for(self, run: WatchedRun) -> str:
        """Return the id of the tab that uses runs of this kind."""
        return _kind_of(run).use.tab


def _locked(paths: Iterable[str]) -> set[str]:
    """Return the paths of runs that a process holds."""
    return {path for path in paths if RunFolder(Path(path)).is_locked()}


def _kind_of(run: WatchedRun) -> ModelKind:
    return kind_or_default(run.config.kind if run.config is not None else None)


def end_notice(run: WatchedRun) -> Notice:
    """Return the notice that a run is no longer running."""
    if run.state == "done":
        metrics = metrics_text(run.summary.kind, run.status) if run.status else ""
        loss = f"validation loss {format_loss(run.summary.validation_loss)}"
        return Notice(f"{run.name}: {', '.join(filter(None, (metrics, loss)))}", "Training is finished")
    if run.state == "stopped":
        return Notice(f"{run.name} is saved; it can be resumed.", "Training has stopped")
    message = run.status.message if run.status else run.summary.problem
    return Notice(f"{run.name}: {message}", "Training failed", "error")
