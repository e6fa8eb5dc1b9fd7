"""The Translate tab."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.sessions.line_session import MakeWorker
from rnntui.sessions.translation_session import TranslationSession
from rnntui.text.control_chars import one_line
from rnntui.tui.keys import bindings
from rnntui.tui.lines.line_tab import LineTab
from rnntui.tui.lines.messages import ModelFailed
from rnntui.tui.lines.text_panes import LineEditor, ResultPane
from rnntui.tui.preferences import sources_folder
from rnntui.tui.translate.attention_highlight import AttentionHighlighter
from rnntui.tui.translate.attention_matrix import AttentionMatrix
from rnntui.tui.translate.beam_panel import BeamPanel
from rnntui.tui.translate.hypothesis_list import HypothesisList
from rnntui.tui.translate.messages import BeamSettingsChanged, HypothesisChosen

if TYPE_CHECKING:
    from rnntui.sessions.translation_worker import TranslationWorker
    from rnntui.tui.tabs import TabContext

_NO_MODEL = f"no model: choose one with F5, or train one: {SEQ2SEQ.first_command}"


class TranslateTab(LineTab[TranslationSession]):
    """Source and translation side by side; below, its attention, the hypotheses for a line and the settings."""

    # Where both are active, the first of two bindings of a key counts.
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("aside"), *bindings("translate")]
    verb = "translate"

    def __init__(self, context: TabContext, make_worker: MakeWorker[Any, Any] | None = None) -> None:
        """`make_worker` replaces the translation worker, for tests."""
        source = LineEditor("Type here: it is translated as you type.", id="source")
        target = ResultPane(id="translation")
        super().__init__(context, SEQ2SEQ, source, target, make_worker or _start_worker, id="translate")
        self.matrix, self._hypotheses, self._beam = AttentionMatrix(), HypothesisList(), BeamPanel(context.kept)
        self._attention = AttentionHighlighter(source, target, self.matrix)
        self.session.settings = self._beam.settings
        self.set_class(context.kept.get("matrix") is True, "-matrix")

    def compose(self) -> ComposeResult:
        with Horizontal(id="sides"):
            yield self.editor
            yield self.results
        yield self.matrix
        with Horizontal(id="lower"):
            yield self._hypotheses
            yield self._beam
        yield self._status

    def _new_session(self, run_name: str) -> TranslationSession:
        return TranslationSession(run_name, self._start_worker, sources_folder)

    def _shown_results(self) -> Sequence[str]:
        return self.session.translations

    def _show_details(self, line: int) -> None:
        """Show the hypotheses of a line and the attention of the chosen one."""
        session = self.session
        translation = session.translation(line)
        if session.model is None or translation is None or not translation.hypotheses:
            self._hypotheses.show([], 0)
            self._attention.clear()
        else:
            chosen = session.chosen_index(line)
            self._hypotheses.show([(each.score, each.text) for each in translation.hypotheses], chosen)
            self._attention.show(session.lines[line], translation, translation.hypotheses[chosen])
        self._attention.follow_cursor(self._panes.active, line)

    def _tell_model(self, failed: ModelFailed | None) -> None:
        self.results.placeholder = one_line(failed.problem) if failed is not None else ""
        if failed is not None:
            self.session.problem = _NO_MODEL

    @property
    def kept_settings(self) -> dict[str, Any]:
        """The settings of the search, and which parts of the tab are shown."""
        shown = {"matrix": True} if self.has_class("-matrix") else {}
        return {**self._beam.kept_values, **shown, **super().kept_settings}

    # -- hypotheses and attention --------------------------------------------------------------------------------

    def on_beam_settings_changed(self, event: BeamSettingsChanged) -> None:
        self.session.settings = event.settings
        self._compute()

    def on_hypothesis_chosen(self, event: HypothesisChosen) -> None:
        self.session.choose(self.cursor_line, event.index)
        self._show_results()

    def action_next_best(self) -> None:
        """Choose the next hypothesis, and after the last one the best again."""
        if self.session.choose_next(self.cursor_line):
            self._show_results()
        else:
            self.notifications.info("There is no other translation of this line.")

    def action_matrix(self) -> None:
        """Show or hide the attention matrix."""
        self.toggle_class("-matrix")
        self._panes.leave_hidden_widget()

    # -- the text as a whole -------------------------------------------------------------------------------------

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
            lambda: session.total_count - session.done_count,
        )


def _start_worker(on_results: Callable[[], None], on_error: Callable[[str, Exception], None]) -> TranslationWorker:
    from rnntui.sessions.translation_worker import translation_worker

    return translation_worker(on_results, on_error).start()
