"""Split of one long text at character offsets: its end is held out, or blocks from all over it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from rnntui.atomic_files import sync_file
from rnntui.text.background_hash import BackgroundHash
from rnntui.text.corpus_split import SEED, Origin, Part, changed_error, in_random_order
from rnntui.text.documents import segments
from rnntui.text.tail_check import TailCheck
from rnntui.text.token_ids import TokenFile, smallest_dtype

if TYPE_CHECKING:
    from rnntui.text.character_counts import CharacterFile
    from rnntui.text.corpus import Corpus
    from rnntui.text.encoding_journal import EncodingJournal
    from rnntui.text.token_ids import CorpusStats
    from rnntui.text.tokenizer import Tokenizer

Cut = tuple[int, Part]
"""An offset in characters, and the part that begins there."""

_MAX_BLOCKS = 256  # of a text that are held out
_SMALLEST_BLOCK = 256  # characters
_LARGEST_GAP = 200  # characters between training and validation text that are in neither


class TextSplit:
    """One long text, cut at character offsets.

    Args:
        corpus: the text.
        stats: its statistics.
        fraction: the fraction of the text for validation; 0 for none.
        origin: `end` for the end of the text, `spread` for up to 256 blocks of whole lines, one at a random place in
            each of as many equal parts of the text, with a gap of up to 200 characters before and after it.
    """

    def __init__(self, corpus: Corpus, stats: CorpusStats, fraction: float, origin: Origin = "end") -> None:
        self._corpus = corpus
        self._stats = stats
        self.document_count = 0
        self._has_blocks = origin == "spread"
        tail: Cut = (int(stats.characters * (1 - fraction)), "validation")
        self._cuts = _spread_cuts(stats.characters, fraction) if self._has_blocks else [tail]
        self._cuts.append((stats.characters, "training"))
        lengths: dict[Part, int] = {"training": self._cuts[0][0], "validation": 0, "gap": 0}
        for (start, part), (end, _) in pairwise(self._cuts):
            lengths[part] += end - start
        self._check = TailCheck(stats.characters, self._cuts[0][0]) if origin == "end" and fraction else None
        self.training_characters: int = lengths["training"]
        self.validation_characters: int = lengths["validation"]

    @property
    def holds_out_end(self) -> bool:
        """True if what is held out is the end of the text."""
        return not self._has_blocks

    def parts(self) -> Iterator[tuple[str, Part]]:
        """Yield pieces of the text with the part that each belongs to."""
        part: Part = "training"
        position, index = 0, 0  # of the segment in the text, and of the next cut
        for segment in segments(self._corpus.blocks()):
            start = 0
            while index < len(self._cuts) and self._cuts[index][0] < position + len(segment):
                cut = self._cuts[index][0] - position
                if cut > start:
                    yield segment[start:cut], part
                    start = cut
                part = self._cuts[index][1]
                index += 1
            yield segment[start:], part
            position += len(segment)

    def training_texts(self) -> Iterator[str]:
        return (text for text, part in self.parts() if part == "training")

    def write(
        self, tokenizer: Tokenizer, training: Path, validation: Path, journal: EncodingJournal | None = None
    ) -> tuple[TokenFile, TokenFile]:
        dtype = smallest_dtype(tokenizer)
        done = (journal and journal.resumed((training, validation))) or {}
        pieces = done.get("pieces", 0)
        tokens, characters = done.get("tokens", [0, 0]), done.get("characters", [0, 0])
        spelling_bits = done.get("spelling_bits", 0.0)
        block_ends: list[int] = done.get("block_ends", [])  # of the blocks for validation, in bytes
        previous: Part = "training"
        mode: Literal["ab", "wb"] = "ab" if done else "wb"
        with BackgroundHash() as digest, training.open(mode) as training_file, validation.open(mode) as validation_file:
            files = (training_file, validation_file)
            position = 0
            for number, (text, part) in enumerate(self.parts()):
                if self._check is not None:
                    self._check.add(text, position)
                position += len(text)
                digest.update(text.encode("utf-8", "surrogatepass"))
                if number < pieces:  # encoded before the process was killed
                    previous = part
                    continue
                if journal is not None:
                    journal.record(
                        files,
                        {
                            "pieces": number, "tokens": tokens, "characters": characters,
                            "spelling_bits": spelling_bits, "block_ends": block_ends,
                        },
                    )  # fmt: skip
                if previous == "validation" and part != "validation":
                    block_ends.append(validation_file.tell())
                previous = part
                if part == "gap":
                    continue
                index = int(part == "validation")
                lines = _whole_lines(text) if index and self._has_blocks else text
                ids = tokenizer.encode(lines)
                files[index].write(ids.astype(dtype).data)
                tokens[index] += len(ids)
                characters[index] += len(lines)
                if index:
                    spelling_bits += tokenizer.spelling_bits(lines)
            for file in files:
                sync_file(file)
            fingerprint = digest.hexdigest()
        if fingerprint != self._stats.fingerprint:
            raise changed_error(self._corpus)
        if self._has_blocks:  # an evaluation may read only the beginning
            data = validation.read_bytes()
            with validation.open("wb") as file:
                file.write(in_random_order(data, [*block_ends, len(data)], np.random.default_rng(SEED)))
                sync_file(file)
        return (
            TokenFile(tokens[0], characters[0], dtype),
            TokenFile(tokens[1], characters[1], dtype, spelling_bits),
        )

    def examine(self) -> None:
        if self._check is None:
            return
        position = 0
        for text, _ in self.parts():
            self._check.add(text, position)
            position += len(text)

    def write_characters(
        self, characters: CharacterFile, tokenizer: Tokenizer, path: Path
    ) -> tuple[TokenFile, TokenFile]:
        """Do what `write` does, of a text whose end is held out, with the characters that were stored as it was read.

        Args:
            characters: its characters; their file becomes that of the training part.
            tokenizer: a tokenizer of characters.
            path: the file of the validation part.
        """
        if self._check is not None:
            self._check.take(characters)
        dtype = smallest_dtype(tokenizer)
        characters.write_ids(tokenizer, dtype, self.training_characters, path)
        return (
            TokenFile(self.training_characters, self.training_characters, dtype),
            TokenFile(self.validation_characters, self.validation_characters, dtype),
        )

    def warning(self) -> str:
        if self._check is None:
            return ""
        difference, split = self._check.difference(self._stats.counts), self._cuts[0][0]
        if not difference:
            return ""
        return (
            f"the end of the text, held out for validation, is not like the rest: {difference} (training: characters "
            f"0 to {split:,}, validation: {split:,} to {self._stats.characters:,}); --validation-from spread holds out "
            f"parts of all of it, --validation-text FILE another text"
        )


def _spread_cuts(characters: int, fraction: float) -> list[Cut]:
    """Return the offsets at which another part of the text begins; the text begins with training text."""
    held_out = int(characters * fraction)
    blocks = max(1, min(_MAX_BLOCKS, held_out // _SMALLEST_BLOCK))
    room, size = characters // blocks, held_out // blocks
    gap = max(0, min(_LARGEST_GAP, size // 4, (room - size) // 2))
    generator = random.Random(SEED)
    cuts: list[Cut] = []
    for block in range(blocks):
        start = block * room + generator.randrange(max(1, room - size - 2 * gap + 1))
        cuts += [(start, "gap"), (start + gap, "validation"), (start + gap + size, "gap")]
        cuts.append((start + 2 * gap + size, "training"))
    return cuts


def _whole_lines(text: str) -> str:
    """Return a block of text without the parts of lines at its start and its end, unless those are long."""
    quarter = len(text) // 4
    start = text.find("\n", 0, quarter) + 1
    return text[start : text.rfind("\n", len(text) - quarter) + 1 or len(text)]
