"""A language model as it is before training: its weights drawn by numpy, by the rules of `rnntui.models`.

They are other numbers than those with which the run began, from the same distributions, so that what depends on the
initialization alone can be seen without torch (and of runs whose first weights nobody has saved).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnntui.config_language_model import LanguageModelConfig
from rnntui.inference.cells import CELL_CLASSES, Array
from rnntui.inference.numpy_language_model import NumpyLanguageModel


def untrained_network(config: LanguageModelConfig, vocab_size: int, seed: int = 1) -> NumpyLanguageModel:
    """Return a model of the shape of `config` with new weights.

    It has no n-grams: their embeddings begin as zeros, and with an n-gram prior the output layer does too, so that no
    gradient at all would reach the state at first.
    """
    plain = replace(config, ngrams=1, ngram_buckets=None, ngram_dropout=None, ngram_prior=None)
    return NumpyLanguageModel(initial_weights(plain, vocab_size, np.random.default_rng(seed)), plain, vocab_size)


def initial_weights(config: LanguageModelConfig, vocab_size: int, rng: np.random.Generator) -> dict[str, Array]:
    """Return weights by their names in `model.safetensors`, distributed as `rnntui.models` initializes them.

    Embeddings are normal, with zeros for `<unk>`; matrices and biases are uniform within 1/√H, as torch draws them. The
    forget gates of an LSTM start open (Jozefowicz et al. 2015), and the recurrent matrix of a plain RNN is orthogonal
    (Saxe et al. 2014).
    """
    hidden, embedding = config.hidden, config.embedding or config.hidden
    rows, bound = CELL_CLASSES[config.cell].gates * hidden, hidden**-0.5
    weights: dict[str, Array] = {}

    def uniform(*shape: int) -> Array:
        return rng.uniform(-bound, bound, shape).astype(np.float32)

    weights["embedding.weight"] = rng.normal(0, bound if config.tied else 1.0, (vocab_size, embedding)).astype("f4")
    weights["embedding.weight"][0] = 0.0
    for layer in range(config.layers):
        weights[f"rnn.weight_ih_l{layer}"] = uniform(rows, hidden if layer else embedding)
        recurrent = uniform(rows, hidden) if config.cell != "rnn" else _orthogonal(hidden, rng)
        weights[f"rnn.weight_hh_l{layer}"] = recurrent
        weights[f"rnn.bias_ih_l{layer}"], weights[f"rnn.bias_hh_l{layer}"] = uniform(rows), uniform(rows)
        if config.cell == "lstm":
            weights[f"rnn.bias_hh_l{layer}"][hidden : 2 * hidden] = 1.0
    if not config.tied:
        weights["output.weight"] = uniform(vocab_size, hidden)
    weights["output.bias"] = uniform(vocab_size)
    return weights


def _orthogonal(size: int, rng: np.random.Generator) -> Array:
    q, r = np.linalg.qr(rng.normal(size=(size, size)))
    return (q * np.sign(np.diag(r))).astype(np.float32)
