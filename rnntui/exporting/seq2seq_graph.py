"""A Seq2Seq model as two ONNX graphs, the encoder and a decoder step, that compute what `NumpySeq2Seq` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from rnntui.config_seq2seq import Seq2SeqConfig
from rnntui.exporting.graph_builder import GraphBuilder, Value
from rnntui.exporting.graph_layers import CellWeights, GraphLayers, Steps, positions
from rnntui.inference.cells import CELL_CLASSES, Array
from rnntui.inference.onnx_format import Graph


class Seq2SeqParts(NamedTuple):
    """What a Seq2Seq model consists of.

    Args:
        weights: arrays by name, checked against the config.
        config: its architecture.
        source_size: ids in the source vocabulary.
        target_size: ids in the target vocabulary, V.
    """

    weights: Mapping[str, Array]
    config: Seq2SeqConfig
    source_size: int
    target_size: int

    @property
    def state_shape(self) -> tuple[int, int, str, int]:
        """The shape of the decoder's recurrent state, `(L, C, N, H)`."""
        return self.config.layers, CELL_CLASSES[self.config.cell].states, "hypotheses", self.config.hidden

    @property
    def value_size(self) -> int:
        """The size D of the encoder's outputs."""
        return 2 * self.config.encoder_hidden

    @property
    def key_size(self) -> int:
        """The size of the outputs as the attention's scores read them."""
        return self.config.hidden if self.config.attention in ("general", "additive") else self.value_size

    @property
    def target_embedding(self) -> Array:
        """The embedding of target tokens, which a tied model with a joint vocabulary stores as that of the source."""
        return self.weights.get("decoder.embedding.weight", self.weights["encoder.embedding.weight"])

    @property
    def embedding_scale(self) -> float:
        """The factor of embeddings; see `rnntui.models.layers.embed`."""
        return float(self.config.embedding**0.5) if self.config.tied else 1.0


def encoder_graph(model: Seq2SeqParts, is_int8: bool = False) -> Graph:
    """Return the encoder.

    Its inputs are `sources (B, S)`, the ids with the end token, padded with any id, and `lengths (B,)`. Its outputs are
    the decoder's inputs: `values (B, S, D)`, `keys (B, S, ·)`, `padding (B, S)`, `state (L, C, B, H)` and
    `input_feed (B, E)`, zeros.
    """
    builder = GraphBuilder("encoder")
    layers = GraphLayers(builder, is_int8)
    weights, config = model.weights, model.config
    sources = builder.input("sources", np.int64, "batch", "source_time")
    lengths = builder.input("lengths", np.int64, "batch")
    hidden = layers.embedding(weights["encoder.embedding.weight"], sources.transpose(1, 0)) * model.embedding_scale
    final_states = []
    for layer in range(config.layers):
        cells = [CellWeights.of(weights, f"encoder.{rnn}.{layer}") for rnn in ("forward_rnn", "backward_rnn")]
        hidden, final = layers.recurrent(cells, config, Steps(hidden, lengths=lengths))
        final_states.append(final[0].transpose(1, 0, 2).reshape(0, model.value_size))  # (B, D)
    values = hidden.transpose(1, 0, 2)  # (B, S, D)
    keys = values
    if config.attention in ("general", "additive"):
        keys = layers.linear(values, weights["decoder.attention.key.weight"].T)
    columns = positions(sources, 1).expand(0)
    builder.output("values", values, "batch", "source_time", model.value_size)
    builder.output("keys", keys, "batch", "source_time", model.key_size)
    builder.output("padding", columns.less(lengths.expand(1)).logical_not(), "batch", "source_time")
    builder.output("state", _initial_state(layers, model, final_states), *model.state_shape)
    shape = builder.concat([lengths.size(0), builder.constant([config.embedding])], 0)
    input_feed = builder.node("Expand", builder.constant(np.float32(0)), shape)
    builder.output("input_feed", input_feed, "hypotheses", config.embedding)
    return builder.graph()


