"""A recurrent language model in numpy, for one text or a few at a time.

All that it remembers of a text is one small array, the state `(L, C, B, H + K)`: L layers, C components of a layer's
state (h, and for an LSTM c), B texts, H hidden units. For a model of n-grams, the last K columns of layer 0 and
component 0 hold the ids + 1 of the last K tokens; 0 is no token, so that zeros are the state before any text. Without
n-grams, K is 0. No method changes a state in place, so every state is a checkpoint that generation can return to.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rnntui.config_language_model import LanguageModelConfig
from rnntui.inference.cells import Array, Matrix, RecurrentCell
from rnntui.inference.weight_reader import WeightReader, Weights
from rnntui.ngram_index import NgramIndex
from rnntui.text.ngram_model import NgramModel

if TYPE_CHECKING:
    from rnntui.inference.cell_trace import LayerTrace

# With a vocabulary up to this size, the first layer's input projection is computed once per token id and looked up.
_MAX_TABLE_TOKENS = 1024

# A model in float32 takes no more than so many times its file, in which weights may be of float16. Where it would with
# the table, which may be larger than the weights where there are few, the table is not made, and a step takes longer.
_MAX_RESIDENT = 2.9

_PROJECTION_ROOM = 32 << 20  # bytes of projections that are kept for the contexts in which a single text has been

_WINDOW = 256  # tokens that `feed` reads at a time

Ids = NDArray[np.int64]


class NumpyLanguageModel:
    """Reads token ids, gives logits for the next token.

    `weights` are named as in `model.safetensors`: `embedding.weight (V, E)`, `rnn.weight_ih_l0 (G*H, E)` and so on for
    every layer, `output.weight (V, H)` unless tied, `output.bias (V,)`, and for n-grams of each length n
    `ngram_embeddings.n (rows, E)`. Raises `RunError` where one is missing or of another shape. `end_id` is that of
    `<eos>`, over which no n-gram reaches. It computes in `dtype`: float64 where a result must not depend on which texts
    are read together.
    """

    def __init__(
        self,
        weights: Weights,
        config: LanguageModelConfig,
        vocab_size: int,
        end_id: int | None = None,
        dtype: type[np.floating] = np.float32,
        prior: NgramModel | None = None,
    ) -> None:
        self.config = config
        self.precision = "fp32" if dtype is np.float32 else "fp64"
        self.vocab_size = vocab_size
        self._dtype = dtype
        reader = WeightReader(weights, dtype)
        hidden, embedding = config.hidden, config.embedding or config.hidden
        self._embedding = reader.table("embedding.weight", vocab_size, embedding)
        self._cells = [
            reader.cell(config, "rnn", layer, hidden if layer else embedding, hidden) for layer in range(config.layers)
        ]
        output = "embedding.weight" if config.tied else "output.weight"
        self._full_output = reader.transposed(output, vocab_size, hidden)  # (H, V)
        self._output: Matrix = self._full_output
        self._output_bias = reader.array("output.bias", vocab_size)
        if config.ngram_prior and prior is None:
            raise ValueError("a model with an n-gram prior needs an n-gram model")
        self._prior = prior if config.ngram_prior else None
        if self._prior is not None:
            self._prior_weight = reader.array("prior_scale.weight", 1, hidden)[0]  # (H,)
            self._prior_bias = reader.array("prior_scale.bias", 1)
        self._ngram_index = NgramIndex.of(config, vocab_size, end_id)
        self._ngram_tables = [
            reader.table(f"ngram_embeddings.{length}", rows, embedding)
            for length, rows in self._ngram_index.table_sizes.items()
        ]
        # Projections of the last tokens of a single text: most of them have been there before, and the products would
        # take a tenth of a step. Tables of all n-grams would take 100 MB, and longer to compute than most texts.
        self._projections: dict[tuple[int, bytes], Array] = {}
        self._projection_table: Array | None = None  # (V, G*H)
        if self._has_projection_table(reader.nbytes):
            self._projection_table = self._cells[0].project(self._embedding.astype(dtype, copy=False))

    def _has_projection_table(self, stored: int) -> bool:
        """Return True if all input projections are computed now, for weights that have so many bytes in their file."""
        if self.vocab_size > _MAX_TABLE_TOKENS or self._ngram_tables:
            return False
        arrays = [self._embedding, self._full_output]
        arrays += [matrix for cell in self._cells for matrix in (cell.weight_in, cell.weight_recurrent)]
        table = self.vocab_size * self._cells[0].weight_in.shape[1]
        resident = sum(array.nbytes for array in arrays) + table * np.dtype(self._dtype).itemsize
        return bool(resident * 4 <= _MAX_RESIDENT * stored * np.dtype(self._dtype).itemsize)

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
        from rnntui.inference.quantization import QuantizedMatrix, QuantizedWeights, quantize_cell

        self.precision = "int8" if bits == 8 else "int4"
        is_bounded = self._cells[0].is_bounded
        for layer, cell in enumerate(self._cells):
            quantize_cell(cell, bits, are_inputs_bounded=layer > 0 and is_bounded)
        self._output = QuantizedMatrix(QuantizedWeights.of(self._full_output, 8), is_bounded)

    @cached_property
    def batch_invariant(self) -> NumpyLanguageModel:
        """This model with products in which a text has the same results, bit for bit, alone and in any batch.

        It computes in full precision. With 512 units, a single text takes four times as long as with this model, one in
        a batch of 240 less than half as long (kernels for AVX2). See `BatchInvariantMatrix`.
        """
        from rnntui.inference.batch_invariant import BatchInvariantMatrix  # sampling need not import it

        other = copy.copy(self)
        other._output = BatchInvariantMatrix(self._full_output)
        other._cells = [copy.copy(cell) for cell in self._cells]
        for cell in other._cells:
            cell.matrix_in = BatchInvariantMatrix(cell.weight_in)
            cell.matrix_recurrent = BatchInvariantMatrix(cell.weight_recurrent)
        other._projections = {}
        return other

    def initial_state(self, batch: int = 1) -> Array:
        """Return the state before any text: zeros `(L, C, B, H + K)`."""
        columns = self.config.hidden + self.config.history
        return np.zeros((len(self._cells), self._cells[0].states, batch, columns), dtype=self._dtype)

    def initial_logits(self, batch: int = 1) -> Array:
        """Return the logits `(B, V)` of the first token, those that belong to the initial state."""
        return self.logits_of(self.initial_state(batch))

    def logits_of(self, state: Array) -> Array:
        """Return the logits `(B, V)` of the token after a state `(L, C, B, H + K)`: those of its last layer's h."""
        return self.logits_of_hidden(self.last_hidden(state))

    def step(self, tokens: Ids, state: Array) -> tuple[Array, Array]:
        """Read one token of each text, `tokens (B,)`. Return the logits `(B, V)` of the next, and the new state."""
        new_state, hidden = self._new_state(tokens[None], state), self.config.hidden
        is_single = self._ngram_tables and len(tokens) == 1
        projected = self._recalled(tokens, state) if is_single else self._project(tokens[None], state)[0]  # (B, G*H)
        for layer, cell in enumerate(self._cells):
            if layer:
                projected = cell.project(new_state[layer - 1, 0, :, :hidden])
            cell.step(projected, state[layer, :, :, :hidden], new_state[layer, :, :, :hidden])
        return self.logits_of_hidden(self.last_hidden(new_state)), new_state

    def forward(self, tokens: Ids, state: Array) -> tuple[Array, Array]:
        """Read `tokens (T, B)`. Return the logits `(T, B, V)` after each, and the state after the last."""
        hidden, new_state = self.hidden_states(tokens, state)
        return self.logits_of_hidden(hidden), new_state

    def feed(
        self, tokens: Ids, state: Array, on_progress: Callable[[float], None] | None = None
    ) -> tuple[Array, Array]:
        """Read `tokens (T, B)`, T ≥ 1. Return the logits `(B, V)` after the last alone, and the state then.

        The text is read in windows, so a long one takes no more memory than a short one. After each, `on_progress` is
        called with the fraction that has been read.
        """
        for start in range(0, len(tokens), _WINDOW):
            hidden, state = self.hidden_states(tokens[start : start + _WINDOW], state)
            if on_progress is not None:
                on_progress(min(1.0, (start + _WINDOW) / len(tokens)))
        return self.logits_of_hidden(hidden[-1]), state

    def hidden_states(self, tokens: Ids, state: Array) -> tuple[Array, Array]:
        """Return what `logits_of_hidden` takes for each of `tokens (T, B)`, and the state after them.

        That is the last layer's hidden states and, beside them, the ids + 1 of the last K tokens: `(T, B, H + K)`.
        """
        new_state = self._new_state(tokens, state)
        steps, batch = tokens.shape
        projected = self._project(tokens, state)  # (T, B, G*H)
        units = self.config.hidden
        outputs = np.empty((steps, batch, units + self.config.history), dtype=self._dtype)
        hidden = outputs[:, :, :units]
        text = self._text(tokens, state)
        for back in range(1, self.config.history + 1):
            outputs[:, :, -back] = text[len(text) - steps - back + 1 : len(text) - back + 1]
        for layer, cell in enumerate(self._cells):
            if layer:
                projected = cell.project(hidden)
            current = state[layer, :, :, :units].copy()
            following = np.empty_like(current)
            for t in range(steps):
                cell.step(projected[t], current, following)
                current, following = following, current
                hidden[t] = current[0]
            new_state[layer, :, :, :units] = current
        return outputs, new_state

    def trace(self, tokens: Ids, state: Array) -> list[LayerTrace]:
        """Read `tokens (T, B)` after a state; return what every layer computed, for looking at gates and units."""
        from rnntui.inference.cell_trace import LayerTrace  # sampling need not import it

        inputs, units = self._embed(tokens, state), self.config.hidden
        layers: list[LayerTrace] = []
        for layer, cell in enumerate(self._cells):
            # In rows, as numpy multiplies an array of three dimensions in many small products.
            rows = cell.project(inputs.reshape(tokens.size, -1)) if layer else self._project(tokens, state)
            projected = rows.reshape(*tokens.shape, -1)
            states = np.empty((len(tokens) + 1, cell.states, tokens.shape[1], units), dtype=self._dtype)
            states[0] = state[layer, :, :, :units]
            for t in range(len(tokens)):
                cell.step(projected[t], states[t], states[t + 1])
            layers.append(LayerTrace(cell, inputs, states))
            inputs = layers[-1].outputs
        return layers

    def state_after(self, layers: Sequence[LayerTrace], tokens: Ids, state: Array) -> Array:
        """Return the state `(L, C, B, H + K)` after `tokens (T, B)`, whose `trace` after a `state` was `layers`."""
        new_state = self._new_state(tokens, state)
        for layer, layer_trace in enumerate(layers):
            new_state[layer, :, :, : self.config.hidden] = layer_trace.states[-1]
        return new_state

    @property
    def cells(self) -> list[RecurrentCell]:
        """The recurrent layers, the first one first; read-only."""
        return self._cells

    def loss_gradient(self, hidden: Array, targets: Ids) -> tuple[Array, Array]:
        """Return the losses `(B,)` in nats of predicting `targets (B,)`, and their gradients by the last h, `(B, H)`.

        Args:
            hidden: `(B, H + K)`, as `last_hidden` returns it.
            targets: the token that follows each text.
        """
        logits, rows = self.logits_of_hidden(hidden), np.arange(len(targets))
        logits = logits - logits.max(axis=-1, keepdims=True)
        probabilities = np.exp(logits)
        totals = probabilities.sum(axis=-1, keepdims=True)
        probabilities /= totals
        losses: Array = np.log(totals[:, 0]) - logits[rows, targets]
        probabilities[rows, targets] -= 1.0  # now the gradient with respect to the logits
        gradient: Array = probabilities @ self._full_output.T
        if self._prior is not None:
            prior = self._prior.log_probs(self._last_tokens(hidden))
            gradient += (probabilities * prior).sum(axis=-1, keepdims=True) * self._prior_weight
        return losses, gradient

    def _last_tokens(self, hidden: Array) -> Ids:
        """Return the ids of the last K tokens of each row of `hidden (..., H + K)`, the last one first: `(N, K)`."""
        ids: Ids = hidden[..., : self.config.hidden - 1 : -1].reshape(-1, self.config.history).astype(np.int64) - 1
        return ids

    def _new_state(self, tokens: Ids, state: Array) -> Array:
        """Return a state `(L, C, B, H + K)` after `tokens (T, B)` whose last K columns alone are filled in."""
        new_state = np.empty_like(state)
        history = self.config.history
        if history:
            new_state[..., -history:] = 0.0
            new, end = min(history, len(tokens)), state.shape[-1]
            new_state[0, 0, :, -history : end - new] = state[0, 0, :, end - history + new :]
            new_state[0, 0, :, end - new :] = tokens[-new:].T + 1
        return new_state

    def _project(self, tokens: Ids, state: Array) -> Array:
        """The first layer's input projection of `tokens (T, B)` after a state, `(T, B, G*H)`."""
        if self._projection_table is not None:
            return self._projection_table[tokens]
        return self._cells[0].project(self._embed(tokens, state))

    def _embed(self, tokens: Ids, state: Array) -> Array:
        """The first layer's inputs `(T, B, E)` for `tokens (T, B)` after a state."""
        embedded = self._embedding[tokens].astype(self._dtype, copy=False)
        if self._ngram_tables:
            text, first = self._text(tokens, state), self.config.history
            shifted = [text[first - back : len(text) - back] for back in range(len(self._ngram_tables) + 1)]
            for table, rows in zip(self._ngram_tables, self._ngram_index.rows(shifted), strict=True):
                embedded += table[rows]
        return embedded

    def _recalled(self, tokens: Ids, state: Array) -> Array:
        """The projection `(1, G*H)` of a single text's next token, `tokens (1,)`; kept for when it occurs again."""
        token, history = int(tokens[0]), state[0, 0, 0, -len(self._ngram_tables) :]
        context = token, history.tobytes()
        projected = self._projections.get(context)
        if projected is None:
            # With integers, as an operation on an array of one number takes twenty times as long.
            newest_first = [token + 1, *map(int, history[::-1].tolist())]
            embedded = self._embedding[token].astype(self._dtype)
            rows = self._ngram_index.rows(newest_first)
            for table, row in zip(self._ngram_tables, rows, strict=True):
                embedded += table[row]
            projected = self._cells[0].project(embedded[None])
            if len(self._projections) * projected.nbytes > _PROJECTION_ROOM:
                self._projections.clear()
            self._projections[context] = projected
        return projected

    def _text(self, tokens: Ids, state: Array) -> Ids:
        """Return the ids + 1 of `tokens (T, B)` and of the K before them, `(K + T, B)`."""
        return np.concatenate((state[0, 0, :, self.config.hidden :].T.astype(np.int64), tokens + 1))

    def logits_of_hidden(self, hidden: Array) -> Array:
        """Return the logits `(..., V)` of hidden states of the last layer with the last tokens, `(..., H + K)`."""
        units = self.config.hidden
        states = hidden[..., :units]
        logits: Array = states @ self._output
        logits += self._output_bias
        if self._prior is not None:
            # A sum, as the rounding of a product with a matrix depends on how many texts are read together.
            scale = (states * self._prior_weight).sum(axis=-1, keepdims=True) + self._prior_bias  # (..., 1)
            logits += scale * self._prior.log_probs(self._last_tokens(hidden)).reshape(logits.shape)
        return logits

    def last_hidden(self, state: Array) -> Array:
        """Return what `logits_of_hidden` takes for a state `(L, C, B, H + K)`: `(B, H + K)`."""
        if len(state) == 1 or not self.config.history:
            hidden: Array = state[-1, 0]
            return hidden
        return np.concatenate((state[-1, 0, :, : self.config.hidden], state[0, 0, :, self.config.hidden :]), axis=1)

    @property
    def output_layer(self) -> tuple[Array, Array]:
        """The weights `(H, V)` and the bias `(V,)` of the output layer in full precision; read-only."""
        return self._full_output, self._output_bias

    def with_output_layer(self, weights: Array, bias: Array) -> NumpyLanguageModel:
        """Return a model with other `weights (H, V)` and `bias (V,)` of the output layer; it shares all the rest."""
        other = copy.copy(self)
        other.__dict__.pop("batch_invariant", None)  # which has the other output layer
        other._output, other._full_output, other._output_bias = weights, weights, bias
        return other
