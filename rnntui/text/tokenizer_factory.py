"""Creates the tokenizer of a new corpus, and loads the tokenizer of a run."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from rnntui.config import DEFAULT_SUBWORDS, DEFAULT_WORDS, MORE_SUBWORDS, MUCH_TEXT
from rnntui.text.char_tokenizer import CharTokenizer, code_points
from rnntui.text.stored_rows import batches_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rnntui.config import TokenizerConfig, TokenizerType
    from rnntui.kinds.corpus_info import DocumentUnit
    from rnntui.text.corpus_split import CorpusSplit
    from rnntui.text.token_ids import CorpusStats
    from rnntui.text.tokenizer import Tokenizer

_MAX_TRAINING_CHARACTERS = 32_000_000  # that a vocabulary of subwords or words is trained on
_MAX_TEXTS_CHARACTERS = 8_000_000  # the same, of many short texts
_WORDS_OF_TEXTS = 20_000  # in a vocabulary that nothing is written with: no output layer grows with it
_PIECE = 4000  # characters drawn at a time for the sample of a longer text: few, so that it has a bit of everything
_SAMPLE_SEED = 1
T = TypeVar("T")


def load_tokenizer(folder: Path, kind: TokenizerType) -> Tokenizer:
    """Load the tokenizer stored in a run folder.

    Raises `TokenizerError` if its file is missing or broken.
    """
    if kind == "char":
        return CharTokenizer.load(folder)
    if kind == "word":
        from rnntui.text.word_tokenizer import WordTokenizer

        return WordTokenizer.load(folder)
    # This imports sentencepiece; a character model starts faster without it.
    from rnntui.text.subword_tokenizer import SubwordTokenizer

    return SubwordTokenizer.load(folder, kind)


def with_subwords(config: TokenizerConfig, characters: int) -> TokenizerConfig:
    """Return the settings of a tokenizer with a number of subwords, if it is one of subwords and has none.

    Texts of 2.6 and 4.9 million characters are learned better in the same time with 4,000 subwords than with 2,000
    (`benchmarks/RECIPES.md`); shorter ones were not tried.

    Args:
        config: the settings.
        characters: those of the training text.
    """
    if config.type not in ("bpe", "unigram") or config.vocab_size is not None:
        return config
    return replace(config, vocab_size=MORE_SUBWORDS if characters >= MUCH_TEXT else DEFAULT_SUBWORDS)


def make_tokenizer(
    stats: CorpusStats, config: TokenizerConfig, split: CorpusSplit, unit: DocumentUnit = "none"
) -> Tokenizer:
    """Create the tokenizer of a corpus, with `<eos>` if it consists of documents.

    A character table covers the whole corpus, so that validation has no unknown characters. Subwords and words
    come from the training part alone, because they would leak more of the validation text. Raises `TokenizerError`.
    """
    has_end = unit != "none"
    if config.type == "char":
        return CharTokenizer.from_counts(character_counts(stats, unit), config.vocab_size, has_end)
    training = (piece for text in split.training_texts() for piece in _pieces(text))
    # More text hardly changes the vocabulary, and costs memory.
    sample = random_sample(training, _MAX_TRAINING_CHARACTERS / max(1, split.training_characters))
    if config.type == "word":
        from rnntui.text.word_tokenizer import WordTokenizer

        return WordTokenizer.train(sample, config.vocab_size or DEFAULT_WORDS, has_end)
    from rnntui.text.subword_tokenizer import SubwordTokenizer

    distinct = int(np.count_nonzero(stats.counts))
    size = with_subwords(config, split.training_characters).vocab_size
    assert size is not None
    return SubwordTokenizer.train(sample, config.type, size, distinct, has_end=has_end)


def character_counts(stats: CorpusStats, unit: DocumentUnit) -> NDArray[np.int64]:
    """Return how often each character occurs in a corpus of documents, by code point."""
    counts = stats.counts
    if unit == "line":
        counts = counts.copy()
        counts[ord("\n")] = 0  # separates documents, and is in none
    return counts


def train_tokenizer(
    texts: Iterable[str],
    kind: TokenizerType,
    vocab_size: int | Callable[[int], int] | None,
    symbols: Sequence[str] = (),
) -> Tokenizer:
    """Create the tokenizer of many short texts. Raises `TokenizerError` or `UsageError`.

    A subword that begins a text has a space, as within a text; words have none, since nothing is written with them.

    Args:
        texts: the texts, which are iterated over twice.
        kind: its type.
        vocab_size: tokens in the vocabulary, or a function that returns them for a number of characters; None for every
            character, and for the default of words.
        symbols: texts that are always one subword.
    """
    counts = np.zeros(0x110000, dtype=np.int64)
    for batch in batches_of(texts, 10_000):
        batch_counts = np.bincount(code_points("".join(batch)))
        counts[: len(batch_counts)] += batch_counts
    characters = int(counts.sum())
    if callable(vocab_size):
        vocab_size = vocab_size(characters)
    if kind == "char":
        return CharTokenizer.from_counts(counts, vocab_size)
    # More text hardly changes the vocabulary, and takes longer.
    sample = random_sample(texts, _MAX_TEXTS_CHARACTERS / max(1, characters))
    if kind == "word":
        from rnntui.text.word_tokenizer import WordTokenizer

        return WordTokenizer.train(sample, vocab_size or _WORDS_OF_TEXTS, keeps_spaces=False)
    from rnntui.text.subword_tokenizer import SubwordTokenizer

    distinct = int(np.count_nonzero(counts))
    return SubwordTokenizer.train(
        (f" {text}" for text in sample), kind, vocab_size or DEFAULT_SUBWORDS, distinct, symbols
    )


def random_sample(texts: Iterable[T], fraction: float) -> Iterator[T]:
    """Yield about a `fraction` of the texts, all of them if it is 1 or more, in their order; always the same ones.

    A random sample, because every k-th text may be of one kind where a corpus has a period. It depends on the texts
    alone, so that runs with different seeds share their vocabulary. sentencepiece's own sample (`input_sentence_size`)
    is a different one in each process: version 0.2.3 ignores `set_random_generator_seed`, which 0.2.1 did not.
    """
    generator = random.Random(_SAMPLE_SEED)
    return (text for text in texts if generator.random() < fraction)


def _pieces(text: str) -> Iterator[str]:
    """Yield pieces of a text that end at a line break where possible."""
    start = 0
    while start < len(text):
        end = text.rfind("\n", start, start + _PIECE) + 1 or start + _PIECE
        yield text[start:end]
        start = end
