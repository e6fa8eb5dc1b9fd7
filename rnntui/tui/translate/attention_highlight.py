"""Attention of the line at the cursor: as a matrix, and as highlighted words in the two text panes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnntui.tui.translate.aligned_text_area import AlignedTextArea, Highlight
from rnntui.tui.translate.attention_matrix import AttentionMatrix
from rnntui.tui.translate.text_panes import SourcePane, TargetPane
from rnntui.tui.translate.word_alignment import WordAlignment, tokens_in, word_at, word_spans

if TYPE_CHECKING:
    from rnntui.inference.beam_search import Hypothesis
    from rnntui.inference.translator import Translation, Translator
    from rnntui.text.vocabulary import CharSpan

_MIN_WEIGHT = 0.05  # below it a word is not highlighted
_NO_ATTENTION = "This model has no attention (--attention none): there is nothing to show."
_NO_TRANSLATION = "There is no translation at the cursor."


class AttentionHighlighter:
    """Shows one hypothesis's attention, and follows the cursor of the active pane."""

    def __init__(self, source: SourcePane, target: TargetPane, matrix: AttentionMatrix) -> None:
        self._source, self._target, self._matrix = source, target, matrix
        self._shown: tuple[Translator, str, Hypothesis] | None = None
        self._alignment: WordAlignment | None = None

    def clear(self) -> None:
        """Show that there is no translation."""
        self._shown = self._alignment = None
        self._matrix.show_note(_NO_TRANSLATION)

    def show(self, translator: Translator, line: str, translation: Translation, hypothesis: Hypothesis) -> None:
        """Show the attention of a hypothesis, one of the translation of a line. It costs nothing the second time."""
        if self._shown is not None and all(
            new is old for new, old in zip((translator, line, hypothesis), self._shown, strict=True)
        ):
            return
        self._shown, self._alignment = (translator, line, hypothesis), None
        if not hypothesis.attention.any():
            self._matrix.show_note(_NO_ATTENTION)
            return
        self._alignment = WordAlignment(
            word_spans(line),
            word_spans(hypothesis.text),
            translator.source_spans(line),
            translator.target_spans(hypothesis),
            hypothesis.attention,
        )
        self._matrix.show(translation.source_tokens, translator.tokens(hypothesis), hypothesis.attention)

    def follow_cursor(self, active: AlignedTextArea, line_index: int) -> None:
        """Highlight what belongs to the word at the active pane's cursor: in the other pane, and in the matrix."""
        alignment, column = self._alignment, active.cursor_location[1]
        source_highlights: list[Highlight] = []
        target_highlights: list[Highlight] = []
        rows: list[int] = []
        columns: list[int] = []
        if alignment is None:
            pass
        elif active is self._target:
            word = word_at(alignment.target_words, column)
            if word is not None:
                source_highlights = _highlights(alignment.source_words, alignment.source_weights(word))
                rows = tokens_in(alignment.target_words[word], alignment.target_spans)
        else:
            word = word_at(alignment.source_words, column)
            if word is not None:
                target_highlights = _highlights(alignment.target_words, alignment.target_weights(word))
                columns = tokens_in(alignment.source_words[word], alignment.source_spans)
        self._source.highlight(line_index, source_highlights)
        self._target.highlight(line_index, target_highlights)
        if alignment is not None:
            self._matrix.highlight(rows, columns)


def _highlights(words: list[CharSpan], weights: list[float]) -> list[Highlight]:
    return [
        Highlight(start, end, weight)
        for (start, end), weight in zip(words, weights, strict=True)
        if weight >= _MIN_WEIGHT
    ]
