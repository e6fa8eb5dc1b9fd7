"""Translation session: a text, its model and its translations line by line, without a screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnntui.config_seq2seq import BeamConfig
from rnntui.sessions.line_change import LineChange, Viewport, carry_over
from rnntui.sessions.line_session import LineSession

if TYPE_CHECKING:  # numpy is not loaded before the first paint
    from rnntui.inference.translation import Translation
    from rnntui.inference.translator import Translator
    from rnntui.sessions.saved_texts import OpenedSource
    from rnntui.sessions.translation_worker import CacheKey, LineTranslation, TranslationRequest, TranslationWorker

DEFAULT_BEAM = BeamConfig(n_best=BeamConfig.beam)
"""The app shows all hypotheses of the beam."""


class TranslationSession(LineSession["Translator", "TranslationRequest", "LineTranslation"]):
    """A source text whose lines are translated while it is edited."""

    done = "translated"

    def __init__(
        self, run_name: str, start_worker: Callable[[], TranslationWorker], drafts_folder: Callable[[], Path]
    ) -> None:
        """Arguments as those of `LineSession`."""
        super().__init__(run_name, start_worker, drafts_folder)
        self.settings = DEFAULT_BEAM
        self.translations = [""]  # of each line; that of an earlier version where there is no newer one yet
        self._chosen_texts: dict[CacheKey, dict[str, str]] = {}  # for a line another hypothesis than the best
        self._warnings: tuple[Translator | None, int, str, list[str]] = (None, 0, "", [])  # of the last line asked for

    @staticmethod
    def read_file(name: str) -> OpenedSource:
        from rnntui.sessions.translation_files import read_source

        return read_source(name)

    def _carry_over(self, change: LineChange, new_lines: Sequence[str]) -> None:
        self.translations = carry_over(self.translations, change, "")

    def _new_request(self, model: Translator, viewport: Viewport) -> TranslationRequest:
        from rnntui.sessions.translation_worker import TranslationRequest

        return TranslationRequest(model, self.settings, tuple(self.lines), *viewport)

    def _take(self, request: TranslationRequest, results: Sequence[LineTranslation | None]) -> None:
        chosen_texts = self._chosen_texts.get(request.cache_key, {})
        for index, (line, result) in enumerate(zip(self.lines, results, strict=True)):
            if result is not None:
                chosen = chosen_texts.get(line.strip()) if chosen_texts else None
                self.translations[index] = result.text if chosen is None else chosen

    # -- one line ------------------------------------------------------------------------------------------------

    def translation(self, index: int) -> Translation | None:
        """Return all hypotheses of a line with their attention, as far as they are in the cache."""
        result = self.result(index)
        return result.translation if result is not None else None

    def needs_computation(self, index: int) -> bool:
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
        if self.model is None or not line.strip() or len(line) > MAX_LINE_LENGTH:
            return []
        if self._warnings[:3] != (self.model, index, line):
            warnings = self.model.warnings_for(line, f"line {index + 1}")
            self._warnings = (self.model, index, line, warnings)
        return self._warnings[3]

    def _notes(self, index: int, result: LineTranslation | None) -> list[str]:
        is_unchanged = result is not None and result.translation is not None and result.translation.unchanged
        return self.warnings(index) or ([f"line {index + 1}: unchanged, nothing to translate"] if is_unchanged else [])
