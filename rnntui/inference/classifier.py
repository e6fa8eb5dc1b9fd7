"""Classification of texts with a trained classifier: probabilities of the labels, and explanations."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnntui.config_classifier import ClassifierConfig, ClassifierTokenizerConfig
from rnntui.errors import RunError, UsageError
from rnntui.inference.explanation import (
    MAX_EXPLAINED_TOKENS,
    Explanation,
    Removal,
    Span,
    log_odds,
    log_odds_gradient,
    read_text,
    removable_words,
    token_shares,
)
from rnntui.inference.loaded_model import read_tokenizer
from rnntui.inference.numpy_classifier import ClassifierSizes, Logits, NumpyClassifier
from rnntui.inference.numpy_language_model import Ids
from rnntui.kinds.classifier import CLASSIFIER
from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
from rnntui.runs.checksums import read_checked_config
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_file import load_arrays, open_weights
from rnntui.settings import shown_value
from rnntui.text.classifier_tokens import ClassifierTokenizer
from rnntui.text.control_chars import unknown_characters_message
from rnntui.text.labelled_corpus import MAX_CHARACTERS, normalize_text, text_offsets
from rnntui.text.ngram_features import NgramVocabulary

_BATCH_TOKENS = 4096  # tokens in a batch, padding included; 8,192 were 15% slower, and so were 2,048
_FEW_TEXTS = 64  # so few are classified in float64 at once
_SMALL_BATCH = 16  # a batch of so few texts may have more tokens, as a step costs hardly less than one of twice as many
_MAX_BATCH_TOKENS = 65_536  # tokens in such a batch at most
_MAX_BATCH = 512  # texts in a batch at most
_DECIMALS = 4  # of a probability
_MEASURED_TEXTS = 32  # whose logits are computed in float32 and float64, to measure the rounding error
_SAFETY = 8.0  # the error of other texts is assumed to be less than so many times the largest that was measured

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


class TextClassifier:
    """A trained classifier with its tokenizer and its n-grams.

    Args:
        model: recurrent and linear part.
        tokenizer: its tokenizer, as it reads texts.
        labels: the labels by id.
        ngrams: the n-grams of the linear part; None if the model has none.
    """

    def __init__(
        self,
        model: NumpyClassifier,
        tokenizer: ClassifierTokenizer,
        labels: Sequence[str],
        ngrams: NgramVocabulary | None,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.labels = tuple(labels)
        self.ngrams = ngrams
        self._logit_error: float | None = None  # bound of the error of a logit in float32, once it has been measured
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

        Those of many texts are computed in float32. Where rounding to 4 decimals, or the choice of the best label, is
        within the rounding error of that, they are computed again in float64: so these do not depend on the batch. The
        error is measured on the texts that are computed twice, the first time on some others too.

        See `classify` for the arguments.
        """
        tokenized = _TokenizedTexts.of(texts, self.tokenizer)
        if len(texts) <= _FEW_TEXTS:
            return _softmax(self._logits(self._exact(), tokenized, workers, on_progress))
        logits = self._logits(self.model, tokenized, workers, on_progress)
        is_exact = np.zeros(len(texts), dtype=np.bool_)
        selected = np.linspace(0, len(texts) - 1, _MEASURED_TEXTS).astype(np.intp)
        if self._logit_error is not None:
            selected = np.flatnonzero(_is_uncertain(_softmax(logits), self._logit_error))
        while len(selected):
            exact = self._logits(self._exact(), tokenized.select(selected), workers)
            error = _SAFETY * float(np.abs(exact - logits[selected]).max())
            self._logit_error = max(self._logit_error or 0.0, error)
            logits[selected], is_exact[selected] = exact, True
            selected = np.flatnonzero(_is_uncertain(_softmax(logits), self._logit_error) & ~is_exact)
        return _softmax(logits)

    def warnings_for(self, line: str, label: str) -> list[str]:
        """Return warnings about a line that this model reads badly; `label` names the line in them.

        Warned of are characters that the vocabulary lacks, lines of unknown words only, and lines that are too long.
        """
        text = normalize_text(line)
        warnings = []
        if len(line) > MAX_CHARACTERS:
            message = f"its first {MAX_CHARACTERS:,} characters are classified, of {len(line):,}"
            warnings.append(f"{label}: {message}")
        tokenizer = self.tokenizer.tokenizer
        is_unknown = self.tokenizer.encode(text) == tokenizer.unknown_id
        # A rare word is usual, and the n-grams may know it.
        is_wanted = is_unknown.all() if tokenizer.kind == "word" else tokenizer.kind != "char" or is_unknown.any()
        if is_wanted and (unknown := self.tokenizer.unknown_characters(text)):
            warnings.append(f"{label}: {unknown_characters_message(unknown)}")
        return warnings

    def explain(self, text: str, label: str | None = None) -> Explanation:
        """Explain a label of a text: see `explanation`.

        Args:
            text: as typed; a blank one has no tokens.
            label: the label to explain; None for the most probable one.

        Raises `UsageError` for a label that the classifier does not have, and for a text of too many tokens.
        """
        if label is not None and label not in self.labels:
            raise UsageError(
                f"the classifier has no label {shown_value(label)}", hint=f"it has {', '.join(self.labels[:20])}"
            )
        normalized = normalize_text(text)
        if not normalized:
            return Explanation(label or "", 0.0, [], [])
        read = read_text(normalized, self.tokenizer)
        if len(read.ids) > MAX_EXPLAINED_TOKENS:
            raise UsageError(
                f"a text of {len(read.ids):,} tokens is too long to explain", hint=f"{MAX_EXPLAINED_TOKENS:,} are not"
            )
        model, features = self._exact(), None if self.ngrams is None else self.ngrams.features([normalized])
        encoded = model.encode([read.ids], for_gradient=True)
        logits = model.encoded_logits(encoded, features)
        best = self._ranked(_softmax(logits))[0][0][0]
        explained = self.labels.index(best if label is None else label)
        gradient = log_odds_gradient(logits[0], explained)
        shares = token_shares(model, self.ngrams, read, encoded, gradient)
        removals = self._removals(normalized, removable_words(read, shares), best, explained)
        probability = float(_softmax(logits)[0, explained])
        removals.sort(key=lambda each: (not each.changes, -abs(each.explained - probability)))
        offsets = text_offsets(text)
        return Explanation(
            self.labels[explained],
            log_odds(logits[0], explained),
            [share._replace(start=offsets[share.start], end=offsets[share.end]) for share in shares],
            [removal._replace(start=offsets[removal.start], end=offsets[removal.end]) for removal in removals],
        )

    def _removals(self, text: str, words: Sequence[Span], best: str, explained: int) -> list[Removal]:
        """Return the removals of words of a normalized text, in their order; spans are in it.

        Args:
            text: the text.
            words: the spans of the words.
            best: the label of the whole text.
            explained: id of the explained label.
        """
        shortened = [normalize_text(text[:start] + text[end:]) for start, end in words]
        indices = [index for index, rest in enumerate(shortened) if rest]
        probabilities = self.probabilities([shortened[index] for index in indices])
        removals = []
        for index, row, ranked in zip(indices, probabilities, self._ranked(probabilities), strict=True):
            (start, end), (label, probability) = words[index], ranked[0]
            remaining = float(row[explained])
            removals.append(
                Removal(text[start:end], start, end, label, probability, label != best, round(remaining, _DECIMALS))
            )
        return removals

    def _exact(self) -> NumpyClassifier:
        with self._exact_lock:
            return self.model.exact

    def _logits(
        self,
        model: NumpyClassifier,
        texts: _TokenizedTexts,
        workers: int = 1,
        on_progress: Callable[[float], None] | None = None,
    ) -> Logits:
        """Return the logits of N texts `(N, K)`, read in batches of similar length; see `classify`."""
        logits = np.zeros((len(texts.ids), len(self.labels)))
        batches = list(_batches(texts.ids))
        read_tokens, all_tokens = 0, sum(map(len, texts.ids))
        is_abandoned = threading.Event()

        def read_batch(batch: list[int]) -> list[int]:
            if not is_abandoned.is_set():
                features = None if self.ngrams is None else self.ngrams.features([texts.texts[i] for i in batch])
                logits[batch] = model.logits([texts.ids[index] for index in batch], features)
            return batch

        def report(batch: list[int]) -> None:
            nonlocal read_tokens
            read_tokens += sum(len(texts.ids[index]) for index in batch)
            if on_progress is not None:
                on_progress(read_tokens / all_tokens)

        if workers == 1 or len(batches) == 1:
            for batch in batches:
                report(read_batch(batch))
            return logits
        from concurrent.futures import ThreadPoolExecutor  # not at the start: a single line is answered sooner

        with ThreadPoolExecutor(workers) as pool:
            try:
                for batch in pool.map(read_batch, batches):
                    report(batch)
            except BaseException:
                is_abandoned.set()
                raise
        return logits

    def _ranked(self, probabilities: Probabilities) -> list[list[tuple[str, float]]]:
        """Return for each row of probabilities `(N, K)` the labels and rounded probabilities, best first.

        Labels with the same rounded probability are in the order of their ids, but the first is the most probable one.
        """
        rounded = np.round(probabilities, _DECIMALS)
        is_best = rounded == rounded.max(axis=1, keepdims=True)
        order = np.lexsort((-np.where(is_best, probabilities, 0.0), -rounded), axis=1)
        return [
            [(self.labels[index], float(row[index])) for index in indices]
            for row, indices in zip(rounded, order.tolist(), strict=True)
        ]


