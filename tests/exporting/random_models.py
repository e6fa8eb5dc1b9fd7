"""Parts of models with random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnntui.config_classifier import ClassifierConfig
from rnntui.config_language_model import LanguageModelConfig
from rnntui.config_seq2seq import Seq2SeqConfig
from rnntui.exporting.classifier_graph import ClassifierParts
from rnntui.exporting.language_model_graph import LanguageModelParts
from rnntui.exporting.seq2seq_graph import Seq2SeqParts
from rnntui.inference.cells import CELL_CLASSES
from rnntui.inference.numpy_classifier import ClassifierSizes
from rnntui.ngram_index import NgramIndex
from rnntui.text.ngram_counts import count_ngrams

VOCAB = 23
TEXT = (np.random.default_rng(1).zipf(1.3, 3000) % VOCAB).astype(np.uint8)


def random_cell(
    rng: np.random.Generator, config: Any, prefix: str, sizes: tuple[int, int], layer: int = 0
) -> dict[str, NDArray[Any]]:
    inputs, hidden = sizes
    rows = CELL_CLASSES[config.cell].gates * hidden
    shapes = {"weight_ih": (rows, inputs), "weight_hh": (rows, hidden), "bias_ih": (rows,), "bias_hh": (rows,)}
    return {f"{prefix}.{name}_l{layer}": rng.normal(0, 0.4, s).astype(np.float32) for name, s in shapes.items()}


def language_model(end_id: int | None = None, continuations: bool = True, **settings: Any) -> LanguageModelParts:
    defaults = {"hidden": 8, "embedding": 5, "tied": False, "ngrams": 1}
    config = LanguageModelConfig(**{**defaults, **settings}).resolved("char")
    rng = np.random.default_rng(3)
    embedding = config.embedding or config.hidden
    shapes = {
        "embedding.weight": (VOCAB, embedding), "output.weight": (VOCAB, config.hidden), "output.bias": (VOCAB,),
        "prior_scale.weight": (1, config.hidden), "prior_scale.bias": (1,),
    }  # fmt: skip
    for length, rows in NgramIndex.of(config, VOCAB, end_id).table_sizes.items():
        shapes[f"ngram_embeddings.{length}"] = (rows, embedding)
    weights = {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    for layer in range(config.layers):
        weights |= random_cell(rng, config, "rnn", (config.hidden if layer else embedding, config.hidden), layer)
    length = config.ngram_prior
    prior = count_ngrams(TEXT, VOCAB, length, continuations=continuations) if length else None
    return LanguageModelParts(weights, config, VOCAB, end_id, prior)


def seq2seq(**settings: Any) -> Seq2SeqParts:
    config = Seq2SeqConfig(**{"hidden": 8, "encoder_hidden": 4, "embedding": 5, **settings})
    rng = np.random.default_rng(3)
    values, hidden, embedding = 2 * config.encoder_hidden, config.hidden, config.embedding
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.embedding.weight": (VOCAB, embedding), "decoder.output.bias": (VOCAB,),
        "decoder.attention.key.weight": (hidden, values), "decoder.attention.query.weight": (hidden, hidden),
        "decoder.attention.score.weight": (1, hidden),
        "decoder.combine.weight": (embedding, hidden + (values if config.attention != "none" else 0)),
    }  # fmt: skip
    if not config.tied:
        shapes |= {f"decoder.{name}.weight": (VOCAB, embedding) for name in ("embedding", "output")}
    for index in range(CELL_CLASSES[config.cell].states * config.layers):
        shapes |= {f"bridge.maps.{index}.weight": (hidden, values), f"bridge.maps.{index}.bias": (hidden,)}
    weights = {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    for layer in range(config.layers):
        for name in ("forward_rnn", "backward_rnn"):
            sizes = (values if layer else embedding, config.encoder_hidden)
            weights |= random_cell(rng, config, f"encoder.{name}.{layer}", sizes)
        first = embedding * (2 if config.input_feeding else 1)
        weights |= random_cell(rng, config, "decoder.rnn", (hidden if layer else first, hidden), layer)
    return Seq2SeqParts(weights, config, VOCAB, VOCAB)


def classifier(**settings: Any) -> ClassifierParts:
    config = ClassifierConfig(**{"hidden": 6, "embedding": 5, "layers": 1, **settings})
    rng = np.random.default_rng(3)
    sizes = ClassifierSizes(VOCAB, 4, 30)
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.embedding.weight": (VOCAB, 5), "output.weight": (4, config.pooled), "output.bias": (4,),
        "pooling.projection.weight": (config.outputs,) * 2, "pooling.projection.bias": (config.outputs,),
        "pooling.context.weight": (1, config.outputs), "ngrams.weight": (30, 4),
    }  # fmt: skip
    weights = {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    for layer in range(config.layers):
        for name in ("forward_rnn", "backward_rnn")[: config.directions]:
            cell_sizes = (config.outputs if layer else 5, config.hidden)
            weights |= random_cell(rng, config, f"encoder.{name}.{layer}", cell_sizes)
    return ClassifierParts(weights, config, sizes)
