"""Protocols of tokenizers and of their streaming decoders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rnntui.config import TokenizerType
    from rnntui.text.document_batch import DocumentBatch

UNKNOWN = "<unk>"
END = "<eos>"


class StreamDecoder(Protocol):
    """Decodes ids into text one at a time, and returns whole characters only."""

    def push(self, token: int) -> str:
        """Return the text that `token` completes; empty while a character is incomplete."""
        ...

    @property
    def is_incomplete(self) -> bool:
        """True while bytes of a character wait for the rest of it."""
        ...


class Tokenizer(Protocol):
    """Converts any Unicode text to ids and back."""

    kind: TokenizerType

    @property
    def vocab_size(self) -> int: ...

    @property
    def unknown_id(self) -> int:
        """The id of `<unk>`, which sampling bans."""
        ...

    @property
    def byte_tokens(self) -> dict[int, int]:
        """The byte of each token that is a single byte, by token id; empty if all tokens are whole characters."""
        ...

    @property
    def end_id(self) -> int | None:
        """The id of `<eos>`, the end of a document, which no text encodes to; None if the vocabulary has none."""
        ...

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the ids `(N,)` of the text; characters, or words, outside the vocabulary become `<unk>`."""
        ...

    def encode_with_pieces(self, text: str) -> tuple[list[int], list[str]]:
        """Return the ids of the text and the part of it that each stands for, unknown ones as they are in the text."""
        ...

    def encode_documents(self, batch: DocumentBatch) -> NDArray[np.int64]:
        """Return the ids `(N,)` of documents, with `<eos>`, which the vocabulary must have, after each that ends."""
        ...

    def decode(self, ids: NDArray[np.int64] | list[int]) -> str:
        """Return the text of the ids `(N,)`, without a character at its end that lacks bytes."""
        ...

    def token_text(self, token: int) -> str:
        """Return a readable form of one token; a single byte is `<0x..>`."""
        ...

    def unknown_characters(self, text: str) -> list[str]:
        """Return the distinct characters of `text`, or words, that become `<unk>`, in order of first appearance."""
        ...

    def spelling_bits(self, text: str) -> float:
        """Return the bits that it takes to spell out the words of `text` that become `<unk>`.

        Bits per character count them, because a model that predicts `<unk>` has not predicted the word.
        """
        ...

    def stream(self, after: str = "") -> StreamDecoder:
        """Return a new decoder for a text that arrives token by token.

        `after` is the text before it: a word does not bring its space if that ends with one already.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the tokenizer's single file into a run folder."""
        ...
