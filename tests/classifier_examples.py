"""Classifiers for tests: as small as can be, with random weights, the same each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from rnntui.config import Budget, TokenizerType
from rnntui.config_classifier import ClassifierConfig, ClassifierTokenizerConfig, ClassifierTrainingConfig
from rnntui.inference.numpy_classifier import ClassifierSizes, NumpyClassifier
from rnntui.kinds.classifier import CLASSIFIER
from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
from rnntui.models.classifier import Classifier
from rnntui.models.weight_arrays import weights_of
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig
from rnntui.runs.run_status import RunStatus
from rnntui.runs.weights_file import save_arrays
from rnntui.text.classifier_tokens import ClassifierTokenizer
from rnntui.text.ngram_features import NgramVocabulary

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


def make_classifier_run(
    folder: Path,
    name: str,
    texts: Sequence[str],
    labels: Sequence[str] = ("positive", "negative", "neutral"),
    *,
    tokenizer: TokenizerType = "char",
    **settings: object,
) -> RunFolder:
    """A run with random weights of strong opinions, whose vocabularies are those of some texts."""
    run = RunFolder(folder / name)
    run.path.mkdir(parents=True)
    config = tiny_config(**{"ngrams": "both", **settings})
    tokens = ClassifierTokenizerConfig(type=tokenizer)
    trained = ClassifierTokenizer.train(texts, tokens)
    trained.tokenizer.save(run.path)
    ngrams = NgramVocabulary.train(texts, [0] * len(texts), config.ngrams)
    if config.ngrams != "none":
        save_arrays(run.ngrams_file, ngrams.to_arrays(), {})
    size = trained.tokenizer.vocab_size
    model, _ = tiny_classifiers(config, ClassifierSizes(size, len(labels), max(1, ngrams.size)))
    save_arrays(run.weights_file, weights_of(model), {})
    run.write_config(
        RunConfig(
            kind=CLASSIFIER.id, model=config, training=ClassifierTrainingConfig(), budget=Budget(steps=10),
            tokenizer=replace(tokens, vocab_size=size), created=0.0,
            corpus=LabelledCorpusInfo(name=name, labels=tuple(labels), label_counts=(1,) * len(labels)),
        )
    )  # fmt: skip
    run.write_status(RunStatus("done", step=10, steps=10, tokens=1000, validation_loss=1.5))
    return run
