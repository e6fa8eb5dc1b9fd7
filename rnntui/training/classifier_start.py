"""Start of a classifier from a language model of the same tokens (Howard and Ruder 2018, ULMFiT).

A classifier takes the tokenizer, the embedding and the recurrent layers of a language model that was trained on
unlabelled text. They are put into the forward direction; the backward direction and the output are new.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rnntui.config_classifier import ClassifierConfig
from rnntui.config_language_model import LanguageModelConfig
from rnntui.errors import UsageError
from rnntui.inference.loaded_model import read_tokenizer
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.runs.run_config import RunOrigin
from rnntui.text.tokenizer import Tokenizer
from rnntui.training.starting_run import StartingRun, Weights

_CELL_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class ClassifierStart:
    """A language model whose layers a classifier takes over.

    Raises `UsageError` if the run is of another kind, `RunError` if there is none, or it has no weights or is broken.

    Args:
        name: name or path of its run.
        checkpoints: the folder of runs.
    """

    def __init__(self, name: str, checkpoints: Path) -> None:
        self._start = StartingRun(name, checkpoints, LANGUAGE_MODEL)
        self.tokenizer: Tokenizer = read_tokenizer(self._start.run, self._start.config)
        self._shape = self._start.config.model_as(LanguageModelConfig)

    @property
    def name(self) -> str:
        return self._start.name

    @property
    def origin(self) -> RunOrigin:
        """What the config of the classifier records of the language model."""
        return self._start.origin()

    @property
    def note(self) -> str:
        """Return what of the language model is left out, as a message; empty if nothing is."""
        if (self._shape.ngrams or 1) == 1:
            return ""
        return f"--from {self.name}: its n-gram embeddings are left out; a classifier has none"

    def model_config(self, config: ClassifierConfig, given: Collection[str]) -> ClassifierConfig:
        """Return the classifier's shape with the language model's cell and sizes.

        Raises `UsageError` if one that was `given` on the command line differs, or the language model has more layers
        than a classifier may have.
        """
        shape = self._shape
        sizes: dict[str, Any] = {
            "cell": shape.cell,
            "nonlinearity": shape.nonlinearity,
            "layers": shape.layers,
            "hidden": shape.hidden,
            "embedding": shape.embedding or shape.hidden,
        }
        self._start.require(config, sizes, given)
        try:
            return replace(config, **sizes)
        except UsageError as error:
            raise UsageError(f"--from {self.name}: {error.problem}", setting="from") from error

    def copy_tokenizer(self, folder: Path) -> None:
        """Copy the language model's tokenizer into a run folder."""
        self._start.copy_tokenizer(folder)

    def weights(self, config: ClassifierConfig) -> Weights:
        """Return the weights of the classifier that come from the language model, by their names there."""
        source = self._start.weights
        weights = {"encoder.embedding.weight": source["embedding.weight"]}
        for layer in range(config.layers):
            for name in _CELL_WEIGHTS:
                weight = source[f"rnn.{name}_l{layer}"]
                if name == "weight_ih" and layer and config.bidirectional:
                    # The layer below gives the states of both directions; the language model knows the forward ones.
                    weight = np.concatenate([weight, np.zeros_like(weight)], axis=1)
                weights[f"encoder.forward_rnn.{layer}.{name}_l0"] = weight
        return weights
