"""The Train tab: its widgets, its keys, and the loop that watches the runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.notifications import SeverityLevel
from textual.widgets import OptionList, Static

from rnntui.sessions.run_watcher import RunsSnapshot
from rnntui.sessions.training_process import Training, launch
from rnntui.sessions.training_session import Launch, Notice, TrainingSession
from rnntui.text.control_chars import one_line
from rnntui.tui.keys import bindings
from rnntui.tui.train.budget_dialog import ask_budget
from rnntui.tui.train.dashboard import WIDE, Dashboard, ShownRun
from rnntui.tui.train.messages import MarkClicked, OpenRun
from rnntui.tui.train.run_details import RunDetails
from rnntui.tui.train.run_list import RunList

EVERY = 1.0  # seconds between looks at the disk
_HIDDEN_EVERY = 5.0  # while another tab is shown, for the notices alone
_NOTICE_SECONDS: dict[SeverityLevel, float] = {"information": 5.0, "warning": 10.0, "error": 30.0}


class TrainTab(Vertical):
    """The list of runs, the charts of those that are chosen, and the keys that act on them."""

    BINDINGS = bindings("train")

    def __init__(self, checkpoints: Path, launch: Launch = launch) -> None:
        """`checkpoints` is the folder of the user's runs; `launch` starts a training process."""
        super().__init__(id="train")
        self.session = TrainingSession(checkpoints, launch)
        self._charted: object = None  # what the dashboard shows now
        self._wake = asyncio.Event()

    def compose(self) -> ComposeResult:
        with Vertical(id="side"):
            yield Static("", id="columns")
            yield RunList()
            yield RunDetails(id="about-side")
        yield Dashboard()

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
    def dashboard(self) -> Dashboard:
        """The charts and texts."""
        return self.query_one(Dashboard)

    @property
    def _is_composed(self) -> bool:
        """True while the tab is on the screen with all its parts, and not being taken down."""
        return bool(self.query("#runs") and self.query("#dashboard > #chart"))

    # -- watching ------------------------------------------------------------------------------------------------

    @work
    async def _watch(self) -> None:
        """Look at the disk about once a second, and at once when woken; in a thread, so that nothing waits for it."""
        while self._is_composed:
            self._wake.clear()
            # Asked before the look: what a training writes before it ends is seen by the next look.
            ended = self.session.jobs.ended()
            wanted = self.session.wanted(self.runs.current_path)
            snapshot = await asyncio.to_thread(self.session.watcher.look, wanted)
            if self._is_composed:
                self._take(snapshot, ended)
            if not snapshot.more:
                await self._rest()

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), EVERY if self.display else _HIDDEN_EVERY)

    def _take(self, snapshot: RunsSnapshot, ended: Sequence[Training]) -> None:
        notices, started = self.session.take(snapshot, ended)
        self._show_list()
        for training in started:
            self.runs.go_to(str(training.path))
        for notice in notices:
            self._show_notice(notice)
        self._show_dashboard()

    def _show_notice(self, notice: Notice | None) -> None:
        # Names and messages may hold anything, also what looks like markup.
        if notice is not None:
            seconds = _NOTICE_SECONDS[notice.severity]
            text = one_line(notice.text)
            self.notify(text, title=notice.title, severity=notice.severity, timeout=seconds, markup=False)

    # -- showing -------------------------------------------------------------------------------------------------

    def _show_list(self) -> None:
        if not self._is_composed:
            return
        session, runs = self.session, self.runs
        overlays = session.overlays.shown(runs.current_path)
        runs.show(session.snapshot.runs, overlays, session.states, session.list_notes())
        self.query_one("#columns", Static).update(runs.header())

    def _show_dashboard(self) -> None:
        """Show the chosen runs, unless they and their metrics are what is shown."""
        current, session = self.runs.current, self.session
        charted = session.charted(current)
        with session.watcher.lock:
            versions = [(run.run.path, run.history.version, id(run.history), run.overlay) for run in charted]
            if (current, versions) == self._charted:
                return
            self._charted = current, versions
            history = session.watcher.history(current.path) if current else None
            shown = [
                ShownRun(run.run.name, run.history, run.overlay.colour if run.overlay else None) for run in charted
            ]
            self.dashboard.show(shown, current, history.samples if history else [])
        self.query_one("#about-side", RunDetails).show(current)

    def _show_overlays(self) -> None:
        self._show_list()
        self._show_dashboard()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._show_overlays()
        self._wake.set()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.action_full()

    def on_mark_clicked(self, event: MarkClicked) -> None:
        self.action_mark()

    # -- choosing ------------------------------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Keep the highlighted run in the charts, or no longer."""
        path = self.runs.current_path
        if path is not None:
            self._show_notice(self.session.toggle_overlay(path))
            self._show_overlays()

    def action_unmark(self) -> None:
        """Show the highlighted run alone."""
        self.session.overlays.clear()
        self._show_overlays()

    def action_step(self, by: int) -> None:
        """Show the next chart, or the one before."""
        self.dashboard.step(by)

    def action_full(self) -> None:
        """Give the chart all the room, or no longer."""
        dashboard = self.dashboard
        dashboard.full = not dashboard.full
        self.set_class(dashboard.full, "-full")
        (dashboard.chart if dashboard.full and dashboard.chart.display else self.runs).focus()

    def action_back(self) -> None:
        """Focus the list; a chart that has all the room gives it back."""
        if self.dashboard.full:
            self.action_full()
        self.runs.focus()

    def action_chat(self) -> None:
        """Open the highlighted run in the tab that uses it."""
        run = self.runs.current
        if run is None:
            return
        tab = self.session.tab_for(run)
        if isinstance(tab, Notice):
            self._show_notice(tab)
        else:
            self.post_message(OpenRun(run.path, tab))

    # -- training ------------------------------------------------------------------------------------------------

    @work
    async def action_start(self) -> None:
        """Ask what to train, and start it."""
        from rnntui.tui.train.form_screen import TrainingFormScreen

        session = self.session
        form = TrainingFormScreen(session.checkpoints, session.typed, session.form_problem)
        filled = await self.app.push_screen_wait(form)
        session.typed = filled.typed
        if filled.arguments is not None:
            self._began(session.start(filled.arguments))

    def _began(self, notice: Notice | None) -> None:
        self._show_notice(notice)
        self._show_list()
        self._wake.set()

    def action_stop(self) -> None:
        """Stop the highlighted run; it saves itself."""
        run = self.runs.current
        if run is not None:
            self._show_notice(self.session.stop(run))
            self._show_list()

    @work
    async def action_resume(self) -> None:
        """Resume the highlighted run; one that is done needs a new budget."""
        run = self.runs.current
        if run is None:
            return
        notice = self.session.check_resumable(run)
        if notice is not None:
            self._show_notice(notice)
            return
        budget: list[str] | None = []
        if run.state == "done" and run.config is not None:
            budget = await ask_budget(self.app, run.config.budget)
        if budget is not None:
            self._began(self.session.resume(run, budget))
