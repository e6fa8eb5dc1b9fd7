"""Tokens of a classifier: training its tokenizer on texts, and encoding a text as the model reads it."""

from __future__ import annotations

from collections.abc import Sequence
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


class ClassifierTokenizer:
    """A tokenizer as a classifier uses it: texts are lowercased if the run says so, and none is empty.

    Args:
        tokenizer: the tokenizer.
        is_lowercase: True if texts are read in lower case.
    """

    def __init__(self, tokenizer: Tokenizer, is_lowercase: bool) -> None:
        self.tokenizer = tokenizer
        self._is_lowercase = is_lowercase
        self._prefix = " " if tokenizer.kind in ("bpe", "unigram") else ""  # a subword that begins a word has a space

    @classmethod
    def train(cls, texts: Sequence[str], config: ClassifierTokenizerConfig) -> ClassifierTokenizer:
        """Train a tokenizer on texts. Raises `TokenizerError` or `UsageError`."""
        if config.lowercase:
            texts = [lowercase(text) for text in texts]
        size = config.vocab_size
        if size is None and config.type in ("bpe", "unigram"):
            size = min(_SUBWORDS, max(400, sum(map(len, texts)) // _CHARACTERS_A_SUBWORD))
        return cls(train_tokenizer(texts, config.type, size), config.lowercase)

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the token ids `(S,)` of a text; an empty one is a single `<unk>`."""
        text = lowercase(text) if self._is_lowercase else text
        ids = self.tokenizer.encode(self._prefix + text) if text else np.empty(0, np.int64)
        return ids if len(ids) else np.array([self.tokenizer.unknown_id])
