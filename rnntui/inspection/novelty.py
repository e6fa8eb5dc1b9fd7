"""Novelty of texts: what was copied word for word from the training text, beside the same figures for held-out text.

Any text of a language has short stretches that stand in any other: what is normal, text by people shows that was not
trained on. Only what a model generated counts, without its prompt: of a copy that begins in the prompt, the part after
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnntui.inspection.training_text import HELD_OUT_BLOCK
from rnntui.text.control_chars import truncate

if TYPE_CHECKING:
    from rnntui.inspection.novelty_index import HeldOutPiece, NoveltyIndex, SourceLine
    from rnntui.text.suffix_index import Lengths

MAX_NGRAM = 64
"""Longest n-grams that are counted, in characters."""

NGRAMS = (4, 8, 16, 32)
"""Lengths of n-grams that are reported."""

_MAX_QUOTE = 60  # characters of a copy in a sentence


@dataclass(frozen=True)
class TextNovelty:
    """The copies in one text.

    Args:
        text: the text.
        longest: length of the longest stretch that is in the training text, in characters.
        start: where that stretch begins.
        seen: for n = 1 to `MAX_NGRAM`, how many of the text's n-grams are in the training text, `(MAX_NGRAM,)`.
        is_whole: the text is a document of the training text as a whole.
    """

    text: str
    longest: int
    start: int
    seen: NDArray[np.int64]
    is_whole: bool = False

    @property
    def copy(self) -> str:
        """The longest stretch."""
        return self.text[self.start : self.start + self.longest]

    @property
    def totals(self) -> NDArray[np.int64]:
        """For n = 1 to `MAX_NGRAM`, the number of n-grams of the text."""
        return np.maximum(0, len(self.text) - np.arange(MAX_NGRAM))


def text_novelty(text: str, lengths: Lengths, is_whole: bool = False) -> TextNovelty:
    """Return the copies in a text, by the length of the longest match from each character on, `(N,)`."""
    matches = np.minimum(lengths, len(text) - np.arange(len(text)))  # what follows a window is none of it
    start = int(matches.argmax()) if len(matches) else 0
    # An n-gram is seen if the match from its first character on is n characters or more.
    counts = np.bincount(np.minimum(matches, MAX_NGRAM), minlength=MAX_NGRAM + 1)
    seen = np.cumsum(counts[::-1])[::-1][1:]
    return TextNovelty(text, int(matches.max(initial=0)), start, seen, is_whole)


@dataclass(frozen=True)
class CopyFigures:
    """Figures over some texts.

    Args:
        texts: their number.
        longest: lengths of the longest copy of each, sorted, `(N,)`.
        shares: for n = 1 to `MAX_NGRAM`, the share of all their n-grams that the training text has; NaN where they have
            no n-gram.
        whole: number of texts that are documents of the training text as a whole.
    """

    texts: int
    longest: NDArray[np.int64]
    shares: NDArray[np.float64]
    whole: int

    @classmethod
    def of(cls, texts: Sequence[TextNovelty]) -> CopyFigures:
        """Return the figures over some texts."""
        longest = np.sort(np.array([each.longest for each in texts], dtype=np.int64))
        seen = sum((each.seen for each in texts), np.zeros(MAX_NGRAM, dtype=np.int64))
        totals = sum((each.totals for each in texts), np.zeros(MAX_NGRAM, dtype=np.int64))
        with np.errstate(invalid="ignore"):
            shares = np.asarray(seen / totals, dtype=np.float64)
        return cls(len(texts), longest, shares, sum(each.is_whole for each in texts))

    def share(self, n: int) -> float | None:
        """Return the share of n-grams seen; None if the texts have none."""
        value = float(self.shares[n - 1])
        return None if np.isnan(value) else value

    def quantile(self, fraction: float) -> float | None:
        """Return a quantile of the length of the longest copy; None without texts."""
        return float(np.quantile(self.longest, fraction)) if self.texts else None

    def to_json(self) -> dict[str, Any]:
        """Return the figures for `json.dumps`."""
        quantiles = {
            name: self.quantile(at) for name, at in (("median", 0.5), ("p10", 0.1), ("p90", 0.9), ("max", 1.0))
        }
        seen = {str(n): self.share(n) for n in NGRAMS}
        return {"texts": self.texts, "longest_copy": quantiles, "seen": seen, "whole_documents": self.whole}


@dataclass(frozen=True)
class NoveltyReport:
    """Copies in generated texts, beside those in held-out text of the same length.

    Args:
        run: name of the run.
        training_characters: length of the training text.
        texts: the generated texts.
        held_out: held-out text: documents, or stretches as long as the median of the texts; empty if there is none.
        source: where the longest copy of all texts stands in the corpus; None if its files are gone.
        is_documents: the model was trained on documents, of which texts can be copied as a whole.
    """

    run: str
    training_characters: int
    texts: tuple[TextNovelty, ...]
    held_out: tuple[TextNovelty, ...]
    source: SourceLine | None
    is_documents: bool

    @property
    def generated_figures(self) -> CopyFigures:
        """The figures over the generated texts."""
        return CopyFigures.of(self.texts)

    @property
    def held_out_figures(self) -> CopyFigures:
        """The figures over the held-out text."""
        return CopyFigures.of(self.held_out)

    @property
    def most_copied(self) -> TextNovelty | None:
        """The text with the longest copy."""
        return max(self.texts, key=lambda each: each.longest, default=None)

    def table(self) -> list[tuple[str, str, str]]:
        """Return rows of a label, and the figure of the generated and that of the held-out texts."""
        both = (self.generated_figures, self.held_out_figures)
        rows = [_table_row("longest copy", [_spread(figures) for figures in both])]
        rows += [
            _table_row(f"{n} characters seen", [_percentage(figures.share(n)) for figures in both]) for n in NGRAMS
        ]
        if self.is_documents:
            wholes = [_percentage(figures.whole / figures.texts if figures.texts else None) for figures in both]
            rows.append(_table_row("whole texts seen", wholes))
        return rows

    def headings(self) -> tuple[str, str]:
        """Return headings of the two columns of figures: how many texts of what length."""
        return _heading(self.texts, "generated"), _heading(self.held_out, "held out")

    def quotation(self) -> str:
        """Return a line with the longest copy and where it stands; empty if nothing is copied."""
        text = self.most_copied
        if text is None or not text.longest:
            return ""
        place = "" if self.source is None else f"{self.source.file}:{self.source.line:,}, "
        return f"longest copy, {place}{text.longest:,} characters: {_quoted(text.copy)}"

    def judgement(self) -> str:
        """Return a sentence that compares the longest copies; empty without texts or held-out text."""
        generated, held_out = self.generated_figures.quantile(0.5), self.held_out_figures
        low, high = held_out.quantile(0.1), held_out.quantile(0.9)
        if generated is None or low is None or high is None:
            return ""
        beside = f"the longest copy of {'a text' if len(self.texts) > 1 else 'the text'} is {generated:,.0f} characters"
        normal = f"in 8 of 10 held-out texts of the same length it is {low:,.0f} to {high:,.0f}"
        amount = "more than" if generated > high else "less than" if generated < low else "as much as"
        return f"{self.run} copies {amount} people who have not read the training text: {beside}, {normal}"

    def text_json(self) -> dict[str, Any]:
        """Return the figures of a report on one text for `json.dumps`."""
        [text] = self.texts
        figures = self.generated_figures
        values: dict[str, Any] = {
            "characters": len(text.text),
            "longest_copy": text.longest,
            "copied_text": text.copy,
            "source": None if self.source is None else vars(self.source),
            "seen": {str(n): figures.share(n) for n in NGRAMS},
        }
        if self.is_documents:
            values["whole_document"] = text.is_whole
        return values | {"held_out": self.held_out_figures.to_json() if self.held_out else None}

    def to_json(self) -> dict[str, Any]:
        """Return all figures for `json.dumps`."""
        text = self.most_copied
        return {
            "run": self.run,
            "training_characters": self.training_characters,
            "generated": self.generated_figures.to_json(),
            "held_out": self.held_out_figures.to_json() if self.held_out else None,
            "copied_text": text.copy if text is not None else "",
            "source": None if self.source is None else vars(self.source),
        }


def novelty_report(index: NoveltyIndex, texts: Sequence[str]) -> NoveltyReport:
    """Return the copies in generated texts, without their prompts, in the index of a run's training text."""
    found = tuple(novelty_of(index, text) for text in texts)
    length = int(np.median([len(text) for text in texts])) if texts else 0
    held_out = tuple(_held_out_texts(index, length))
    longest = max(found, key=lambda each: each.longest, default=None)
    source = index.source_of(longest.copy) if longest is not None and longest.longest else None
    return NoveltyReport(index.run.name, index.text.size, found, held_out, source, index.is_documents)


