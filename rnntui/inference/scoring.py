"""Log-probability of a given text under a language model, in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from rnntui.inference.adaptation import OutputLearner
from rnntui.inference.cells import Array
from rnntui.inference.generate import initial_context_ids
from rnntui.inference.loaded_model import LoadedLanguageModel
from rnntui.inference.numpy_language_model import Ids, NumpyLanguageModel
from rnntui.text.document_batch import DocumentBatch

_WINDOW = 1024  # tokens read at a time, so that a long line needs no (N, V) array of logits


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


def score_text(loaded: LoadedLanguageModel, text: str) -> Score:
    """Score a text on its own, as if at the start of a line or document."""
    ids, characters = encode_for_scoring(loaded, text)
    result = score(loaded.network, initial_context_ids(loaded.tokenizer), ids, characters)
    return replace(result, spelling_bits=loaded.tokenizer.spelling_bits(text))


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
