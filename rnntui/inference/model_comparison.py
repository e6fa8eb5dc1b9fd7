"""Which of several language models explains a text best: the bits of the whole text under each, in batches.

A model that gives every text a probability is a code for texts: -log₂ of it is the length of the text in bits. Bits of
the whole text can be compared between models whatever their tokens are; the model with the fewest explains it best, and
its margin over the second is the log of the ratio of their likelihoods (Bayes' rule with equal priors).

Two things would distort the comparison:

- `<unk>`. A model is charged the same for a character that it does not know, whatever it thinks of `<unk>`:
  `ESCAPE_BITS`, and 8 bits for each byte of the character in UTF-8, as a subword model spells it. The probability of
  `<unk>` itself means little, as most models have never seen one in training, and it stands for any character: a model
  would win by knowing less. Characters that no model knows thus cost all models the same. A model of words has learned
  how rare unknown words are: it is charged `<unk>`, and the word spelled out by letters that are as common as in its
  vocabulary. Spaces and capitals that its tokenizer leaves out cost it nothing.
- The end of the line. Models of lines, such as names, know where one ends; models of long texts have learned where the
  lines of their corpus break, which tells the layout and not the language. So it counts for all models, or for none:
  only if each was trained on lines as documents.

All is computed in float64: rounded to `DECIMALS`, a text's bits are the same alone and in any batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnntui.inference.generate import initial_context_ids
from rnntui.inference.loaded_model import LoadedLanguageModel
from rnntui.inference.numpy_language_model import Ids
from rnntui.inference.scoring import token_log_probabilities
from rnntui.text.scripts import is_wide
from rnntui.text.tokenizer import Tokenizer

ESCAPE_BITS = 10.0  # as if one character in a thousand were unknown
DECIMALS = 4  # of bits

_BATCH = 64  # texts read at the same time

Bits = NDArray[np.float64]


class WordBits(NamedTuple):
    """A word of a text, `text[start:end]`, and its bits under each model; for the end of the line, an empty one."""

    text: str
    start: int
    end: int
    bits: tuple[float, ...]


@dataclass(frozen=True)
class Comparison:
    """The bits of a text under each of several models, in the order of these, rounded to `DECIMALS`.

    `characters` is the length of the text, its end included where that counts. `words` is empty unless asked for.
    """

    text: str
    bits: tuple[float, ...]
    characters: int
    words: tuple[WordBits, ...] = ()

    @property
    def ranking(self) -> list[int]:
        """Indices of the models, the one with the fewest bits first; equal ones in their order."""
        return sorted(range(len(self.bits)), key=self.bits.__getitem__)

    @property
    def margin(self) -> float:
        """Bits that the best model saves against the second."""
        best, second = self.ranking[:2]
        return round(self.bits[second] - self.bits[best], DECIMALS)

    def advantage(self, word: WordBits) -> float:
        """Return the bits that the best model saves on a word against the second; all of them add up to the margin."""
        best, second = self.ranking[:2]
        return round(word.bits[second] - word.bits[best], DECIMALS)


class ModelComparison:
    """Compares texts under two or more language models.

    Args:
        models: the models, loaded with `dtype` float64.
    """

    def __init__(self, models: Sequence[LoadedLanguageModel]) -> None:
        self._models = models
        self.counts_end = all(model.documents.unit == "line" for model in models)

    def compare(
        self,
        texts: Sequence[str],
        with_words: bool = False,
        workers: int = 1,
        on_progress: Callable[[float], None] | None = None,
    ) -> list[Comparison]:
        """Return a comparison for each text.

        Args:
            texts: the texts, none of them blank.
            with_words: also return the bits of each word.
            workers: number of batches read at the same time, each by a thread; the result is the same.
            on_progress: called after every batch, in the calling thread, with the fraction that has been read.
        """
        encoded = [[_encode(model.tokenizer, text, self.counts_end) for text in texts] for model in self._models]
        jobs = [
            (model, [part[index] for index in batch])
            for model, part in zip(self._models, encoded, strict=True)
            for batch in _batches([len(text.ids) for text in part])
        ]
        with ThreadPoolExecutor(workers) as pool:
            results = pool.map(_read, jobs) if workers > 1 and len(jobs) > 1 else map(_read, jobs)
            for done, _ in enumerate(results, 1):
                if on_progress is not None:
                    on_progress(done / len(jobs))
        return [
            self._comparison(text, codes, with_words)
            for text, codes in zip(texts, zip(*encoded, strict=True), strict=True)
        ]

    def _comparison(self, text: str, codes: Sequence[_EncodedText], with_words: bool) -> Comparison:
        bits = tuple(round(float(code.bits.sum()), DECIMALS) for code in codes)
        words = tuple(_words(text, codes)) if with_words else ()
        return Comparison(text, bits, len(text) + self.counts_end, words)


@dataclass(eq=False)
class _EncodedText:
    """A text as one model reads it.

    `ids (N,)`; `ends (N,)`, the offset in the text at which each token ends, that of its `<eos>` being one behind the
    text; `bits (N,)` of each token, before the model has read it those of unknown ones alone; `is_charged (N,)` is
    False for tokens whose bits the model does not change.
    """

    ids: Ids
    ends: NDArray[np.int64]
    bits: Bits
    is_charged: NDArray[np.bool_]


def _encode(tokenizer: Tokenizer, text: str, counts_end: bool) -> _EncodedText:
    ids, pieces = tokenizer.encode_with_pieces(text)
    if counts_end and tokenizer.end_id is not None:
        ids, pieces = [*ids, tokenizer.end_id], [*pieces, "\n"]
    array = np.array(ids, dtype=np.int64)
    lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
    ends = np.cumsum(lengths)
    if not lengths.all():  # the first bytes of a character end with it
        ends = np.minimum.accumulate(np.where(lengths, ends, ends[-1])[::-1])[::-1]
    bits, is_charged = np.zeros(len(ids)), np.ones(len(ids), np.bool_)
    for index in np.flatnonzero(array == tokenizer.unknown_id).tolist():
        bits[index] = tokenizer.spelling_bits(pieces[index])
        if not bits[index]:
            bits[index] = ESCAPE_BITS + 8 * len(pieces[index].encode("utf-8", "surrogatepass"))
            is_charged[index] = False
    return _EncodedText(array, ends, bits, is_charged)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield batches of indices of texts of similar length, longest first: these take longest."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    for start in range(0, len(order), _BATCH):
        yield order[start : start + _BATCH]


def _read(job: tuple[LoadedLanguageModel, list[_EncodedText]]) -> None:
    """Fill in the bits of texts under a model. The texts are sorted by length, the longest first."""
    model, texts = job
    context = initial_context_ids(model.tokenizer)
    log_probabilities = token_log_probabilities(model.network, context, [text.ids for text in texts])
    for text, nats in zip(texts, log_probabilities, strict=True):
        text.bits += np.where(text.is_charged, nats / -np.log(2.0), 0.0)


def _words(text: str, codes: Sequence[_EncodedText]) -> Iterator[WordBits]:
    """Yield the words of a text; where tokens of some model span several, these are one."""
    common = set.intersection(*(set(code.ends.tolist()) for code in codes))
    bounds = [0, *sorted(end for end in common if _begins_word(text, end)), max([len(text), *common])]
    for start, end in pairwise(dict.fromkeys(bounds)):
        bits = tuple(float(code.bits[(code.ends > start) & (code.ends <= end)].sum()) for code in codes)
        yield WordBits(text[start:end].strip(), start, min(end, len(text)), bits)


def _begins_word(text: str, offset: int) -> bool:
    """Return True before the blank in front of a word, where a subword begins, and beside a wide character."""
    if offset >= len(text):
        return offset == len(text)
    before, after = text[offset - 1], text[offset]
    return not before.isspace() and (after.isspace() or is_wide(before) or is_wide(after))
