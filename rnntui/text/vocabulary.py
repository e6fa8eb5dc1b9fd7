"""Vocabularies of sequence-to-sequence models: the special tokens `<pad>`, `<s>` and `</s>`, then those of a tokenizer.

Ids 0, 1 and 2 are padding, begin and end with any tokenizer; its own ids follow, shifted by three.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rnntui.errors import RunError
from rnntui.text.placeholders import PLACEHOLDERS
from rnntui.text.tokenizer_factory import load_tokenizer, train_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from rnntui.config_seq2seq import Seq2SeqTokenizerConfig
    from rnntui.text.tokenizer import Tokenizer

PAD, BOS, EOS = 0, 1, 2
CharSpan = tuple[int, int]
"""Start and end offset in a text, in characters."""
_SPECIAL = 3  # number of special tokens
END = "</s>"


class Vocabulary:
    """Converts lines of text to ids and back.

    A subword vocabulary puts a space before each line, so that a word is the same token at the start of a line and
    within it. `banned_ids` are the tokens that decoding never generates.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self._prefix = "" if tokenizer.kind == "char" else " "
        self.banned_ids = (PAD, BOS, tokenizer.unknown_id + _SPECIAL)
        self._has_character: dict[str, bool] = {}

    @property
    def size(self) -> int:
        """The number of ids, special tokens included."""
        return self.tokenizer.vocab_size + _SPECIAL

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the ids `(N,)` of the text, without begin and end tokens; N is 0 for an empty text."""
        return self.tokenizer.encode(self._prefix + text) + _SPECIAL if text else np.zeros(0, dtype=np.int64)

    def encode_all(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Return the ids of each text, the same as those of `encode`; subwords of many texts take half the time."""
        if self.tokenizer.kind not in ("bpe", "unigram"):
            return [self.encode(text) for text in texts]
        from rnntui.text.subword_tokenizer import SubwordTokenizer

        assert isinstance(self.tokenizer, SubwordTokenizer)
        encoded = self.tokenizer.encode_texts([self._prefix + text if text else "" for text in texts])
        ends = np.cumsum([len(ids) for ids in encoded], dtype=np.int64).tolist()
        flat = np.fromiter(chain.from_iterable(encoded), np.int64, ends[-1] if ends else 0) + _SPECIAL
        return [flat[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def decode(self, ids: NDArray[np.int64] | list[int]) -> str:
        """Return the text of the ids `(N,)`; special tokens are skipped."""
        text = self.tokenizer.decode([int(i) - _SPECIAL for i in ids if i >= _SPECIAL])
        return text.removeprefix(self._prefix)

    def token_text(self, token: int) -> str:
        """Return a readable form of one token; a subword that begins a word keeps its space."""
        if token < _SPECIAL:
            return ("<pad>", "<s>", END)[token]
        return self.tokenizer.token_text(token - _SPECIAL)

    def char_spans(self, ids: NDArray[np.int64] | list[int]) -> list[CharSpan]:
        """Return the span of each token in the text of `decode`; spans are in order and without gaps.

        Tokens that are bytes of one character all have its span. The span of a special token is empty.
        """
        stream, text = self.tokenizer.stream(), ""
        spans: list[CharSpan] = []
        pending: list[int] = []  # indices of tokens whose character is incomplete
        for token in ids:
            pending.append(len(spans))
            spans.append((len(text), len(text)))
            decoded = stream.push(int(token) - _SPECIAL) if token >= _SPECIAL else ""
            if decoded or token < _SPECIAL:
                _set_end(spans, pending, len(text) + len(decoded))
                pending.clear()
                text += decoded
        prefix = len(text) - len(text.removeprefix(self._prefix))
        return [(max(0, start - prefix), max(0, end - prefix)) for start, end in spans]

    def unknown_characters(self, text: str) -> list[str]:
        """Return the distinct characters of `text` that are not in the vocabulary, in order of first appearance."""
        return self.tokenizer.unknown_characters(text)

    def has_character(self, character: str) -> bool:
        """Return True if a character is part of a token, and not unknown or spelled by tokens of bytes."""
        known = self._has_character.get(character)
        if known is None:
            ids = [int(token) for token in self.tokenizer.encode(character)]
            known = not any(token == self.tokenizer.unknown_id or token in self.tokenizer.byte_tokens for token in ids)
            self._has_character[character] = known
        return known

    def byte_tokens(self) -> dict[int, int]:
        """Return the byte of each token that is a single byte, by id; empty if all tokens are whole characters."""
        return {token + _SPECIAL: byte for token, byte in self.tokenizer.byte_tokens.items()}

    def placeholder_ids(self) -> list[int]:
        """Return the ids of the placeholders that it has."""
        known = [character for character in PLACEHOLDERS if self.has_character(character)]
        return [int(self.encode(character)[-1]) for character in known]


def _set_end(spans: list[CharSpan], indices: list[int], end: int) -> None:
    for index in indices:
        spans[index] = (spans[index][0], end)


def train_vocabulary(texts: Iterable[str], config: Seq2SeqTokenizerConfig) -> Vocabulary:
    """Train a vocabulary on texts, which are iterated over twice; a small corpus gets a small one.

    Raises `TokenizerError` or `UsageError`.
    """
    size = config.vocab_size if config.type == "char" else config.subwords
    symbols = PLACEHOLDERS if config.placeholders else ()
    return Vocabulary(train_tokenizer(texts, config.type, size, symbols))


def train_vocabularies(
    sources: Iterable[str], targets: Iterable[str], config: Seq2SeqTokenizerConfig
) -> tuple[Vocabulary, Vocabulary]:
    """Train the vocabularies of source and target: the same object for both, unless separate ones are configured.

    The texts are iterated over twice.
    """
    if config.separate_vocab:
        return train_vocabulary(sources, config), train_vocabulary(targets, config)
    joint = train_vocabulary(_Joined(sources, targets), config)
    return joint, joint


class _Joined:
    """The texts of several parts, one part after the other; unlike those of `chain`, as often as they are wanted."""

    def __init__(self, *parts: Iterable[str]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._parts)


def save_vocabularies(source: Vocabulary, target: Vocabulary, folder: Path) -> None:
    """Write a joint vocabulary into a run folder, separate ones into its subfolders `source` and `target`."""
    if source is target:
        target.tokenizer.save(folder)
        return
    for name, vocabulary in (("source", source), ("target", target)):
        (folder / name).mkdir()
        vocabulary.tokenizer.save(folder / name)


def load_vocabularies(folder: Path, config: Seq2SeqTokenizerConfig) -> tuple[Vocabulary, Vocabulary]:
    """Load the vocabularies of a run folder.

    Raises `TokenizerError` or `RunError` naming the file that is missing or broken.
    """
    if config.separate_vocab:
        source, target = (Vocabulary(load_tokenizer(folder / name, config.type)) for name in ("source", "target"))
    else:
        source = target = Vocabulary(load_tokenizer(folder, config.type))
    if target.tokenizer.vocab_size != config.vocab_size:
        raise RunError(
            f"{folder}: the tokenizer has {target.tokenizer.vocab_size:,} tokens where config.json says "
            f"{config.vocab_size or 0:,}; the run is broken"
        )
    return source, target
