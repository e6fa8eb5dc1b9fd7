"""Sentence pairs, which may be more than memory holds, with the rows that were left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rnntui.kinds.pair_corpus_info import PairLayout
from rnntui.text.dropped_rows import DroppedRows, quote
from rnntui.text.normalization import normalize
from rnntui.text.stored_rows import StoredRows, sha256_of_rows


class Pair(NamedTuple):
    """A normalized source sentence and its target, with their file and row (counted from 1)."""

    source: str
    target: str
    file: str
    row: int


@dataclass
class PairRows:
    """Collects the pairs of a corpus and counts the rows that have none."""

    pairs: StoredRows[Pair] = field(default_factory=lambda: StoredRows(Pair))
    dropped: DroppedRows = field(default_factory=DroppedRows)

    def add(self, source: str, target: str, file: str, row: int) -> None:
        """Add a pair, normalized; if one side is empty, count the row as left out."""
        source, target = normalize(source), target.strip()
        if "\n" in target:  # a line break in a quoted cell
            target = " ".join(target.split("\n"))
        if source and target:
            self.pairs.add(source, target, file, row)
        else:
            empty = "target" if source else "source"
            self.dropped.add(f"row {row} of {file}, whose {empty} is empty: {quote(source or target)}")


@dataclass(frozen=True)
class ParallelCorpus:
    """Sentence pairs, on disk if they are many.

    Args:
        rows: the pairs, in the order of the files.
        name: default name of a run trained on them.
        display_names: the files as the user named them.
        dropped: the rows that were left out.
        layouts: the layout of each file, or one for all of them; enough to read the files again in the same way.
        notes: messages for the user: first what was read, then what looks wrong.
    """

    rows: Sequence[Pair]
    name: str
    display_names: tuple[str, ...]
    dropped: DroppedRows = field(default_factory=DroppedRows)
    layouts: tuple[PairLayout, ...] = ()
    notes: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """Return the SHA-256 of all pairs, in hexadecimal."""
        return sha256_of_rows(self.rows)


def count_target_characters(rows: Iterable[Pair]) -> int:
    """Return the number of characters of all targets."""
    return sum(len(pair.target) for pair in rows)
