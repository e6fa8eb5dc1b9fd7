"""Log-probability of a given text under a language model, in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rnntui.inference.adaptation import OutputLearner
from rnntui.inference.cells import Array
from rnntui.inference.generate import initial_context_ids
from rnntui.inference.loaded_model import LoadedLanguageModel
from rnntui.inference.numpy_language_model import Ids, NumpyLanguageModel
from rnntui.text.document_batch import DocumentBatch

_WINDOW = 1024  # tokens read at a time, so that a long line needs no (N, V) array of logits
_MAX_NUMBERS = 1 << 21  # of an array of texts read side by side: (T, B, V) of logits or (T, B, G*H) of gates
_BATCH = 240  # texts read side by side: all that OpenBLAS's kernels for AVX2 compute alike in the widest product
_LONG_TEXT = 512  # tokens; a longer text is read alone, by the product that is faster for one


@dataclass(frozen=True)
class Score:
    """The score of a text.

    Args:
        log_probability: in nats, summed over all tokens, `<unk>` among them.
        tokens: their number.
        characters: length of the text.
        spelling_bits: bits that it takes to spell out the words that are `<unk>` to the model.
    """

    log_probability: float
    tokens: int
    characters: int
    spelling_bits: float = 0.0

    @property
    def bits(self) -> float:
        """Bits of the whole text, comparable between tokenizers."""
        return self.spelling_bits - self.log_probability / math.log(2)

    @property
    def bits_per_character(self) -> float | None:
        """Bits per character, the usual measure across tokenizers; None for an empty text."""
        return self.bits / self.characters if self.characters else None


def score(model: NumpyLanguageModel, context: Ids, tokens: Ids, characters: int) -> Score:
    """Score a text.

    Args:
        model: the language model.
        context: `(M,)`, the tokens before the text, which are read but not scored; may be empty.
        tokens: `(N,)`, the text's tokens.
        characters: length of the text that they encode.
    """
    return _score(model, context, tokens, characters, lambda window, state: model.forward(window[:, None], state))


def encode_for_scoring(loaded: LoadedLanguageModel, text: str) -> tuple[Ids, int]:
    """Return the token ids `(N,)` of a text that is scored on its own, and its number of characters.

    If each line is a document to the model, the end of the text is a token and a character, too.
    """
    if loaded.documents.unit == "line" and text.strip():
        return loaded.tokenizer.encode_documents(DocumentBatch.join([text])), len(text) + 1
    return loaded.tokenizer.encode(text), len(text)


def score_texts(
    loaded: LoadedLanguageModel, texts: Sequence[str], on_progress: Callable[[float], None] | None = None
) -> list[Score]:
    """Score texts, each on its own, as if at the start of a line or document.

    Each gets the score that it would get alone, bit for bit. Texts of similar length are read side by side.

    Args:
        loaded: the language model, in float32.
        texts: the texts.
        on_progress: called after every batch with the fraction of the tokens that have been read.
    """
    encoded = [encode_for_scoring(loaded, text) for text in texts]
    context = initial_context_ids(loaded.tokenizer)
    lengths = [len(ids) for ids, _ in encoded]
    totals = np.zeros(len(texts))
    read_tokens, all_tokens = 0, max(1, sum(lengths))
    for batch in _batches(lengths):
        ids = [encoded[index][0] for index in batch]
        if lengths[batch[0]] > _LONG_TEXT:
            totals[batch] = score(loaded.network, context, ids[0], 0).log_probability
        else:
            totals[batch] = [
                each.sum() for each in token_log_probabilities(loaded.network.batch_invariant, context, ids)
            ]
        read_tokens += sum(map(len, ids))
        if on_progress is not None:
            on_progress(read_tokens / all_tokens)
    return [
        Score(total, len(ids), characters, loaded.tokenizer.spelling_bits(text))
        for text, (ids, characters), total in zip(texts, encoded, totals.tolist(), strict=True)
    ]


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Return batches of indices of texts of similar length, longest first; each of the long texts is one of its own."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    long_texts = sum(length > _LONG_TEXT for length in lengths)
    others = range(long_texts, len(order), _BATCH)
    return [[index] for index in order[:long_texts]] + [order[start : start + _BATCH] for start in others]


def token_log_probabilities(
    network: NumpyLanguageModel, context: Ids, texts: Sequence[Ids]
) -> list[NDArray[np.float64]]:
    """Return the log-probability `(N,)` in nats of each token of B texts that are read side by side.

    Args:
        network: the model.
        context: `(M,)`, the tokens before every text; may be empty.
        texts: B arrays `(N,)` of token ids, the longest first.
    """
    steps, batch = len(texts[0]), len(texts)
    lengths = np.array([len(ids) for ids in texts])
    tokens = np.zeros((steps, batch), dtype=np.int64)  # (T, B); padding is read, and its results are left out
    for column, ids in enumerate(texts):
        tokens[: len(ids), column] = ids
    logits, state = network.initial_logits(), network.initial_state()
    if len(context):
        logits, state = network.feed(context[:, None], state)
    logits, state = np.repeat(logits, batch, axis=0), np.repeat(state, batch, axis=2)
    results = np.zeros((batch, steps))
    window = max(1, _MAX_NUMBERS // (batch * max(network.vocab_size, 4 * network.config.hidden)))
    for start in range(0, steps, window):
        active = int((lengths > start).sum())  # shorter texts have ended
        piece = tokens[start : start + window, :active]
        next_logits, state = network.forward(piece, state[:, :, :active])
        predicting = np.concatenate((logits[None, :active], next_logits[:-1]))  # (t, active, V)
        results[:active, start : start + window] = log_softmax_at(predicting, piece).T
        logits = next_logits[-1]
    return [row[:length] for row, length in zip(results, lengths.tolist(), strict=True)]


def score_and_learn(learner: OutputLearner, context: Ids, tokens: Ids, characters: int) -> Score:
    """Score a text with a model that learns from each token after it has scored it (dynamic evaluation).

    What was learned stays in `learner`, for the next text. The other arguments are those of `score`.
    """

    def read(window: Ids, state: Array) -> tuple[Array, Array]:
        return learner.read(window, state, np.ones(len(window), dtype=bool))

    return _score(learner.network, context, tokens, characters, read)


class LearningScorer:
    """Scores texts one after the other by dynamic evaluation; see `score_and_learn`."""

    def __init__(self, loaded: LoadedLanguageModel) -> None:
        self._loaded = loaded
        self._context = initial_context_ids(loaded.tokenizer)
        self._learner = OutputLearner(loaded.network)

    def score(self, text: str) -> Score:
        """Score a text as `score_text` does, and learn from it."""
        result = score_and_learn(self._learner, self._context, *encode_for_scoring(self._loaded, text))
        return replace(result, spelling_bits=self._loaded.tokenizer.spelling_bits(text))


def _score(
    model: NumpyLanguageModel,
    context: Ids,
    tokens: Ids,
    characters: int,
    read: Callable[[Ids, Array], tuple[Array, Array]],
) -> Score:
    """Score a text; `read` takes tokens `(T,)` and a state, and returns the logits `(T, 1, V)` and the state then."""
    total = 0.0
    if len(context):
        logits, state = model.feed(context[:, None], model.initial_state())
    else:
        logits, state = model.initial_logits(), model.initial_state()
    for start in range(0, len(tokens), _WINDOW):
        window = tokens[start : start + _WINDOW]
        next_logits, state = read(window, state)
        total += float(log_probabilities(logits, next_logits, window).sum(dtype=np.float64))
        logits = next_logits[-1]
    return Score(total, len(tokens), characters)


def log_probabilities(first_logits: Array, next_logits: Array, tokens: Ids) -> Array:
    """Return the log-probability of each token in nats, `(T,)`.

    Args:
        first_logits: `(1, V)`, the logits before the first token.
        next_logits: `(T, 1, V)`, the logits after each token; the last ones are not used.
        tokens: `(T,)`.
    """
    logits = np.concatenate((first_logits, next_logits[:-1, 0]))  # (T, V): the logits that predict each token
    return log_softmax_at(logits, tokens)


def log_softmax_at(logits: Array, tokens: Ids) -> Array:
    """Return the log-probability in nats of each of `tokens (...)` under the `logits (..., V)` that predict it."""
    maxima = logits.max(axis=-1)
    log_normalizers = maxima + np.log(np.exp(logits - maxima[..., None]).sum(axis=-1))
    result: Array = np.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0] - log_normalizers
    return result
