"""Translations of lines: their sentences, and hypotheses for each sentence and for the line as a whole."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from rnntui.inference.cells import Array
from rnntui.text.scripts import is_wide
from rnntui.text.vocabulary import CharSpan


class TokenSpans(NamedTuple):
    """Tokens in readable form, and the span of each in a text. That of an end token is empty."""

    texts: list[str]
    spans: list[CharSpan]


@dataclass(eq=False, repr=False)
class SentenceHypothesis:
    """A translation of a sentence, of T tokens with the end, from S source tokens with the end.

    Args:
        text: the translation as it is shown.
        log_probability: in nats, summed over all tokens including the end.
        score: what hypotheses are ranked by.
        attention: `(T, S)`.
        ended: True if the model itself ended it, False if it was cut off.
        ids: token ids, without the end.
        find_tokens: returns the T tokens with their spans in `text`; they are only needed where attention is shown.
    """

    text: str
    log_probability: float
    score: float
    attention: Array
    ended: bool
    ids: list[int]
    find_tokens: Callable[[], TokenSpans]

    def __repr__(self) -> str:
        return f"SentenceHypothesis(text={self.text!r}, score={self.score:.4f})"

    @cached_property
    def tokens(self) -> TokenSpans:
        """The T tokens, and their spans in `text`."""
        return self.find_tokens()


@dataclass(eq=False, repr=False)
class TranslatedSentence:
    """A sentence of a line and its hypotheses, best first; at least one.

    Args:
        find_span: returns the span of the sentence in the line.
        find_tokens: returns the S source tokens with their spans in the line.
        hypotheses: with distinct texts.
        unchanged: True if there is nothing to translate in it; its only hypothesis is the sentence itself.
    """

    find_span: Callable[[], CharSpan]
    find_tokens: Callable[[], TokenSpans]
    hypotheses: list[SentenceHypothesis]
    unchanged: bool = False

    @cached_property
    def span(self) -> CharSpan:
        """The sentence's span in the line."""
        return self.find_span()

    @cached_property
    def tokens(self) -> TokenSpans:
        """The S source tokens, and their spans in the line."""
        return self.find_tokens()


def unchanged_sentence(text: str, find_span: Callable[[], CharSpan]) -> TranslatedSentence:
    """Return a sentence that passes unchanged: as a single token that is translated by itself."""

    def tokens() -> TokenSpans:
        return TokenSpans([text], [(0, len(text))])

    def source_tokens() -> TokenSpans:
        return TokenSpans([text], [find_span()])

    hypothesis = SentenceHypothesis(text, 0.0, 0.0, np.ones((1, 1), dtype=np.float32), True, [], tokens)
    return TranslatedSentence(find_span, source_tokens, [hypothesis], unchanged=True)


@dataclass(eq=False, repr=False)
class LineHypothesis:
    """A translation of a line: a hypothesis for each of its sentences.

    Args:
        text: of the line.
        parts: the hypotheses of its sentences, in order.
        starts: offset of each part in `text`.
    """

    text: str
    parts: tuple[SentenceHypothesis, ...]
    starts: tuple[int, ...]

    def __repr__(self) -> str:
        return f"LineHypothesis(text={self.text!r}, score={self.score:.4f})"

    @property
    def log_probability(self) -> float:
        """In nats, summed over the sentences."""
        return sum(part.log_probability for part in self.parts)

    @property
    def score(self) -> float:
        """The sum of the sentences' scores, by which hypotheses are ranked."""
        return sum(part.score for part in self.parts)

    @property
    def ended(self) -> bool:
        """True if the model itself ended all sentences."""
        return all(part.ended for part in self.parts)

    @property
    def ids(self) -> list[int]:
        """Token ids of all sentences, without the ends."""
        return [token for part in self.parts for token in part.ids]

    @property
    def tokens(self) -> list[str]:
        """The tokens of all sentences, the rows of attention."""
        return [text for part in self.parts for text in part.tokens.texts]

    @property
    def spans(self) -> list[CharSpan]:
        """The span in `text` of each token."""
        return [span for index in range(len(self.parts)) for span in self.part_token_spans(index)]

    def part_token_spans(self, index: int) -> list[CharSpan]:
        """Return the span in `text` of each token of one sentence."""
        shift = self.starts[index]
        return [(start + shift, end + shift) for start, end in self.parts[index].tokens.spans]

    def part_span(self, index: int) -> CharSpan:
        """Return the span of one sentence in `text`."""
        start = self.starts[index]
        return start, start + len(self.parts[index].text)

    @property
    def attention(self) -> Array:
        """`(T, S)` over the tokens of all sentences: zero between a sentence and the translation of another."""
        if len(self.parts) == 1:
            return self.parts[0].attention
        shapes = [part.attention.shape for part in self.parts]
        attention = np.zeros((sum(rows for rows, _ in shapes), sum(columns for _, columns in shapes)), np.float32)
        row = column = 0
        for part, (rows, columns) in zip(self.parts, shapes, strict=True):
            attention[row : row + rows, column : column + columns] = part.attention
            row, column = row + rows, column + columns
        return attention


