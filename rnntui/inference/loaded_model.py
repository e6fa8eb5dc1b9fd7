"""A trained run, ready to use: its model in numpy and its tokenizer."""

from __future__ import annotations

from dataclasses import dataclass

from rnntui.config import ModelConfig
from rnntui.errors import RunError
from rnntui.inference.numpy_language_model import LanguageModel
from rnntui.runs.folder import LANGUAGE_MODEL, RunConfig, RunFolder
from rnntui.runs.lookup import must_be
from rnntui.runs.weights_file import load_weights
from rnntui.text.tokenizer import Tokenizer, load_tokenizer


@dataclass(frozen=True)
class LoadedRun:
    """What `load_run` gives."""

    config: RunConfig
    model: LanguageModel
    tokenizer: Tokenizer


def load_run(run: RunFolder) -> LoadedRun:
    """Read a run's best weights. Raises `RunError` or `TokenizerError` naming the file that is missing or broken."""
    config = run.read_config()
    tokenizer = read_tokenizer(run, config)
    model = LanguageModel(load_weights(run.weights_file), config.model_as(ModelConfig), config.vocab_size)
    return LoadedRun(config, model, tokenizer)


def read_tokenizer(run: RunFolder, config: RunConfig) -> Tokenizer:
    """The tokenizer of a language model's run.

    Raises `UsageError` if the run is of another kind, `RunError` if the tokenizer does not fit.
    """
    must_be(run, config.kind, LANGUAGE_MODEL)
    tokenizer = load_tokenizer(run.path, config.tokenizer.tokenizer)
    if tokenizer.vocab_size != config.vocab_size:
        raise RunError(
            f"{run.path}: the tokenizer has {tokenizer.vocab_size:,} tokens where config.json says "
            f"{config.vocab_size:,}; the run is broken"
        )
    return tokenizer
