"""Adaptation of a language model to the text that it reads, in numpy: its output layer learns, and nothing else.

Dynamic evaluation (Krause et al. 2018) takes a gradient step on the tokens that have been read, so that what follows is
predicted by a model that knows the author. Restricted to the output layer, it needs no backward pass through time, and
the hidden states stay those of the trained model. On 20,000 characters of another author, bits per character of a
model of 512 LSTM units were 2.63 without, 2.10 with the output layer (the best of five step sizes), 2.21 with a neural
cache of 2,000 tokens (Grave et al. 2017; one setting), and 2.07 with all weights (one rate). Both together were better
than either, 2.12 to 2.29 and 2.24 on 5,000 characters, but the cache took 15 to 30 times as long a token and needs the
hidden states of the text.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnntui.inference.cells import Array
from rnntui.inference.numpy_language_model import Ids, NumpyLanguageModel

BLOCK = 8
"""Tokens between two gradient steps, counted from the start of the text; the loss with 1 was the same to 0.01 bits."""

STEP_SIZE = 1.0
"""Step size for a hidden state of length 1, between two that were measured (with the same divisor for all tokens).

For characters 1.2 was better than 0.6 on texts up to 10,000 (2.27 bits to 2.29 on 5,000), 0.6 on 20,000 (2.10 to 2.12),
and 1.8 worse than both from 10,000 on; for subwords 1.2 was better than 0.6 on 2,000.
"""

_WINDOW = 256  # tokens that `feed` reads at a time


class OutputLearner:
    """A model at a position of a text, whose output layer learns from the tokens that it reads.

    `network` is the model as it stands, which shares all but the output layer with the trained one. It is replaced, not
    changed, by each step: a network that was taken from here stays as it was, so that a text can be returned to.

    The steps come at fixed positions, the multiples of `BLOCK`. What has been learned therefore depends on the text
    alone, and not on the parts in which it was read.
    """

    def __init__(self, network: NumpyLanguageModel, position: int = 0) -> None:
        """`position` is the number of tokens that were read before, a multiple of `BLOCK`."""
        self.network = network
        self.position = position
        self._hidden: list[Array] = []  # (H + K,) each: the hidden states that predicted the tokens of this block
        self._targets: list[int] = []  # those tokens

    def read(self, tokens: Ids, state: Array, is_learned: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Read a text, learning from some of its tokens.

        Args:
            tokens: `(T,)`.
            state: `(L, C, 1, H + K)`, the state before them.
            is_learned: `(T,)` of bool, False for tokens that are only read.

        Returns the logits `(T, 1, V)` after each token, by the model as it is then, and the state after the last.
        """
        hidden, new_state = self.network.hidden_states(tokens[:, None], state)  # (T, 1, H + K)
        previous = np.concatenate((self.network.last_hidden(state)[None], hidden[:-1]))  # what predicted each token
        logits = np.empty((len(tokens), 1, self.network.vocab_size), dtype=hidden.dtype)
        start = 0
        while start < len(tokens):
            end = min(len(tokens), start + BLOCK - self.position % BLOCK)
            logits[start:end] = self.network.logits_of_hidden(hidden[start:end])
            learned = is_learned[start:end]
            self._hidden.extend(previous[start:end, 0][learned])
            self._targets.extend(tokens[start:end][learned].tolist())
            if self.skip(end - start):
                logits[end - 1] = self.network.logits_of_hidden(hidden[end - 1])
            start = end
        return logits, new_state

    def feed(self, tokens: Ids, state: Array, is_learned: NDArray[np.bool_]) -> Array:
        """Read a text as `read` does, T ≥ 1. Return the logits `(1, V)` after the last token alone."""
        for start in range(0, len(tokens), _WINDOW):
            rows = slice(start, start + _WINDOW)
            logits, state = self.read(tokens[rows], state, is_learned[rows])
        last: Array = logits[-1]
        return last

    def skip(self, count: int = 1) -> bool:
        """Move past `count` tokens within the block. Return True if that ended it with a step: the logits change."""
        self.position += count
        if self.position % BLOCK or not self._targets:
            return False
        self._step(np.stack(self._hidden), np.array(self._targets))
        self._hidden, self._targets = [], []
        return True

    def _step(self, hidden: Array, targets: Ids) -> None:
        """Take a step on the loss of `targets (N,)`, which `hidden (N, H + K)` predicted.

        Each token's gradient is divided by |h|² + 1, the 1 being the input of the bias (normalized LMS, Nagumo and Noda
        1967): the change of its own logits is then the same for every cell and size.
        """
        errors = self.network.logits_of_hidden(hidden)  # (N, V)
        hidden = hidden[:, : self.network.config.hidden]  # without the last tokens
        errors -= errors.max(axis=1, keepdims=True)
        np.exp(errors, out=errors)
        errors /= errors.sum(axis=1, keepdims=True)
        errors[np.arange(len(targets)), targets] -= 1.0
        errors *= STEP_SIZE / ((hidden * hidden).sum(axis=1, keepdims=True) + 1.0)
        weights, bias = self.network.output_layer
        self.network = self.network.with_output_layer(weights - hidden.T @ errors, bias - errors.sum(axis=0))