class _TokenizedTexts(NamedTuple):
    """Normalized texts and their tokens."""

    texts: list[str]
    ids: list[Ids]

    @classmethod
    def of(cls, texts: Sequence[str], tokenizer: ClassifierTokenizer) -> _TokenizedTexts:
        """Tokenize normalized texts."""
        return cls(list(texts), [tokenizer.encode(text) for text in texts])

    def select(self, indices: NDArray[np.intp]) -> _TokenizedTexts:
        """Return some of the texts."""
        return _TokenizedTexts([self.texts[index] for index in indices], [self.ids[index] for index in indices])


def _batches(token_ids: Sequence[Ids]) -> Iterator[list[int]]:
    """Yield batches of indices of texts of similar length, longest first, since those take longest."""
    batch: list[int] = []
    for index in sorted(range(len(token_ids)), key=lambda index: -len(token_ids[index])):
        limit = _MAX_BATCH_TOKENS if len(batch) < _SMALL_BATCH else _BATCH_TOKENS
        if batch and (len(batch) == _MAX_BATCH or (len(batch) + 1) * len(token_ids[batch[0]]) > limit):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _softmax(logits: Logits) -> Probabilities:
    """Return the probabilities `(N, K)` of logits `(N, K)`."""
    if not len(logits):
        return logits
    powers: Probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def _is_uncertain(probabilities: Probabilities, logit_error: float) -> NDArray[np.bool_]:
    """Return for each row of probabilities `(N, K)` True if an error of the logits could change what is shown of it.

    An error of at most ε in every logit moves a probability p by at most 2 ε p (1 - p).
    """
    scaled = probabilities * 10**_DECIMALS
    distances = np.abs(scaled - np.floor(scaled) - 0.5) / 10**_DECIMALS  # to where rounding changes
    errors = 2 * logit_error * probabilities * (1 - probabilities) + 1e-12
    rounded = np.round(probabilities, _DECIMALS)
    has_tie = (rounded == rounded.max(axis=1, keepdims=True, initial=0.0)).sum(axis=1) > 1
    uncertain: NDArray[np.bool_] = (distances <= errors).any(axis=1) | has_tie
    return uncertain


