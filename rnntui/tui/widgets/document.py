"""What a `StreamView` shows: a text, and where each part of it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, Protocol

Role = Literal["prompt", "model", "note"]
"""Who wrote a part of the text: the user, the model, or the app itself."""


class DocumentSpan(NamedTuple):
    """A part of a text from one author; of a model's text, a token.

    `start` and `end` are offsets in characters. `bits` is the information the token had for the model, -log2 of its
    probability, or None where it is not known.
    """

    start: int
    end: int
    role: Role
    bits: float | None


class Document(Protocol):
    """A text and its spans, as a `StreamView` reads them. It tells the view of changes: `grew`, `shrank`, `reset`."""

    @property
    def text(self) -> str:
        """The whole text; read once for each change that the view is told of."""

    def spans(self, start: int, end: int) -> Iterable[DocumentSpan]:
        """The spans that cover the text from one offset to another, in order; the outer ones may reach beyond."""
