"""A translation beside its source and its reference: as one line, as progress and metrics have it, and back."""

from __future__ import annotations

import re
from typing import NamedTuple

# The arrow that is not the model's own is found from the left: a source seldom holds one.
_LINE = re.compile(r"(.*?) → (.*)  \(reference: (.*)\)", re.DOTALL)


class Translated(NamedTuple):
    """A source, what a model made of it, and what was expected."""

    source: str
    translation: str
    reference: str

    @property
    def line(self) -> str:
        """All of it in one line."""
        return f"{self.source} → {self.translation}  (reference: {self.reference})"

    def shortened(self, length: int) -> Translated:
        """Each of the three in `length` characters at most."""
        return Translated(*(text if len(text) <= length else text[: length - 1] + "…" for text in self))

    @classmethod
    def from_line(cls, line: str) -> Translated | None:
        """What such a line holds; None for any other text."""
        match = _LINE.fullmatch(line)
        return cls(*match.groups()) if match else None
