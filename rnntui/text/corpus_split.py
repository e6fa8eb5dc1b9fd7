"""Splits of a corpus into text for training and text for validation, and what both kinds of split share."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from rnntui.errors import CorpusError
from rnntui.formatting import few_names

if TYPE_CHECKING:
    import numpy as np

    from rnntui.text.corpus import Corpus
    from rnntui.text.encoding_journal import EncodingJournal
    from rnntui.text.token_ids import TokenFile
    from rnntui.text.tokenizer import Tokenizer

Origin = Literal["end", "spread"]

Part = Literal["training", "validation", "gap"]

SEED = 1
"""Seed of the random places and orders, which depend on the text alone, so that runs on it can be compared."""


class CorpusSplit(Protocol):
    """A corpus with a part held out for validation."""

    @property
    def training_characters(self) -> int:
        """About how many characters are for training."""
        ...

    @property
    def document_count(self) -> int:
        """The number of documents; 0 for one long text."""
        ...

    def parts(self) -> Iterator[tuple[str, Part]]:
        """Yield the text in pieces, in its order in the corpus, with the part that each belongs to."""
        ...

    def training_texts(self) -> Iterator[str]:
        """Yield the text for training, in its order in the corpus."""
        ...

    def write(
        self, tokenizer: Tokenizer, training: Path, validation: Path, journal: EncodingJournal | None = None
    ) -> tuple[TokenFile, TokenFile]:
        """Encode both parts into files of ids; return what they hold.

        With a journal, it goes on from what that has recorded. Raises `CorpusError` if the text has changed since it
        was read for the split.
        """
        ...

    def examine(self) -> None:
        """Read what `warning` needs, where the ids of the text are those of an earlier run."""
        ...

    def warning(self) -> str:
        """Return a message for the user if the part held out is another text than the rest, once both are written."""
        ...


def in_random_order(data: bytes, ends: list[int], generator: np.random.Generator) -> bytes:
    """Return the pieces of `data`, which end at the offsets `ends`, in random order."""
    pieces = [data[start:end] for start, end in pairwise([0, *ends])]
    return b"".join(pieces[index] for index in generator.permutation(len(pieces)).tolist())


def changed_error(corpus: Corpus) -> CorpusError:
    """Return the message for a corpus that is another one than when it was read before."""
    return CorpusError(f"{few_names(corpus.display_names)} changed while it was being read", hint="try again")
