"""Classification of texts with a trained classifier: probabilities of the labels, and explanations."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnntui.config_classifier import ClassifierConfig
from rnntui.errors import RunError, UsageError
from rnntui.inference.explanation import (
    MAX_EXPLAINED_TOKENS,
    Explanation,
    Removal,
    log_odds,
    log_odds_gradient,
    read_text,
    removable_words,
    source_offsets,
    token_shares,
)
from rnntui.inference.loaded_model import read_tokenizer
from rnntui.inference.numpy_classifier import ClassifierSizes, Logits, NumpyClassifier
from rnntui.inference.numpy_language_model import Ids
from rnntui.inference.weight_reader import weights_of_file
from rnntui.kinds.classifier import CLASSIFIER
from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import require_kind
from rnntui.runs.weights_file import load_arrays, load_weights
from rnntui.text.labelled_corpus import normalize_text
from rnntui.text.ngram_features import NgramVocabulary
from rnntui.text.tokenizer import Tokenizer

MAX_CHARACTERS = 100_000
"""Characters of a text that are read: the recurrent layers hold a state of each token in memory."""

_BATCH_TOKENS = 4096  # tokens in a batch at most, padding included; 8,192 were 15 % slower, 2,048 as well
_MAX_BATCH = 512  # texts in a batch at most
_DECIMALS = 4  # of a probability
# Bound of the rounding error of a logit in float32. Trained models were off by 4e-6 at most.
_LOGIT_ERROR = 2e-5

Probabilities = NDArray[np.float64]


class Classification(NamedTuple):
    """The labels of a text with their probabilities, rounded to 4 decimals, best first; none for a blank text."""

    labels: Sequence[tuple[str, float]]

    @property
    def label(self) -> str:
        """The most probable label; empty for a blank text."""
        return self.labels[0][0] if self.labels else ""

    @property
    def probability(self) -> float:
        """The probability of the most probable label."""
        return self.labels[0][1] if self.labels else 0.0


class Classifier:
    """A trained classifier with its tokenizer and its n-grams.

    Args:
        model: recurrent and linear part.
        tokenizer: its tokenizer.
        labels: the labels by id.
        ngrams: the n-grams of the linear part; None if the model has none.
    """

    def __init__(
        self, model: NumpyClassifier, tokenizer: Tokenizer, labels: Sequence[str], ngrams: NgramVocabulary | None
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.labels = tuple(labels)
        self.ngrams = ngrams
        self._exact_lock = threading.Lock()  # for the model in float64 is made when it is first needed

    def classify(
        self, texts: Sequence[str], workers: int = 1, on_progress: Callable[[float], None] | None = None
    ) -> list[Classification]:
        """Classify texts. Each gets the classification that it would get alone.

        Args:
            texts: texts as typed; a blank one gets no label.
            workers: number of batches that are read at the same time, each by a thread; the result is the same.
            on_progress: called after every batch, in the calling thread, with the fraction of the tokens that have been
                read; an exception that it raises ends the classification.
        """
        normalized = [normalize_text(text) for text in texts]
        indices = [index for index, text in enumerate(normalized) if text]
        probabilities = self.probabilities([normalized[index] for index in indices], workers, on_progress)
        classifications = [Classification(())] * len(texts)
        for index, ranked in zip(indices, self._ranked(probabilities), strict=True):
            classifications[index] = Classification(ranked)
        return classifications

    def probabilities(
        self, texts: Sequence[str], workers: int = 1, on_progress: Callable[[float], None] | None = None
    ) -> Probabilities:
        """Return the probability of each label for N texts, none of them blank, `(N, K)`.

        They are computed in float32. Where rounding to 4 decimals, or the choice of the best label, is within the
        rounding error of that, they are computed again in float64: so these do not depend on the batch.

        See `classify` for the arguments.
        """
        encoded = _EncodedLines.of(texts, self.tokenizer)
        probabilities = _softmax(self._logits(self.model, encoded, workers, on_progress))
        uncertain = np.flatnonzero(_is_uncertain(probabilities))
        if len(uncertain):
            probabilities[uncertain] = _softmax(self._logits(self._exact(), encoded.select(uncertain), workers))
        return probabilities

    def explain(self, text: str, label: str | None = None) -> Explanation:
        """Explain a label of a text: see `explanation`.

        Args:
            text: as typed; a blank one has no tokens.
            label: the label to explain; None for the most probable one.

        Raises `UsageError` for a label that the classifier does not have, and for a text of too many tokens.
        """
        if label is not None and label not in self.labels:
            raise UsageError(f"the classifier has no label {label!r}", hint=f"it has {', '.join(self.labels[:20])}")
        normalized = normalize_text(text)[:MAX_CHARACTERS]
        if not normalized:
            return Explanation(label or "", 0.0, [], [])
        model, read = self._exact(), read_text(normalized, self.tokenizer)
        if len(read.ids) > MAX_EXPLAINED_TOKENS:
            raise UsageError(f"a text of {len(read.ids):,} tokens is too long to explain; {MAX_EXPLAINED_TOKENS:,} are not")
        features = None if self.ngrams is None else self.ngrams.features([normalized])
        logits = model.logits([read.ids], features)[0]
        [[(best, _), *_]] = self._ranked(_softmax(logits[None]))
        explained = self.labels.index(best if label is None else label)
        shares = token_shares(model, self.ngrams, read, log_odds_gradient(logits, explained))
        offsets = source_offsets(text)
        removals = []
        words = removable_words(read, shares)
        for (start, end), probabilities, ranked in self._without_words(normalized, words):
            found, probability = ranked[0]
            removals.append(
                Removal(normalized[start:end], offsets[start], offsets[end], found, probability, found != best, probabilities[explained])
            )
        
        return Explanation(self.labels[explained], log_odds(logits, explained), shares, removals)
