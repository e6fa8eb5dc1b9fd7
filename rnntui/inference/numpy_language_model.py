"""A recurrent language model in numpy, for one text or a few at a time.

Its whole memory of a text is one small array, the state `(L, S, B, H)`: L layers, S arrays a cell (2 for an LSTM, h
and c; else 1), B texts, H units. No call changes a state it is given, so any state kept is a point to return to.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rnntui.config import LanguageModelConfig, RecurrentConfig
from rnntui.errors import RunError
from rnntui.inference.cells import Array, RecurrentCell, make_cell

# Up to so many tokens the first layer's product is taken once for every token, and then only looked up.
_TABLE_TOKENS = 1024

_WINDOW = 256

Ids = NDArray[np.int64]


class NumpyLanguageModel:
    """Token ids in, logits for the next token out.

    `weights` are named as in `model.safetensors`: `embedding.weight (V, E)`, `rnn.weight_ih_l0 (G*H, E)` and its like
    for every layer, `output.weight (V, H)` unless tied, `output.bias (V,)`. Raises `RunError` where one is missing or
    of another shape.
    """

    def __init__(self, weights: dict[str, Array], config: LanguageModelConfig, vocab_size: int) -> None:
        self.config = config
        self.vocab_size = vocab_size
        take = WeightReader(weights)
        hidden, embedding = config.hidden, config.embedding or config.hidden
        self._embedding = take("embedding.weight", vocab_size, embedding)
        self._cells = []
        for layer in range(config.layers):
            inputs = hidden if layer else embedding
            self._cells.append(take_cell(take, config, "rnn", f"l{layer}", inputs, hidden))
        output = self._embedding if config.tied else take("output.weight", vocab_size, hidden)
        self._output = np.ascontiguousarray(output.T)
        self._output_bias = take("output.bias", vocab_size)
        small = vocab_size <= _TABLE_TOKENS
        self._table = self._cells[0].project(self._embedding) if small else None

    def initial_state(self, batch: int = 1) -> Array:
        """The state before any text, zeros `(L, S, B, H)`."""
        return np.zeros((len(self._cells), self._cells[0].states, batch, self.config.hidden), dtype=np.float32)

    def initial_logits(self, batch: int = 1) -> Array:
        """Logits `(B, V)` before any text: what a state of zeros says of the first token."""
        return self.logits_of(self.initial_state(batch))

    def logits_of(self, state: Array) -> Array:
        """The logits `(B, V)` of the next token that belong to a state: a function of its last layer's h alone."""
        return self._logits(state[-1, 0])

    def step(self, tokens: Ids, state: Array) -> tuple[Array, Array]:
        """One token for each text, `tokens (B,)`: the logits `(B, V)` of the next ones, and the new state."""
        new = np.empty_like(state)
        projected = self._first(tokens)
        for layer, cell in enumerate(self._cells):
            if layer:
                projected = cell.project(new[layer - 1, 0])
            cell.step(projected, state[layer], new[layer])
        return self._logits(new[-1, 0]), new

    def forward(self, tokens: Ids, state: Array) -> tuple[Array, Array]:
        """Many steps, `tokens (T, B)`: logits `(T, B, V)` after each, and the state after the last."""
        hidden, new = self._run(tokens, state)
        return self._logits(hidden), new

    def feed(self, tokens: Ids, state: Array) -> tuple[Array, Array]:
        """Read a text, `tokens (T, B)` with T ≥ 1: logits `(B, V)` after the last step alone, and the state then.

        It is read in windows, so that a long text takes no more memory than a short one.
        """
        for start in range(0, len(tokens), _WINDOW):
            hidden, state = self._run(tokens[start : start + _WINDOW], state)
        return self._logits(hidden[-1]), state

    def _run(self, tokens: Ids, state: Array) -> tuple[Array, Array]:
        new = state.copy()
        steps, batch = tokens.shape
        projected = self._first(tokens)
        hidden = np.empty((steps, batch, self.config.hidden), dtype=np.float32)
        for layer, cell in enumerate(self._cells):
            if layer:
                projected = cell.project(hidden)
            current, following = new[layer], np.empty_like(new[layer])
            for t in range(steps):
                cell.step(projected[t], current, following)
                current, following = following, current
                hidden[t] = current[0]
            new[layer] = current
        return hidden, new

    def _first(self, tokens: Ids) -> Array:
        if self._table is not None:
            return self._table[tokens]
        return self._cells[0].project(self._embedding[tokens])

    def _logits(self, hidden: Array) -> Array:
        logits: Array = hidden @ self._output
        logits += self._output_bias
        return logits


class WeightReader:
    """Takes weights by name and checks their shapes: a weights file may come from anywhere."""

    def __init__(self, weights: Mapping[str, Array], dtype: type[np.floating] = np.float32) -> None:
        self._weights = weights
        self._dtype = dtype

    def __call__(self, name: str, *shape: int) -> Array:
        weight = self._weights.get(name)
        if weight is None:
            raise RunError(f"the weights lack {name}: they do not belong to this config.json")
        if weight.shape != shape:
            raise RunError(f"{name} has shape {weight.shape} where config.json says {shape}")
        return np.asarray(weight, dtype=self._dtype)


def take_cell(
    take: WeightReader, config: RecurrentConfig, prefix: str, layer: str, inputs: int, hidden: int
) -> RecurrentCell:
    """A cell from the weights `prefix.weight_ih_layer (G*H, I)` and their like, as torch names and shapes them."""
    rows = {"lstm": 4, "gru": 3, "rnn": 1}[config.cell] * hidden
    return make_cell(
        config.cell,
        config.nonlinearity,
        take(f"{prefix}.weight_ih_{layer}", rows, inputs),
        take(f"{prefix}.weight_hh_{layer}", rows, hidden),
        take(f"{prefix}.bias_ih_{layer}", rows),
        take(f"{prefix}.bias_hh_{layer}", rows),
    )
