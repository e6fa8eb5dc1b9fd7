"""Preparation of a line for the search: its sentences, and the form in which the model reads each of them."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from rnntui.config_seq2seq import Seq2SeqTokenizerConfig, SplitSentences
from rnntui.inference.recasing import Casing, casing_of, is_shouted
from rnntui.kinds.pair_corpus_info import SourceFeatures
from rnntui.text.inline_markup import MarkedText, Markup, take_out_markup
from rnntui.text.normalization import lower_case, normalize, offset_map
from rnntui.text.placeholders import Placeholder, mask_source
from rnntui.text.scripts import is_wide, script_of
from rnntui.text.sentences import split_sentences
from rnntui.text.typography import has_plain_form, plain_typography
from rnntui.text.vocabulary import CharSpan, Vocabulary

_MULTIPLE_SENTENCES = 0.2  # a model with more of them among its training sources reads several at once
_LETTERLESS = 0.01  # a model with more such sources was made to translate numbers or marks
_TERMINATED = 0.9  # a model with more sources that end in punctuation does badly without it

_MAX_CHARACTERS = 5000  # of a sentence: the memory for a search grows with its square

_CUE_MARKS = "[{<"


@dataclass(eq=False, repr=False)
class SourceLine:
    """A line as typed, with the text that is read of it and, where a token is to be shown in it, offsets from that.

    The text is normalized, and without `marked` markup if that is not None.
    """

    typed: str
    text: str
    marked: MarkedText | None = None

    @cached_property
    def offsets(self) -> list[int]:
        """For each character of the normalized line its offset in `typed`, and last the offset where that ends."""
        return offset_map(self.typed)

    def span(self, start: int, end: int) -> CharSpan:
        """Return the span in the line as typed, given one in its text."""
        if self.marked is not None:
            start, end = self.marked.span(start, end)
        return self.offsets[start], self.offsets[end]

    def original(self, start: int, end: int) -> str:
        """Return a part of the text as it stands in the normalized line, with the markup inside it."""
        return self.text[start:end] if self.marked is None else self.marked.original(start, end)


@dataclass(eq=False, repr=False)
class PreparedSentence:
    """A sentence and how it is translated.

    Args:
        line: the line that it is in.
        start: offset in the normalized line.
        end: end offset in the normalized line.
        model_text: what the encoder reads; "" if the sentence passes unchanged.
        masked_offsets: for each character of `model_text` its offset from `start`, and last that of the end; None if
            they are the same.
        values: placeholders in `model_text`.
        casing: case of the translation.
        terminator: punctuation that was added at the end of `model_text`, and is dropped from the translation.
        markup: what was taken out of it and stands in its translation, with offsets from `start`.
    """

    line: SourceLine
    start: int
    end: int
    model_text: str
    masked_offsets: Sequence[int] | None = None
    values: tuple[Placeholder, ...] = ()
    casing: Casing = "model"
    terminator: str = ""
    markup: tuple[Markup, ...] = ()

    @property
    def text(self) -> str:
        """The sentence, normalized and without markup."""
        return self.line.text[self.start : self.end]

    @property
    def original(self) -> str:
        """The sentence, normalized, with the markup inside it."""
        return self.line.original(self.start, self.end)

    @property
    def model_markup(self) -> list[Markup]:
        """The markup, with offsets in `model_text`."""
        offsets = range(len(self.text) + 1) if self.masked_offsets is None else self.masked_offsets
        return [replace(each, offset=bisect_left(offsets, each.offset)) for each in self.markup]

    @property
    def passes(self) -> bool:
        """True if the sentence passes unchanged."""
        return not self.model_text

    def span(self) -> CharSpan:
        """Return its span in the line as typed."""
        return self.line.span(self.start, self.end)

    def span_of(self, start: int, end: int) -> CharSpan:
        """Return the span in the line as typed, given one in `model_text`."""
        length = len(self.model_text) - len(self.terminator)
        start, end = min(start, length), min(end, length)
        if self.masked_offsets is not None:
            start, end = self.masked_offsets[start], self.masked_offsets[end]
        return self.line.span(self.start + start, self.start + end)


@dataclass(eq=False, repr=False)
class PreparedLine:
    """The sentences of a line, none if it is blank; before, between and behind them `gaps`, one more than sentences."""

    typed: str
    sentences: list[PreparedSentence]
    gaps: list[str]

    @property
    def passes(self) -> bool:
        """True if the line passes unchanged: it has text, and nothing in it to translate."""
        return bool(self.sentences) and all(sentence.passes for sentence in self.sentences)


class LinePreparer:
    """Prepares lines as the training sources of a run were.

    Args:
        config: says whether the model reads lower case, and whether placeholders.
        features: of the training sources; without them, as for runs of older versions, no line passes unchanged.
        vocabulary: of the source.
        known_words: in lower case; other capitalized words are names, which become placeholders.
        split: yes or no; auto splits lines if training sources hardly ever had several sentences.
    """

    def __init__(
        self,
        config: Seq2SeqTokenizerConfig,
        features: SourceFeatures | None,
        vocabulary: Vocabulary,
        known_words: Container[str] = (),
        split: SplitSentences = "auto",
    ) -> None:
        self._config, self._known_words, self._vocabulary = config, known_words, vocabulary
        self._replaces_typography = features is not None
        reads_single_sentences = features is not None and features.multiple_sentences < _MULTIPLE_SENTENCES
        self._splits = split == "yes" or (split == "auto" and reads_single_sentences)
        is_terminated = features is not None and features.terminated > _TERMINATED
        self._terminators = [mark for mark in ".。" if is_terminated and not vocabulary.unknown_characters(mark)]
        # Scripts without which a sentence passes unchanged.
        self._scripts = frozenset(features.scripts if features and features.letterless < _LETTERLESS else ())

    def prepare(self, line: str) -> PreparedLine:
        """Return the sentences of a line."""
        text = normalize(line)
        if not text:
            return PreparedLine(line, [], [""])
        # A model without placeholders may have been trained on markup.
        marked = take_out_markup(text) if self._config.placeholders else None
        source = SourceLine(line, text)
        if marked is not None:
            if not marked.plain.strip():
                return PreparedLine(line, [PreparedSentence(source, 0, len(text), "")], ["", ""])
            return self._prepare_marked(SourceLine(line, marked.plain, marked), marked)
        spans = self._spans(text, (0, len(text)))
        prepared = self._sentences(source, spans)
        edges = [0, *(edge for span in spans for edge in span), len(text)]
        gaps = [text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
        return PreparedLine(line, prepared, gaps)

    def _prepare_marked(self, source: SourceLine, marked: MarkedText) -> PreparedLine:
        """Return the sentences of a line with markup, each with the part of it that is inside."""
        text = source.text
        spans = [span for block in marked.blocks(0, len(text)) for span in self._spans(text, block)]
        prepared, left_out = list[PreparedSentence](), set[int]()
        for sentence in self._sentences(source, spans):
            inside = [] if sentence.passes else marked.inside(sentence.start, sentence.end)
            left_out.update(inside)
            prepared.append(replace(sentence, markup=marked.part(inside, sentence.start)))
        edges = [0, *(edge for span in spans for edge in span), len(text)]
        gaps = [marked.gap(start, end, left_out) for start, end in zip(edges[::2], edges[1::2], strict=True)]
        return PreparedLine(source.typed, prepared, gaps)

    def _spans(self, text: str, block: CharSpan) -> list[CharSpan]:
        """Return the spans of the sentences in a part of a line."""
        spans = [self._core(text, block)]
        if self._splits:
            [(start, end)] = spans
            sentences = split_sentences(text[start:end])
            spans = [(start + at, start + sentence_end) for at, sentence_end in sentences] or spans
        spans = [piece for span in spans for piece in _pieces(text, span)]
        return [self._core(text, span) for span in spans] if len(spans) > 1 else spans

    def _sentences(self, source: SourceLine, spans: Sequence[CharSpan]) -> list[PreparedSentence]:
        shouted = self._config.lowercase_source and is_shouted(source.text)
        return [self._sentence(source, span, shouted) for span in spans]

    def _core(self, text: str, span: CharSpan) -> CharSpan:
        """Return the span without decorations."""
        start = span[0]
        is_plain = text[start].isalpha() and text[start + 1 : start + 2] != ")" and text.isascii() and ":" not in text
        if (is_plain and text[span[1] - 2 : span[1]] != "..") or not self._config.placeholders:
            return span  # of most lines, which need not wait for the rules
        from rnntui.inference.decorations import strip_decorations

        return strip_decorations(text, span)

    def _sentence(self, line: SourceLine, span: CharSpan, in_shouted_line: bool) -> PreparedSentence:
        start, end = span
        text = line.text[start:end]
        unchanged = PreparedSentence(line, start, end, "")
        if self._config.placeholders and text[0] in _CUE_MARKS and _is_cue(text):
            return unchanged
        prepared = replace(unchanged, model_text=text)
        if self._config.placeholders:
            masked = mask_source(text, lambda word: word.lower() not in self._known_words, self._is_foreign)
            if masked.values:
                prepared = replace(
                    unchanged, model_text=masked.text, masked_offsets=masked.offsets, values=masked.values
                )
        if self._scripts and not any(script_of(character) in self._scripts for character in prepared.model_text):
            return unchanged
        if self._config.lowercase_source:
            prepared = replace(prepared, casing=casing_of(prepared.model_text, in_shouted_line))
        return self._in_training_form(prepared)

    def without_placeholders(self, sentence: PreparedSentence) -> PreparedSentence:
        """Return a sentence as the model reads it without placeholders."""
        return self._in_training_form(replace(sentence, model_text=sentence.text, masked_offsets=None, values=()))

    def _in_training_form(self, sentence: PreparedSentence) -> PreparedSentence:
        """Return a sentence in the typography and case of the training sources, with punctuation at its end if they
        had that.
        """
        plain = plain_typography(sentence.model_text, self._is_unknown) if self._replaces_typography else None
        if plain is not None and plain[0].strip():
            text, offsets = plain
            masked = sentence.masked_offsets
            sentence = replace(
                sentence, model_text=text, masked_offsets=offsets if masked is None else [masked[at] for at in offsets]
            )
        text = sentence.model_text
        mark = "。" if is_wide(text[-1]) else "."
        is_word = text[-1].isalnum() or unicodedata.category(text[-1]) == "Co"  # a placeholder
        terminator = mark if is_word and mark in self._terminators else ""
        text = lower_case(text) if self._config.lowercase_source else text
        return replace(sentence, model_text=text + terminator, terminator=terminator)

    def _is_unknown(self, character: str) -> bool:
        """Return True if the vocabulary does not have a character as the model reads it."""
        return not self._vocabulary.has_character(lower_case(character) if self._config.lowercase_source else character)

    def _is_foreign(self, character: str) -> bool:
        """Return True if a character is in no training source: unknown, or a letter of another script."""
        script = script_of(character)
        if self._scripts and script and script not in self._scripts:
            return True
        return self._is_unknown(character) and not has_plain_form(character, self._is_unknown)

    def is_foreign(self, line: str) -> bool:
        """Return True if a line has letters, but none of the scripts without which a sentence passes unchanged."""
        scripts = set(map(script_of, line)) - {""}
        return bool(self._scripts and scripts) and scripts.isdisjoint(self._scripts)


def _pieces(text: str, span: CharSpan) -> Iterator[CharSpan]:
    """Yield a sentence as one span, or one that is far too long for a sentence as several, divided between words."""
    start, end = span
    while end - start > _MAX_CHARACTERS:
        space = text.rfind(" ", start, start + _MAX_CHARACTERS)
        cut = space if space > start else start + _MAX_CHARACTERS
        yield start, cut
        start = cut + (text[cut] == " ")  # a normalized text has single spaces
    yield start, end


def _is_cue(text: str) -> bool:
    from rnntui.inference.decorations import is_cue

    return is_cue(text)
