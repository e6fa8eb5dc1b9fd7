"""A recurrent language model in numpy, for one text or a few at a time.

All that it remembers of a text is one small array, the state `(L, C, B, H)`: L layers, C components of a layer's state
(h, and for an LSTM c), B texts, H hidden units. No method changes a state in place, so every state is a checkpoint that
generation can return to.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rnntui.config import LanguageModelConfig
from rnntui.inference.cells import Array, Matrix
from rnntui.inference.weight_reader import WeightReader

# With a vocabulary up to this size, the first layer's input projection is computed once per token id and looked up.
_MAX_TABLE_TOKENS = 1024

_WINDOW = 256  # tokens that `feed` reads at a time

Ids = NDArray[np.int64]


class NumpyLanguageModel:
    """Reads token ids, gives logits for the next token.

    `weights` are named as in `model.safetensors`: `embedding.weight (V, E)`, `rnn.weight_ih_l0 (G*H, E)` and so on for
    every layer, `output.weight (V, H)` unless tied, `output.bias (V,)`. Raises `RunError` where one is missing or of
    another shape. It computes in `dtype`: float64 where a result must not depend on which texts are read together.
    """

    def __init__(
        self,
        weights: dict[str, Array],
        config: LanguageModelConfig,
        vocab_size: int,
        dtype: type[np.floating] = np.float32,
    ) -> None:
        self.config = config
        self.precision = "fp32" if dtype is np.float32 else "fp64"
        self.vocab_size = vocab_size
        self._dtype = dtype
        reader = WeightReader(weights, dtype)
        hidden, embedding = config.hidden, config.embedding or config.hidden
        self._embedding = reader.array("embedding.weight", vocab_size, embedding)
        self._cells = [
            reader.cell(config, "rnn", layer, hidden if layer else embedding, hidden) for layer in range(config.layers)
        ]
        output = self._embedding if config.tied else reader.array("output.weight", vocab_size, hidden)
        self._output: Matrix = np.ascontiguousarray(output.T)  # (H, V)
        self._output_bias = reader.array("output.bias", vocab_size)
        has_table = vocab_size <= _MAX_TABLE_TOKENS
        self._projection_table = self._cells[0].project(self._embedding) if has_table else None  # (V, G*H)

    @property
    def weights_per_token(self) -> int:
        """Number of weights that a step reads."""
        hidden, first, cells = self.config.hidden, self._cells[0], self._cells
        inputs = 0 if self._projection_table is not None else first.weight_in.size
        recurrent = sum(cell.weight_recurrent.size for cell in cells)
        return inputs + recurrent + sum(cell.weight_in.size for cell in cells[1:]) + hidden * self.vocab_size

    def quantize(self, bits: int) -> None:
        """Compute with weights of 8 or 4 bits from now on, see `quantization`.

        The output layer has 8 bits in both cases; a projection that is looked up stays as it is.
        """
        from rnntui.inference.quantization import QuantizedMatrix, quantize_cell

        self.precision = "int8" if bits == 8 else "int4"
        is_bounded = self._cells[0].is_bounded
        self._output = QuantizedMatrix(np.asarray(self._output), 8, is_bounded)
        for layer, cell in enumerate(self._cells):
            quantize_cell(cell, bits, are_inputs_bounded=layer > 0 and is_bounded)

    def initial_state(self, batch: int = 1) -> Array:
        """Return the state before any text: zeros `(L, C, B, H)`."""
        return np.zeros((len(self._cells), self._cells[0].states, batch, self.config.hidden), dtype=self._dtype)

    def initial_logits(self, batch: int = 1) -> Array:
        """Return the logits `(B, V)` of the first token, those that belong to the initial state."""
        return self.logits_of(self.initial_state(batch))

    def logits_of(self, state: Array) -> Array:
        """Return the logits `(B, V)` of the token after a state `(L, C, B, H)`; they depend on its last layer's h."""
        return self._logits(state[-1, 0])

    def step(self, tokens: Ids, state: Array) -> tuple[Array, Array]:
        """Read one token of each text, `tokens (B,)`. Return the logits `(B, V)` of the next, and the new state."""
        new_state = np.empty_like(state)
        projected = self._project(tokens)  # (B, G*H)
        for layer, cell in enumerate(self._cells):
            if layer:
                projected = cell.project(new_state[layer - 1, 0])
            cell.step(projected, state[layer], new_state[layer])
        return self._logits(new_state[-1, 0]), new_state

    def forward(self, tokens: Ids, state: Array) -> tuple[Array, Array]:
        """Read `tokens (T, B)`. Return the logits `(T, B, V)` after each, and the state after the last."""
        hidden, new_state = self._run(tokens, state)
        return self._logits(hidden), new_state

    def feed(
        self, tokens: Ids, state: Array, on_progress: Callable[[float], None] | None = None
    ) -> tuple[Array, Array]:
        """Read `tokens (T, B)`, T ≥ 1. Return the logits `(B, V)` after the last alone, and the state then.

        The text is read in windows, so a long one takes no more memory than a short one. After each, `on_progress` is
        called with the fraction that has been read.
        """
        for start in range(0, len(tokens), _WINDOW):
            hidden, state = self._run(tokens[start : start + _WINDOW], state)
            if on_progress is not None:
                on_progress(min(1.0, (start + _WINDOW) / len(tokens)))
        return self._logits(hidden[-1]), state

    def _run(self, tokens: Ids, state: Array) -> tuple[Array, Array]:
        """The last layer's hidden states `(T, B, H)` for `tokens (T, B)`, and the state after them."""
        new_state = state.copy()
        steps, batch = tokens.shape
        projected = self._project(tokens)  # (T, B, G*H)
        hidden = np.empty((steps, batch, self.config.hidden), dtype=self._dtype)
        for layer, cell in enumerate(self._cells):
            if layer:
                projected = cell.project(hidden)
            current, following = new_state[layer], np.empty_like(new_state[layer])
            for t in range(steps):
                cell.step(projected[t], current, following)
                current, following = following, current
                hidden[t] = current[0]
            new_state[layer] = current
        return hidden, new_state

    def _project(self, tokens: Ids) -> Array:
        """The first layer's input projection of `tokens (...)`, `(..., G*H)`."""
        if self._projection_table is not None:
            return self._projection_table[tokens]
        return self._cells[0].project(self._embedding[tokens])

    def _logits(self, hidden: Array) -> Array:
        logits: Array = hidden @ self._output
        logits += self._output_bias
        return logits
