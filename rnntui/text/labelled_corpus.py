"""Labelled texts, which may be more than memory holds, with the rows that were left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rnntui.kinds.labelled_corpus_info import LabelledLayout
from rnntui.text.dropped_rows import DroppedRows, quote
from rnntui.text.normalization import normalize, offset_map
from rnntui.text.stored_rows import StoredRows, sha256_of_rows

MAX_CHARACTERS = 100_000
"""Characters of a text that a classifier reads: its layers hold a state of each token in memory."""


class LabelledText(NamedTuple):
    """A normalized text and its label, with their file and row (counted from 1)."""

    text: str
    label: str
    file: str
    row: int


def normalize_text(text: str) -> str:
    """Return a text as a classifier reads it: composed (NFC), on one line, runs of white space as single spaces.

    Of a longer text, its first `MAX_CHARACTERS` are read. Labels are normalized in the same way, so they hold no tabs
    and no line breaks.
    """
    return " ".join(normalize(text[:MAX_CHARACTERS]).split())


@dataclass
class LabelledRows:
    """Collects the rows of a corpus and counts those that lack a text or a label, and those with a text cut short."""

    rows: StoredRows[LabelledText] = field(default_factory=lambda: StoredRows(LabelledText))
    dropped: DroppedRows = field(default_factory=DroppedRows)
    cut: int = 0

    def add(self, text: str, label: str, file: str, row: int) -> None:
        """Add a row, normalized; if its text or its label is empty, count it as left out."""
        self.cut += len(text) > MAX_CHARACTERS
        text, label = normalize_text(text), normalize_text(label)
        if text and label:
            self.rows.add(text, label, file, row)
        else:
            empty = "label" if text else "text"
            self.dropped.add(f"row {row} of {file}, whose {empty} is empty: {quote(text or label)}")


@dataclass(frozen=True)
class LabelledCorpus:
    """Labelled texts, on disk if they are many.

    Args:
        rows: the labelled texts, in the order of the files.
        name: default name of a run trained on them.
        display_names: the files as the user named them.
        dropped: the rows that were left out.
        layouts: the layout of each file, or one for all of them; enough to read the files again in the same way.
        notes: messages for the user: first what was read, then what looks wrong.
    """

    rows: Sequence[LabelledText]
    name: str
    display_names: tuple[str, ...]
    dropped: DroppedRows = field(default_factory=DroppedRows)
    layouts: tuple[LabelledLayout, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, the most frequent first; see `count_labels`."""
        return tuple(count_labels(self.rows))

    def fingerprint(self) -> str:
        """Return the SHA-256 of all texts and labels, in hexadecimal."""
        return sha256_of_rows(self.rows)


def text_offsets(text: str) -> list[int]:
    """Return for each character of `normalize_text(text)` its offset in `text`, and last the offset where it ends.

    The result has `len(normalize_text(text)) + 1` elements.
    """
    text = text[:MAX_CHARACTERS]
    normalized, offsets = normalize(text), offset_map(text)
    starts = [i for i, character in enumerate(normalized) if character != " " or normalized[i - 1] != " "]
    return [*(offsets[index] for index in starts), offsets[-1]]


def count_labels(rows: Iterable[LabelledText]) -> dict[str, int]:
    """Return the number of rows of each label, the most frequent first; of equal ones, by the order of the texts.

    The order is that of the label ids of a classifier.
    """
    counts = Counter(row.label for row in rows)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def count_text_characters(rows: Iterable[LabelledText]) -> int:
    """Return the number of characters of all texts."""
    return sum(len(row.text) for row in rows)
