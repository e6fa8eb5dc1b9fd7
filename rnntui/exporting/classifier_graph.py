"""A classifier as an ONNX graph that gives the logits of `NumpyClassifier`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from rnntui.config_classifier import ClassifierConfig
from rnntui.exporting.graph_builder import GraphBuilder, Value
from rnntui.exporting.graph_layers import CellWeights, GraphLayers, Steps, positions
from rnntui.inference.cells import Array
from rnntui.inference.numpy_classifier import ClassifierSizes
from rnntui.inference.onnx_format import Graph
from rnntui.kinds.classifier import NGRAM_SCALE


class ClassifierParts(NamedTuple):
    """What a classifier consists of: arrays by name, checked against the config; its architecture; its sizes."""

    weights: Mapping[str, Array]
    config: ClassifierConfig
    sizes: ClassifierSizes


def classifier_graph(model: ClassifierParts, is_int8: bool = False) -> Graph:
    """Return the graph of a classifier.

    Its inputs are `tokens (B, T)`, padded with any id, and `lengths (B,)`. One with n-grams has three more, for all of
    the B texts one after the other: `ngrams (M,)`, `ngram_values (M,)`, and `ngram_texts (M,)`, the index of the text
    that each belongs to. Its output is `logits (B, labels)`, and with attention pooling `attention (B, T)`.
    """
    builder = GraphBuilder("classifier")
    layers = GraphLayers(builder, is_int8)
    weights, config = model.weights, model.config
    tokens = builder.input("tokens", np.int64, "batch", "time")
    lengths = builder.input("lengths", np.int64, "batch")
    hidden = layers.embedding(weights["encoder.embedding.weight"], tokens.transpose(1, 0))
    final: list[Value] = []
    for layer in range(config.layers):
        names = ("forward_rnn", "backward_rnn")[: config.directions]
        cells = [CellWeights.of(weights, f"encoder.{name}.{layer}") for name in names]
        hidden, final = layers.recurrent(cells, config, Steps(hidden, lengths=lengths))
    last = final[0].transpose(1, 0, 2).reshape(0, config.outputs)  # (B, D)
    is_padding = positions(tokens, 1).expand(0).less(lengths.expand(1)).logical_not().transpose(1, 0)  # (T, B)
    pooled = _attention_pooling(layers, model, hidden, is_padding) if config.pooling == "attention" else None
    if pooled is None:
        vector = builder.concat([_pooled(hidden, last, is_padding, part) for part in config.pooling_parts], 1)
    else:
        vector = pooled[0]
    logits = layers.linear(vector, weights["output.weight"].T) + builder.constant(weights["output.bias"])
    if config.ngrams != "none":
        logits = logits + _ngram_logits(layers, model, logits)
    builder.output("logits", logits, "batch", model.sizes.labels)
    if pooled is not None:
        builder.output("attention", pooled[1].transpose(1, 0), "batch", "time")
    return builder.graph()


def _pooled(hidden: Value, last: Value, is_padding: Value, part: str) -> Value:
    """Return a part of the pooled vector, `(B, D)`, of outputs `(T, B, D)` that are zeros at padding."""
    builder = hidden.builder
    if part == "last":
        return last
    axis = builder.constant([0])
    if part == "mean":
        count = builder.node("ReduceSum", is_padding.logical_not().cast(np.float32), axis, keepdims=0)
        return builder.node("ReduceSum", hidden, axis, keepdims=0) / count.expand(1)
    masked = builder.where(is_padding.expand(2), builder.constant(np.float32(-np.inf)), hidden)
    return builder.node("ReduceMax", masked, axis, keepdims=0)


def _attention_pooling(
    layers: GraphLayers, model: ClassifierParts, hidden: Value, is_padding: Value
) -> tuple[Value, Value]:
    """Return the pooled vector `(B, D)` and the weights of the tokens, `(T, B)`."""
    builder, weights = layers.builder, model.weights
    projected = layers.linear(hidden, weights["pooling.projection.weight"].T)
    scores = builder.node("Tanh", projected + builder.constant(weights["pooling.projection.bias"])) @ builder.constant(
        weights["pooling.context.weight"].T.copy()
    )
    masked = builder.where(is_padding, builder.constant(np.float32(-np.inf)), scores.squeeze(2))
    attention = builder.node("Softmax", masked, axis=0)
    return builder.node("ReduceSum", attention.expand(2) * hidden, builder.constant([0]), keepdims=0), attention


def _ngram_logits(layers: GraphLayers, model: ClassifierParts, logits: Value) -> Value:
    """Return the share of the n-grams in the logits, `(B, labels)`."""
    builder = layers.builder
    ngrams = builder.input("ngrams", np.int64, "ngrams")
    values = builder.input("ngram_values", np.float32, "ngrams")
    texts = builder.input("ngram_texts", np.int64, "ngrams")
    terms = layers.embedding(model.weights["ngrams.weight"], ngrams) * values.expand(1) * float(NGRAM_SCALE)
    return builder.node("ScatterND", logits * 0.0, texts.expand(1), terms, reduction="add")
