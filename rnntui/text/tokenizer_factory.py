"""Creates the tokenizer of a new corpus, and loads the tokenizer of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rnntui.config import DEFAULT_SUBWORDS
from rnntui.text.char_tokenizer import CharTokenizer

if TYPE_CHECKING:
    from rnntui.config import TokenizerConfig, TokenizerType
    from rnntui.text.corpus import Corpus
    from rnntui.text.token_ids import CorpusStats
    from rnntui.text.tokenizer import Tokenizer

_MAX_TRAINING_CHARACTERS = 32_000_000  # that a subword vocabulary is trained on
_PIECE = 4000  # characters drawn at a time for the sample of a longer text: few, so that it has a bit of everything


def load_tokenizer(folder: Path, kind: TokenizerType) -> Tokenizer:
    """Load the tokenizer stored in a run folder.

    Raises `TokenizerError` if its file is missing or broken.
    """
    if kind == "char":
        return CharTokenizer.load(folder)
    # This imports sentencepiece; a character model starts faster without it.
    from rnntui.text.subword_tokenizer import SubwordTokenizer

    return SubwordTokenizer.load(folder, kind)


def make_tokenizer(
    corpus: Corpus, stats: CorpusStats, config: TokenizerConfig, validation_fraction: float
) -> Tokenizer:
    """Create the tokenizer of a corpus.

    A character table covers the whole corpus, so that validation has no unknown characters. Subwords are trained on
    the training part alone, because they would leak more of the validation text. Raises `TokenizerError`.
    """
    if config.type == "char":
        return CharTokenizer.from_counts(stats.counts, config.vocab_size)
    from rnntui.text.subword_tokenizer import SubwordTokenizer, random_sample
    from rnntui.text.token_ids import split_offset, split_segments

    split = split_offset(stats.characters, validation_fraction)
    training = (piece for text, is_training in split_segments(corpus, split) if is_training for piece in _pieces(text))
    # More text hardly changes the vocabulary, and costs memory.
    sample = random_sample(training, _MAX_TRAINING_CHARACTERS / max(1, split))
    distinct = int(np.count_nonzero(stats.counts))
    return SubwordTokenizer.train(sample, config.type, config.vocab_size or DEFAULT_SUBWORDS, distinct)


def _pieces(text: str) -> Iterator[str]:
    """Yield pieces of a text that end at a line break where possible."""
    start = 0
    while start < len(text):
        end = text.rfind("\n", start, start + _PIECE) + 1 or start + _PIECE
        yield text[start:end]
        start = end
