"""Attention of the line at the cursor: as a matrix, and as highlighted words in the two text panes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rnntui.tui.lines.aligned_text_area import AlignedTextArea, Highlight
from rnntui.tui.lines.text_panes import LineEditor, ResultPane
from rnntui.tui.translate.attention_matrix import AttentionMatrix
from rnntui.tui.translate.word_alignment import WordAlignment, tokens_in, word_at, word_spans

if TYPE_CHECKING:
    from rnntui.inference.translation import LineHypothesis, Translation
    from rnntui.text.vocabulary import CharSpan

_MIN_WEIGHT = 0.05  # below it a word is not highlighted
_NO_ATTENTION = "This model was trained without attention (--attention none)."
_NO_TRANSLATION = "There is no translation at the cursor."
_UNCHANGED = "Copied unchanged: there is no word to translate."


class AttentionHighlighter:
    """Shows one hypothesis's attention, that of the sentence at the cursor, and follows the cursor of a pane."""

    def __init__(self, source: LineEditor, target: ResultPane, matrix: AttentionMatrix) -> None:
        self._source, self._target, self._matrix = source, target, matrix
        self._shown: tuple[str, Translation, LineHypothesis] | None = None
        self._sentence: int | None = None  # index of the one in the matrix
        self._alignment: WordAlignment | None = None

    def clear(self) -> None:
        """Show that there is no translation."""
        self._shown = self._sentence = self._alignment = None
        self._matrix.show_note(_NO_TRANSLATION)

    def show(self, line: str, translation: Translation, hypothesis: LineHypothesis) -> None:
        """Show the attention of a hypothesis, one of the translation of a line. It costs nothing the second time."""
        if self._shown is None or any(
            new is not old for new, old in zip((line, translation, hypothesis), self._shown, strict=True)
        ):
            self._shown, self._sentence = (line, translation, hypothesis), None

    def follow_cursor(self, active: AlignedTextArea, line_index: int) -> None:
        """Highlight what belongs to the word at the active pane's cursor: in the other pane, and in the matrix."""
        column = active.cursor_location[1]
        if self._shown is not None:
            sentence = self._sentence_at(column, active is self._target, *self._shown)
            if sentence != self._sentence:
                self._show_sentence(sentence, *self._shown)
        alignment = self._alignment
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

    @staticmethod
    def _sentence_at(
        column: int, in_target: bool, line: str, translation: Translation, hypothesis: LineHypothesis
    ) -> int:
        """Return the index of the sentence that a cursor is in, or right behind."""
        if in_target:
            starts = list(hypothesis.starts)
        else:
            starts = [sentence.span[0] + _indent(line, translation) for sentence in translation.sentences]
        return max(0, sum(start <= column for start in starts) - 1)

    def _show_sentence(self, index: int, line: str, translation: Translation, hypothesis: LineHypothesis) -> None:
        sentence, part, indent = translation.sentences[index], hypothesis.parts[index], _indent(line, translation)
        self._sentence, self._alignment = index, None
        if sentence.unchanged or not part.attention.any():
            self._matrix.show_note(_UNCHANGED if sentence.unchanged else _NO_ATTENTION)
            return
        self._alignment = WordAlignment(
            _within(word_spans(line), _shifted([sentence.span], indent)[0]),
            _within(word_spans(hypothesis.text), hypothesis.part_span(index)),
            _shifted(sentence.tokens.spans, indent),
            hypothesis.part_token_spans(index),
            part.attention,
        )
        self._matrix.show(sentence.tokens.texts, part.tokens.texts, part.attention)


def _indent(line: str, translation: Translation) -> int:
    """Return the offset in a line of the text that was translated, which has no blanks around it."""
    return max(0, line.find(translation.source))


def _shifted(spans: Sequence[CharSpan], offset: int) -> list[CharSpan]:
    return [(start + offset, end + offset) for start, end in spans]


def _within(words: Sequence[CharSpan], span: CharSpan) -> list[CharSpan]:
    return [word for word in words if span[0] <= word[0] < span[1]]


def _highlights(words: list[CharSpan], weights: list[float]) -> list[Highlight]:
    return [
        Highlight(start, end, weight)
        for (start, end), weight in zip(words, weights, strict=True)
        if weight >= _MIN_WEIGHT
    ]
