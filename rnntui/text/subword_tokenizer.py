"""Subword tokenizers (byte-pair encoding or unigram) by sentencepiece, trained on the user's own corpus.

Kudo and Richardson 2018, "SentencePiece: A simple and language independent subword tokenizer". There is no
normalization, and characters outside the vocabulary are encoded as bytes, so any Unicode text is decoded exactly.
"""

from __future__ import annotations

import codecs
import io
import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import sentencepiece

from rnntui.atomic_files import atomic_write
from rnntui.config import SMALLEST_SUBWORDS
from rnntui.errors import TokenizerError, UsageError, os_error_hint
from rnntui.processors import usable_cpus
from rnntui.text.tokenizer import END, UNKNOWN
from rnntui.untrusted_files import read_bounded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rnntui.config import TokenizerType
    from rnntui.text.document_batch import DocumentBatch

FILE = "tokenizer.model"
# sentencepiece writes a space as this character; the character itself must therefore be encoded as bytes.
_SPACE_MARK = "\u2581"
_MARK_BYTES = _SPACE_MARK.encode()
# The trainer reads the mark as a space, and leaves out lines that hold U+2585, its own mark of unknown characters.
_REMOVED_FOR_TRAINING = str.maketrans("", "", f"{_SPACE_MARK}\0\u2585")
_MAX_MODEL_BYTES = 1 << 24  # of a file; 250,000 pieces take 5 MB
_MAX_SENTENCE_BYTES = 4000  # sentencepiece silently ignores longer ones
_WORD = re.compile(r" [^ \n]*|[^ \n]+|\n")  # a word with the space before it, or a line break
_ENCODED_ALONE = re.compile(f"[{_SPACE_MARK}\ud800-\udfff]")  # texts with these are not encoded as they are
_MAX_WORD = 64  # characters of words whose ids are kept
_MAX_WORDS = 1 << 17  # that are kept: some 30 MB
_MIN_WORDWISE = 1 << 12  # characters of a text that is encoded word by word


class PieceTable(NamedTuple):
    """The pieces of a vocabulary.

    Args:
        pieces: text of each piece, with spaces as U+2581; None for bytes and special tokens.
        scores: by which pieces are chosen: the highest first for BPE, log probabilities for unigram.
        symbols: pieces that are never joined with others.
    """

    pieces: list[str | None]
    scores: list[float]
    symbols: list[str]


