"""Tokens of a classifier: training its tokenizer on texts, and encoding a text as the model reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from rnntui.text.normalization import lowercase
from rnntui.text.tokenizer_factory import train_tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rnntui.config_classifier import ClassifierTokenizerConfig
    from rnntui.text.tokenizer import Tokenizer

_CHARACTERS_A_SUBWORD = 100  # of training text per subword of the vocabulary
_SUBWORDS = 4000

_MAX_RECENT, _MAX_RECENT_CHARACTERS = 8192, 1000  # texts whose tokens are kept, and the longest of them


class ClassifierTokenizer:
    """A tokenizer as a classifier uses it: texts are lowercased if the run says so, and none is empty.

    Args:
        tokenizer: the tokenizer.
        is_lowercase: True if texts are read in lower case.
    """

    def __init__(self, tokenizer: Tokenizer, is_lowercase: bool) -> None:
        self.tokenizer = tokenizer
        self._is_lowercase = is_lowercase
        self._recent: dict[str, NDArray[np.int64]] = {}  # a line is looked at for unknown words, and then classified
        self._prefix = " " if tokenizer.kind in ("bpe", "unigram") else ""  # a subword that begins a word has a space

    @classmethod
    def train(cls, texts: Iterable[str], config: ClassifierTokenizerConfig) -> ClassifierTokenizer:
        """Train a tokenizer on texts, which are iterated over twice. Raises `TokenizerError` or `UsageError`."""
        if config.lowercase:
            texts = _InLowerCase(texts)
        has_subwords = config.vocab_size is None and config.type in ("bpe", "unigram")
        size = _subwords if has_subwords else config.vocab_size
        return cls(train_tokenizer(texts, config.type, size), config.lowercase)

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the token ids `(S,)` of a text; an empty one is a single `<unk>`."""
        known = self._recent.get(text)
        if known is not None:
            return known
        lowered = lowercase(text) if self._is_lowercase else text
        ids = self.tokenizer.encode(self._prefix + lowered) if lowered else np.empty(0, np.int64)
        ids = ids if len(ids) else np.array([self.tokenizer.unknown_id])
        if len(text) <= _MAX_RECENT_CHARACTERS:
            if len(self._recent) >= _MAX_RECENT:
                self._recent = {}
            ids.flags.writeable = False
            self._recent[text] = ids
        return ids

    def encode_with_pieces(self, text: str) -> tuple[NDArray[np.int64], list[str]]:
        """Return the token ids `(S,)` of a text, and the part of it that each stands for; joined they are the text.

        Of tokens that are bytes of one character, all but the last have an empty part.
        """
        ids = self.encode(text)
        _, pieces = self.tokenizer.encode_with_pieces(self._prefix + (lowercase(text) if self._is_lowercase else text))
        if len(pieces) != len(ids):  # no token at all
            return ids, [text]
        parts, end = [], 0
        prefix = len(self._prefix)
        for piece in pieces:
            start, end = end, end + len(piece)
            parts.append(text[max(0, start - prefix) : max(0, end - prefix)])  # lower case has as many characters
        parts[-1] += text[max(0, end - prefix) :]
        return ids, parts

    def unknown_characters(self, text: str) -> list[str]:
        """Return the distinct characters of a text, or words, that are read as `<unk>`."""
        return self.tokenizer.unknown_characters(lowercase(text) if self._is_lowercase else text)


class _InLowerCase:
    """Texts in lower case, as often as they are wanted."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = texts

    def __iter__(self) -> Iterator[str]:
        return map(lowercase, self._texts)


def _subwords(characters: int) -> int:
    """Return the size of a vocabulary of subwords, given the number of characters of the training text."""
    return min(_SUBWORDS, max(400, characters // _CHARACTERS_A_SUBWORD))
