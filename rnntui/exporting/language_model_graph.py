"""A language model as an ONNX graph that gives the logits of `rnntui.inference.numpy_language_model`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from rnntui.config_language_model import LanguageModelConfig
from rnntui.exporting.graph_builder import GraphBuilder, Value
from rnntui.exporting.graph_layers import CellWeights, GraphLayers, Steps
from rnntui.exporting.ngram_graph import NgramGraph
from rnntui.inference.cells import CELL_CLASSES, Array
from rnntui.inference.onnx_format import Graph
from rnntui.ngram_index import NgramIndex
from rnntui.text.ngram_model import NgramModel


class LanguageModelParts(NamedTuple):
    """What a language model consists of.

    Args:
        weights: arrays by name, checked against the config.
        config: its architecture.
        vocab_size: V.
        end_id: the id of `<eos>`; None if there is none.
        prior: the n-gram model whose log probabilities are added to the logits; None if there is none.
    """

    weights: Mapping[str, Array]
    config: LanguageModelConfig
    vocab_size: int
    end_id: int | None
    prior: NgramModel | None

    @property
    def state_shape(self) -> tuple[int, int, str, int]:
        """The shape of a state, `(L, C, B, H + K)`."""
        config = self.config
        return config.layers, CELL_CLASSES[config.cell].states, "batch", config.hidden + config.history


def language_model_graph(model: LanguageModelParts, is_step: bool, is_int8: bool = False) -> Graph:
    """Return the graph of a model.

    Its inputs are `tokens` and `state (L, C, B, H + K)`, zeros before any text, and its outputs `logits` of the token
    after each of them, and `new_state`. Tokens are `(B,)` and logits `(B, V)` for a step, otherwise `(T, B)` and
    `(T, B, V)`.
    """
    return _LanguageModelGraph(model, is_step, is_int8).graph


class _LanguageModelGraph:
    def __init__(self, model: LanguageModelParts, is_step: bool, is_int8: bool) -> None:
        self._model = model
        builder = self._builder = GraphBuilder("step" if is_step else "sequence")
        self._layers = GraphLayers(builder, is_int8)
        axes = ("batch",) if is_step else ("time", "batch")
        tokens = builder.input("tokens", np.int64, *axes)
        state = builder.input("state", np.float32, *model.state_shape)
        if is_step:
            tokens = tokens.expand(0)
        self._tokens, self._state = tokens, state  # (T, B)
        self._text = self._read_text()
        hidden, new_state = self._hidden()
        logits = self._logits(hidden)
        builder.output("logits", logits.squeeze(0) if is_step else logits, *axes, model.vocab_size)
        builder.output("new_state", new_state, *model.state_shape)
        self.graph = builder.graph()

    def _read_text(self) -> Value:
        """The ids + 1 of the K last tokens of the state and of the tokens, `(K + T, B)`."""
        text = self._tokens + 1
        if not self._model.config.history:
            return text
        hidden = self._model.config.hidden
        history = self._state[0][0].take(slice(hidden, None), 1)  # (B, K)
        return self._builder.concat([history.transpose(1, 0).cast(np.int64), text], 0)

    def _tokens_back(self, steps: int) -> Value:
        """The ids + 1 of the tokens so many steps before each token, `(T, B)`."""
        start = self._model.config.history - steps
        return self._text.take(slice(start, -steps if steps else None), 0)

    def _hidden(self) -> tuple[Value, Value]:
        """The last layer's hidden states `(T, B, H)`, and the new state."""
        model, builder = self._model, self._builder
        units = model.config.hidden
        hidden = self._layers.embedding(model.weights["embedding.weight"], self._tokens)
        index = NgramIndex.of(model.config, model.vocab_size, model.end_id)
        shifted = [self._tokens_back(steps) for steps in range(len(index.table_sizes) + 1)]
        for length, rows in zip(index.table_sizes, index.rows(shifted), strict=True):
            hidden = hidden + self._layers.embedding(model.weights[f"ngram_embeddings.{length}"], rows)
        new_layers = []
        for layer in range(model.config.layers):
            old = self._state[layer].take(slice(0, units), 2)  # (C, B, H)
            components = [old.take(slice(index, index + 1), 0) for index in range(model.state_shape[1])]
            cell = CellWeights.of(model.weights, "rnn", layer)
            hidden, new = self._layers.recurrent([cell], model.config, Steps(hidden, components))
            new_layers.append(builder.concat(new, 0))
        new_state = builder.stack(new_layers, 0)
        if model.config.history:
            new_state = builder.concat([new_state, self._new_history()], 3)
        return hidden, new_state

    def _new_history(self) -> Value:
        """The last K columns of the new state, `(L, C, B, K)`: ids + 1 in layer 0's first component, else zeros."""
        layers, components, _, _ = self._model.state_shape
        last = self._text.take(slice(-self._model.config.history, None), 0).transpose(1, 0)  # (B, K)
        ends = [0, 0, 0, 0, layers - 1, components - 1, 0, 0]
        return self._builder.node("Pad", last.cast(np.float32).expand(0, 1), self._builder.constant(ends))

    def _logits(self, hidden: Value) -> Value:
        """The logits `(T, B, V)` of hidden states `(T, B, H)`."""
        model, builder = self._model, self._builder
        is_relu = model.config.cell == "rnn" and model.config.nonlinearity == "relu"
        weights = model.weights["embedding.weight" if model.config.tied else "output.weight"]
        logits = self._layers.output(hidden, weights, is_bounded=not is_relu)
        logits = logits + builder.constant(model.weights["output.bias"])
        if not model.config.ngram_prior or model.prior is None:
            return logits
        history = [self._tokens_back(steps).reshape(-1) for steps in range(model.prior.context)]
        log_probs = NgramGraph(builder, model.prior).log_probs(history or [self._tokens.reshape(-1)])
        scale = hidden @ builder.constant(model.weights["prior_scale.weight"].T.copy())
        scale = scale + builder.constant(model.weights["prior_scale.bias"])  # (T, B, 1)
        shape = builder.node("Shape", logits, dtype=np.int64)
        return logits + scale * builder.node("Reshape", log_probs, shape)
