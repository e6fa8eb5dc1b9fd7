"""Choice of a classifier's tokens by its texts: `--tokenizer auto`.

Measured on the two tables that the defaults were tuned on: sentences of 19 words are told apart best by words, names by
characters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rnntui.text.tokenizer_factory import random_sample
from rnntui.text.word_boundaries import unspaced_share, words

if TYPE_CHECKING:
    from rnntui.config import TokenizerType

FEWEST_WORDS = 3.0  # of a text, on average; names and single words have fewer
LARGEST_UNSPACED_SHARE = 0.3  # of letters in scripts without spaces between words
SMALLEST_KNOWN_SHARE = 0.5  # of the words, that occur twice or more with their label
_SUBWORD_CHARACTERS = 100_000  # with less text, subwords are hardly longer than characters
_MAX_TEXTS = 20_000  # looked at
_MAX_CHARACTERS = 2000  # of each


class ChosenTokenizer(NamedTuple):
    """A tokenizer and the reason for it, as in "word tokens: texts have 19 words on average"."""

    type: TokenizerType
    reason: str


def choose_tokenizer(texts: Sequence[str], labels: Iterable[Hashable]) -> ChosenTokenizer:
    """Return the tokens for a classifier of texts: words, unless they are few, rare or not separated by spaces.

    Args:
        texts: the training texts.
        labels: the label of each, or its id.
    """
    sample = list(random_sample(zip(texts, labels, strict=True), _MAX_TEXTS / max(1, len(texts))))
    counts: Counter[tuple[Hashable, str]] = Counter()
    for text, label in sample:
        pieces = (piece.strip().lower() for piece in words(text[:_MAX_CHARACTERS]))
        counts.update((label, piece) for piece in pieces if piece[:1].isalnum())
    word_count = counts.total()
    average = word_count / max(1, len(sample))
    if unspaced_share(text[:_MAX_CHARACTERS] for text, _ in sample) > LARGEST_UNSPACED_SHARE:
        return ChosenTokenizer("char", "char tokens: most texts are in a script without spaces between words")
    if average < FEWEST_WORDS:
        noun = "word" if f"{average:.3g}" == "1" else "words"
        return ChosenTokenizer("char", f"char tokens: texts have {average:.3g} {noun} on average")
    known = sum(count for count in counts.values() if count > 1) / word_count
    if known < SMALLEST_KNOWN_SHARE:
        reason = f"{1 - known:.0%} of the words occur only once with their label"
        if sum(map(len, texts)) < _SUBWORD_CHARACTERS:
            return ChosenTokenizer("char", f"char tokens: {reason}")
        return ChosenTokenizer("unigram", f"unigram tokens: {reason}")
    return ChosenTokenizer("word", f"word tokens: texts have {average:.3g} words on average")
