"""Start of a classifier from another one: its shape, its tokens and n-grams, its weights, and labels that may grow."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rnntui.config_classifier import ClassifierConfig, ClassifierTokenizerConfig, ClassifierTrainingConfig
from rnntui.inference.classifier import load_ngrams
from rnntui.inference.loaded_model import read_tokenizer
from rnntui.kinds.classifier import CLASSIFIER
from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunOrigin
from rnntui.runs.weights_file import save_arrays
from rnntui.settings import settings_of
from rnntui.text.classifier_tokens import ClassifierTokenizer
from rnntui.text.ngram_features import NgramVocabulary
from rnntui.training.starting_run import StartingRun, Weights

_DROPOUTS = ("dropout", "embedding_dropout", "word_dropout", "ngram_dropout")
_LABEL_AXIS = {"output.weight": 0, "output.bias": 0, "ngrams.weight": 1}


class ClassifierContinuation:
    """A classifier that is trained on with other texts.

    Raises `UsageError` if the run is of another kind, `RunError` if there is none, or it has no weights or is broken.

    Args:
        name: name or path of its run.
        checkpoints: the folder of runs.
    """

    def __init__(self, name: str, checkpoints: Path) -> None:
        self._start = StartingRun(name, checkpoints, CLASSIFIER)
        config = self._start.config
        self._own_labels = config.corpus_as(LabelledCorpusInfo).labels
        self._shape = config.model_as(ClassifierConfig)
        self._tokenizer_config = config.tokenizer_as(ClassifierTokenizerConfig)
        tokenizer = read_tokenizer(self._start.run, config, CLASSIFIER)
        self.tokenizer = ClassifierTokenizer(tokenizer, self._tokenizer_config.lowercase)

    @property
    def name(self) -> str:
        return self._start.name

    @property
    def origin(self) -> RunOrigin:
        """What the config of the new run records of it."""
        return self._start.origin()

    def note(self, labels: Sequence[str]) -> str:
        """Return a message on what stays and what is new."""
        new = [label for label in labels if label not in self._own_labels]
        grown = f"; new labels: {', '.join(new[:5])}{' and others' if len(new) > 5 else ''}" if new else ""
        ngrams = "" if self._shape.ngrams == "none" else ", n-grams"
        return f"trains on from {self.name}: its tokens{ngrams} and {len(self._own_labels):,} labels stay{grown}"

    def labels(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Return the labels of the new run with their counts: those of the run by their ids, then new ones."""
        return dict.fromkeys(self._own_labels, 0) | dict(counts)

    def model_config(self, config: ClassifierConfig, given: Collection[str]) -> ClassifierConfig:
        """Return the run's shape with a dropout of its own. Raises `UsageError` if a size that was `given` differs."""
        own = {name: getattr(self._shape, name) for name in settings_of(ClassifierConfig) if name not in _DROPOUTS}
        self._start.require(config, own, given)
        return replace(config, **own)

    def tokenizer_config(self, config: ClassifierTokenizerConfig, given: Collection[str]) -> ClassifierTokenizerConfig:
        """Return the settings of the run's tokenizer. Raises `UsageError` if one that was `given` differs."""
        self._start.require(config, vars(self._tokenizer_config), given)
        return self._tokenizer_config

    def training_config(self, config: ClassifierTrainingConfig, given: Collection[str]) -> ClassifierTrainingConfig:
        """Return settings by which all layers learn from the start, as all have learned the same task before."""
        own: dict[str, Any] = {"unfreeze_epochs": 0.0, "layer_rate_decay": 1.0}
        return replace(config, **{name: value for name, value in own.items() if name not in given})

    def ngrams(self) -> NgramVocabulary:
        """Return the run's n-gram vocabulary. Raises `RunError` if its file is missing or broken."""
        return load_ngrams(self._start.run)

    def stage(self, staged: RunFolder, label_count: int) -> None:
        """Write the tokenizer and the weights that a new run with so many labels begins with into its folder."""
        self._start.copy_tokenizer(staged.path)
        save_arrays(staged.pretrained_file, self.weights(label_count), {})

    def weights(self, label_count: int) -> Weights:
        """Return the run's weights, with zeros for labels that are new, and a bias as the mean of the others has it."""
        weights = dict(self._start.weights)
        new = label_count - len(self._own_labels)
        for name, axis in _LABEL_AXIS.items():
            if name in weights and new:
                weight = weights[name]
                shape = [new if number == axis else size for number, size in enumerate(weight.shape)]
                fill = weight.mean() if name == "output.bias" else 0.0
                weights[name] = np.concatenate([weight, np.full(shape, fill, weight.dtype)], axis=axis)
        return weights
