"""What a tokenizer is, and reading one back from a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rnntui.config import TokenizerType

UNKNOWN = "<unk>"


class StreamDecoder(Protocol):
    """Turns ids into text one by one, giving whole characters only."""

    def push(self, token: int) -> str:
        """The text that `token` completes: empty while a character is unfinished."""
        ...

    def finish(self) -> str:
        """What an unfinished character leaves behind: U+FFFD, or nothing."""
        ...


class Tokenizer(Protocol):
    """Text to ids and back, for any Unicode text."""

    kind: TokenizerType

    @property
    def vocab_size(self) -> int: ...

    @property
    def unknown_id(self) -> int:
        """The id of `<unk>`; sampling bans it."""
        ...

    def encode(self, text: str) -> NDArray[np.int64]:
        """Ids `(N,)` of the text; what the vocabulary lacks becomes `<unk>`."""
        ...

    def decode(self, ids: NDArray[np.int64] | list[int]) -> str:
        """The text of the ids."""
        ...

    def token_text(self, token: int) -> str:
        """The token as a person would read it; a lone byte is `<0x..>`."""
        ...

    def unknown_characters(self, text: str) -> list[str]:
        """The distinct characters of `text` that become `<unk>`, in order of appearance."""
        ...

    def stream(self) -> StreamDecoder:
        """A fresh decoder for a text that comes token by token."""
        ...

    def save(self, folder: Path) -> None:
        """Write the tokenizer's one file into a run folder."""
        ...


def load_tokenizer(folder: Path, kind: TokenizerType) -> Tokenizer:
    """The tokenizer kept in a run folder.

    Raises `TokenizerError` if its file is missing or broken.
    """
    if kind == "char":
        from rnntui.text.char_tokenizer import CharTokenizer

        return CharTokenizer.load(folder)
    # sentencepiece is only loaded by those who use it: a character model in a terminal starts without.
    from rnntui.text.subword_tokenizer import SubwordTokenizer

    return SubwordTokenizer.load(folder, kind)
