"""Loading of a trained language model: the numpy model and the tokenizer of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnntui.config_generation import Precision
from rnntui.config_language_model import LanguageModelConfig
from rnntui.errors import RunError
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.inference.run_ngrams import read_ngram_model
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.model_kind import ModelKind
from rnntui.runs.checksums import read_checked_config
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import require_kind
from rnntui.runs.run_config import RunConfig
from rnntui.runs.weights_file import open_weights
from rnntui.text.documents import DocumentFormat
from rnntui.text.tokenizer import END, Tokenizer
from rnntui.text.tokenizer_factory import load_tokenizer


@dataclass(frozen=True)
class LoadedLanguageModel:
    """A run's configuration, its network with the best weights, and its tokenizer."""

    config: RunConfig
    network: NumpyLanguageModel
    tokenizer: Tokenizer

    @property
    def documents(self) -> DocumentFormat:
        """The documents that the model was trained on."""
        return document_format(self.config, self.tokenizer)


# Weights that a step reads, from which a model counts as wide: below, loading onnxruntime and quantizing the weights
# (0.1 s for every 4 million) took longer than a text of 500 tokens gained.
WIDE = 6_000_000


def load_language_model(
    run: RunFolder, dtype: type[np.floating] = np.float32, precision: Precision = "auto"
) -> LoadedLanguageModel:
    """Load a run's best weights, to compute in `dtype`; in float32, `precision` says whether they are quantized.

    Raises `RunError` or `TokenizerError` naming the file that is missing or broken.
    """
    config = read_checked_config(run)
    tokenizer = read_tokenizer(run, config)
    shape, prior = config.model_as(LanguageModelConfig), read_ngram_model(run, config)
    with open_weights(run.weights_file, dtype) as weights:
        network = NumpyLanguageModel(weights, shape, config.vocab_size, tokenizer.end_id, dtype, prior)
    if precision == "auto":
        precision = "int4" if _is_faster_quantized(network) else "fp32"
    if dtype is np.float32 and precision != "fp32":
        network.quantize(8 if precision == "int8" else 4)
    return LoadedLanguageModel(config, network, tokenizer)


def _is_faster_quantized(network: NumpyLanguageModel) -> bool:
    if network.weights_per_token < WIDE:
        return False
    from rnntui.inference.integer_kernels import is_fast_kernel_installed

    return is_fast_kernel_installed()


def document_format(config: RunConfig, tokenizer: Tokenizer) -> DocumentFormat:
    """Return the documents that a language model was trained on, by its config and its tokenizer."""
    corpus = config.corpus
    return DocumentFormat(corpus.documents if isinstance(corpus, TextCorpusInfo) else "none", tokenizer)


def read_tokenizer(run: RunFolder, config: RunConfig, kind: ModelKind = LANGUAGE_MODEL) -> Tokenizer:
    """Read the tokenizer of a run of a kind, by default of a language model.

    Raises `UsageError` if the run is of another kind, `RunError` if the tokenizer does not fit.
    """
    require_kind(run, config.kind, kind)
    tokenizer = load_tokenizer(run.path, config.tokenizer.type)
    if tokenizer.vocab_size != config.vocab_size:
        raise RunError(
            f"{run.path}: the tokenizer has {tokenizer.vocab_size:,} tokens, but config.json says "
            f"{config.vocab_size:,}; the run is broken"
        )
    if tokenizer.end_id is None and isinstance(config.corpus, TextCorpusInfo) and config.corpus.documents != "none":
        raise RunError(f"{run.path}: the tokenizer has no {END}, but config.json says documents; the run is broken")
    return tokenizer
