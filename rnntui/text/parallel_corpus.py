"""Sentence pairs in memory, with the rows that were left out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from rnntui.kinds.pair_corpus_info import PairLayout
from rnntui.text.normalization import normalize

_MAX_QUOTED = 40  # characters of a row quoted in a message


class Pair(NamedTuple):
    """A normalized source sentence and its target, with their file and row (counted from 1)."""

    source: str
    target: str
    file: str
    row: int


@dataclass
class DroppedRows:
    """Counts the rows that were left out, and keeps the problem of the first one."""

    count: int = 0
    first: str = ""

    def add(self, problem: str) -> None:
        """Count one more row."""
        self.first = self.first or problem
        self.count += 1

    @property
    def message(self) -> str:
        """A one-line message for the user; empty if no row was left out."""
        if not self.count:
            return ""
        return f"left out {self.first}" if self.count == 1 else f"left out {self.count:,} rows, the first {self.first}"


@dataclass
class PairRows:
    """Collects the pairs of a corpus and counts the rows that have none."""

    pairs: list[Pair] = field(default_factory=list)
    dropped: DroppedRows = field(default_factory=DroppedRows)

    def add(self, source: str, target: str, file: str, row: int) -> None:
        """Add a pair, normalized; if one side is empty, count the row as left out."""
        source, target = normalize(source), target.strip()
        if "\n" in target:  # a line break in a quoted cell
            target = " ".join(target.split("\n"))
        if source and target:
            self.pairs.append(Pair(source, target, file, row))
        else:
            empty = "target" if source else "source"
            self.dropped.add(f"row {row} of {file}, whose {empty} is empty: {quote(source or target)}")


@dataclass(frozen=True)
class ParallelCorpus:
    """Sentence pairs in memory.

    Args:
        rows: the pairs, in the order of the files.
        name: default name of a run trained on them.
        display_names: the files as the user named them.
        dropped: the rows that were left out.
        layouts: the layout of each file, or one for all of them; enough to read the files again in the same way.
        notes: messages for the user: first what was read, then what looks wrong.
    """

    rows: list[Pair]
    name: str
    display_names: tuple[str, ...]
    dropped: DroppedRows = field(default_factory=DroppedRows)
    layouts: tuple[PairLayout, ...] = ()
    notes: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """Return the SHA-256 of all pairs, in hexadecimal."""
        digest = hashlib.sha256()
        for pair in self.rows:
            digest.update(f"{pair.source}\t{pair.target}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def count_target_characters(rows: Iterable[Pair]) -> int:
    """Return the number of characters of all targets."""
    return sum(len(pair.target) for pair in rows)


def quote(text: str) -> str:
    """Return a text in quotes for a message: on one line, shortened, control characters escaped."""
    return repr(text if len(text) <= _MAX_QUOTED else text[:_MAX_QUOTED] + "…")
