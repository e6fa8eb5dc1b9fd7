"""Encoding a corpus to files of token ids: statistics of the text, then the training and the validation ids.

Nothing here holds the whole text in memory: the corpus is read in blocks, and the files of ids are memory-mapped.
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
from rnntui.kinds.corpus_info import TokenFileInfo
from rnntui.text.char_tokenizer import code_points
from rnntui.text.speaker_detection import find_speaker_labels
from rnntui.text.turns import SpeakerLabels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rnntui.text.corpus import Corpus
    from rnntui.text.tokenizer import Tokenizer

_SEGMENT = 1 << 20  # characters encoded at a time
_DTYPES = ("uint8", "uint16", "uint32")


@dataclass(frozen=True)
class CorpusStats:
    """Statistics of a corpus from one pass over it.

    `counts` is indexed by code point, `characters` is the length of the text, `fingerprint` its SHA-256, and `speakers`
    the two speakers if it is a dialogue.
    """

    counts: NDArray[np.int64]
    characters: int
    fingerprint: str
    speakers: SpeakerLabels | None = None


class TokenFile(TokenFileInfo):
    """A file of token ids that can be read."""

    def read(self, path: Path) -> NDArray[np.unsignedinteger]:
        """Return the ids `(tokens,)` of the file, memory-mapped and read-only.

        Raises `CorpusError` if the file is missing or has another length.
        """
        if self.dtype not in _DTYPES:
            raise CorpusError(f"{path}: ids cannot be of type {self.dtype!r}", hint="the run is broken")
        dtype = np.dtype(self.dtype)
        try:
            if not self.tokens or path.stat().st_size != self.tokens * dtype.itemsize:
                raise CorpusError(f"{path} is not the {self.tokens:,} ids it should be", hint="the run is broken")
            return np.memmap(path, dtype=dtype, mode="r", shape=(self.tokens,))
        except OSError as error:
            raise CorpusError(f"cannot read {path}: {error.strerror}") from error


def corpus_stats(corpus: Corpus) -> CorpusStats:
    """Read the corpus once and return its statistics. Raises `CorpusError` if it is empty or cannot be read."""
    counts = np.zeros(0x110000, dtype=np.int64)
    characters = 0
    digest = hashlib.sha256()
    speakers = corpus.speakers
    for block in corpus.blocks():
        speakers = speakers if speakers or characters else find_speaker_labels(block)
        block_counts = np.bincount(code_points(block))
        counts[: len(block_counts)] += block_counts
        characters += len(block)
        digest.update(block.encode("utf-8", "surrogatepass"))
    if not characters:
        raise CorpusError(f"{', '.join(corpus.display_names)}: the corpus is empty", hint="give it some text")
    return CorpusStats(counts, characters, digest.hexdigest(), speakers)


def split_offset(characters: int, validation_fraction: float) -> int:
    """Return the offset in characters where the training part ends and the validation part begins."""
    return int(characters * (1 - validation_fraction))


def write_split(
    corpus: Corpus,
    stats: CorpusStats,
    tokenizer: Tokenizer,
    validation_fraction: float,
    training_path: Path,
    validation_path: Path,
) -> tuple[TokenFile, TokenFile]:
    """Encode the corpus into two files of ids: the training part, and the end of the text for validation.

    Args:
        corpus: The text.
        stats: Its statistics, from which the split is computed.
        tokenizer: Encodes the text.
        validation_fraction: The fraction of characters for validation, 0 to 1.
        training_path: The file for the training ids.
        validation_path: The file for the validation ids.

    Raises `CorpusError` if the text has changed since its statistics were computed.
    """
    dtype = _smallest_dtype(tokenizer)
    digest = hashlib.sha256()
    tokens = [0, 0]
    characters = [0, 0]
    with training_path.open("wb") as training, validation_path.open("wb") as validation:
        for text, is_training in split_segments(corpus, split_offset(stats.characters, validation_fraction)):
            digest.update(text.encode("utf-8", "surrogatepass"))
            ids = tokenizer.encode(text)
            ids.astype(dtype).tofile(training if is_training else validation)
            tokens[not is_training] += len(ids)
            characters[not is_training] += len(text)
        for file in (training, validation):
            file.flush()
            os.fsync(file.fileno())
    if digest.hexdigest() != stats.fingerprint:
        raise CorpusError(f"{', '.join(corpus.display_names)} changed while it was read", hint="start again")
    return TokenFile(tokens[0], characters[0], dtype), TokenFile(tokens[1], characters[1], dtype)


def write_token_file(corpus: Corpus, tokenizer: Tokenizer, path: Path) -> tuple[TokenFile, list[str]]:
    """Encode a whole corpus into one file; return its description, and the distinct characters that became `<unk>`.

    Raises `CorpusError` if the corpus cannot be read.
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
    return TokenFile(tokens, characters, dtype), list(unknown)


def split_segments(corpus: Corpus, split: int) -> Iterator[tuple[str, bool]]:
    """Yield segments of the text, each with whether it lies before the offset `split` and so is for training."""
    position = 0
    for segment in _segments(corpus.blocks()):
        before = max(0, min(len(segment), split - position))
        position += len(segment)
        if before:
            yield segment[:before], True
        if before < len(segment):
            yield segment[before:], False


def _segments(blocks: Iterable[str]) -> Iterator[str]:
    """Yield segments that end at a line break where possible, so that no subword is split at the end of a block."""
    rest = ""
    for block in blocks:
        rest += block
        while len(rest) >= _SEGMENT:
            end = rest.rfind("\n", 0, _SEGMENT) + 1 or _SEGMENT
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest


def _smallest_dtype(tokenizer: Tokenizer) -> str:
    return str(np.min_scalar_type(max(1, tokenizer.vocab_size - 1)).name)
