"""Steps of a language model for a changing set of texts, with results that do not depend on which texts those are."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from rnntui.inference.cells import Array
from rnntui.inference.numpy_language_model import Ids, NumpyLanguageModel


class BatchedModel:
    """A language model that computes up to `max_rows` texts together.

    BLAS has different kernels for a matrix product of one row, of a few and of many, and they round differently. With
    `exact`, rows of zeros are added up to a number of rows from which on a row's result is the same, bit for bit,
    whatever stands in the others: a text with a seed is then the same alone and in a crowd. These numbers are measured
    on first use, for the layers and the output layer separately (with OpenBLAS, 2 and 32 for the shipped model of
    Shakespeare). Without `exact`, a single text is computed by the matrix-vector product, which is up to three times
    as fast.
    """

    def __init__(self, network: NumpyLanguageModel, max_rows: int) -> None:
        self.network = network
        self._sizes = [size for size in (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192) if size < max_rows] + [max_rows]

    def step(self, tokens: Ids, state: Array, exact: bool) -> tuple[Array, Array]:
        """Read one token of each text, `tokens (B,)`, after a state `(L, C, B, H + K)`.

        Returns the logits `(B, V)` of the next, and the new state.
        """
        if not exact:
            return self.network.step(tokens, state)
        hidden, new_state = self.read(tokens[None], state, exact)
        return self.logits(hidden[-1], exact), new_state

    def read(self, tokens: Ids, state: Array, exact: bool) -> tuple[Array, Array]:
        """Read `tokens (T, B)`. Return what `logits` takes after each, `(T, B, H + K)`, and the state then."""
        if not exact:
            return self.network.hidden_states(tokens, state)
        rows = tokens.shape[1]
        added = self._padded_size(rows, self._layer_rows) - rows
        tokens = np.pad(tokens, ((0, 0), (0, added)))
        hidden, new_state = self.network.hidden_states(tokens, np.pad(state, ((0, 0), (0, 0), (0, added), (0, 0))))
        return hidden[:, :rows], new_state[:, :, :rows]

    def logits(self, hidden: Array, exact: bool) -> Array:
        """Return the logits `(B, V)` of hidden states `(B, H + K)`."""
        if not exact:
            return self.network.logits_of_hidden(hidden)
        rows = len(hidden)
        added = self._padded_size(rows, self._output_rows) - rows
        return self.network.logits_of_hidden(np.pad(hidden, ((0, added), (0, 0))))[:rows]

    def _padded_size(self, rows: int, smallest: int) -> int:
        return next((size for size in self._sizes if size >= max(rows, smallest)), rows)

    @cached_property
    def _layer_rows(self) -> int:
        state = self._random_states
        tokens = np.arange(self._sizes[-1])[None] % self.network.vocab_size
        return self._smallest_stable(
            lambda rows: self.network.hidden_states(tokens[:, :rows], state[:, :, :rows])[0][0]
        )

    @cached_property
    def _output_rows(self) -> int:
        hidden = self.network.last_hidden(self._random_states)
        return self._smallest_stable(lambda rows: self.network.logits_of_hidden(hidden[:rows]))

    @property
    def _random_states(self) -> Array:
        """States `(L, C, B, H + K)` of the largest batch, as of texts that have no tokens yet."""
        state = self.network.initial_state(self._sizes[-1])
        units = self.network.config.hidden
        state[..., :units] = np.random.default_rng(0).uniform(-1, 1, (*state.shape[:-1], units))
        return state

    def _smallest_stable(self, compute: Callable[[int], Array]) -> int:
        """Return the smallest size from which on all sizes give each row the result that it has in the largest one.

        `compute` takes a number of rows and returns their results `(rows, ...)`.
        """
        largest = compute(self._sizes[-1])
        stable = self._sizes[-1]
        for size in reversed(self._sizes[:-1]):
            if not np.array_equal(compute(size), largest[:size]):
                break
            stable = size
        return stable