@dataclass(eq=False, repr=False)
class Translation:
    """A line, its sentences, and hypotheses for the line, best first; none for a blank line."""

    source: str
    sentences: list[TranslatedSentence] = field(default_factory=list)
    hypotheses: list[LineHypothesis] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"Translation(source={self.source!r}, text={self.text!r})"

    @property
    def text(self) -> str:
        """The best hypothesis; empty for a blank line."""
        return self.hypotheses[0].text if self.hypotheses else ""

    @property
    def unchanged(self) -> bool:
        """True if the line passes unchanged, because there is nothing to translate in it."""
        return bool(self.sentences) and all(sentence.unchanged for sentence in self.sentences)

    @property
    def source_tokens(self) -> list[str]:
        """The source tokens of all sentences, the columns of attention."""
        return [text for sentence in self.sentences for text in sentence.tokens.texts]

    @property
    def source_spans(self) -> list[CharSpan]:
        """The span in `source` of each source token."""
        return [span for sentence in self.sentences for span in sentence.tokens.spans]

    @property
    def attention_bytes(self) -> int:
        """Memory of the attention of all hypotheses."""
        return sum(hypothesis.attention.nbytes for each in self.sentences for hypothesis in each.hypotheses)


def combined(sentences: Sequence[TranslatedSentence], gaps: Sequence[str], n_best: int) -> list[LineHypothesis]:
    """Return the best hypotheses of a line, with distinct texts: combinations of those of its sentences.

    Combinations with fewer sentences that were cut off come first, then those with a higher sum of scores, as the
    hypotheses of a sentence are ranked. They are made in this order, as many as are needed (the k best of a sum,
    by a heap: Huang and Chiang 2005, section 4.2, "Better k-best Parsing").

    Args:
        sentences: with hypotheses, best first.
        gaps: the text before, between and behind the sentences in the source, one more than sentences.
        n_best: the number of hypotheses; there are fewer where the sentences have too few.
    """
    if not all(sentence.hypotheses for sentence in sentences):
        return []  # the search has failed, as with weights that are not finite
    first = (0,) * len(sentences)
    heap = [(_rank(sentences, first), first)]
    seen = {first}
    hypotheses: dict[str, LineHypothesis] = {}
    while heap and len(hypotheses) < n_best:
        (cut_off, negative_score), indices = heapq.heappop(heap)
        parts = [sentence.hypotheses[index] for sentence, index in zip(sentences, indices, strict=True)]
        hypothesis = _joined(parts, gaps)
        hypotheses.setdefault(hypothesis.text, hypothesis)
        for at, (sentence, index) in enumerate(zip(sentences, indices, strict=True)):
            following = (*indices[:at], index + 1, *indices[at + 1 :])
            if n_best > 1 and index + 1 < len(sentence.hypotheses) and following not in seen:
                seen.add(following)
                old, new = parts[at], sentence.hypotheses[index + 1]
                rank = (cut_off + old.ended - new.ended, negative_score + old.score - new.score)
                heapq.heappush(heap, (rank, following))
    return list(hypotheses.values())


def _rank(sentences: Sequence[TranslatedSentence], indices: Sequence[int]) -> tuple[int, float]:
    parts = [sentence.hypotheses[index] for sentence, index in zip(sentences, indices, strict=True)]
    return sum(not part.ended for part in parts), -sum(part.score for part in parts)


def _joined(parts: Sequence[SentenceHypothesis], gaps: Sequence[str]) -> LineHypothesis:
    if len(parts) == 1 and gaps == ["", ""]:
        return LineHypothesis(parts[0].text, (parts[0],), (0,))
    texts = [part.text for part in parts]
    separators = [gaps[0], *map(_separator, gaps[1:-1], texts, texts[1:]), gaps[-1]]
    pieces = [piece for pair in zip(separators, texts, strict=False) for piece in pair]
    starts = list(accumulate(map(len, pieces)))[::2]
    return LineHypothesis("".join([*pieces, separators[-1]]), tuple(parts), tuple(starts))


def _separator(gap: str, before: str, after: str) -> str:
    """Return what separates two sentences of a translation, given what does in the source.

    Scripts with wide characters, as Chinese, have no blank between sentences, and others have one.
    """
    if gap not in ("", " ") or not before or not after:
        return gap
    return "" if is_wide(before[-1]) and is_wide(after[0]) else " "