def novelty_of(index: NoveltyIndex, text: str) -> TextNovelty:
    """Return the copies in one text."""
    is_whole = index.is_documents and bool(text) and index.text.contains(text, is_whole=True)
    return text_novelty(text, index.text.match_lengths(text), is_whole)


def _held_out_texts(index: NoveltyIndex, length: int) -> Iterator[TextNovelty]:
    """Yield held-out documents, or stretches of a length; longer ones than there are have the length of these."""
    for piece in index.held_out:
        if index.is_documents:
            yield text_novelty(piece.text, piece.lengths, index.text.contains(piece.text, is_whole=True))
        elif length:
            yield from _windows(piece, min(length, HELD_OUT_BLOCK))


def _windows(piece: HeldOutPiece, length: int) -> Iterator[TextNovelty]:
    for start in range(0, len(piece.text) - length + 1, length):
        end = start + length
        yield text_novelty(piece.text[start:end], piece.lengths[start:end])


def _table_row(label: str, values: list[str]) -> tuple[str, str, str]:
    generated, held_out = values
    return label, generated, held_out


def _spread(figures: CopyFigures) -> str:
    median, low, high = (figures.quantile(at) for at in (0.5, 0.1, 0.9))
    if median is None or low is None or high is None:
        return "–"
    return f"{median:,.0f}" if figures.texts == 1 else f"{median:,.0f} ({low:,.0f}–{high:,.0f})"


def _percentage(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}".replace("%", " %")


def _heading(texts: Sequence[TextNovelty], name: str) -> str:
    if not texts:
        return f"{name}: none"
    length = np.median([len(each.text) for each in texts])
    return f"{name}: {len(texts):,} × {length:,.0f} characters"


def _quoted(text: str) -> str:
    """Return a text in quotation marks, its line breaks as arrows, its middle left out if it is long."""
    shown = text.replace("\n", "↵")
    if len(shown) > _MAX_QUOTE:
        half = _MAX_QUOTE // 2
        shown = f"{shown[:half]} … {shown[-half:]}"
    return f"“{truncate(shown, 2 * _MAX_QUOTE, len)}”"
