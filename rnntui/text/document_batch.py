"""Documents in one string, as they are read from a corpus and encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class DocumentBatch(NamedTuple):
    """Consecutive documents, or parts of them: the first may continue the last of the batch before.

    They are one string and an array: with a string for each of them, lines of names took five times as long as prose.

    Args:
        text: the documents, with one character after each, which belongs to none.
        ends: the offsets of these characters, `(N,)`.
        is_complete: False if the last document continues in the next batch.
    """

    text: str
    ends: NDArray[np.int64]
    is_complete: bool = True

    @classmethod
    def join(cls, texts: list[str], is_complete: bool = True) -> DocumentBatch:
        """Return a batch of these documents."""
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        return cls("\n".join((*texts, "")), np.cumsum(lengths + 1) - 1, is_complete)

    @property
    def texts(self) -> list[str]:
        """The documents as strings."""
        ends = self.ends.tolist()
        return [self.text[start:end] for start, end in zip([0, *(end + 1 for end in ends)], ends, strict=False)]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The numbers of characters of the documents, `(N,)`."""
        return np.diff(self.ends, prepend=-1) - 1
