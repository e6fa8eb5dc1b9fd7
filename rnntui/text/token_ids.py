"""Statistics of a corpus, and files of token ids.

Nothing here holds the whole text in memory: the corpus is read in blocks, and the files of ids are memory-mapped.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rnntui.atomic_files import sync_file
from rnntui.errors import CorpusError, os_error_hint
from rnntui.formatting import few_names
from rnntui.kinds.corpus_info import TokenFileInfo
from rnntui.text.background_hash import BackgroundHash
from rnntui.text.character_counts import CharacterCounter
from rnntui.text.documents import read_documents, segments
from rnntui.text.speaker_detection import find_speaker_labels
from rnntui.text.turns import SpeakerLabels
from rnntui.text.word_boundaries import unspaced_share
from rnntui.untrusted_files import check_regular, open_regular

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rnntui.config import Newlines
    from rnntui.kinds.corpus_info import DocumentUnit
    from rnntui.text.character_counts import CharacterFile
    from rnntui.text.corpus import Corpus
    from rnntui.text.tokenizer import Tokenizer

_FIRST_SAMPLE = 1 << 19  # characters of the first block in the sample of a text
_BLOCK_SAMPLE = 1 << 13  # of each block after it
_MAX_SAMPLE = 1 << 21
_IDS_READ = 1 << 20  # at a time
_DTYPES = ("uint8", "uint16", "uint32")


@dataclass(frozen=True)
class CorpusStats:
    """Statistics of a corpus from one pass over it.

    `counts` is indexed by code point, `characters` is the length of the text, `fingerprint` its SHA-256, and `speakers`
    the two speakers if it is a dialogue. `sample` are whole lines from all over the text: all of a short one.
    """

    counts: NDArray[np.int64]
    characters: int
    fingerprint: str
    speakers: SpeakerLabels | None = None
    sample: str = ""


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
            check_regular(path)
            if not self.tokens or path.stat().st_size != self.tokens * dtype.itemsize:
                raise CorpusError(f"{path} does not hold {self.tokens:,} ids, as recorded", hint="the run is broken")
            return np.memmap(path, dtype=dtype, mode="r", shape=(self.tokens,))
        except OSError as error:
            raise CorpusError(f"cannot read {path}: {error.strerror}", hint=os_error_hint(error)) from error

    def largest_id(self, path: Path) -> int:
        """Return the largest id of the file; unlike that of the mapped array, it leaves no page of it in memory."""
        largest = 0
        with open_regular(path) as file:
            while len(ids := np.fromfile(file, self.dtype, _IDS_READ)):
                largest = max(largest, int(ids.max()))
        return largest


def corpus_stats(corpus: Corpus, file: CharacterFile | None = None) -> CorpusStats:
    """Read the corpus once and return its statistics. Raises `CorpusError` if it is empty or cannot be read.

    Args:
        corpus: the corpus.
        file: gets the characters of the text, if it is not None.
    """
    counter = CharacterCounter()
    characters = 0
    speakers = corpus.speakers
    samples: list[str] = []
    sampled = 0
    with BackgroundHash() as digest:
        for block in corpus.blocks():
            speakers = speakers if speakers or characters else find_speaker_labels(block)
            if sampled < _MAX_SAMPLE:
                size = _FIRST_SAMPLE if not characters else _BLOCK_SAMPLE
                samples.append(_whole_lines(block, size, at_start=not characters))
                sampled += len(samples[-1])
            data = block.encode("utf-8", "surrogatepass")
            digest.update(data)
            counter.add(block, data)
            if file is not None:
                file.add(block, data)
            characters += len(block)
        fingerprint = digest.hexdigest()
    if not characters:
        raise _empty(corpus)
    return CorpusStats(counter.counts, characters, fingerprint, speakers, "".join(samples))


def corpus_fingerprints(corpus: Corpus) -> dict[Newlines, str]:
    """Return the hash of a corpus by treatment of line ends, as in `CorpusStats`; the text is read once.

    Raises `CorpusError` if it is empty or cannot be read.
    """
    # Of the joined text too: a line break between two files completes a CR at the end of the first.
    line_ends = io.IncrementalNewlineDecoder(None, translate=True)
    is_empty = True
    with BackgroundHash() as kept, BackgroundHash() as translated:
        for block in replace(corpus, newlines="keep").blocks():
            is_empty = False
            kept.update(block.encode("utf-8", "surrogatepass"))
            translated.update(line_ends.decode(block).encode("utf-8", "surrogatepass"))
        translated.update(line_ends.decode("", final=True).encode())
        if is_empty:
            raise _empty(corpus)
        return {"universal": translated.hexdigest(), "keep": kept.hexdigest()}


def _empty(corpus: Corpus) -> CorpusError:
    return CorpusError(f"{few_names(corpus.display_names)}: the corpus is empty", hint="give it some text")


def _whole_lines(block: str, size: int, at_start: bool) -> str:
    """Return the first whole lines of a block, `size` characters at most; the first line of a later block is cut off.

    The last line of a block that is not longer counts as whole.
    """
    start = 0 if at_start else block.find("\n", 0, size) + 1
    return block[start:] if len(block) <= size else block[start : block.rfind("\n", start, size) + 1]


def count_words(blocks: Iterable[str]) -> int:
    """Return the number of words of a text, line breaks among them; 0 for scripts without spaces between words.

    A word is a run of characters without white space, and each line break counts as one more: so published results on
    Penn Treebank (Mikolov et al. 2010) and WikiText (Merity et al. 2016) count, where each line ends with an `<eos>`.
    The text comes in blocks, which may end anywhere.
    """
    count = 0
    is_inside = is_spaced = False  # in a word at the end of the block before; known to have spaces
    for block in filter(None, blocks):
        if not is_spaced and unspaced_share([block[:_FIRST_SAMPLE]]) > 0.5:
            return 0
        is_spaced = True
        count += len(block.split()) + block.count("\n") - (is_inside and not block[0].isspace())
        is_inside = not block[-1].isspace()
    return count


def write_token_file(
    corpus: Corpus, tokenizer: Tokenizer, path: Path, unit: DocumentUnit = "none"
) -> tuple[TokenFile, list[str]]:
    """Encode a whole corpus into one file; return its description, and the distinct characters that became `<unk>`.

    With documents, the file begins with `<eos>` and each document ends with it; an `<eos>` counts as one character.
    Raises `CorpusError` if the corpus cannot be read.
    """
    dtype = smallest_dtype(tokenizer)
    tokens = characters = 0
    spelling_bits = 0.0
    unknown: dict[str, None] = {}
    with path.open("wb") as file:
        if unit == "none":
            for text in segments(corpus.blocks()):
                ids = tokenizer.encode(text)
                file.write(ids.astype(dtype).data)
                tokens += len(ids)
                characters += len(text)
                if (ids == tokenizer.unknown_id).any():
                    unknown |= dict.fromkeys(tokenizer.unknown_characters(text))
                    spelling_bits += tokenizer.spelling_bits(text)
            sync_file(file)
            return TokenFile(tokens, characters, dtype, spelling_bits), list(unknown)
        for batch in read_documents(corpus, unit):
            ids = tokenizer.encode_documents(batch)
            if not tokens:
                file.write(np.array([tokenizer.end_id], dtype=dtype).data)
                tokens = characters = 1
            file.write(ids.astype(dtype).data)
            tokens += len(ids)
            characters += len(batch.text) - (not batch.is_complete)
            if (ids == tokenizer.unknown_id).any():
                for text in batch.texts:
                    unknown |= dict.fromkeys(tokenizer.unknown_characters(text))
                    spelling_bits += tokenizer.spelling_bits(text)
        sync_file(file)
    return TokenFile(tokens, characters, dtype, spelling_bits), list(unknown)


def smallest_dtype(tokenizer: Tokenizer) -> str:
    """Return numpy's name of the smallest type that holds the ids of a vocabulary."""
    return str(np.min_scalar_type(max(1, tokenizer.vocab_size - 1)).name)
