"""Translation session: a text, its model and its translations line by line, without a screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnntui.config_seq2seq import BeamConfig
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.sessions.editor_drafts import EditorContent, EditorDrafts
from rnntui.sessions.line_change import LineChange, Viewport, carry_over
from rnntui.text.control_chars import one_line

if TYPE_CHECKING:  # numpy is not loaded before the first paint
    from rnntui.inference.translation import Translation
    from rnntui.inference.translator import Translator
    from rnntui.sessions.saved_texts import OpenedSource
    from rnntui.sessions.translation_worker import CacheKey, LineTranslation, TranslationRequest, TranslationWorker

MakeWorker = Callable[[Callable[[], None], Callable[[str, Exception], None]], "TranslationWorker"]
"""Makes a worker from its `on_results` and its `on_error`."""

DEFAULT_BEAM = BeamConfig(n_best=BeamConfig.beam)
"""The app shows all hypotheses of the beam."""

_NO_MODEL = f"no model: choose one with F5, or train one: {SEQ2SEQ.first_command}"


class TranslationSession:
    """A source text of at least one line, translated while it is edited.

    After each change call `translate`, and whenever the worker has new results `update`.
    """

    def __init__(
        self, run_name: str, start_worker: Callable[[], TranslationWorker], drafts_folder: Callable[[], Path]
    ) -> None:
        """
        Args:
            run_name: the name to show until a model is open.
            start_worker: called when there is something to translate for the first time.
            drafts_folder: where the source is saved automatically.
        """
        self.run_name = run_name
        self._start_worker = start_worker
        self.worker: TranslationWorker | None = None
        self.translator: Translator | None = None
        self.problem = ""  # why there is no model
        self.settings = DEFAULT_BEAM
        self.lines = [""]
        self.translations = [""]  # of each line; that of an earlier version where there is no newer one yet
        self.translated_count = self.total_count = 0  # lines that are not blank
        self.stopped = False
        self.drafts = EditorDrafts(drafts_folder, lambda: EditorContent(self.text, self.run_name), _read_file)
        self._request: TranslationRequest | None = None
        self._chosen_texts: dict[CacheKey, dict[str, str]] = {}  # for a line another hypothesis than the best
        self._warnings: tuple[Translator | None, int, str, list[str]] = (None, 0, "", [])  # of the last line asked for

    @property
    def text(self) -> str:
        """The source."""
        return "\n".join(self.lines)

    @property
    def is_searching(self) -> bool:
        """True while there are lines to translate."""
        return self.translated_count < self.total_count and not self.stopped

    # -- translating ---------------------------------------------------------------------------------------------

    def set_model(self, name: str, translator: Translator) -> None:
        """Translate with this model from now on."""
        self.run_name, self.translator, self.problem = name, translator, ""

    def edit(self, change: LineChange, new_lines: Sequence[str]) -> None:
        """Replace the source lines of a change."""
        self.lines[change.start : change.old_end] = new_lines
        self.translations = carry_over(self.translations, change, "")
        self._request = None  # its lines are others

    def translate(self, viewport: Viewport) -> None:
        """Have the text as it is now translated, with the present model and settings."""
        self.stopped = False
        if self.translator is not None:
            from rnntui.sessions.translation_worker import TranslationRequest

            if self.worker is None:
                self.worker = self._start_worker()
            self._request = TranslationRequest(self.translator, self.settings, tuple(self.lines), *viewport)
            self.worker.submit(self._request)
        self.update()

    def update(self) -> None:
        """Read the results that there are."""
        if self.worker is None or self._request is None:
            return
        results = self.worker.results(self._request)
        chosen_texts = self._chosen_texts.get(self._request.cache_key, {})
        for index, (line, result) in enumerate(zip(self.lines, results, strict=True)):
            if result is not None:
                chosen = chosen_texts.get(line.strip()) if chosen_texts else None
                self.translations[index] = result.text if chosen is None else chosen
        blank_count = sum(1 for line in self.lines if not line or line.isspace())
        self.total_count = len(results) - blank_count
        self.translated_count = self.total_count - results.count(None)

    def stop(self) -> None:
        """Translate no more until the next `translate`."""
        if self.worker is not None:
            self.worker.stop()
            self.stopped = self.translated_count < self.total_count

    def close(self) -> None:
        """End the worker's thread."""
        if self.worker is not None:
            self.worker.close()

    # -- one line ------------------------------------------------------------------------------------------------

    def result(self, index: int) -> LineTranslation | None:
        """Return the result for a line; None if it is blank or not translated yet."""
        if self.worker is None or self._request is None or not self.lines[index].strip():
            return None
        return self.worker.result(self._request, self.lines[index])

    def translation(self, index: int) -> Translation | None:
        """Return all hypotheses of a line with their attention, as far as they are in the cache."""
        result = self.result(index)
        return result.translation if result is not None else None

    def needs_search(self, index: int) -> bool:
        """Return True if a line should be translated soon: it has no result, or its attention is not in the cache."""
        result = self.result(index)
        return not self.stopped and (result is None or not result.is_complete)

    def chosen_index(self, index: int) -> int:
        """Return which hypothesis of a line is chosen; 0, the best one, unless `choose` was called."""
        translation = self.translation(index)
        if translation is None or self._request is None:
            return 0
        texts = [hypothesis.text for hypothesis in translation.hypotheses]
        chosen = self._chosen_texts.get(self._request.cache_key, {}).get(self.lines[index].strip())
        return texts.index(chosen) if chosen in texts else 0

    def choose(self, index: int, hypothesis_index: int) -> None:
        """Choose a hypothesis for a line, and for all lines of the same text."""
        translation = self.translation(index)
        if translation is not None and self._request is not None:
            chosen_texts = self._chosen_texts.setdefault(self._request.cache_key, {})
            chosen_texts[self.lines[index].strip()] = translation.hypotheses[hypothesis_index].text
            self.update()

    def choose_next(self, index: int) -> bool:
        """Choose the next hypothesis for a line, after the last one the best. Returns False if there is only one."""
        translation = self.translation(index)
        if translation is None or len(translation.hypotheses) < 2:
            return False
        self.choose(index, (self.chosen_index(index) + 1) % len(translation.hypotheses))
        return True

    def warnings(self, index: int) -> list[str]:
        """Return what to know before trusting a line's translation, such as its unknown characters."""
        from rnntui.sessions.translation_worker import MAX_LINE_LENGTH

        line = self.lines[index]
        if self.translator is None or not line.strip() or len(line) > MAX_LINE_LENGTH:
            return []
        if self._warnings[:3] != (self.translator, index, line):
            warnings = self.translator.warnings_for(line, f"line {index + 1}")
            self._warnings = (self.translator, index, line, warnings)
        return self._warnings[3]

    def status(self, index: int) -> str:
        """Return the status line: model, progress, and what there is to say about the line at the cursor."""
        if self.translator is None:
            return _NO_MODEL if self.problem else one_line(f"{self.run_name}  opening …")
        parts = [self.run_name, self._progress()]
        result = self.result(index)
        if result is not None and result.problem:
            parts.append(f"line {index + 1}: {result.problem}")
        else:
            warnings = self.warnings(index)
            is_unchanged = result is not None and result.translation is not None and result.translation.unchanged
            parts += warnings or ([f"line {index + 1}: unchanged, nothing to translate"] if is_unchanged else [])
        return one_line(" · ".join(parts))

    def _progress(self) -> str:
        lines = f"{self.total_count:,} line{'s' if self.total_count > 1 else ''}"
        if self.translated_count < self.total_count:
            progress = f"translated {self.translated_count:,} of {lines}"
            return f"stopped; {progress}" if self.stopped else f"{progress} …"
        return f"translated {lines}" if self.total_count else "ready"


def _read_file(name: str) -> OpenedSource:
    from rnntui.sessions.translation_files import read_source

    return read_source(name)
