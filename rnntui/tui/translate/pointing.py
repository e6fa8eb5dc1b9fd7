"""What belongs to the line at the cursor: its hypotheses, its attention, and the words that made the word there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.widgets import TextArea

from rnntui.tui.translate.aligned_text_area import AlignedArea, Highlight
from rnntui.tui.translate.attention_matrix import Matrix
from rnntui.tui.translate.hypothesis_list import Hypotheses
from rnntui.tui.translate.row_alignment import Alignment, tokens_of, word_at, words
from rnntui.tui.translate.searching import Searching

if TYPE_CHECKING:
    from rnntui.inference.beam_search import Hypothesis
    from rnntui.inference.translator import Translation, Translator
    from rnntui.text.vocabulary import CharSpan

_LEAST = 0.05  # strength below which a word is not highlighted
_NO_ATTENTION = "This model has no attention (--attention none): there is nothing to show."
_NOTHING = "There is no translation at the cursor."


class Pointing(Searching):
    """Two sides whose cursors are on the same line."""

    _looked_at: tuple[Translator, str, Hypothesis] | None = None
    _alignment: Alignment | None = None  # of what is looked at

    @property
    def matrix(self) -> Matrix:
        """The attention of the line at the cursor."""
        return self.query_one(Matrix)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if isinstance(event.widget, AlignedArea) and event.widget is not self.active:
            self.active = event.widget
            self.point()

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        if event.text_area is (self.active or self.source):
            self.follow()

    def follow(self) -> None:
        """The cursor has moved: the other side's goes to the same line."""
        source, translation = self.source, self.translation
        other = source if self.active is translation else translation
        line = self.line
        if other.cursor_location[0] != line < other.document.line_count:
            other.move_cursor((line, 0))
            answer = self.answer()
            # What is not found yet comes sooner, and what was given up for want of room is found again.
            if not self._stopped and (answer is None or (answer.translation is None and not answer.problem)):
                self.ask()
                return
        self.point()

    def point(self) -> None:
        """Show what belongs to the cursor, on both sides and below."""
        answer = self.answer()
        translation = answer.translation if answer is not None else None
        if translation is None or not translation.hypotheses:
            self._forget()
        else:
            self._show(translation)
        self._highlight()
        super().point()

    def _forget(self) -> None:
        self.query_one(Hypotheses).show([], 0)
        self.matrix.tell(_NOTHING)
        self._looked_at = self._alignment = None

    def _show(self, translation: Translation) -> None:
        assert self.translator is not None
        chosen = self.chosen(translation)
        hypothesis, line = translation.hypotheses[chosen], self.lines[self.line]
        self.query_one(Hypotheses).show([(one.score, one.text) for one in translation.hypotheses], chosen)
        now = self.translator, line, hypothesis
        if self._looked_at is not None and all(a is b for a, b in zip(now, self._looked_at, strict=True)):
            return
        self._looked_at, self._alignment = now, None
        if not hypothesis.attention.any():
            self.matrix.tell(_NO_ATTENTION)
            return
        source, target = self.translator.source_spans(line), self.translator.target_spans(hypothesis)
        self._alignment = Alignment(words(line), words(hypothesis.text), source, target, hypothesis.attention)
        self.matrix.show(translation.source_tokens, self.translator.tokens(hypothesis), hypothesis.attention)

    def _highlight(self) -> None:
        """Highlight the word at the cursor on its side, on the other what belongs to it, and both in the matrix."""
        alignment, number = self._alignment, self.line
        source, translation = self.source, self.translation
        here = self.active or source
        column = here.cursor_location[1]
        if alignment is None:
            source.mark(number, [])
            translation.mark(number, [])
        elif here is translation:
            word = word_at(alignment.target_words, column)
            strengths = [] if word is None else alignment.sources_of(word)
            source.mark(number, _marks(alignment.source_words, strengths))
            translation.mark(number, [])
            rows = [] if word is None else tokens_of(alignment.target_words[word], alignment.target_spans)
            self.matrix.point(rows, [])
        else:
            word = word_at(alignment.source_words, column)
            strengths = [] if word is None else alignment.targets_of(word)
            translation.mark(number, _marks(alignment.target_words, strengths))
            source.mark(number, [])
            columns = [] if word is None else tokens_of(alignment.source_words[word], alignment.source_spans)
            self.matrix.point([], columns)

    def on_hypotheses_chosen(self, event: Hypotheses.Chosen) -> None:
        self.choose(event.number)

    def action_next_best(self) -> None:
        """The hypothesis after the chosen one, and after the last the best again."""
        answer = self.answer()
        if answer is None or answer.translation is None or len(answer.translation.hypotheses) < 2:
            self.tell("There is no other translation of this line.")
            return
        self.choose((self.chosen(answer.translation) + 1) % len(answer.translation.hypotheses))

    def action_matrix(self) -> None:
        """Open the attention matrix, or close it."""
        self.set_class(not self.has_class("-matrix"), "-matrix")


def _marks(words: list[CharSpan], strengths: list[float]) -> list[Highlight]:
    return [
        Highlight(start, end, strength)
        for (start, end), strength in zip(words, strengths, strict=False)
        if strength >= _LEAST
    ]
