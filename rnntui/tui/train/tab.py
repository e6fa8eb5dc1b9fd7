"""The Train tab: its widgets and key actions, and the loop that polls the runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.notifications import SeverityLevel
from textual.widgets import OptionList, Static

from rnntui.sessions.run_watcher import WatchedRun
from rnntui.sessions.training_process import launch_training
from rnntui.sessions.training_session import Launcher, Notice, PollResult, TrainingSession
from rnntui.tui.keys import bindings
from rnntui.tui.messages import OpenRun, RunRenamed
from rnntui.tui.notifications import Notifications
from rnntui.tui.tabs import TABS, TabContext
from rnntui.tui.train.budget_dialog import ask_budget
from rnntui.tui.train.dashboard import WIDE, Dashboard
from rnntui.tui.train.filter_bar import FilterBar
from rnntui.tui.train.messages import FilterChanged, MarkClicked
from rnntui.tui.train.run_details import RunDetailsView, RunLine
from rnntui.tui.train.run_dialogs import ask_name, ask_note, choose_action, confirm_deletion, show_comparison
from rnntui.tui.train.run_list import RunList

if TYPE_CHECKING:
    from rnntui.tui.train.form_screen import TrainingFormScreen

POLL_SECONDS = 1.0
_HIDDEN_POLL_SECONDS = 5.0  # while another tab is shown, for the notices alone
_NOTICE_SECONDS: dict[SeverityLevel, float] = {"information": 5.0, "warning": 10.0, "error": 30.0}


class TrainTab(Vertical):
    """The list of runs, the charts of the highlighted and marked ones, and the keys that act on them."""

    BINDINGS = bindings("train")

    def __init__(self, context: TabContext, launcher: Launcher = launch_training) -> None:
        """`launcher` starts training processes."""
        super().__init__(id="train")
        self.notifications = Notifications(self.notify)
        self.session = TrainingSession(context.checkpoints, launcher)
        self.run_list, self.dashboard = RunList(), Dashboard()
        self._kept_form: object = context.kept.get("form")  # read when the form is first opened
        self._form: TrainingFormScreen | None = None
        self._shown_version: object = None  # that of the dashboard's data
        self._wake = asyncio.Event()
        self._working_keys: object = None  # which work now, and their labels

    def compose(self) -> ComposeResult:
        with Vertical(id="side"):
            yield FilterBar()
            yield Static("", id="columns")
            yield self.run_list
            yield RunLine("", id="run-line", markup=False)
            yield RunDetailsView(is_beside_list=True, id="about-side")
        yield self.dashboard

    def on_mount(self) -> None:
        self._watch()

    @property
    def kept_settings(self) -> dict[str, Any]:
        """The values entered in the training form, under the key "form"; empty without any."""
        if self._form is not None and self._form in self.app.screen_stack:
            values: object = self._form.values
        else:
            values = self.session.form_values or self._kept_form
        return {"form": values} if values else {}

    def on_resize(self) -> None:
        self.set_class(self.app.size.width >= WIDE, "-wide")
        self.call_after_refresh(self._update_list)

    @property
    def _is_composed(self) -> bool:
        """True while the tab is mounted with all its parts, and not being removed."""
        return self.run_list.is_attached and self.dashboard.is_composed

    # -- polling -------------------------------------------------------------------------------------------------

    @work
    async def _watch(self) -> None:
        """Poll the runs about once a second, and at once when woken."""
        while self._is_composed:
            self._wake.clear()
            result = await self.session.poll(self.run_list.current_path)
            if self._is_composed:
                self._show_poll(result)
            if not result.has_more:
                await self._wait()

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), POLL_SECONDS if self.display else _HIDDEN_POLL_SECONDS)

    def _show_poll(self, result: PollResult) -> None:
        self._update_list()
        for process in result.appeared:
            self.run_list.go_to(str(process.path))
        for notice in result.notices:
            self._show_notice(notice)
        self._update_dashboard()

    def _show_notice(self, notice: Notice | None) -> None:
        if notice is not None:
            seconds = _NOTICE_SECONDS[notice.severity]
            self.notifications.show(notice.text, title=notice.title, severity=notice.severity, seconds=seconds)

    # -- showing -------------------------------------------------------------------------------------------------

    def _update_list(self) -> None:
        if not self._is_composed:
            return
        session, runs = self.session, self.run_list
        listing = session.listing(runs.current_path)
        runs.show(listing)
        self._update_header()
        self.query_one(FilterBar).show_count(len(listing.runs), len(session.snapshot.runs))
        run = runs.current
        self.query_one(RunLine).show(run, session.name_of(run) if run else "")
        self._update_keys()

    def _update_header(self) -> None:
        if self._is_composed and self.run_list.size.width:  # hidden, it would be a header for the narrowest list
            self.query_one("#columns", Static).update(self.run_list.header())

    def on_list_resized(self) -> None:
        self._update_header()

    def _update_dashboard(self) -> None:
        """Show the highlighted and overlaid runs, unless they and their metrics are unchanged."""
        current = self.run_list.current
        with self.session.dashboard_data(current) as data:
            if data.version == self._shown_version:
                return
            self._shown_version = data.version
            self.dashboard.show(data)
        self.query_one("#about-side", RunDetailsView).show(current)

    def _update_overlays(self) -> None:
        self._update_list()
        self._update_dashboard()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._update_overlays()
        self._wake.set()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.action_full()

    def on_mark_clicked(self, event: MarkClicked) -> None:
        self.action_mark()

    # -- selection -----------------------------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark the highlighted run, which keeps it in the charts, or unmark it."""
        path = self.run_list.current_path
        if path is not None:
            self._show_notice(self.session.toggle_overlay(path))
            self._update_overlays()

    def action_unmark(self) -> None:
        """Unmark all runs, so that the charts show the highlighted run alone."""
        self.session.clear_overlays()
        self._update_overlays()

    def action_step(self, by: int) -> None:
        """Show the next chart, or with -1 the previous one."""
        self.dashboard.step(by)

    def action_full(self) -> None:
        """Show what is selected alone, with the keys going to it; or the list again."""
        dashboard = self.dashboard
        dashboard.full = not dashboard.full
        self.set_class(dashboard.full, "-full")
        self.screen.set_focus(dashboard.main if dashboard.full else self.run_list)

    def action_back(self) -> None:
        """Go back to the list, from anywhere in the tab; in the list, clear the filter."""
        if self.dashboard.full:
            self.action_full()
        elif self.run_list.has_focus:
            self.query_one(FilterBar).action_clear()
        self.run_list.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for keys that have nothing to act on, which hides them in the footer."""
        if not self._is_composed:
            return True
        run = self.run_list.current
        match action:
            case "filter":
                return self.screen.focused is None or not self.screen.focused.check_consume_key("/", "/")
            case "back":
                return bool(self.dashboard.full or not self.run_list.has_focus or self.session.filter)
            case "chat":
                return run is not None and self.session.tab_for(run) in TABS
            case "mark" | "manage" | "rename" | "delete" | "note":
                return run is not None
            case "stop":
                return run is not None and run.state == "running"
            case "resume":
                return run is not None and run.state in ("stopped", "failed", "done") and not run.summary.shipped
        return True

    @property
    def key_labels(self) -> Mapping[str, str]:
        """The label of the key that uses the highlighted run: the tab that it opens."""
        run = self.run_list.current if self._is_composed else None
        tab = TABS.get(self.session.tab_for(run)) if run is not None else None
        return {"train.chat": tab.title} if tab is not None else {}

    def _update_keys(self) -> None:
        """Draw the footer again if other keys work now, or their labels have changed."""
        keys = [self.check_action(action, ()) for action in ("back", "stop", "resume", "chat")], self.key_labels
        if keys != self._working_keys:
            self._working_keys = keys
            self.refresh_bindings()

    # -- order and filter ----------------------------------------------------------------------------------------

    def action_sort(self) -> None:
        """Sort the list by the next of its orders."""
        self.session.choose_next_order()
        self._update_list()

    def action_filter(self) -> None:
        """Show the field for the words that a listed run must have."""
        if self.dashboard.full:
            self.action_full()
        self.query_one(FilterBar).open()

    def on_filter_changed(self, event: FilterChanged) -> None:
        self.session.filter = event.words
        self._update_list()

    def on_filter_left(self) -> None:
        self.run_list.focus()

    def action_chat(self) -> None:
        """Open the highlighted run in the tab that uses it."""
        if self.run_list.current is not None:
            self._open(self.run_list.current, self.session.tab_for(self.run_list.current))

    def action_inspect(self) -> None:
        """Open the highlighted run in the Inspect tab."""
        if self.run_list.current is not None:
            self._open(self.run_list.current, "inspect")

    def _open(self, run: WatchedRun, tab_id: str) -> None:
        """Open a run in another tab, if it has weights."""
        notice = self.session.check_usable(run)
        self._show_notice(notice)
        if notice is None:
            self.post_message(OpenRun(run.path, tab_id))

    # -- training ------------------------------------------------------------------------------------------------

    @work
    async def action_start(self) -> None:
        """Show the training form, and start the training that it asks for."""
        from rnntui.sessions.training_form import kept_values
        from rnntui.tui.train.form_screen import TrainingFormScreen

        session = self.session
        if self._kept_form is not None:
            session.form_values, self._kept_form = {**kept_values(self._kept_form), **session.form_values}, None
        missing = session.missing_libraries()
        self._form = form = TrainingFormScreen(
            session.checkpoints, session.form_values, missing or session.form_problem
        )
        result = await self.app.push_screen_wait(form)
        session.form_values, session.form_problem = result.values, "" if missing else result.problem
        if result.arguments is not None:
            self._show_launched(session.start(result.arguments))

    def _show_launched(self, notice: Notice | None) -> None:
        self._show_notice(notice)
        self._update_list()
        self._wake.set()

    def action_stop(self) -> None:
        """Ask the highlighted run to save and stop."""
        run = self.run_list.current
        if run is not None:
            self._show_notice(self.session.stop(run))
            self._update_list()

    @work
    async def action_resume(self) -> None:
        """Resume the highlighted run; ask for a new budget if it is done."""
        run = self.run_list.current
        if run is None:
            return
        notice = self.session.check_resumable(run)
        if notice is not None:
            self._show_notice(notice)
            return
        budget: list[str] | None = []
        if run.state == "done" and run.config is not None:
            budget = await ask_budget(self.app, run)
        if budget is not None:
            self._show_launched(self.session.resume(run, budget))

    # -- managing ------------------------------------------------------------------------------------------------

    @work
    async def action_manage(self) -> None:
        """Offer what else can be done with the highlighted run, and the list's order and filter."""
        run = self.run_list.current
        if run is not None:
            action = await choose_action(self.app, self.session.name_of(run))
            if action:
                await self.run_action(action)

    @work
    async def action_rename(self) -> None:
        """Ask for a new name of the highlighted run; its mark, its curves and the highlight go with it."""
        run = self.run_list.current
        if run is None or self._is_refused(run, "Not renamed"):
            return
        path = await ask_name(self.app, self.session, run)
        if path is not None:
            self.post_message(RunRenamed(run.name, Path(path).name))
            self._update_list()
            self.run_list.go_to(path)
            self._wake.set()

    @work
    async def action_delete(self) -> None:
        """Delete the highlighted run once that is confirmed."""
        run = self.run_list.current
        if run is None or self._is_refused(run, "Not deleted"):
            return
        question = await self.session.deletion_question(run)
        if isinstance(question, Notice):
            self._show_notice(question)
        elif self.screen.is_current and await confirm_deletion(self.app, question):  # else it was pressed twice
            self._show_notice(await self.session.delete(run))
            self._update_overlays()
            self._wake.set()

    @work
    async def action_note(self) -> None:
        """Edit the note on the highlighted run."""
        run = self.run_list.current
        if run is None:
            return
        notice = self.session.check_takes_note(run)
        self._show_notice(notice)
        if notice is None:
            await ask_note(self.app, self.session, run)
            self._update_overlays()

    def _is_refused(self, run: WatchedRun, title: str) -> bool:
        """Show a notice and return True if a run cannot be renamed or deleted."""
        notice = self.session.check_changeable(run, title)
        self._show_notice(notice)
        return notice is not None

    def action_tunings(self) -> None:
        """Show the searches of `rnntui tune`."""
        from rnntui.tui.train.tuning_screen import TuningScreen

        self.app.push_screen(TuningScreen(self.session.new_tuning_watcher()))

    @work
    async def action_compare(self) -> None:
        """Show the results of the marked runs and the highlighted one, and the options in which they differ."""
        comparison = await self.session.compare(self.run_list.current_path)
        if isinstance(comparison, Notice):
            self._show_notice(comparison)
        else:
            await show_comparison(self.app, comparison)
