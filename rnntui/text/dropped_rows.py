"""Collecting the rows of a table; counting those that are left out, with the problem of the first one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

_MAX_QUOTED = 40  # characters of a row quoted in a message


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


class RowCollector(Protocol):
    """Takes the rows of a table: two cells of each, a source and its target or a text and its label."""

    dropped: DroppedRows

    def add(self, first: str, second: str, file: str, row: int, /) -> None:
        """Add a row of a file (counted from 1), or count it as left out."""


def quote(text: str) -> str:
    """Return a text in quotes for a message: on one line, shortened, control characters escaped."""
    return repr(text if len(text) <= _MAX_QUOTED else text[:_MAX_QUOTED] + "…")