class SubwordTokenizer:
    """Wraps a sentencepiece model with byte fallback. Raises `TokenizerError` if `model` is no such model."""

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
        size = self._processor.GetPieceSize()
        self.byte_tokens = {i: self._bytes[i][0] for i in range(size) if self._processor.IsByte(i)}
        end_id = self._processor.eos_id()
        self.end_id: int | None = end_id if end_id >= 0 else None
        self._word_ids = _WordIds(self._encode_whole)
        self.encodes_words = kind == "bpe" and self._keeps_to_words()
        """Whether the words of a long text are encoded one by one, which gives the same ids many times faster."""
        self._mark_ids = [self._processor.PieceToId(f"<0x{byte:02X}>") for byte in _MARK_BYTES]
        if self.unknown_id in self._mark_ids:
            raise TokenizerError("the sentencepiece model has no byte pieces")

    def _read_pieces(self) -> list[bytes]:
        size = self._processor.GetPieceSize()
        return [self._piece_bytes(i, self._processor.IdToPiece(i)) for i in range(size)]

    def _keeps_to_words(self) -> bool:
        """Return True if the words of a text can be encoded one by one: no piece is part of two, no text is changed."""
        pieces = (piece.decode(errors="replace") for piece in self._bytes)
        probe = "  a  b "
        return (
            all(piece == "\n" or not ("\n" in piece or " " in piece[1:]) for piece in pieces)
            and self._processor.Normalize(probe) == probe.replace(" ", _SPACE_MARK)
        )  # fmt: skip

    def _piece_bytes(self, token: int, piece: str) -> bytes:
        if self._processor.IsByte(token):
            return bytes([int(piece[3:5], 16)])
        if self._processor.IsUnknown(token):
            return "\N{REPLACEMENT CHARACTER}".encode()
        if self._processor.IsControl(token):
            return b""
        return piece.replace(_SPACE_MARK, " ").encode()

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        kind: TokenizerType,
        vocab_size: int,
        distinct_characters: int,
        symbols: Sequence[str] = (),
        has_end: bool = False,
    ) -> SubwordTokenizer:
        """Train a subword vocabulary.

        Args:
            texts: The training text.
            kind: `bpe` or `unigram`.
            vocab_size: The largest number of pieces; a small text gets a smaller vocabulary.
            distinct_characters: The number of distinct characters of the corpus; where they would fill the
                vocabulary, the rarest are encoded as bytes.
            symbols: Strings that are pieces of their own and never part of others.
            has_end: Adds `<eos>`, as a control symbol of sentencepiece, which no text is encoded to.

        Raises `UsageError` if `vocab_size` leaves no room beside the bytes, `TokenizerError` if there is too little
        text for any vocabulary.
        """
        if vocab_size < SMALLEST_SUBWORDS:
            raise UsageError(
                f"--vocab-size must be {SMALLEST_SUBWORDS} or more for --tokenizer {kind} (got {vocab_size}): "
                f"256 bytes come first",
                setting="vocab_size",
            )
        max_characters = (vocab_size - 258 - has_end) // 2  # half of what the bytes leave
        sentences = list(_sentences(texts))
        if distinct_characters > max_characters:
            sentences = _without_rare(sentences, max_characters)
        while True:
            output = io.BytesIO()
            try:
                sentencepiece.SentencePieceTrainer.Train(
                    sentence_iterator=iter(sentences),
                    model_writer=output,
                    model_type=kind,
                    vocab_size=vocab_size,
                    character_coverage=1.0,
                    # Otherwise a space in a prompt would be decoded as the mark if the corpus had no spaces.
                    required_chars=_SPACE_MARK,
                    byte_fallback=True,
                    normalization_rule_name="identity",
                    remove_extra_whitespaces=False,
                    add_dummy_prefix=False,
                    user_defined_symbols=["\n", *symbols],
                    unk_id=0,
                    bos_id=-1,
                    eos_id=1 if has_end else -1,
                    eos_piece=END,
                    pad_id=-1,
                    max_sentence_length=_MAX_SENTENCE_BYTES * 2,
                    num_threads=2,  # on any machine: the sums of unigram training depend on it
                    minloglevel=4,
                )
            except (RuntimeError, ValueError, OSError) as error:
                # A small text cannot fill a large vocabulary; the message of sentencepiece has the possible size.
                limit = re.search(r"<= (\d+)", str(error))
                if limit is None or not SMALLEST_SUBWORDS // 2 < int(limit[1]) < vocab_size:
                    raise TokenizerError(
                        f"too little text to train a {kind} vocabulary; give more text or use --tokenizer char"
                    ) from error
                vocab_size = int(limit[1])
                continue
            return cls(output.getvalue(), kind)

    @property
    def vocab_size(self) -> int:
        return len(self._bytes)

    def piece_table(self) -> PieceTable:
        """Return the pieces that text is made of."""
        processor = self._processor
        is_special = [
            processor.IsByte(i) or processor.IsControl(i) or processor.IsUnknown(i) for i in range(self.vocab_size)
        ]
        pieces = [None if special else processor.IdToPiece(i) for i, special in enumerate(is_special)]
        scores = [float(processor.GetScore(i)) for i in range(self.vocab_size)]
        # sentencepiece gives these the score 0, and -0 to the first pair that BPE joins.
        symbols = [
            piece
            for piece, score in zip(pieces, scores, strict=True)
            if piece is not None and score == 0.0 and math.copysign(1.0, score) > 0
        ]
        return PieceTable(pieces, scores, symbols)

    def encode(self, text: str) -> NDArray[np.int64]:
        if not text.isascii():
            # A lone surrogate, which a command line can contain, cannot be encoded in UTF-8.
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        if self.encodes_words and len(text) >= _MIN_WORDWISE:
            return np.frombuffer(self._word_ids.of(text), np.int32).astype(np.int64)
        return np.array(self._encode_whole(text), dtype=np.int64)

    def encode_texts(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of many short texts, the same as those of `encode`, on all CPUs."""
        encoded: list[list[int]] = self._processor.Encode(
            ["" if _ENCODED_ALONE.search(text) else text for text in texts], out_type=int, num_threads=usable_cpus()
        )
        for index, text in enumerate(texts):
            if _ENCODED_ALONE.search(text) or len(text) >= _MIN_WORDWISE:
                encoded[index] = self.encode(text).tolist()
        return encoded

    def _encode_whole(self, text: str) -> list[int]:
        """Return the ids of a text without lone surrogates, as sentencepiece encodes all of it."""
        ids: list[int] = []
        for index, part in enumerate(text.split(_SPACE_MARK)):
            if index:
                ids += self._mark_ids
            if part:
                ids += self._processor.EncodeAsIds(part)
        return ids

    def encode_with_pieces(self, text: str) -> tuple[list[int], list[str]]:
        ids = self.encode(text).tolist()
        stream = self.stream()
        pieces = [stream.push(token_id) for token_id in ids]
        if "".join(pieces) != text:  # something that no id stands for, such as a lone surrogate
            pieces = [""] * (len(ids) - 1) + [text] if ids else []
        return ids, pieces

    def encode_documents(self, batch: DocumentBatch) -> NDArray[np.int64]:
        if self.encodes_words and len(batch.text) >= _MIN_WORDWISE and batch.text.isascii():
            end_bytes = np.array([self.end_id], np.int32).tobytes()
            parts = (part for text in batch.texts for part in (self._word_ids.of(text), end_bytes))
            ids = np.frombuffer(b"".join(parts), np.int32).astype(np.int64)
        else:
            end = np.array([self.end_id], dtype=np.int64)
            ids = np.concatenate([part for text in batch.texts for part in (self.encode(text), end)])
        return ids if batch.is_complete else ids[:-1]

    def decode(self, ids: NDArray[np.int64] | list[int]) -> str:
        # The incremental decoder leaves out an incomplete character at the end; invalid bytes elsewhere are U+FFFD.
        return _utf8_decoder().decode(b"".join(self._bytes[int(i)] for i in ids))

    def token_text(self, token: int) -> str:
        if self._processor.IsByte(token):
            return self._processor.IdToPiece(token)
        if token == self.end_id:
            return END
        return self._bytes[token].decode() if token != self.unknown_id else UNKNOWN

    def unknown_characters(self, text: str) -> list[str]:
        return []  # byte fallback covers every character

    def spelling_bits(self, text: str) -> float:
        return 0.0

    def stream(self, after: str = "") -> _SubwordStream:
        return _SubwordStream(self._bytes)

    def save(self, folder: Path) -> None:
        atomic_write(folder / FILE, self._model)

    @classmethod
    def load(cls, folder: Path, kind: TokenizerType) -> SubwordTokenizer:
        """Load the tokenizer of a run folder. Raises `TokenizerError` naming the file if it is missing or broken."""
        path = folder / FILE
        try:
            return cls(read_bounded(path, _MAX_MODEL_BYTES), kind)
        except OSError as error:
            raise TokenizerError(f"cannot read {path}: {error.strerror}", hint=os_error_hint(error)) from error
        except TokenizerError as error:
            raise TokenizerError(f"{path}: {error}", hint="the run is broken") from error


class _WordIds(dict[str, bytes]):
    """The ids of words, as bytes of 32-bit integers, each encoded when it is first asked for.

    A text has the same words again and again, and a look-up costs a tenth of encoding a megabyte at once. Its ids are
    the same, as byte-pair merges within a word depend on nothing else. Those of unigram models are not: sums of log
    probabilities over a long text are rounded.

    Args:
        encode: returns the ids of a word.
    """

    def __init__(self, encode: Callable[[str], list[int]]) -> None:
        super().__init__()
        self._encode = encode

    def of(self, text: str) -> bytes:
        """Return the ids of a text as bytes."""
        return b"".join(map(self.__getitem__, _WORD.findall(text)))

    def __missing__(self, word: str) -> bytes:
        ids = np.array(self._encode(word), np.int32).tobytes()
        if len(word) <= _MAX_WORD:
            if len(self) >= _MAX_WORDS:
                self.clear()
            self[word] = ids
        return ids


class _SubwordStream:
    """Stream decoder that buffers bytes until they are a whole character."""

    def __init__(self, piece_bytes: list[bytes]) -> None:
        self._bytes = piece_bytes
        self._decoder = _utf8_decoder()

    def push(self, token: int) -> str:
        return self._decoder.decode(self._bytes[token])

    @property
    def is_incomplete(self) -> bool:
        return bool(self._decoder.getstate()[0])


def _utf8_decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")("replace")


def _sentences(texts: Iterable[str]) -> Iterator[str]:
    """Yield lines short enough for the trainer, without the characters that are special to it."""
    max_characters = _MAX_SENTENCE_BYTES // 4  # UTF-8 takes at most four bytes each
    for text in texts:
        for line in text.translate(_REMOVED_FOR_TRAINING).split("\n"):
            for start in range(0, len(line), max_characters):
                yield line[start : start + max_characters]


def _without_rare(sentences: list[str], max_characters: int) -> list[str]:
    """Return the sentences split at all but the `max_characters` most common characters.

    sentencepiece must give each character it sees a piece, and cannot leave out more than 2% of a text.
    """
    counts = Counter(itertools.chain.from_iterable(sentences))
    rare = str.maketrans({c: "\n" for c, _ in counts.most_common()[max_characters:]})
    return [piece for sentence in sentences for piece in sentence.translate(rare).split("\n") if piece]