def _initial_state(layers: GraphLayers, model: Seq2SeqParts, final_states: list[Value]) -> Value:
    """Return the decoder's initial state `(L, C, B, H)`: the bridge's maps of each encoder layer's final h `(B, D)`."""
    builder, count = layers.builder, len(final_states)
    components = []
    for component in range(model.state_shape[1]):
        mapped = []
        for layer, final in enumerate(final_states):
            name = f"bridge.maps.{component * count + layer}"
            value = layers.linear(final, model.weights[f"{name}.weight"].T) + builder.constant(
                model.weights[f"{name}.bias"]
            )
            mapped.append(value if component else builder.node("Tanh", value))
        components.append(builder.stack(mapped, 0))  # (L, B, H)
    return builder.stack(components, 1)


def decoder_step_graph(model: Seq2SeqParts, is_int8: bool = False) -> Graph:
    """Return a decoder step for N hypotheses, N / B of each source, those of a source adjacent.

    Its inputs are `tokens (N,)`, `state (L, C, N, H)`, `input_feed (N, E)`, and the encoder's `values`, `keys` and
    `padding`. Its outputs are `logits (N, V)`, `new_state`, `new_input_feed` and `attention (B, N / B, S)`.
    """
    builder = GraphBuilder("decoder_step")
    layers = GraphLayers(builder, is_int8)
    weights, config = model.weights, model.config
    tokens = builder.input("tokens", np.int64, "hypotheses")
    state = builder.input("state", np.float32, *model.state_shape)
    input_feed = builder.input("input_feed", np.float32, "hypotheses", config.embedding)
    values = builder.input("values", np.float32, "batch", "source_time", model.value_size)
    keys = builder.input("keys", np.float32, "batch", "source_time", model.key_size)
    padding = builder.input("padding", np.bool_, "batch", "source_time")
    hidden = layers.embedding(model.target_embedding, tokens) * model.embedding_scale
    if config.input_feeding:
        hidden = builder.concat([hidden, input_feed], 1)
    hidden = hidden.expand(0)  # (1, N, E)
    new_layers = []
    for layer in range(config.layers):
        components = [state[layer].take(slice(index, index + 1), 0) for index in range(model.state_shape[1])]
        cell = CellWeights.of(weights, "decoder.rnn", layer)
        hidden, new = layers.recurrent([cell], config, Steps(hidden, components))
        new_layers.append(builder.concat(new, 0))
    hidden = hidden.squeeze(0)  # (N, H)
    queries = hidden.reshape(padding.size(0), -1, config.hidden)  # (B, K, H)
    if config.attention == "none":
        attention = queries.take(slice(0, 1), 2) * 0.0 + (padding.cast(np.float32) * 0.0).expand(1)
    else:
        attention = _attention(layers, model, queries, _Sources(values, keys, padding))
        context = (attention @ values).reshape(-1, model.value_size)
        hidden = builder.concat([context, hidden], 1)  # (N, D + H)
    combined = layers.linear(hidden, weights["decoder.combine.weight"].T)
    new_feed = builder.node("Tanh", combined)  # (N, E)
    output = model.target_embedding if config.tied else weights["decoder.output.weight"]
    logits = layers.output(new_feed, output, is_bounded=True) + builder.constant(weights["decoder.output.bias"])
    builder.output("logits", logits, "hypotheses", model.target_size)
    builder.output("new_state", builder.stack(new_layers, 0), *model.state_shape)
    builder.output("new_input_feed", new_feed, "hypotheses", config.embedding)
    builder.output("attention", attention, "batch", "hypotheses_per_source", "source_time")
    return builder.graph()


class _Sources(NamedTuple):
    """The encoder's outputs as `encoder_graph` describes them."""

    values: Value
    keys: Value
    padding: Value


def _attention(layers: GraphLayers, model: Seq2SeqParts, queries: Value, sources: _Sources) -> Value:
    """Return the attention weights `(B, K, S)` of hidden states `(B, K, H)`."""
    builder = layers.builder
    if model.config.attention == "additive":
        query = layers.linear(queries, model.weights["decoder.attention.query.weight"].T)
        mixed = builder.node("Tanh", query.expand(2) + sources.keys.expand(1))  # (B, K, S, H)
        scores = (mixed @ builder.constant(model.weights["decoder.attention.score.weight"].T.copy())).squeeze(3)
    else:
        scores = queries @ sources.keys.transpose(0, 2, 1)
    masked = builder.where(sources.padding.expand(1), builder.constant(np.float32(-np.inf)), scores)
    return builder.node("Softmax", masked, axis=2)
