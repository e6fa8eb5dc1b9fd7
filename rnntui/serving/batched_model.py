"""Steps of a language model for a changing set of texts, with results that do not depend on which texts those are."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from rnntui.inference.cells import Array
from rnntui.inference.numpy_language_model import Ids, NumpyLanguageModel

_SIZES = (1, 2, 4, 8, 12, 16, 24, 32, 36, 48, 64, 72, 96, 128, 144, 192)
_BLOCKS = (8, 12, 16, 24, 48)  # rows that a kernel computes together, or a multiple of them


class BatchedModel:
    """A language model that computes up to `max_rows` texts together.

    BLAS has different kernels for a matrix product of one row, of a few and of many, and for the rows that are left
    after whole blocks, and they round differently. With `exact`, rows of zeros are added up to a number of rows with
    which each row has the same result, bit for bit, at every place and whatever stands in the others, or rows are
    computed in pieces of such a number: a text with a seed is then the same alone and in a crowd. These numbers are
    measured on first use, for the layers and the output layer separately. Without `exact`, a single text is computed
    by the matrix-vector product, which is up to three times as fast.
    """

    def __init__(self, network: NumpyLanguageModel, max_rows: int) -> None:
        self.network = network
        above = {-(-max_rows // block) * block for block in _BLOCKS}
        self._sizes = sorted({size for size in _SIZES if size < max_rows} | above | {max_rows})
        self._max_rows = max_rows

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
        size = _size_for(rows, self._layer_sizes)
        if size < rows:
            pieces = [slice(start, start + size) for start in range(0, rows, size)]
            read = [self.read(tokens[:, piece], state[:, :, piece], exact) for piece in pieces]
            return np.concatenate([hidden for hidden, _ in read], 1), np.concatenate([new for _, new in read], 2)
        added = size - rows
        tokens = np.pad(tokens, ((0, 0), (0, added)))
        hidden, new_state = self.network.hidden_states(tokens, np.pad(state, ((0, 0), (0, 0), (0, added), (0, 0))))
        return hidden[:, :rows], new_state[:, :, :rows]

    def logits(self, hidden: Array, exact: bool) -> Array:
        """Return the logits `(B, V)` of hidden states `(B, H + K)`."""
        if not exact:
            return self.network.logits_of_hidden(hidden)
        rows = len(hidden)
        size = _size_for(rows, self._output_sizes)
        if size < rows:
            return np.concatenate([self.logits(hidden[start : start + size], exact) for start in range(0, rows, size)])
        return self.network.logits_of_hidden(np.pad(hidden, ((0, size - rows), (0, 0))))[:rows]

    @cached_property
    def _layer_sizes(self) -> list[int]:
        token, state = np.zeros((1, 1), np.intp), self._random_state
        return self._even_sizes(
            lambda rows: self.network.hidden_states(np.repeat(token, rows, 1), np.repeat(state, rows, 2))[0][0]
        )

    @cached_property
    def _output_sizes(self) -> list[int]:
        hidden = self.network.last_hidden(self._random_state)
        return self._even_sizes(lambda rows: self.network.logits_of_hidden(np.repeat(hidden, rows, 0)))

    @property
    def _random_state(self) -> Array:
        """A state `(L, C, 1, H + K)` as of a text that has no tokens yet."""
        state = self.network.initial_state(1)
        units = self.network.config.hidden
        state[..., :units] = np.random.default_rng(0).uniform(-1, 1, (*state.shape[:-1], units))
        return state

    def _even_sizes(self, compute: Callable[[int], Array]) -> list[int]:
        """Return the sizes with which a row has the same result at every place, in all of them alike.

        They go as far up as possible: OpenBLAS's kernel for AVX2 rounds the first and the second half of 12 rows
        differently, so that no size beyond 8 will do, and more rows are computed in pieces. `compute` takes a number of
        equal rows and returns their results `(rows, ...)`.
        """
        alike: dict[bytes, list[int]] = {}
        for size in self._sizes:
            result = compute(size)
            if (result == result[0]).all():
                alike.setdefault(result[0].tobytes(), []).append(size)
        return max(alike.values(), key=lambda sizes: (min(sizes[-1], self._max_rows), len(sizes)))


def _size_for(rows: int, sizes: list[int]) -> int:
    """Return the smallest size with room for so many rows, or else the largest."""
    return next((size for size in sizes if size >= rows), sizes[-1])
