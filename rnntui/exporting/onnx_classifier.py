"""Export of a classifier as ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.metrics_history import MetricsHistory
from rnntui.config_classifier import ClassifierConfig, ClassifierTokenizerConfig
from rnntui.exporting.classifier_graph import ClassifierParts, classifier_graph
from rnntui.exporting.onnx_export import RunGraph, difference, vocabulary_facts
from rnntui.exporting.onnx_readme import UseInPython
from rnntui.inference.classifier import load_classifier
from rnntui.inference.numpy_classifier import ClassifierSizes
from rnntui.inference.numpy_language_model import Ids
from rnntui.inference.onnx_format import Graph
from rnntui.runs.folder import RunFolder, tokenizer_files
from rnntui.runs.weights_file import load_weights
from rnntui.text.labelled_corpus import normalize_text
from rnntui.text.ngram_features import NgramFeatures

FILE = "classifier.onnx"
_MAX_LINES = 500  # of a text that measures the cost of weights of 8 bits
_LENGTHS = ([1], [5, 12, 3], [30, 7])  # of the texts of the check

_NOTES = """
The probabilities of the labels, which are in `model.json`, are the softmax of `logits`. Texts are padded to the
longest one. The program below turns text into tokens{ngrams} by rnntui's own functions, which need numpy alone.
"""

_PROGRAM = """
import json
from pathlib import Path

import numpy as np
import onnxruntime

from rnntui.text.classifier_tokens import ClassifierTokenizer
from rnntui.text.labelled_corpus import normalize_text
from rnntui.text.tokenizer_factory import load_tokenizer

model = json.loads(Path("model.json").read_text("utf-8"))
texts = [normalize_text(text) for text in ({example},)]
tokenizer = ClassifierTokenizer(load_tokenizer(Path(), model["vocabulary"]["type"]), model["is_lowercase"])
tokens = [tokenizer.encode(text) for text in texts]
lengths = np.array([len(ids) for ids in tokens])
padded = np.stack([np.pad(ids, (0, lengths.max() - len(ids))) for ids in tokens])
inputs = {{"tokens": padded, "lengths": lengths}}
{ngrams}
logits = onnxruntime.InferenceSession("classifier.onnx").run(None, inputs)[0]
for text, row in zip(texts, logits):
    probabilities = np.exp(row - row.max()) / np.exp(row - row.max()).sum()
    print(text, model["labels"][probabilities.argmax()], f"{{probabilities.max():.4f}}", sep="\\t")
"""

_NGRAM_LINES = """
from safetensors.numpy import load_file

from rnntui.text.ngram_features import NgramVocabulary

features = NgramVocabulary.from_arrays(load_file("ngrams.safetensors")).features(texts)
inputs["ngrams"], inputs["ngram_values"] = features.indices, features.values
inputs["ngram_texts"] = np.repeat(np.arange(len(texts)), np.diff(features.offsets))
"""


class ClassifierExporter:
    """Exports a classifier; see `OnnxExporter`."""

    main_file = FILE

    def __init__(self, run: RunFolder) -> None:
        config = run.read_config()
        self._classifier = load_classifier(run)
        self._network = self._classifier.model
        shape = config.model_as(ClassifierConfig)
        tokenizer = self._classifier.tokenizer.tokenizer
        self._ngrams = self._classifier.ngrams.size if self._classifier.ngrams is not None else 0
        sizes = ClassifierSizes(tokenizer.vocab_size, len(self._classifier.labels), self._ngrams)
        self._model = ClassifierParts(load_weights(run.weights_file), shape, sizes)
        self._texts = _sample_texts(run)
        self.text_files = tokenizer_files(run)
        if self._ngrams:
            self.text_files.append(run.ngrams_file)
        self.facts: dict[str, Any] = {
            "labels": list(self._classifier.labels),
            "is_lowercase": config.tokenizer_as(ClassifierTokenizerConfig).lowercase,
            "vocabulary": vocabulary_facts(tokenizer),
        }
        notes = _NOTES.format(
            ngrams=" and n-grams (without these, given as empty arrays, it classifies worse)" if self._ngrams else ""
        )
        example = repr(self._texts[0] if self._texts else "a text")
        program = _PROGRAM.format(example=example, ngrams=_NGRAM_LINES if self._ngrams else "")
        self.use = UseInPython(notes, program)

    def graphs(self, is_int8: bool) -> dict[str, Graph]:
        """Return the graph by file name."""
        return {FILE: classifier_graph(self._model, is_int8)}

    def largest_difference(self, run_graph: RunGraph) -> float:
        """Return the largest difference of a logit, for random tokens and n-grams."""
        random = np.random.default_rng(0)
        differences = []
        for lengths in _LENGTHS:
            tokens = [random.integers(0, self._model.sizes.tokens, length) for length in lengths]
            counts = random.integers(0, 9, len(lengths)) if self._ngrams else np.zeros(len(lengths), np.int64)
            offsets = np.concatenate([[0], np.cumsum(counts)])
            indices = random.integers(0, max(1, self._ngrams), offsets[-1])
            features = NgramFeatures(offsets, indices, random.uniform(0, 1, len(indices)).astype(np.float32))
            exported = self._logits(run_graph, tokens, features)
            differences.append(difference(exported, self._network.logits(tokens, features)))
        return max(differences)

    def cost_of_rounding(self, run_graph: RunGraph, text: str) -> str:
        """Return how much the probabilities change of the lines of a text, or of the run's samples; how many labels."""
        lines = [line for line in map(normalize_text, text.splitlines()) if line][:_MAX_LINES]
        texts, source = (lines, "lines of the text") if lines else (self._texts, "texts of the run's samples")
        if not texts:
            return "not measured, as the run has no samples"
        tokens = [self._classifier.tokenizer.encode(each) for each in texts]
        empty = NgramFeatures(np.zeros(len(tokens) + 1, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
        features = empty if self._classifier.ngrams is None else self._classifier.ngrams.features(texts)
        ours = _softmax(self._network.logits(tokens, features))
        exported = _softmax(self._logits(run_graph, tokens, features))
        changed = int((ours.argmax(axis=1) != exported.argmax(axis=1)).sum())
        return (
            f"{changed} of {len(tokens)} {source} change their label; probabilities change by "
            f"{np.abs(ours - exported).max():.4f} at most"
        )

    def _logits(self, run_graph: RunGraph, tokens: Sequence[Ids], features: NgramFeatures) -> NDArray[Any]:
        """Return the exported model's logits `(B, K)`."""
        lengths = np.array([len(ids) for ids in tokens])
        padded = np.stack([np.pad(ids, (0, lengths.max() - len(ids))) for ids in tokens])
        inputs: dict[str, NDArray[Any]] = {"tokens": padded, "lengths": lengths}
        if self._model.config.ngrams != "none":
            inputs["ngrams"], inputs["ngram_values"] = features.indices, features.values
            inputs["ngram_texts"] = np.repeat(np.arange(len(tokens)), np.diff(features.offsets))
        return run_graph(FILE, inputs)[0]


def _sample_texts(run: RunFolder) -> list[str]:
    """Return the texts of a run's samples, each once."""
    history = MetricsHistory(run.metrics_file)
    history.read_all()
    texts = dict.fromkeys(normalize_text(logged.sample.get("text", "")) for logged in history.samples)
    return [text for text in texts if text]


def _softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """Return the probabilities `(B, K)` of logits `(B, K)`."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[Any] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result
