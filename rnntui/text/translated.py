"""A sample translation with its source and reference, formatted as one line for metrics, and parsed back."""

from __future__ import annotations

import re
from typing import NamedTuple

# The first arrow is the separator: a source seldom contains one, a translation may.
_LINE = re.compile(r"(.*?) → (.*)  \(reference: (.*)\)", re.DOTALL)


class Translated(NamedTuple):
    """A source sentence, its translation by a model, and the reference translation."""

    source: str
    translation: str
    reference: str

    @property
    def line(self) -> str:
        """All three in one line."""
        return f"{self.source} → {self.translation}  (reference: {self.reference})"

    def shortened(self, length: int) -> Translated:
        """Return the sample with each text cut to at most `length` characters."""
        return Translated(*(text if len(text) <= length else text[: length - 1] + "…" for text in self))

    @classmethod
    def from_line(cls, line: str) -> Translated | None:
        """Parse a line made by `line`; None for any other text."""
        match = _LINE.fullmatch(line)
        return cls(*match.groups()) if match else None
