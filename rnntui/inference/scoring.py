"""How likely a model finds a text, in numpy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rnntui.inference.cells import Array
from rnntui.inference.numpy_language_model import Ids, NumpyLanguageModel

_WINDOW = 1024  # tokens read at a time, so that a long line needs no (N, V) logits


@dataclass(frozen=True)
class Score:
    """`log_probability` is in nats over all `tokens`; `characters` is the text's length."""

    log_probability: float
    tokens: int
    characters: int

    @property
    def bits_per_character(self) -> float | None:
        """None for an empty text."""
        return -self.log_probability / math.log(2) / self.characters if self.characters else None


def score(model: NumpyLanguageModel, context: Ids, tokens: Ids, characters: int) -> Score:
    """Score `tokens (N,)`, which encode a text of so many characters, given the `context (M,)` before them."""
    total = 0.0
    if len(context):
        logits, state = model.feed(context[:, None], model.initial_state())
    else:
        logits, state = model.initial_logits(), model.initial_state()
    for start in range(0, len(tokens), _WINDOW):
        window = tokens[start : start + _WINDOW]
        following, state = model.forward(window[:, None], state)
        total += float(log_probabilities(logits, following, window).sum(dtype=np.float64))
        logits = following[-1]
    return Score(total, len(tokens), characters)


def log_probabilities(logits: Array, following: Array, tokens: Ids) -> Array:
    """The log-probability in nats of each of `tokens (T,)`.

    `logits (1, V)` stood before the first of them, `following (T, 1, V)` after each.
    """
    before = np.concatenate((logits, following[:-1, 0]))  # (T, V): what stood before each token
    top = before.max(axis=1)
    log_total = top + np.log(np.exp(before - top[:, None]).sum(axis=1))
    found: Array = before[np.arange(len(tokens)), tokens] - log_total
    return found
