"""A tab with an editor, and beside each of its lines the result of a model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from textual import events, work
from textual.containers import Vertical
from textual.widgets import Static, TextArea

from rnntui.sessions.line_session import LineSession, MakeWorker
from rnntui.sessions.line_worker import LineWorker
from rnntui.sessions.model_cache import ModelCache
from rnntui.tui.lines.draft_saver import DraftSaver
from rnntui.tui.lines.messages import AutosaveFailed, LineFailed, ModelFailed, ModelOpened, WorkerCallbacks
from rnntui.tui.lines.model_opener import ModelOpener
from rnntui.tui.lines.pane_pair import PanePair
from rnntui.tui.lines.result_export import ResultExport
from rnntui.tui.lines.text_panes import LineEditor, ResultPane
from rnntui.tui.notifications import Notifications

if TYPE_CHECKING:
    from rnntui.kinds.model_kind import ModelKind
    from rnntui.tui.tabs import TabContext

Session = TypeVar("Session", bound=LineSession[Any, Any, Any])

_TALL = 34  # rows of the terminal from which what is below the panes has more room


class LineTab(Vertical, Generic[Session]):
    """An editor and the results of its lines side by side; what is below them is of the line at the cursor."""

    verb: ClassVar[str]
    """What a user has done to the lines, as in "translate"."""

    def __init__(
        self,
        context: TabContext,
        kind: ModelKind,
        editor: LineEditor,
        results: ResultPane,
        make_worker: MakeWorker[Any, Any],
        *,
        id: str,
    ) -> None:
        """
        Args:
            context: what the app gives the tab.
            kind: the kind of runs that can be opened.
            editor, results: the two panes, which `compose` yields.
            make_worker: makes the worker of the session.
            id: the id of the tab.
        """
        super().__init__(id=id)
        self._first_run, self._reopens = context.run, context.reopen
        self._make_worker = make_worker
        self.session = self._new_session(context.run or "")
        self.notifications = Notifications(self.notify)
        self.exit_message = ""  # printed once the app has closed
        self.editor, self.results = editor, results
        self._panes = PanePair(editor, results)
        self._models = ModelOpener(self, ModelCache(context.checkpoints, kind), self.notifications)
        self.drafts = DraftSaver(self, editor, self.session.drafts, self.notifications)
        self._export = ResultExport(self, self.drafts, self.notifications)
        self._status = Static("", id=f"{id}-status", classes="status", markup=False)
        self.set_class(context.kept.get("panel") is False, "-bare")

    # -- what differs by the kind of model -----------------------------------------------------------------------

    @abstractmethod
    def _new_session(self, run_name: str) -> Session:
        """Return the session; `_start_worker` starts its worker."""

    @abstractmethod
    def _shown_results(self) -> Sequence[str]:
        """Return what is shown beside each line."""

    @abstractmethod
    def _show_details(self, line: int) -> None:
        """Show what belongs to the line at the cursor."""

    @abstractmethod
    def _tell_model(self, failed: ModelFailed | None) -> None:
        """Say in the panes, and in the session's `problem`, why no model is open; None if one is."""

    # -- beginning and end ---------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.editor.focus()
        self._show_status()
        self._panes.couple_scrolling(self, self._scrolled)
        self.call_after_refresh(self._finish)

    def _finish(self) -> None:
        """Read the draft and the model; the first paint does not wait for them."""
        last = self.drafts.start()
        if self._reopens and last is not None and self._first_run is None:
            self._models.open_for_text(last.run, "")
        else:
            self.open_run(self._first_run)

    def on_unmount(self) -> None:
        self.session.close()
        self.save_at_exit()

    def save_at_exit(self) -> str:
        """Save the text, with what was typed just now. Return what failed, or ""."""
        change = self.editor.pop_change()
        if change is not None:
            self.session.edit(*change)
        self.exit_message = self.drafts.save_last()
        if change is not None and self.is_mounted:
            self._compute()
        return self.exit_message

    @property
    def save_problem(self) -> str:
        """Why the text is not saved; "" while it is."""
        return self.drafts.problem

    @property
    def kept_settings(self) -> dict[str, Any]:
        """Which parts of the tab are shown, and other settings to be kept."""
        return {"panel": False} if self.has_class("-bare") else {}

    # -- the cursor ----------------------------------------------------------------------------------------------

    @property
    def typing_target(self) -> LineEditor:
        """The editor that typing goes to."""
        return self.editor

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for going back to the text where the cursor is in it: there Esc stops the computation."""
        return action != "back" or not self.editor.has_focus

    def action_back(self) -> None:
        """Focus the text."""
        self.editor.focus()

    @property
    def cursor_line(self) -> int:
        """The index of the line at the cursor of the active pane."""
        return min(self._panes.cursor_line, len(self.session.lines) - 1)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if self._panes.activate(event.widget):
            self._show_line()

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        if event.text_area is not self._panes.active:
            return
        if self._panes.follow_cursor() and self.session.needs_computation(self.cursor_line):
            self._compute()
        else:
            self._show_line()

    def _scrolled(self) -> None:
        # A key that changes the text scrolls before the session knows of the change, which then comes by itself.
        if self.session.is_computing and not self.editor.has_change:
            self._compute()  # what has become visible is more urgent now

    # -- the model -----------------------------------------------------------------------------------------------

    def open_run(self, name: str | None) -> None:
        """Compute with the run of that name or path; None is the newest of its kind, or the shipped one."""
        self._models.open(name)

    def on_model_opened(self, event: ModelOpened) -> None:
        self.session.set_model(event.name, event.model)
        self._tell_model(None)
        self._compute()

    def on_model_failed(self, event: ModelFailed) -> None:
        if self.session.model is None:
            self._tell_model(event)
            self._show_status()
        if not event.none_yet:  # without any run, the status line says enough
            self.notifications.error(event.problem, title="Cannot open the model", seconds=10)

    @property
    def model_name(self) -> str:
        """Name of the run whose model is open, "" if none is."""
        return self.session.run_name if self.session.model is not None else ""

    def follow_rename(self, old: str, new: str) -> None:
        """Show the new name of a run that may be open."""
        if self.session.run_name == old:
            self.session.run_name = new
            self._show_status()

    def action_model(self) -> None:
        """Choose another model, and compute the text with it."""
        self.editor.focus()
        self._models.pick(self.session.run_name)

    # -- computing -----------------------------------------------------------------------------------------------

    def _start_worker(self) -> LineWorker[Any, Any]:
        callbacks = WorkerCallbacks(self)
        return self._make_worker(callbacks.results_updated, callbacks.line_failed)

    def _compute(self) -> None:
        self.session.compute(self._panes.viewport)
        self._show_results()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        if event.text_area is self.editor:
            change = self.editor.pop_change()
            if change is not None:
                self.session.edit(*change)
                self._compute()

    def on_results_updated(self) -> None:
        self.session.update()
        self._show_results()

    def on_line_failed(self, event: LineFailed) -> None:
        self.notifications.error(event.text, title=f"A line could not be {self.session.done}", seconds=20)

    def action_stop(self) -> None:
        """Compute no more until something changes."""
        self.session.stop()
        self._show_status()

    # -- showing -------------------------------------------------------------------------------------------------

    def _show_results(self) -> None:
        self._panes.show(self._shown_results())
        self._show_line()

    def _show_line(self) -> None:
        """Show what belongs to the line at the cursor, and the status."""
        self._show_details(self.cursor_line)
        self._show_status()

    def _show_status(self) -> None:
        self._status.update(self.session.status(self.cursor_line), layout=False)

    def on_resize(self) -> None:
        self.set_class(self.app.size.height >= _TALL, "-tall")
        self.call_after_refresh(self._panes.align)

    def action_panel(self) -> None:
        """Show or hide what is below the panes."""
        self.toggle_class("-bare")
        self._panes.leave_hidden_widget()

    # -- the text as a whole -------------------------------------------------------------------------------------

    def on_autosave_failed(self, event: AutosaveFailed) -> None:
        self.notifications.warn(event.problem, title="Autosave failed")

    def action_new(self) -> None:
        """Begin another text; the present one is saved automatically."""
        self.drafts.begin_new()

    @work
    async def action_open(self) -> None:
        """Show the saved texts, and open one or a text file; of a table its first column, of subtitles their texts."""
        has_run = partial(self._models.has_run, present=self.model_name)
        opened = await self.drafts.browse(has_run, f"Texts that you {self.verb} are saved here automatically.")
        if opened is not None and opened.run:
            self._models.open_for_text(opened.run, self.model_name)
