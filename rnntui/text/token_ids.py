"""From a corpus to ids on disk: survey the text once, make a tokenizer, write the training and validation parts.

Nothing here holds the whole text: blocks pass through, ids go to a file that is mapped into memory.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rnntui.errors import CorpusError
from rnntui.text.char_tokenizer import code_points
from rnntui.text.turns import Turns, find_turns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rnntui.text.corpus import Corpus
    from rnntui.text.tokenizer import Tokenizer

_SEGMENT = 1 << 20  # characters encoded at a time
_DTYPES = ("uint8", "uint16", "uint32")


@dataclass(frozen=True)
class CorpusStats:
    """What one reading of a corpus tells: `counts[code point]`, characters in all, a hash of the text."""

    counts: NDArray[np.int64]
    characters: int
    fingerprint: str
    turns: Turns | None = None


@dataclass(frozen=True)
class Part:
    """One contiguous part of a corpus as ids: a file of `tokens` numbers of type `dtype`."""

    tokens: int
    characters: int
    dtype: str

    def read(self, path: Path) -> NDArray[np.unsignedinteger]:
        """The ids `(tokens,)`, mapped into memory and never loaded whole.

        Raises `CorpusError` if the file is missing or of another length.
        """
        if self.dtype not in _DTYPES:
            raise CorpusError(f"{path}: ids are never {self.dtype!r}; the run is broken")
        kind = np.dtype(self.dtype)
        try:
            if not self.tokens or path.stat().st_size != self.tokens * kind.itemsize:
                raise CorpusError(f"{path} is not the {self.tokens:,} ids it should be; the run is broken")
            return np.memmap(path, dtype=kind, mode="r", shape=(self.tokens,))
        except OSError as error:
            raise CorpusError(f"cannot read {path}: {error.strerror}") from error


def corpus_stats(corpus: Corpus) -> CorpusStats:
    """Read the corpus once. Raises `CorpusError` if it is empty or cannot be read."""
    counts = np.zeros(0x110000, dtype=np.int64)
    characters = 0
    digest = hashlib.sha256()
    turns = None
    for block in corpus.blocks():
        turns = turns if characters else find_turns(block)
        seen = np.bincount(code_points(block))
        counts[: len(seen)] += seen
        characters += len(block)
        digest.update(block.encode("utf-8", "surrogatepass"))
    if not characters:
        raise CorpusError(f"{', '.join(corpus.shown)}: the corpus is empty; give it some text")
    return CorpusStats(counts, characters, digest.hexdigest(), turns)


def split_offset(characters: int, validation: float) -> int:
    """How many characters are for training: all but the tail kept for validation."""
    return int(characters * (1 - validation))


def write_parts(
    corpus: Corpus,
    found: CorpusStats,
    tokenizer: Tokenizer,
    validation: float,
    training_path: Path,
    validation_path: Path,
) -> tuple[Part, Part]:
    """Encode the corpus into two files of ids: the training part, and the tail kept for validation.

    Raises `CorpusError` if the text is no longer the one that was surveyed.
    """
    dtype = _smallest_dtype(tokenizer)
    digest = hashlib.sha256()
    tokens = [0, 0]
    characters = [0, 0]
    with training_path.open("wb") as training, validation_path.open("wb") as held_out:
        for text, is_training in split_segments(corpus, split_offset(found.characters, validation)):
            digest.update(text.encode("utf-8", "surrogatepass"))
            ids = tokenizer.encode(text)
            ids.astype(dtype).tofile(training if is_training else held_out)
            tokens[not is_training] += len(ids)
            characters[not is_training] += len(text)
        for file in (training, held_out):
            file.flush()
            os.fsync(file.fileno())
    if digest.hexdigest() != found.fingerprint:
        raise CorpusError(f"{', '.join(corpus.shown)} changed while it was read; start again")
    return Part(tokens[0], characters[0], dtype), Part(tokens[1], characters[1], dtype)


def write_all(corpus: Corpus, tokenizer: Tokenizer, path: Path) -> tuple[Part, list[str]]:
    """Encode a whole corpus into one file; gives what is in it, and the characters that became `<unk>`.

    Raises `CorpusError` if it cannot be read.
    """
    dtype = _smallest_dtype(tokenizer)
    tokens = characters = 0
    unknown: dict[str, None] = {}
    with path.open("wb") as file:
        for text in _segments(corpus.blocks()):
            ids = tokenizer.encode(text)
            ids.astype(dtype).tofile(file)
            tokens += len(ids)
            characters += len(text)
            unknown |= dict.fromkeys(tokenizer.unknown_characters(text))
    return Part(tokens, characters, dtype), list(unknown)


def _smallest_dtype(tokenizer: Tokenizer) -> str:
    return str(np.min_scalar_type(max(1, tokenizer.vocab_size - 1)).name)


def split_segments(corpus: Corpus, split: int) -> Iterator[tuple[str, bool]]:
    """Segments of text, each with whether it is for training; cut at line ends where there are any."""
    position = 0
    for segment in _segments(corpus.blocks()):
        before = max(0, min(len(segment), split - position))
        position += len(segment)
        if before:
            yield segment[:before], True
        if before < len(segment):
            yield segment[before:], False


def _segments(blocks: Iterable[str]) -> Iterator[str]:
    """Blocks recut to end at a line end, so that no subword is cut where a file happened to be."""
    held = ""
    for block in blocks:
        held += block
        while len(held) >= _SEGMENT:
            cut = held.rfind("\n", 0, _SEGMENT) + 1 or _SEGMENT
            yield held[:cut]
            held = held[cut:]
    if held:
        yield held
