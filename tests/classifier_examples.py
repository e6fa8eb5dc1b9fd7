"""Classifiers for tests: as small as can be, with random weights, the same each time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from rnntui.config_classifier import ClassifierConfig
from rnntui.inference.numpy_classifier import ClassifierSizes, NumpyClassifier
from rnntui.models.classifier import Classifier
from rnntui.models.weight_arrays import weights_of

CELLS = [("lstm", "tanh"), ("gru", "tanh"), ("rnn", "tanh"), ("rnn", "relu")]


def tiny_config(**settings: object) -> ClassifierConfig:
    """A classifier of a few units, without n-grams unless they are set."""
    values = {"hidden": 7, "embedding": 5, "ngrams": "none", **settings}
    return ClassifierConfig(**values)  # type: ignore[arg-type]


def tiny_classifiers(
    config: ClassifierConfig, sizes: ClassifierSizes, seed: int = 1
) -> tuple[Classifier, NumpyClassifier]:
    """The same random model in torch and in numpy."""
    torch.manual_seed(seed)
    model = Classifier(config, *sizes).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.6)
    return model, NumpyClassifier(weights_of(model), config, sizes)


def random_texts(lengths: Sequence[int], size: int, seed: int = 0) -> list[NDArray[np.int64]]:
    """Random token ids of texts of these lengths."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, size, length) for length in lengths]
