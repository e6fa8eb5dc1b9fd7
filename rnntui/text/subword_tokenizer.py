"""Subword tokenizers by sentencepiece, byte-pair encoding or unigram, trained on the user's own corpus.

Kudo and Richardson 2018, "SentencePiece: A simple and language independent subword tokenizer". Nothing is
normalised and bytes stand in for what the vocabulary lacks, so any Unicode text comes back exactly.
"""

from __future__ import annotations

import codecs
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import sentencepiece

from rnntui.atomic_files import atomic_write
from rnntui.config import SMALLEST_SUBWORDS
from rnntui.errors import TokenizerError, UsageError
from rnntui.text.tokenizer import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rnntui.config import TokenizerType

FILE = "tokenizer.model"
# sentencepiece writes a space as this character; the character itself must therefore travel as bytes.
_SPACE_MARK = "\u2581"
_MARK_BYTES = _SPACE_MARK.encode()
# The trainer takes the mark for a space, and passes over lines with a zero byte or its own mark of the unknown.
_NOT_LEARNT = str.maketrans("", "", f"{_SPACE_MARK}\0\u2585")
_LONGEST_SENTENCE = 4000  # bytes; sentencepiece silently leaves out longer ones


class SubwordTokenizer:
    """A sentencepiece model with byte fallback."""

    def __init__(self, model: bytes, kind: TokenizerType) -> None:
        self.kind = kind
        self._model = model
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model)
            self._bytes = self._read_pieces()
        except (RuntimeError, ValueError) as error:  # UnicodeDecodeError is a ValueError
            raise TokenizerError("not a sentencepiece model") from error
        self.unknown_id: int = self._processor.unk_id()
        self._mark_ids = [self._processor.PieceToId(f"<0x{byte:02X}>") for byte in _MARK_BYTES]
        if self.unknown_id in self._mark_ids:
            raise TokenizerError("the sentencepiece model has no byte pieces")

    def _read_pieces(self) -> list[bytes]:
        size = self._processor.GetPieceSize()
        return [self._piece_bytes(i, self._processor.IdToPiece(i)) for i in range(size)]

    def _piece_bytes(self, token: int, piece: str) -> bytes:
        if self._processor.IsByte(token):
            return bytes([int(piece[3:5], 16)])
        if self._processor.IsUnknown(token):
            return "\N{REPLACEMENT CHARACTER}".encode()
        return piece.replace(_SPACE_MARK, " ").encode()

    @classmethod
    def train(
        cls, texts: Iterable[str], kind: TokenizerType, vocab_size: int, distinct_characters: int
    ) -> SubwordTokenizer:
        """Learn a vocabulary of at most `vocab_size` pieces from texts.

        `distinct_characters` is how many the corpus holds: where they would fill the vocabulary, the rarest are
        left to the bytes. A small text gets a smaller vocabulary than asked for. Raises `UsageError` if
        `vocab_size` leaves no room beside the bytes, `TokenizerError` if there is too little text for any.
        """
        if vocab_size < SMALLEST_SUBWORDS:
            raise UsageError(
                f"--vocab-size must be {SMALLEST_SUBWORDS} or more for --tokenizer {kind} (got {vocab_size}): "
                f"256 bytes come first"
            )
        room = (vocab_size - 258) // 2  # characters may take half of what the bytes leave
        sentences = list(_sentences(texts))
        if distinct_characters > room:
            sentences = _without_rare(sentences, room)
        while True:
            output = io.BytesIO()
            try:
                sentencepiece.SentencePieceTrainer.Train(
                    sentence_iterator=iter(sentences),
                    model_writer=output,
                    model_type=kind,
                    vocab_size=vocab_size,
                    character_coverage=1.0,
                    # Else a space in a prompt would come back as the mark, where the corpus had none.
                    required_chars=_SPACE_MARK,
                    byte_fallback=True,
                    normalization_rule_name="identity",
                    remove_extra_whitespaces=False,
                    add_dummy_prefix=False,
                    user_defined_symbols=["\n"],
                    unk_id=0,
                    bos_id=-1,
                    eos_id=-1,
                    pad_id=-1,
                    max_sentence_length=_LONGEST_SENTENCE * 2,
                    num_threads=2,
                    minloglevel=4,
                )
            except (RuntimeError, ValueError, OSError) as error:
                # A small text cannot fill a large vocabulary; sentencepiece says how far it goes.
                limit = re.search(r"<= (\d+)", str(error))
                if limit is None or not SMALLEST_SUBWORDS // 2 < int(limit[1]) < vocab_size:
                    raise TokenizerError(
                        f"too little text to learn a {kind} vocabulary; give more text or use --tokenizer char"
                    ) from error
                vocab_size = int(limit[1])
                continue
            return cls(output.getvalue(), kind)

    @property
    def vocab_size(self) -> int:
        return len(self._bytes)

    def encode(self, text: str) -> NDArray[np.int64]:
        # A lone surrogate, which a command line may hold, is no character; it has no UTF-8.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        ids: list[int] = []
        for number, part in enumerate(text.split(_SPACE_MARK)):
            if number:
                ids += self._mark_ids
            if part:
                ids += self._processor.EncodeAsIds(part)
        return np.array(ids, dtype=np.int64)

    def decode(self, ids: NDArray[np.int64] | list[int]) -> str:
        return b"".join(self._bytes[int(i)] for i in ids).decode("utf-8", "replace")

    def token_text(self, token: int) -> str:
        if self._processor.IsByte(token):
            return self._processor.IdToPiece(token)
        return self._bytes[token].decode() if token != self.unknown_id else UNKNOWN

    def unknown_characters(self, text: str) -> list[str]:
        return []  # bytes stand in for every character

    def stream(self) -> _SubwordStream:
        return _SubwordStream(self._bytes)

    def save(self, folder: Path) -> None:
        atomic_write(folder / FILE, self._model)

    @classmethod
    def load(cls, folder: Path, kind: TokenizerType) -> SubwordTokenizer:
        """Raises `TokenizerError` naming the file if it is missing or broken."""
        path = folder / FILE
        try:
            return cls(path.read_bytes(), kind)
        except OSError as error:
            raise TokenizerError(f"cannot read {path}: {error.strerror}") from error
        except TokenizerError as error:
            raise TokenizerError(f"{path}: {error}; the run is broken") from error


class _SubwordStream:
    """Holds bytes back until they make whole characters."""

    def __init__(self, piece_bytes: list[bytes]) -> None:
        self._bytes = piece_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token: int) -> str:
        return self._decoder.decode(self._bytes[token])

    def finish(self) -> str:
        return self._decoder.decode(b"", True)


def _sentences(texts: Iterable[str]) -> Iterator[str]:
    """Lines for the trainer, none too long for it, without the characters that it has other uses for."""
    longest = _LONGEST_SENTENCE // 4  # characters; UTF-8 takes at most four bytes each
    for text in texts:
        for line in text.translate(_NOT_LEARNT).split("\n"):
            for start in range(0, len(line), longest):
                yield line[start : start + longest]


def _without_rare(sentences: list[str], room: int) -> list[str]:
    """The sentences cut at every character but the `room` most common ones.

    sentencepiece must give each character it sees a piece, and cannot leave out more than 2 % of a text.
    """
    counts = Counter(itertools.chain.from_iterable(sentences))
    rare = str.maketrans({c: "\n" for c, _ in counts.most_common()[room:]})
    return [piece for sentence in sentences for piece in sentence.translate(rare).split("\n") if piece]
