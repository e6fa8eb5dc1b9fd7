"""The Translate tab."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static, TextArea

from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.sessions.model_cache import ModelCache
from rnntui.sessions.translation_session import MakeWorker, TranslationSession
from rnntui.text.control_chars import one_line
from rnntui.tui.keys import bindings
from rnntui.tui.lines.draft_saver import DraftSaver
from rnntui.tui.lines.messages import AutosaveFailed, LineFailed, ModelFailed, ModelOpened, WorkerCallbacks
from rnntui.tui.lines.model_opener import ModelOpener
from rnntui.tui.lines.pane_pair import PanePair
from rnntui.tui.lines.result_export import ResultExport
from rnntui.tui.lines.text_panes import LineEditor, ResultPane
from rnntui.tui.notifications import Notifications
from rnntui.tui.preferences import sources_folder
from rnntui.tui.translate.attention_highlight import AttentionHighlighter
from rnntui.tui.translate.attention_matrix import AttentionMatrix
from rnntui.tui.translate.beam_panel import BeamPanel
from rnntui.tui.translate.hypothesis_list import HypothesisList
from rnntui.tui.translate.messages import BeamSettingsChanged, HypothesisChosen

if TYPE_CHECKING:
    from rnntui.sessions.translation_worker import TranslationWorker
    from rnntui.tui.tabs import TabContext

_TALL = 34  # rows of the terminal from which the list of hypotheses has more room


class TranslateTab(Vertical):
    """Source and translation side by side; below, its attention, the hypotheses for a line and the settings."""

    # Where both are active, the first of two bindings of a key counts.
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("aside"), *bindings("translate")]

    def __init__(self, context: TabContext, make_worker: MakeWorker | None = None) -> None:
        """`make_worker` replaces the translation worker, for tests."""
        super().__init__(id="translate")
        self._first_run, self._reopens = context.run, context.reopen
        self._make_worker = make_worker or _start_worker
        self.session = TranslationSession(context.run or "", self._start_worker, sources_folder)
        self.notifications = Notifications(self.notify)
        self.exit_message = ""  # printed once the app has closed
        self.source = LineEditor("Type here: it is translated as you type.", id="source")
        self.target, self.matrix = ResultPane(id="translation"), AttentionMatrix()
        self._models = ModelOpener(self, ModelCache(context.checkpoints, SEQ2SEQ), self.notifications)
        self.drafts = DraftSaver(self, self.source, self.session.drafts, self.notifications)
        self._export = ResultExport(self, self.drafts, self.notifications)
        self._hypotheses, self._status = HypothesisList(), Static("", id="translate-status", markup=False)
        self._beam = BeamPanel(context.kept)
        self.session.settings = self._beam.settings
        self.set_class(context.kept.get("matrix") is True, "-matrix")
        self.set_class(context.kept.get("panel") is False, "-bare")
        self._attention = AttentionHighlighter(self.source, self.target, self.matrix)
        self._panes = PanePair(self.source, self.target)

    def compose(self) -> ComposeResult:
        with Horizontal(id="sides"):
            yield self.source
            yield self.target
        yield self.matrix
        with Horizontal(id="lower"):
            yield self._hypotheses
            yield self._beam
        yield self._status

    def on_mount(self) -> None:
        self.source.focus()
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
        change = self.source.pop_change()
        if change is not None:
            self.session.edit(*change)
        self.exit_message = self.drafts.save_last()
        if change is not None and self.is_mounted:
            self._translate()
        return self.exit_message

    @property
    def save_problem(self) -> str:
        """Why the text is not saved; "" while it is."""
        return self.drafts.problem

    @property
    def kept_settings(self) -> dict[str, Any]:
        """The settings of the search, and which parts of the tab are shown."""
        shown = {"matrix": True} if self.has_class("-matrix") else {}
        return {**self._beam.kept_values, **shown, **({"panel": False} if self.has_class("-bare") else {})}

    def on_resize(self) -> None:
        self.set_class(self.app.size.height >= _TALL, "-tall")
        self.call_after_refresh(self._panes.align)

    @property
    def typing_target(self) -> LineEditor:
        """The editor that typing goes to."""
        return self.source

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for going back to the source where the cursor is in it: there Esc stops the translation."""
        return action != "back" or not self.source.has_focus

    def action_back(self) -> None:
        """Focus the source."""
        self.source.focus()

    @property
    def cursor_line(self) -> int:
        """The index of the line at the cursor of the active pane."""
        return min(self._panes.cursor_line, len(self.session.lines) - 1)

    # -- the model -----------------------------------------------------------------------------------------------

    def open_run(self, name: str | None) -> None:
        """Translate with the run of that name or path; None is the newest Seq2Seq run, or the shipped one."""
        self._models.open(name)

    def on_model_opened(self, event: ModelOpened) -> None:
        self.session.set_model(event.name, event.model)
        self.target.placeholder = ""
        self._translate()

    def on_model_failed(self, event: ModelFailed) -> None:
        if self.session.translator is None:
            self.session.problem = event.problem
            self.target.placeholder = one_line(event.problem)
            self._show_status()
        if not event.none_yet:  # without any run, the status line says enough
            self.notifications.error(event.problem, title="Cannot open the model", seconds=10)

    @property
    def model_name(self) -> str:
        """Name of the run whose model is open, "" if none is."""
        return self.session.run_name if self.session.translator is not None else ""

    def follow_rename(self, old: str, new: str) -> None:
        """Show the new name of a run that may be open."""
        if self.session.run_name == old:
            self.session.run_name = new
            self._show_status()

    def action_model(self) -> None:
        """Choose another model, and translate the text with it."""
        self.source.focus()
        self._models.pick(self.session.run_name)

    # -- translating ---------------------------------------------------------------------------------------------

    def _start_worker(self) -> TranslationWorker:
        callbacks = WorkerCallbacks(self)
        return self._make_worker(callbacks.results_updated, callbacks.line_failed)

    def _translate(self) -> None:
        self.session.translate(self._panes.viewport)
        self._show_translations()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        if event.text_area is self.source:
            change = self.source.pop_change()
            if change is not None:
                self.session.edit(*change)
                self._translate()

    def on_results_updated(self) -> None:
        self.session.update()
        self._show_translations()

    def on_line_failed(self, event: LineFailed) -> None:
        self.notifications.error(event.text, title="A line could not be translated", seconds=20)

    def on_beam_settings_changed(self, event: BeamSettingsChanged) -> None:
        self.session.settings = event.settings
        self._translate()

    def action_stop(self) -> None:
        """Translate no more until something changes."""
        self.session.stop()
        self._show_status()

    def on_hypothesis_chosen(self, event: HypothesisChosen) -> None:
        self.session.choose(self.cursor_line, event.index)
        self._show_translations()

    def action_next_best(self) -> None:
        """Choose the next hypothesis, and after the last one the best again."""
        if self.session.choose_next(self.cursor_line):
            self._show_translations()
        else:
            self.notifications.info("There is no other translation of this line.")

    # -- showing -------------------------------------------------------------------------------------------------

    def _show_translations(self) -> None:
        self._panes.show(self.session.translations)
        self._show_line()

    def _show_line(self) -> None:
        """Show what belongs to the line at the cursor: hypotheses, attention and status."""
        session, line = self.session, self.cursor_line
        translation = session.translation(line)
        if session.translator is None or translation is None or not translation.hypotheses:
            self._hypotheses.show([], 0)
            self._attention.clear()
        else:
            chosen = session.chosen_index(line)
            self._hypotheses.show([(each.score, each.text) for each in translation.hypotheses], chosen)
            self._attention.show(session.lines[line], translation, translation.hypotheses[chosen])
        self._attention.follow_cursor(self._panes.active, line)
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
        if self._panes.follow_cursor() and self.session.needs_search(self.cursor_line):
            self._translate()
        else:
            self._show_line()

    def _scrolled(self) -> None:
        # A key that changes the text scrolls before the session knows of the change, which then has it translated.
        if self.session.is_searching and not self.source.has_change:
            self._translate()  # what has become visible is more urgent now

    def action_matrix(self) -> None:
        """Show or hide the attention matrix."""
        self.toggle_class("-matrix")
        self._panes.leave_hidden_widget()

    def action_panel(self) -> None:
        """Show or hide the hypotheses and the settings."""
        self.toggle_class("-bare")
        self._panes.leave_hidden_widget()

    # -- the text as a whole -------------------------------------------------------------------------------------

    def on_autosave_failed(self, event: AutosaveFailed) -> None:
        self.notifications.warn(event.problem, title="Autosave failed")

    def action_copy(self) -> None:
        """Copy the selection of the focused pane, or else the whole translation."""
        self._export.copy(lambda: "\n".join(self.session.translations))

    @work
    async def action_save(self) -> None:
        """Ask for a name, and save source and translation."""
        from rnntui.sessions.translation_files import save_table, suggested_table

        session = self.session

        def save(name: str, confirmed: bool) -> Path:
            return save_table(name, session.run_name, session.lines, session.translations, confirmed=confirmed)

        await self._export.save(
            "Save source and translation as",
            suggested_table(session.run_name),
            save,
            lambda: session.total_count - session.translated_count,
        )

    def action_new(self) -> None:
        """Begin another text; the present one is saved automatically."""
        self.drafts.begin_new()

    @work
    async def action_open(self) -> None:
        """Show the saved texts, and open one or a text file; of a table its first column, of subtitles their texts."""
        session = self.session
        opened = await self.drafts.browse("Texts that you translate are saved here automatically.")
        if opened is not None and opened.run:
            self._models.open_for_text(opened.run, session.run_name if session.translator is not None else "")


def _start_worker(on_results: Callable[[], None], on_error: Callable[[str, Exception], None]) -> TranslationWorker:
    from rnntui.sessions.translation_worker import translation_worker

    return translation_worker(on_results, on_error).start()
