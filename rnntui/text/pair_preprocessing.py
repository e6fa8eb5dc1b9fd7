"""Preprocessing of pairs for training: the forms in which a Seq2Seq model reads and writes them.

`Translator` gives a line the same form, and takes it back from the translation.
"""

from __future__ import annotations

import random
import unicodedata
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence

from rnntui.config_seq2seq import Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.kinds.pair_corpus_info import SourceFeatures
from rnntui.text.normalization import lower_case
from rnntui.text.parallel_corpus import Pair
from rnntui.text.placeholders import NUMBERS, UnknownNames, copied_names, known_words, mask_pair
from rnntui.text.scripts import script_counts
from rnntui.text.sentences import split_sentences
from rnntui.text.stored_rows import StoredRows

_SHORT = 2  # words of a source that is short
_NUMBER_REPEATS = 4  # of a pair with placeholders of numbers: each time with others, of which corpora have few
_NUMBERS = frozenset(NUMBERS)
_USED_SCRIPT = 0.01  # fraction of the letters of a script that a model can be said to know
_MAX_EXAMINED = 20_000  # sources, evenly spaced: all of a large corpus would take longer than reading it


def source_features(pairs: Sequence[Pair]) -> SourceFeatures:
    """Return the features of training sources, at least one, by which a translator decides what to do with a line."""
    letters: Counter[str] = Counter()
    letterless = multiple = terminated = 0
    pairs = pairs[:: -(-len(pairs) // _MAX_EXAMINED)]
    for pair in pairs:
        scripts = script_counts(pair.source)
        letters.update(scripts)
        letterless += not scripts
        multiple += len(split_sentences(pair.source)) > 1
        terminated += unicodedata.category(pair.source[-1]).startswith("P")
    scripts_used = tuple(s for s, count in letters.most_common() if count >= _USED_SCRIPT * letters.total())
    fractions = (round(count / len(pairs), 4) for count in (letterless, multiple, terminated))
    return SourceFeatures(scripts_used, *fractions)


def model_form(pairs: Iterable[Pair], config: Seq2SeqTokenizerConfig, known: Container[str]) -> Iterator[Pair]:
    """Yield pairs in the form in which a trained model reads and writes them.

    Args:
        pairs: the pairs.
        config: tells whether sources are in lower case, and whether there are placeholders.
        known: the words that the model knows, in lower case; other capitalized words are names.
    """
    names = UnknownNames(known)
    return (_form(pair, config, names, None) for pair in pairs)


class PairPreprocessor:
    """Gives training pairs the form that a model is trained on.

    Args:
        config: tells whether sources are in lower case, and whether there are placeholders.
        pairs: the training pairs, in which names are found.
        seed: seed of the choice of placeholders.
    """

    def __init__(self, config: Seq2SeqTokenizerConfig, pairs: Iterable[Pair], seed: int) -> None:
        self._config = config
        self._names = copied_names((pair.source, pair.target) for pair in pairs) if config.placeholders else set()
        self._generator = random.Random(seed)

    def known_words(self, pairs: Iterable[Pair]) -> set[str]:
        """Return the words of sources that the model learns; see `placeholders.known_words`."""
        return known_words((pair.source for pair in pairs), self._names)

    def training(self, pairs: Sequence[Pair]) -> Sequence[Pair]:
        """Return pairs in the model's form, with random placeholders."""
        if not (self._config.placeholders or self._config.lowercase_source):
            return pairs
        forms = StoredRows(Pair)
        for pair in pairs:
            forms.add(*self._form(pair))
        return forms

    def repeats(self, pairs: Iterable[Pair], settings: Seq2SeqTrainingConfig) -> Sequence[Pair]:
        """Return the pairs that an epoch has again: short ones, and those with placeholders of numbers."""
        repeated = StoredRows(Pair)
        if settings.short_pair_repeats == 1 and not self._config.placeholders:
            return repeated
        for pair in pairs:
            count = settings.short_pair_repeats if len(pair.source.split()) <= _SHORT else 1
            if self._config.placeholders and not _NUMBERS.isdisjoint(mask_pair(*pair[:2], ())[0]):
                count = max(count, _NUMBER_REPEATS)
            for _ in range(count - 1):
                repeated.add(*self._form(pair))
        return repeated

    def _form(self, pair: Pair) -> Pair:
        return _form(pair, self._config, self._names, self._generator)


def _form(pair: Pair, config: Seq2SeqTokenizerConfig, names: Container[str], generator: random.Random | None) -> Pair:
    source, target = pair.source, pair.target
    if config.placeholders:
        source, target = mask_pair(source, target, names, generator)
    if config.lowercase_source:
        source = lower_case(source)
    return pair._replace(source=source, target=target)
