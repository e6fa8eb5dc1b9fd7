"""The Train tab: what its keys do to the runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.notifications import SeverityLevel
from textual.widgets import OptionList, Static

from rnntui.errors import RnntuiError
from rnntui.runs.folder import LANGUAGE_MODEL, SEQ2SEQ, RunFolder
from rnntui.runs.stopping import stop_run
from rnntui.sessions.overlaid_runs import MOST, OverlaidRuns
from rnntui.sessions.run_watcher import RunsSnapshot, RunWatcher, WatchedRun
from rnntui.sessions.training_process import Training, launch
from rnntui.text.control_chars import one_line
from rnntui.tui.keys import bindings
from rnntui.tui.messages import OpenRun
from rnntui.tui.train.budget_dialog import ask_budget
from rnntui.tui.train.dashboard import WIDE, Board, Shown
from rnntui.tui.train.jobs import Jobs, end_of
from rnntui.tui.train.kinds import chosen_kind
from rnntui.tui.train.run_details import About
from rnntui.tui.train.run_list import RunList
from rnntui.tui.train.settings import resume_arguments
from rnntui.tui.train.sources import called

EVERY = 1.0  # seconds between looks at the disk
_HIDDEN_EVERY = 5.0  # while another tab is shown, for the notices alone
_READING: dict[SeverityLevel, float] = {"information": 5.0, "warning": 10.0, "error": 30.0}  # seconds of a notice

Launch = Callable[[Sequence[str], str, str, str | None], Training]


class TrainTab(Vertical):
    """The runs there are, the charts of those that are chosen, and all that can be done to them."""

    BINDINGS = bindings("train")

    def __init__(self, checkpoints: Path, launch: Launch = launch) -> None:
        """`checkpoints` is the folder of the user's runs; `launch` starts a training process."""
        super().__init__(id="train")
        self._checkpoints, self._launch = checkpoints, launch
        self._watcher = RunWatcher(checkpoints)
        self._view = RunsSnapshot()
        self._marks = OverlaidRuns()
        self.jobs = Jobs()
        self._typed: dict[str, str] = {}
        self._form_problem = ""
        self._charted: object = None  # what the board shows now
        self._wake = asyncio.Event()

    def compose(self) -> ComposeResult:
        with Vertical(id="side"):
            yield Static("", id="columns")
            yield RunList()
            yield About(id="about-side")
        yield Board()

    def on_mount(self) -> None:
        self._watch()

    def on_resize(self) -> None:
        self.set_class(self.app.size.width >= WIDE, "-wide")
        self.call_after_refresh(self._show_list)

    @property
    def runs(self) -> RunList:
        """The list of runs."""
        return self.query_one(RunList)

    @property
    def board(self) -> Board:
        """The charts and texts."""
        return self.query_one(Board)

    @property
    def _whole(self) -> bool:
        """Whether the tab is on the screen with all its parts, and not being taken down."""
        return bool(self.query("#runs") and self.query("#board > #chart"))

    # -- watching ------------------------------------------------------------------------------------------------

    @work
    async def _watch(self) -> None:
        """Look at the disk about once a second, and at once when woken; in a thread, so that nothing waits for it."""
        while self._whole:
            self._wake.clear()
            # Asked before the look: a training that ends during it has its last words seen by the next.
            ended = self.jobs.ended()
            view = await asyncio.to_thread(self._watcher.look, self._wanted())
            if self._whole:
                self._take(view, ended)
            if not view.more:
                await self._rest()

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), EVERY if self.display else _HIDDEN_EVERY)

    def _wanted(self) -> list[str]:
        current = self.runs.current_path
        return [*self._marks.kept, *([current] if current else [])]

    def _take(self, view: RunsSnapshot, ended: Sequence[Training]) -> None:
        """Take what a look has found to the screen."""
        before = {run.path: run.state for run in self._view.runs}
        self._view = view
        self._marks.keep_only({run.path for run in view.runs})
        started = self.jobs.take(view.runs)
        for run in view.runs:
            if before.get(run.path) == "running" and run.state != "running":
                self._tell(*end_of(run))
        for training in ended:
            self._tell_ended(training)
        self._show_list()
        for training in started:
            self._typed.pop("name", None)  # the next run needs another
            self.runs.go_to(str(training.path))
            for told in training.notes():
                self._tell(told, f"Training {training.name}", "warning")
        self._show_board()

    def _tell_ended(self, training: Training) -> None:
        """A process that we started is over; say what went wrong, unless its run has said it."""
        problem = self.jobs.end(training, self._run_at(training.path))
        if problem:
            if training.path is None:
                self._form_problem = problem
            title = "Training has ended" if training.path else "Training did not start"
            self._tell(problem, title, "error")

    def _tell(self, text: str, title: str, severity: SeverityLevel = "information") -> None:
        """A notice. Names and messages may hold anything, also what looks like markup."""
        self.notify(one_line(text), title=title, severity=severity, timeout=_READING[severity], markup=False)

    # -- showing -------------------------------------------------------------------------------------------------

    def _run_at(self, path: str | None) -> WatchedRun | None:
        return next((run for run in self._view.runs if run.path == path), None)

    def _show_list(self) -> None:
        if not self._whole:
            return
        notes = self.jobs.notes()
        if self._view.problem:
            notes.append(self._view.problem)
        if not self._view.runs and not notes:
            notes.append("no runs yet; n starts one")
        runs = self.runs
        runs.show(self._view.runs, self._marks.shown(runs.current_path), self.jobs.doing(self._view.runs), notes)
        self.query_one("#columns", Static).update(runs.header())

    def _show_board(self) -> None:
        """Show the chosen runs, if they or what they have logged is not what is shown."""
        current = self.runs.current
        marks = self._marks.shown(current.path if current else None)
        shown = []
        for path, mark in marks.items() or ([(current.path, None)] if current else []):
            run, history = self._run_at(path), self._watcher.history(path)
            if run is not None and history is not None:
                shown.append((run, history, mark))
        with self._watcher.lock:
            now = current, [(run.path, history.version, id(history), mark) for run, history, mark in shown]
            if now == self._charted:
                return
            self._charted = now
            history = self._watcher.history(current.path) if current else None
            runs = [Shown(run.name, history, mark.colour if mark else None) for run, history, mark in shown]
            self.board.show(runs, current, history.samples if history else [])
        self.query_one("#about-side", About).show(current)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._show_marks()
        self._wake.set()

    def _show_marks(self) -> None:
        self._show_list()
        self._show_board()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.action_full()

    def on_run_list_mark_clicked(self, event: RunList.MarkClicked) -> None:
        self.action_mark()

    # -- choosing ------------------------------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Keep the highlighted run in the charts, or no longer."""
        path = self.runs.current_path
        if path is None:
            return
        if not self._marks.turn(path):
            self._tell(f"{MOST} runs are the most that can be told apart.", "Not marked", "warning")
        self._show_marks()

    def action_unmark(self) -> None:
        """Show the highlighted run alone."""
        self._marks.clear()
        self._show_marks()

    def action_step(self, by: int) -> None:
        """Show the next quantity, or the one before."""
        self.board.step(by)

    def action_full(self) -> None:
        """Give the chart all the room, or no longer."""
        self.board.full = not self.board.full
        self.set_class(self.board.full, "-full")
        (self.board.chart if self.board.full and self.board.chart.display else self.runs).focus()

    def action_back(self) -> None:
        """To the list; a chart that has all the room gives it back."""
        if self.board.full:
            self.action_full()
        self.runs.focus()

    def action_chat(self) -> None:
        """Chat with the highlighted run, or translate with it."""
        run = self.runs.current
        if run is None:
            return
        if run.config is None or not RunFolder(Path(run.path)).weights_file.is_file():
            self._tell(f"{run.name} has no weights yet.", "No chat", "warning")
            return
        self.post_message(OpenRun(run.path, "translate" if run.config.kind == SEQ2SEQ else "chat"))

    # -- training ------------------------------------------------------------------------------------------------

    @work
    async def action_start(self) -> None:
        """Ask what to train, and start it."""
        from rnntui.tui.train.training_form import TrainForm

        filled = await self.app.push_screen_wait(TrainForm(self._checkpoints, self._typed, self._form_problem))
        self._typed = filled.typed
        if filled.arguments is not None:
            self._form_problem = ""
            self._begin(filled.arguments, "starting", called(self._typed, chosen_kind(self._typed)), None)

    def _begin(self, arguments: Sequence[str], doing: str, name: str, path: str | None) -> None:
        try:
            self.jobs.add(self._launch(arguments, doing, name, path))
        except RnntuiError as error:
            self._tell(str(error), "Training did not start", "error")
        self._show_list()
        self._wake.set()

    def action_stop(self) -> None:
        """Stop the highlighted run; it saves itself."""
        run = self.runs.current
        if run is None or self.jobs.is_stopping(run.path):
            return
        try:
            stop_run(RunFolder(Path(run.path)))
        except RnntuiError as error:
            self._tell(str(error), "Not stopped", "warning")
            return
        self.jobs.stop(run.path)
        self._show_list()

    @work
    async def action_resume(self) -> None:
        """Go on with the highlighted run; one that is done needs a new budget."""
        from rnntui.runs.creation import find_resumable_run

        run = self.runs.current
        if run is None:
            return
        if run.state == "running" or run.path in self.jobs.doing(self._view.runs):
            self._tell(f"{run.name} is being trained already.", "Not resumed", "warning")
            return
        folder = Path(run.path).parent
        try:
            kind = run.config.kind if run.config is not None else LANGUAGE_MODEL
            find_resumable_run(kind, None, run.name, folder)
        except RnntuiError as error:
            self._tell(str(error), "Not resumed", "warning")
            return
        budget: list[str] | None = []
        if run.state == "done" and run.config is not None:
            budget = await ask_budget(self.app, run.config.budget)
        if budget is not None:
            self._begin(resume_arguments(run.name, folder, budget, kind), "resuming", run.name, run.path)
