"""Character tokenizer: one id per code point, id 0 for `<unk>`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rnntui.atomic_files import atomic_write, parse_json
from rnntui.errors import TokenizerError
from rnntui.text.tokenizer import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rnntui.config import TokenizerType

FILE = "tokenizer.json"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def code_points(text: str) -> NDArray[np.uint32]:
    """Return the code points `(N,)` of a text; lone surrogates, which a command line can contain, are accepted."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


class CharTokenizer:
    """Maps characters to ids by a table, the most common character first, so that ids are small in any script.

    Raises `TokenizerError` unless the table holds single characters, each of them once.
    """

    kind: TokenizerType = "char"
    unknown_id = 0

    def __init__(self, characters: list[str]) -> None:
        if any(len(c) != 1 for c in characters) or len(set(characters)) != len(characters):
            raise TokenizerError("a character table holds single characters, each once")
        self.characters = characters
        self._points = code_points("".join(characters))
        table_size = int(self._points.max()) + 1 if characters else 1
        self._ids = np.zeros(table_size, dtype=np.int64)  # code point -> id; 0 where unknown
        self._ids[self._points] = np.arange(1, len(characters) + 1)

    @classmethod
    def from_counts(cls, counts: NDArray[np.int64], vocab_size: int | None = None) -> CharTokenizer:
        """Create a tokenizer from `counts` by code point; `vocab_size` keeps only the most common characters."""
        present = np.flatnonzero(counts)
        order = present[np.argsort(-counts[present], kind="stable")]
        return cls([chr(c) for c in order[: None if vocab_size is None else vocab_size - 1]])

    @property
    def vocab_size(self) -> int:
        return len(self.characters) + 1

    @property
    def byte_tokens(self) -> dict[int, int]:
        return {}

    def encode(self, text: str) -> NDArray[np.int64]:
        points = code_points(text)
        ids = np.zeros(len(points), dtype=np.int64)
        known = points < len(self._ids)
        ids[known] = self._ids[points[known]]
        return ids

    def decode(self, ids: NDArray[np.int64] | list[int]) -> str:
        return "".join(self.token_text(int(i)) if i != self.unknown_id else _REPLACEMENT for i in ids)

    def token_text(self, token: int) -> str:
        return self.characters[token - 1] if token != self.unknown_id else UNKNOWN

    def unknown_characters(self, text: str) -> list[str]:
        distinct = "".join(dict.fromkeys(text))
        return [c for c, i in zip(distinct, self.encode(distinct), strict=True) if not i]

    def stream(self) -> _CharStream:
        return _CharStream(self)

    def save(self, folder: Path) -> None:
        table = {"kind": self.kind, "characters": self.characters}
        atomic_write(folder / FILE, json.dumps(table).encode())

    @classmethod
    def load(cls, folder: Path) -> CharTokenizer:
        """Load the tokenizer of a run folder.

        Raises `TokenizerError` naming the file if it is missing or does not hold a character table.
        """
        path = folder / FILE
        try:
            table = parse_json(path.read_bytes())
            return cls(list(table["characters"]))
        except OSError as error:
            raise TokenizerError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, TokenizerError) as error:
            raise TokenizerError(f"{path} is not a character table", hint="the run is broken") from error


class _CharStream:
    """Stream decoder of a character model: each id is a whole character, so nothing is buffered."""

    def __init__(self, tokenizer: CharTokenizer) -> None:
        self._tokenizer = tokenizer

    def push(self, token: int) -> str:
        return self._tokenizer.decode([token])

    @property
    def is_incomplete(self) -> bool:
        return False
