"""Word tokenizer: one id for each common word or punctuation mark, id 0 for `<unk>`, the last id for `<eos>`.

A token is a word with the space before it, as `words` splits a text, so the text of tokens is simply joined. A word
that the vocabulary has only with a space, or only without one, is read as that; any other becomes `<unk>`. Spaces and
line breaks that are not in the vocabulary are left out, and so is a space at the end of a text, after a word: the next
word brings its own.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rnntui.atomic_files import atomic_write
from rnntui.config import MAX_TOKENS
from rnntui.errors import TokenizerError, UsageError, os_error_hint
from rnntui.text.tokenizer import END, UNKNOWN
from rnntui.text.word_boundaries import words
from rnntui.untrusted_files import MAX_JSON_BYTES, read_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rnntui.config import TokenizerType
    from rnntui.text.document_batch import DocumentBatch

FILE = "tokenizer.json"
MIN_COUNT = 2  # occurrences of a word in the training text; with fewer it is <unk>, which is learned from these
_ALL_CODE_POINTS = 0x110000


class WordTokenizer:
    """Maps words to ids by a table, the most common word first.

    Args:
        table: the words, each with the space before it.
        has_end: adds `<eos>` to the vocabulary.
        keeps_spaces: without it, texts are read without spaces and line breaks, and with straight apostrophes, so that
            "doesn’t" and "does n't" are the same two tokens: for models that only read.

    Raises `TokenizerError` unless the table holds texts, each of them once.
    """

    kind: TokenizerType = "word"
    unknown_id = 0

    def __init__(self, table: Sequence[str], has_end: bool = False, keeps_spaces: bool = True) -> None:
        self.words = tuple(table)
        if not all(self.words) or len(set(self.words)) != len(self.words) or UNKNOWN in self.words:
            raise TokenizerError("a word table must hold distinct words")
        self.keeps_spaces = keeps_spaces
        self.end_id = len(self.words) + 1 if has_end else None
        self._texts = [f" {UNKNOWN}" if keeps_spaces else UNKNOWN, *self.words] + [""] * has_end
        self._ids = {word: index for index, word in enumerate(self.words, 1)}
        for word in self.words if keeps_spaces else ():
            if not word.isspace():
                self._ids.setdefault(_other_form(word), self._ids[word])

    @classmethod
    def train(
        cls, texts: Iterable[str], vocab_size: int, has_end: bool = False, keeps_spaces: bool = True
    ) -> WordTokenizer:
        """Create a tokenizer of the most common words that occur `MIN_COUNT` times or more.

        `vocab_size` is the largest number of tokens, `<unk>` and `<eos>` included; see the class for the rest. Raises
        `UsageError` if it leaves no room for words, `TokenizerError` if no word of the texts is common enough.
        """
        word_count = vocab_size - 1 - has_end
        if word_count < 1:
            raise UsageError(f"--vocab-size {vocab_size} leaves no room for words", setting="vocab_size")
        empty = cls((), has_end, keeps_spaces)
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(empty._forms(words(text)))
        for form in ("", UNKNOWN, f" {UNKNOWN}"):
            del counts[form]
        _merge_rare_forms(counts)
        common = sorted((-count, word) for word, count in counts.items() if count >= MIN_COUNT)
        if not common:
            raise TokenizerError(
                f"too little text for words: none occurs {MIN_COUNT} times; give more text or use --tokenizer char"
            )
        return cls([word for _, word in common[:word_count]], has_end, keeps_spaces)

    def _forms(self, pieces: list[str]) -> list[str]:
        """Return pieces of a text in the form in which the table has them; "" for one that has none."""
        if self.keeps_spaces:
            return pieces
        return [piece.strip().replace("’", "'") for piece in pieces]

    def _unknown(self, text: str) -> list[str]:
        """Return the words of a text that become `<unk>`, without spaces."""
        known = self._ids
        forms = (form.strip() for form in self._forms(words(text)) if form not in known)
        return [form for form in forms if form and form != UNKNOWN]

    @property
    def vocab_size(self) -> int:
        return len(self._texts)

    @property
    def byte_tokens(self) -> dict[int, int]:
        return {}

    def encode(self, text: str) -> NDArray[np.int64]:
        ids, left_out = self._look_up(self._forms(words(text)))
        return np.delete(ids, list(left_out)) if left_out else ids

    def encode_with_pieces(self, text: str) -> tuple[list[int], list[str]]:
        split = words(text)
        all_ids, left_out = self._look_up(self._forms(split))
        ids: list[int] = []
        pieces: list[str] = []
        skipped = ""
        for index, (token, piece) in enumerate(zip(all_ids.tolist(), split, strict=True)):
            if index in left_out:
                skipped += piece
            else:
                ids.append(token)
                pieces.append(skipped + piece)
                skipped = ""
        if skipped and pieces:
            pieces[-1] += skipped
        return ids, pieces

    def _look_up(self, forms: list[str]) -> tuple[NDArray[np.int64], set[int]]:
        """Return the ids `(N,)` of the forms of a text, and the indices of those that are not encoded.

        Something of a text that is not empty always is, where spaces are kept, for a transcript to hold.
        """
        ids = np.fromiter(map(self._ids.get, forms, repeat(self.unknown_id)), dtype=np.int64, count=len(forms))
        unknown = np.flatnonzero(ids == self.unknown_id).tolist()
        left_out = {index for index in unknown if not forms[index] or forms[index].isspace()}
        if len(forms) > 1 and forms[-1] == " ":
            left_out.add(len(forms) - 1)
        if self.keeps_spaces and len(left_out) == len(forms):
            left_out.discard(0)
        return ids, left_out

    def encode_documents(self, batch: DocumentBatch) -> NDArray[np.int64]:
        assert self.end_id is not None
        end = np.array([self.end_id], dtype=np.int64)
        ids = np.concatenate([part for text in batch.texts for part in (self.encode(text), end)])
        return ids if batch.is_complete else ids[:-1]

    def decode(self, ids: NDArray[np.int64] | list[int]) -> str:
        text = ("" if self.keeps_spaces else " ").join(self._texts[int(i)] for i in ids)
        return text if self.keeps_spaces else text.strip()

    def token_text(self, token: int) -> str:
        if token == self.end_id:
            return END
        return self._texts[token] if token != self.unknown_id else UNKNOWN

    def unknown_characters(self, text: str) -> list[str]:
        return list(dict.fromkeys(self._unknown(text)))

    def spelling_bits(self, text: str) -> float:
        bits = self._character_bits
        rare = bits[""] + math.log2(_ALL_CODE_POINTS)
        return sum(bits["\n"] + sum(bits.get(c, rare) for c in word) for word in self._unknown(text))

    @cached_property
    def _character_bits(self) -> dict[str, float]:
        r"""Bits of each character by the counts of the vocabulary's words: "\n" ends a word, "" is any other one."""
        counts = Counter({"\n": len(self.words), "": 1})
        for word in self.words:
            counts.update(word.strip())
        total = counts.total()
        return {character: math.log2(total / count) for character, count in counts.items() if count}

    def stream(self, after: str = "") -> _WordStream:
        return _WordStream(self, after.endswith(" "))

    def save(self, folder: Path) -> None:
        table: dict[str, object] = {"kind": self.kind, "words": self.words}
        flags = {"has_end": self.end_id is not None, "without_spaces": not self.keeps_spaces}
        table |= {name: True for name, is_set in flags.items() if is_set}
        atomic_write(folder / FILE, json.dumps(table).encode())

    @classmethod
    def load(cls, folder: Path) -> WordTokenizer:
        """Load the tokenizer of a run folder.

        Raises `TokenizerError` naming the file if it is missing or does not hold a word table.
        """
        path = folder / FILE
        try:
            table = read_json(path, 4 * MAX_JSON_BYTES, MAX_TOKENS)
            if not isinstance(table["words"], list) or not all(isinstance(word, str) for word in table["words"]):
                raise TokenizerError("words must be a list of texts")
            return cls(table["words"], table.get("has_end") is True, table.get("without_spaces") is not True)
        except OSError as error:
            raise TokenizerError(f"cannot read {path}: {error.strerror}", hint=os_error_hint(error)) from error
        except (ValueError, KeyError, TypeError, AttributeError, TokenizerError) as error:
            raise TokenizerError(f"{path} is not a word table", hint="the run is broken") from error


def _merge_rare_forms(counts: Counter[str]) -> None:
    """Count each rare form of a word as its other form, with or without a space: the word itself may be common."""
    for word in [word for word, count in counts.items() if count < MIN_COUNT]:
        other = _other_form(word)
        if counts[word] and counts[other]:
            common = max(word, other, key=lambda form: (counts[form], form.startswith(" ")))
            counts[common] += counts.pop(_other_form(common))


def _other_form(word: str) -> str:
    """Return a word without its space, or with one if it has none."""
    return word[1:] if word[0] == " " else f" {word}"


class _WordStream:
    """Stream decoder of a word model: each id is a whole word, so nothing is buffered."""

    def __init__(self, tokenizer: WordTokenizer, is_after_space: bool) -> None:
        self._tokenizer = tokenizer
        self._is_after_space = is_after_space

    def push(self, token: int) -> str:
        text = self._tokenizer.decode([token])
        if self._is_after_space:
            text = text.removeprefix(" ")
            self._is_after_space = False
        return text

    @property
    def is_incomplete(self) -> bool:
        return False
