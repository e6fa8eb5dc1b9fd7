"""The document of a `StreamView`: a text, and the author of each part of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, Protocol

Role = Literal["prompt", "model"]
"""The author of a part of the text: the user, or the model."""


class DocumentSpan(NamedTuple):
    """A part of a text by one author; in a model's text, one token.

    `start` and `end` are offsets in characters. `bits` is the surprisal of the token, -log2 of its probability, or
    None where it is unknown; `level` is another value of it, from -1 to 1, that the text may be shaded by.
    """

    start: int
    end: int
    role: Role
    bits: float | None
    level: float | None = None


class Document(Protocol):
    """A text and its spans, as a `StreamView` reads them.

    Its owner calls the view's `notify_appended`, `notify_truncated`, `notify_restyled` or `reset` after each change.
    """

    @property
    def text(self) -> str:
        """The whole text; read once per notification."""

    def spans(self, start: int, end: int) -> Iterable[DocumentSpan]:
        """Return the spans that overlap the text from `start` to `end`, in order."""
