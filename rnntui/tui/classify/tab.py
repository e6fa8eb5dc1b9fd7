"""The Classify tab."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from rnntui.kinds.classifier import CLASSIFIER
from rnntui.sessions.classification_session import ClassificationSession
from rnntui.sessions.explanation_view import NO_SHADING, SHARE, named_measure
from rnntui.sessions.line_session import MakeWorker
from rnntui.tui.classify.explanation_panel import ExplanationPanel
from rnntui.tui.classify.messages import LabelChosen, NextLineWanted
from rnntui.tui.classify.result_rows import ResultRows
from rnntui.tui.keys import bindings
from rnntui.tui.lines.line_tab import LineTab
from rnntui.tui.lines.messages import ModelFailed
from rnntui.tui.lines.text_panes import LineEditor, ResultPane
from rnntui.tui.preferences import classified_folder

if TYPE_CHECKING:
    from rnntui.sessions.classification_worker import ClassificationWorker
    from rnntui.tui.tabs import TabContext

_PLACEHOLDER = "Type here: each line gets its label as you type."
_NONE_YET = f"no classifier yet: {CLASSIFIER.first_command}, or F3 and n"
_NONE_OPEN = "no classifier is open: choose one with F5"
_FIRST_STEPS = (
    f"No classifier yet. Train one with\n\n  {CLASSIFIER.first_command}\n\nor in the app: F3 (Train), then n (New)."
)


class ClassifyTab(LineTab[ClassificationSession]):
    """A text and the label of each line side by side; below, the reasons for that of the line at the cursor."""

    # Where both are active, the first of two bindings of a key counts.
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("explanation"), *bindings("classify")]
    verb = "classify"

    def __init__(self, context: TabContext, make_worker: MakeWorker[Any, Any] | None = None) -> None:
        """`make_worker` replaces the classification worker, for tests."""
        editor, labels = LineEditor(_PLACEHOLDER, id="text"), ResultPane(id="line-labels")
        super().__init__(context, CLASSIFIER, editor, labels, make_worker or _start_worker, id="classify")
        self.session.measure = named_measure(context.kept.get("shading"))
        self._rows, self._panel = ResultRows(), ExplanationPanel()

    def compose(self) -> ComposeResult:
        with Horizontal(id="text-and-labels"):
            yield self.editor
            yield self.results
        yield self._panel
        yield self._status

    def _new_session(self, run_name: str) -> ClassificationSession:
        return ClassificationSession(run_name, self._start_worker, classified_folder)

    def _shown_results(self) -> Sequence[str]:
        return self._rows.update(self.session.results)

    def _show_details(self, line: int) -> None:
        self.editor.highlight(line, self._panel.show(self.session, line))

    def _tell_model(self, failed: ModelFailed | None) -> None:
        none_yet = failed is not None and failed.none_yet
        self.editor.placeholder = _FIRST_STEPS if none_yet else _PLACEHOLDER
        if failed is not None:
            self.session.problem = _NONE_YET if none_yet else _NONE_OPEN

    @property
    def kept_settings(self) -> dict[str, Any]:
        """The measure of the shading, and which parts of the tab are shown."""
        measure = self.session.measure
        shading = {"shading": measure.attribute if measure is not None else NO_SHADING} if measure != SHARE else {}
        return {**shading, **super().kept_settings}

    def on_show(self) -> None:
        """Look for a classifier again: one may have been trained in the meantime."""
        if self.session.problem:
            self.open_run(None)

    # -- labels and explanation ----------------------------------------------------------------------------------

    def on_label_chosen(self, event: LabelChosen) -> None:
        self.session.explain(self.cursor_line, event.label)
        self._compute()

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

    # -- the text as a whole -------------------------------------------------------------------------------------

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
            lambda: session.total_count - session.done_count,
        )


def _start_worker(on_results: Callable[[], None], on_error: Callable[[str, Exception], None]) -> ClassificationWorker:
    from rnntui.sessions.classification_worker import classification_worker

    return classification_worker(on_results, on_error).start()
