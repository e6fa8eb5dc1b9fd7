"""The Classify tab."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static, TextArea

from rnntui.kinds.classifier import CLASSIFIER
from rnntui.sessions.classification_session import NO_MODEL, ClassificationSession, MakeWorker
from rnntui.sessions.explanation_view import NO_SHADING, SHARE, named_measure
from rnntui.sessions.model_cache import ModelCache
from rnntui.tui.classify.explanation_panel import ExplanationPanel
from rnntui.tui.classify.messages import LabelChosen, NextLineWanted
from rnntui.tui.classify.result_rows import ResultRows
from rnntui.tui.keys import bindings
from rnntui.tui.lines.draft_saver import DraftSaver
from rnntui.tui.lines.messages import AutosaveFailed, LineFailed, ModelFailed, ModelOpened, WorkerCallbacks
from rnntui.tui.lines.model_opener import ModelOpener
from rnntui.tui.lines.pane_pair import PanePair
from rnntui.tui.lines.result_export import ResultExport
from rnntui.tui.lines.text_panes import LineEditor, ResultPane
from rnntui.tui.notifications import Notifications
from rnntui.tui.preferences import classified_folder

if TYPE_CHECKING:
    from rnntui.sessions.classification_worker import ClassificationWorker
    from rnntui.tui.tabs import TabContext

_TALL = 34  # rows of the terminal from which labels and explanation have more room
_PLACEHOLDER = "Type here: each line gets its label as you type."
_FIRST_STEPS = (
    f"No classifier yet. Train one with\n\n  {CLASSIFIER.first_command}\n\nor in the app: F3 (Train), then n (New)."
)


class ClassifyTab(Vertical):
    """A text and the label of each line side by side; below, the reasons for that of the line at the cursor."""

    # Where both are active, the first of two bindings of a key counts.
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("explanation"), *bindings("classify")]

    def __init__(self, context: TabContext, make_worker: MakeWorker | None = None) -> None:
        """`make_worker` replaces the classification worker, for tests."""
        super().__init__(id="classify")
        self._first_run, self._reopens = context.run, context.reopen
        self._make_worker = make_worker or _start_worker
        self.session = ClassificationSession(context.run or "", self._start_worker, classified_folder)
        self.notifications = Notifications(self.notify)
        self.exit_message = ""  # printed once the app has closed
        self.editor, self.labels = LineEditor(_PLACEHOLDER, id="text"), ResultPane(id="line-labels")
        self._panes, self._rows = PanePair(self.editor, self.labels), ResultRows()
        self._models = ModelOpener(self, ModelCache(context.checkpoints, CLASSIFIER), self.notifications)
        self.drafts = DraftSaver(self, self.editor, self.session.drafts, self.notifications)
        self._export = ResultExport(self, self.drafts, self.notifications)
        self.session.measure = named_measure(context.kept.get("shading"))
        self.set_class(context.kept.get("panel") is False, "-bare")
        self._panel, self._status = ExplanationPanel(), Static("", id="classify-status", markup=False)

    def compose(self) -> ComposeResult:
        with Horizontal(id="text-and-labels"):
            yield self.editor
            yield self.labels
        yield self._panel
        yield self._status

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
            self._classify()
        return self.exit_message

    @property
    def save_problem(self) -> str:
        """Why the text is not saved; "" while it is."""
        return self.drafts.problem

    @property
    def kept_settings(self) -> dict[str, Any]:
        """The measure of the shading, and which parts of the tab are shown."""
        measure = self.session.measure
        shading = {"shading": measure.attribute if measure is not None else NO_SHADING} if measure != SHARE else {}
        return {**shading, **({"panel": False} if self.has_class("-bare") else {})}

    def on_resize(self) -> None:
        self.set_class(self.app.size.height >= _TALL, "-tall")
        self.call_after_refresh(self._panes.align)

    def on_show(self) -> None:
        """Look for a classifier again: one may have been trained in the meantime."""
        if self.session.problem:
            self.open_run(None)

    @property
    def typing_target(self) -> LineEditor:
        """The editor that typing goes to."""
        return self.editor

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for going back to the text where the cursor is in it: there Esc stops the worker."""
        return action != "back" or not self.editor.has_focus

    def action_back(self) -> None:
        """Focus the text."""
        self.editor.focus()

    @property
    def cursor_line(self) -> int:
        """The index of the line at the cursor of the active pane."""
        return min(self._panes.cursor_line, len(self.session.lines) - 1)

    # -- the model -----------------------------------------------------------------------------------------------

    def open_run(self, name: str | None) -> None:
        """Classify with the run of that name or path; None is the newest classifier, or the shipped one."""
        self._models.open(name)

    def on_model_opened(self, event: ModelOpened) -> None:
        self.session.set_model(event.name, event.model)
        self.editor.placeholder = _PLACEHOLDER
        self._classify()

    def on_model_failed(self, event: ModelFailed) -> None:
        if self.session.classifier is None:
            self.session.problem = NO_MODEL if event.none_yet else "no classifier is open: choose one with F5"
            self.editor.placeholder = _FIRST_STEPS if event.none_yet else _PLACEHOLDER
            self._show_status()
        if not event.none_yet:  # without any run, the status line says enough
            self.notifications.error(event.problem, title="Cannot open the model", seconds=10)

    @property
    def model_name(self) -> str:
        """Name of the run whose model is open, "" if none is."""
        return self.session.run_name if self.session.classifier is not None else ""

    def follow_rename(self, old: str, new: str) -> None:
        """Show the new name of a run that may be open."""
        if self.session.run_name == old:
            self.session.run_name = new
            self._show_status()

    def action_model(self) -> None:
        """Choose another classifier, and classify the text with it."""
        self.editor.focus()
        self._models.pick(self.session.run_name)

    # -- classifying ---------------------------------------------------------------------------------------------

    def _start_worker(self) -> ClassificationWorker:
        callbacks = WorkerCallbacks(self)
        return self._make_worker(callbacks.results_updated, callbacks.line_failed)

    def _classify(self) -> None:
        self.session.classify(self._panes.viewport)
        self._show_results()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        if event.text_area is self.editor:
            change = self.editor.pop_change()
            if change is not None:
                self.session.edit(*change)
                self._classify()

    def on_results_updated(self) -> None:
        self.session.update()
        self._show_results()

    def on_line_failed(self, event: LineFailed) -> None:
        self.notifications.error(event.text, title="A line could not be classified", seconds=20)

    def action_stop(self) -> None:
        """Classify no more until something changes."""
        self.session.stop()
        self._show_status()

    # -- labels and explanation ----------------------------------------------------------------------------------

    def on_label_chosen(self, event: LabelChosen) -> None:
        self.session.explain(self.cursor_line, event.label)
        self._classify()

    def on_next_line_wanted(self, event: NextLineWanted) -> None:
        self._go_to(
            self.session.next_with_label(self.cursor_line, event.label), f"No other line has the label {event.label}."
        )

    def action_next_doubtful(self) -> None:
        """Go to the next line whose label is doubtful."""
        self._go_to(self.session.next_doubtful(self.cursor_line), "No other line is doubtful.")

    def _go_to(self, line: int | None, otherwise: str) -> None:
        if line is None or line == self.cursor_line:
            self.notifications.info(otherwise)
            return
        self._panes.active.move_cursor((line, 0))
        self._panes.active.scroll_cursor_visible()

    def action_shading(self) -> None:
        """Shade by the next measure, or by none."""
        self.session.next_measure(self.cursor_line)
        self._show_line()

    # -- showing -------------------------------------------------------------------------------------------------

    def _show_results(self) -> None:
        self._panes.show(self._rows.update(self.session.results))
        self._show_line()

    def _show_line(self) -> None:
        """Show what belongs to the line at the cursor: its labels, their reasons, and the status."""
        session, line = self.session, self.cursor_line
        self.editor.highlight(line, self._panel.show(session, line))
        self._show_status()

    def _show_status(self) -> None:
        self._status.update(self.session.status(self.cursor_line), layout=False)

    # -- cursor and scrolling ------------------------------------------------------------------------------------

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if self._panes.activate(event.widget):
            self._show_line()

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        if event.text_area is not self._panes.active:
            return
        if self._panes.follow_cursor() and self.session.needs_computation(self.cursor_line):
            self._classify()
        else:
            self._show_line()

    def _scrolled(self) -> None:
        # A key that changes the text scrolls before the session knows of the change, which then has it classified.
        if self.session.is_classifying and not self.editor.has_change:
            self._classify()  # what has become visible is more urgent now

    def action_panel(self) -> None:
        """Show or hide the labels and the explanation."""
        self.toggle_class("-bare")
        self._panes.leave_hidden_widget()

    # -- the text as a whole -------------------------------------------------------------------------------------

    def on_autosave_failed(self, event: AutosaveFailed) -> None:
        self.notifications.warn(event.problem, title="Autosave failed")

    def action_copy(self) -> None:
        """Copy the selection of the focused pane, or else the table of results."""
        from rnntui.sessions.classification_files import table

        self._export.copy(lambda: table(self.session.lines, self.session.results))

    @work
    async def action_save(self) -> None:
        """Ask for a name, and save the lines with their labels."""
        from rnntui.sessions.classification_files import save_results, suggested_results_file

        session = self.session

        def save(name: str, confirmed: bool) -> Path:
            return save_results(name, session.run_name, session.lines, session.results, confirmed=confirmed)

        await self._export.save(
            "Save text and labels as (.tsv or .jsonl)",
            suggested_results_file(session.run_name),
            save,
            lambda: session.total_count - session.classified_count,
        )

    def action_new(self) -> None:
        """Begin another text; the present one is saved automatically."""
        self.drafts.begin_new()

    @work
    async def action_open(self) -> None:
        """Show the saved texts, and open one or a text file; of a table its first column."""
        session = self.session
        opened = await self.drafts.browse("Texts that you classify are saved here automatically.")
        if opened is not None and opened.run:
            self._models.open_for_text(opened.run, session.run_name if session.classifier is not None else "")


def _start_worker(on_results: Callable[[], None], on_error: Callable[[str, Exception], None]) -> ClassificationWorker:
    from rnntui.sessions.classification_worker import classification_worker

    return classification_worker(on_results, on_error).start()
