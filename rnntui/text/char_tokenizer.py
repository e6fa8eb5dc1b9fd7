"""Character tokenizer: one id per code point, id 0 for `<unk>`, the last id for `<eos>` if there is one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rnntui.atomic_files import atomic_write
from rnntui.config import MAX_TOKENS
from rnntui.errors import TokenizerError, os_error_hint
from rnntui.text.tokenizer import END, UNKNOWN
from rnntui.untrusted_files import MAX_JSON_BYTES, read_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rnntui.config import TokenizerType
    from rnntui.text.document_batch import DocumentBatch

FILE = "tokenizer.json"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def code_points(text: str) -> NDArray[np.uint32]:
    """Return the code points `(N,)` of a text; lone surrogates, which a command line can contain, are accepted."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def text_of_code_points(points: NDArray[np.integer]) -> str:
    """Return the text of code points `(N,)`, as `code_points` returns them."""
    return points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


class CharTokenizer:
    """Maps characters to ids by a table, the most common character first, so that ids are small in any script.

    With `has_end`, the vocabulary has `<eos>`. Raises `TokenizerError` unless the table holds single characters, each
    of them once.
    """

    kind: TokenizerType = "char"
    unknown_id = 0

    def __init__(self, characters: list[str], has_end: bool = False) -> None:
        if any(len(c) != 1 for c in characters) or len(set(characters)) != len(characters):
            raise TokenizerError("a character table must hold distinct single characters")
        self.characters = characters
        self.end_id = len(characters) + 1 if has_end else None
        self._points = code_points("".join(characters))
        table_size = int(self._points.max()) + 2 if characters else 1
        # code point -> id; 0 where unknown, as in the last entry, which stands for all code points after it
        self._ids = np.zeros(table_size, dtype=np.int64)
        self._ids[self._points] = np.arange(1, len(characters) + 1)

    @classmethod
    def from_counts(
        cls, counts: NDArray[np.int64], vocab_size: int | None = None, has_end: bool = False
    ) -> CharTokenizer:
        """Create a tokenizer from `counts` by code point; `vocab_size` keeps only the most common characters."""
        present = np.flatnonzero(counts)
        order = present[np.argsort(-counts[present], kind="stable")]
        character_count = None if vocab_size is None else vocab_size - 1 - has_end
        return cls([chr(c) for c in order[:character_count]], has_end)

    def grown(self, counts: NDArray[np.int64], has_end: bool = False) -> CharTokenizer:
        """Return a tokenizer that also has the characters of `counts` by code point; only the id of `<eos>` moves."""
        known = set(self.characters)
        new = [c for c in CharTokenizer.from_counts(counts).characters if c not in known]
        return CharTokenizer(self.characters + new, has_end or self.end_id is not None)

    @property
    def vocab_size(self) -> int:
        return len(self.characters) + 1 + (self.end_id is not None)

    @property
    def byte_tokens(self) -> dict[int, int]:
        return {}

    def encode(self, text: str) -> NDArray[np.int64]:
        return self._ids.take(code_points(text), mode="clip")

    def encode_with_pieces(self, text: str) -> tuple[list[int], list[str]]:
        return self.encode(text).tolist(), list(text)

    def encode_documents(self, batch: DocumentBatch) -> NDArray[np.int64]:
        assert self.end_id is not None
        ids = self.encode(batch.text)
        ids[batch.ends] = self.end_id
        return ids if batch.is_complete else ids[:-1]

    def decode(self, ids: NDArray[np.int64] | list[int]) -> str:
        return "".join(self._text(int(i)) for i in ids)

    def _text(self, token: int) -> str:
        if token in (self.unknown_id, self.end_id):
            return _REPLACEMENT if token == self.unknown_id else ""
        return self.characters[token - 1]

    def token_text(self, token: int) -> str:
        if token == self.end_id:
            return END
        return self.characters[token - 1] if token != self.unknown_id else UNKNOWN

    def unknown_characters(self, text: str) -> list[str]:
        distinct = "".join(dict.fromkeys(text))
        return [c for c, i in zip(distinct, self.encode(distinct), strict=True) if not i]

    def spelling_bits(self, text: str) -> float:
        return 0.0

    def stream(self, after: str = "") -> _CharStream:
        return _CharStream(self)

    def save(self, folder: Path) -> None:
        table: dict[str, object] = {"kind": self.kind, "characters": self.characters}
        if self.end_id is not None:
            table["has_end"] = True
        atomic_write(folder / FILE, json.dumps(table).encode())

    @classmethod
    def load(cls, folder: Path) -> CharTokenizer:
        """Load the tokenizer of a run folder.

        Raises `TokenizerError` naming the file if it is missing or does not hold a character table.
        """
        path = folder / FILE
        try:
            table = read_json(path, MAX_JSON_BYTES, MAX_TOKENS)
            return cls(list(table["characters"]), table.get("has_end") is True)
        except OSError as error:
            raise TokenizerError(f"cannot read {path}: {error.strerror}", hint=os_error_hint(error)) from error
        except (ValueError, KeyError, TypeError, AttributeError, TokenizerError) as error:
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