def load_classifier(run: RunFolder) -> TextClassifier:
    """Load a classifier's best weights. Raises `RunError` or `TokenizerError` naming the file missing or broken."""
    config = read_checked_config(run)
    tokenizer = read_tokenizer(run, config, CLASSIFIER)
    is_lowercase = config.tokenizer_as(ClassifierTokenizerConfig).lowercase
    shape, labels = config.model_as(ClassifierConfig), config.corpus_as(LabelledCorpusInfo).labels
    if not labels or any(normalize_text(label) != label for label in labels):
        raise RunError(f"{run.config_file} does not say which labels the classifier has; the run is broken")
    ngrams = None if shape.ngrams == "none" else load_ngrams(run)
    sizes = ClassifierSizes(tokenizer.vocab_size, len(labels), 0 if ngrams is None else ngrams.size)
    with open_weights(run.weights_file) as weights:
        model = NumpyClassifier(weights, shape, sizes)
    return TextClassifier(model, ClassifierTokenizer(tokenizer, is_lowercase), labels, ngrams)


def load_ngrams(run: RunFolder) -> NgramVocabulary:
    """Load a classifier's n-gram vocabulary. Raises `RunError` if its file is missing or broken."""
    way_out = "put it back from a copy of the run, or start a new run"  # the run has no copy of its texts
    try:
        arrays, _ = load_arrays(run.ngrams_file)
        return NgramVocabulary.from_arrays(arrays)
    except RunError as error:
        raise RunError(error.problem, hint=way_out) from error
    except ValueError as error:
        raise RunError(f"{run.ngrams_file}: {error}; the run is broken", hint=way_out) from error
