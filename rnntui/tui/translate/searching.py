"""The model of the Translate tab, the thread that searches, and the lines on both sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import work
from textual.message import Message
from textual.widgets import Static, TextArea

from rnntui.errors import RnntuiError
from rnntui.text.control_chars import decode_control_chars, encode_control_chars, one_line
from rnntui.tui.notifications import Telling
from rnntui.tui.translate.aligned_text_area import AlignedArea
from rnntui.tui.translate.beam_panel import DEFAULTS, BeamPanel
from rnntui.tui.translate.line_changes import carried, change_between
from rnntui.tui.translate.source_pane import Source
from rnntui.tui.translate.translation_pane import TranslationPane

if TYPE_CHECKING:
    from rnntui.config_seq2seq import BeamConfig
    from rnntui.inference.translator import Translation, Translator
    from rnntui.sessions.model_cache import ModelCache
    from rnntui.sessions.translation_worker import Answer, TranslationRequest, TranslationWorker

MakeTranslating = Callable[[Callable[[], None], Callable[[str, Exception], None]], "TranslationWorker"]
"""Makes what translates, from what it is to call when it has found something, and when a search has failed."""

_NO_MODEL = "no model: F5 chooses one, rnntui train-seq2seq pairs.tsv makes one"


class Searching(Telling):
    """A source whose lines are translated as they change."""

    class Found(Message):
        """There are new translations."""

    def __init__(self, runs: ModelCache[Translator], run_name: str | None, make_translating: MakeTranslating) -> None:
        super().__init__("translate")
        self._runs, self.run_name = runs, run_name or ""
        self._make_translating = make_translating
        self.translating: TranslationWorker | None = None
        self.translator: Translator | None = None
        self.settings = DEFAULTS
        self.problem = ""  # why there is no model
        self.lines: list[str] = [""]  # of the source, as they were typed
        self._raw: list[str] = [""]  # the same, as the editor holds them
        self._shown: list[str] = [""]  # what stands beside each
        self._displayed: list[str] = [""]  # the same, encode_control_chars
        self._done = self._total = 0  # lines that have their translation, and that are to have one
        self._stopped = False
        self._request: TranslationRequest | None = None
        self._picked: dict[tuple[Translator, BeamConfig, str], str] = {}  # what a person chose in place of the best
        self._remarks: tuple[Translator | None, int, str, list[str]] = (None, 0, "", [])
        self.active: AlignedArea | None = None  # the side that the cursor was in last

    @property
    def source(self) -> Source:
        """The left side."""
        return self.query_one(Source)

    @property
    def translation(self) -> TranslationPane:
        """The right side."""
        return self.query_one(TranslationPane)

    @property
    def line(self) -> int:
        """The number of the line that the cursor is on, in the side that it was in last."""
        return min((self.active or self.source).cursor_location[0], len(self.lines) - 1)

    # -- the model -----------------------------------------------------------------------------------------------

    def open_run(self, name: str | None) -> None:
        """Translate with the run of that name or path; None is the newest Seq2Seq run, or the shipped one."""
        self._open(name)

    @work(thread=True)
    def _open(self, name: str | None) -> None:
        """In a thread: find and read a run."""
        run = None
        try:
            run = self._runs.find(name)
            translator = self._runs.load(run)
        except (RnntuiError, OSError, ValueError, MemoryError) as error:
            none_yet = name is None and run is None
            self.app.call_from_thread(self._failed, f"{error}" or type(error).__name__, none_yet)
            return
        self.app.call_from_thread(self._opened, run.name, translator)

    def _failed(self, problem: str, none_yet: bool) -> None:
        if self.translator is None:
            self.problem = problem
            self.translation.placeholder = one_line(problem)
            self.show_status()
        if not none_yet:  # that there is no run yet is no news to be told
            self.tell(problem, title="Cannot open the model", severity="error", seconds=10)

    def _opened(self, name: str, translator: Translator) -> None:
        if not self.is_mounted:
            return
        self.run_name, self.translator, self.problem = name, translator, ""
        self.translation.placeholder = ""
        self.ask()

    # -- asking --------------------------------------------------------------------------------------------------

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        if event.text_area is self.source:
            self.source_changed()

    def source_changed(self) -> None:
        """Take what was typed, and have translated what has changed."""
        raw = self.source.raw_lines
        change = change_between(self._raw, raw)
        if change is None:
            return
        start, before, after = change
        self.lines[start:before] = [decode_control_chars(line) for line in raw[start:after]]
        self._shown, self._displayed = carried(self._shown, change), carried(self._displayed, change)
        self._raw = raw
        self.ask()

    def ask(self) -> None:
        """Have translated what is typed, as it is now, with the model and the settings there are now."""
        self._stopped = False
        if self.translator is not None:
            from rnntui.sessions.translation_worker import TranslationRequest

            if self.translating is None:
                self.translating = self._make_translating(self._tell_found, self._tell_failed)
            first, after = self.source.in_view
            self._request = TranslationRequest(
                self.translator, self.settings, tuple(self.lines), self.line, first, after
            )
            self.translating.ask(self._request)
        self.take()

    def _tell_found(self) -> None:
        self.post_message(self.Found())

    def on_searching_found(self) -> None:
        self.take()

    def _tell_failed(self, line: str, error: Exception) -> None:
        self.app.call_from_thread(self._search_failed, line, error)

    def _search_failed(self, line: str, error: Exception) -> None:
        problem = f"{line[:60]}: {type(error).__name__}: {error}"
        self.tell(problem, title="A line could not be translated", severity="error", seconds=20)

    def action_stop(self) -> None:
        """Translate no more until something changes."""
        if self.translating is not None:
            self.translating.stop()
            self._stopped = self._done < self._total
        self.show_status()

    def on_beam_panel_changed(self, event: BeamPanel.Changed) -> None:
        self.settings = event.settings
        self.ask()

    def on_unmount(self) -> None:
        if self.translating is not None:
            self.translating.close()

    # -- taking --------------------------------------------------------------------------------------------------

    def answer(self) -> Answer | None:
        """What was found for the line that the cursor is on; None if nothing was, or not yet."""
        if self.translating is None or self._request is None or not self.lines[self.line].strip():
            return None
        return self.translating.answer(self._request, self.lines[self.line])

    def chosen(self, translation: Translation) -> int:
        """The number of the hypothesis that a person chose for the line at the cursor, or of the best."""
        assert self._request is not None
        texts = [one.text for one in translation.hypotheses]
        picked = self._picked.get((*self._request.way, self.lines[self.line].strip()))
        return texts.index(picked) if picked in texts else 0

    def choose(self, number: int) -> None:
        """Take another hypothesis for the line at the cursor, and for those that read like it."""
        answer = self.answer()
        if answer is None or answer.translation is None or self._request is None:
            return
        line = self.lines[self.line].strip()
        self._picked[(*self._request.way, line)] = answer.translation.hypotheses[number].text
        self.take()

    def take(self) -> None:
        """Show what was found, line by line; a line that nothing was found for yet keeps what stood beside it."""
        if self.translating is not None and self._request is not None:
            answers = self.translating.answers(self._request)
            picked = {text: one for (*way, text), one in self._picked.items() if tuple(way) == self._request.way}
            for number, (line, answer) in enumerate(zip(self.lines, answers, strict=True)):
                if answer is not None:
                    text = picked.get(line.strip(), answer.text) if picked else answer.text
                    if text is not self._shown[number]:  # of thousands of lines, few change at once
                        self._shown[number], self._displayed[number] = text, encode_control_chars(text)
            self._done, self._total = len(answers) - answers.count(None), len(answers)
            blank = sum(1 for line in self.lines if not line or line.isspace())
            self._done, self._total = self._done - blank, self._total - blank
        self.translation.show(self._displayed)
        self.align()
        self.point()

    def align(self) -> None:
        """Let each line begin on the same row on both sides."""
        sides = (self.source, self.translation)
        needed = [side.wrapped_document.needed for side in sides]
        if len(needed[0]) == len(needed[1]):
            rows = [max(pair) for pair in zip(*needed, strict=True)]
            for side in sides:
                side.stretch(rows)

    def point(self) -> None:
        """Show what belongs to the line at the cursor."""
        self.show_status()

    # -- the status line -----------------------------------------------------------------------------------------

    def show_status(self) -> None:
        """Write the line at the bottom anew."""
        self.query_one("#translate-status", Static).update(self._status(), layout=False)

    def _status(self) -> str:
        if self.translator is None:
            return _NO_MODEL if self.problem else one_line(f"{self.run_name}  opening …")
        parts = [self.run_name]
        counts = f"{self._done:,} of {self._total:,} line{'s' if self._total > 1 else ''}"
        if self._done < self._total:
            parts.append(f"stopped; translated {counts}" if self._stopped else f"translated {counts} …")
        elif self._total:
            parts.append(f"translated {self._total:,} line{'s' if self._total > 1 else ''}")
        else:
            parts.append("ready")
        answer = self.answer()
        if answer is not None and answer.problem:
            parts.append(f"line {self.line + 1}: {answer.problem}")
        else:
            parts += self._remarks_of(self.line)
        return one_line(" · ".join(parts))

    def _remarks_of(self, number: int) -> list[str]:
        """What is to be said of a line; asked once for each."""
        from rnntui.sessions.translation_worker import LONGEST

        line = self.lines[number]
        if self.translator is None or not line.strip() or len(line) > LONGEST:
            return []
        if self._remarks[:3] != (self.translator, number, line):
            self._remarks = (self.translator, number, line, self.translator.warnings_for(line, f"line {number + 1}"))
        return self._remarks[3]
