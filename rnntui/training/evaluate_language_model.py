"""Evaluation of a language model run on a corpus."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from rnntui.config_language_model import LanguageModelConfig
from rnntui.errors import CorpusError
from rnntui.formatting import few_names_with_verb
from rnntui.inference.loaded_model import read_tokenizer
from rnntui.inference.run_ngrams import read_ngram_model
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.models.language_model import LanguageModel
from rnntui.models.weight_arrays import load_best_weights
from rnntui.runs.checksums import read_checked_config
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig
from rnntui.text.corpus import Corpus
from rnntui.text.ngram_predictions import NgramPredictions
from rnntui.text.token_ids import count_words, write_token_file
from rnntui.text.tokenizer import Tokenizer
from rnntui.training.device import choose_hardware, max_threads
from rnntui.training.dynamic_evaluation import evaluate_dynamic
from rnntui.training.evaluation import EVALUATIONS, UNMONITORED, Evaluation, EvaluationMonitor
from rnntui.training.self_check import check_kernels
from rnntui.training.step_memory import require_weights_fit


def evaluate_language_model_run(
    run: RunFolder,
    corpus: Corpus,
    threads: int | None = None,
    monitor: EvaluationMonitor = UNMONITORED,
    *,
    dynamic: bool = False,
) -> tuple[dict[str, Evaluation], list[str]]:
    """Return the evaluations of a run's best weights by name, and the characters that its vocabulary lacks.

    The documents of the text are found by the run's own rule.

    Args:
        run: The run to evaluate.
        corpus: The text.
        threads: Number of CPU threads; None finds the fastest number while it runs.
        monitor: Receives the fraction that is done.
        dynamic: Also evaluate a model that learns from the text as it reads it, under the name `dynamic`.

    Raises `RunError` if the run is broken, `CorpusError` if the text cannot be read or has fewer than two tokens,
    `TrainingError` if torch computes wrong numbers on this machine.
    """
    config = read_checked_config(run)
    tokenizer = read_tokenizer(run, config)
    vocab_size = config.vocab_size
    hardware = choose_hardware("auto", "fp32", threads)
    check_kernels(config.model, hardware, (max_threads(threads),))
    model = load_torch_model(run, config, tokenizer).to(hardware.device)
    with tempfile.TemporaryDirectory(prefix="rnntui-") as folder:
        path = Path(folder) / "text.ids"
        token_file, unknown = write_token_file(corpus, tokenizer, path, config.corpus_as(TextCorpusInfo).documents)
        if token_file.tokens < 2:
            names, is_one = corpus.display_names, len(corpus.display_names) == 1
            if not token_file.tokens:
                problem = f"{few_names_with_verb(names, 'is', 'are')} empty"
                raise CorpusError(problem, hint=f"give {'it' if is_one else 'them'} some text")
            problem = f"{few_names_with_verb(names, 'has', 'have')} 1 token only"
            raise CorpusError(problem, hint="a loss needs two: add text")
        ids = token_file.read(path)
        words = count_words(corpus.blocks())
        ratio = token_file.characters / token_file.tokens
        # The dynamic one takes some thirty times as long as both others.
        ends = [0.0, 0.02, 0.04, 1.0] if dynamic else [0.0, 0.5, 1.0]
        functions = {**EVALUATIONS, "dynamic": evaluate_dynamic} if dynamic else EVALUATIONS
        evaluations = {
            name: evaluate(model, ids, vocab_size, hardware, ratio, monitor.part(ends[index], ends[index + 1]))
            .with_spelling(token_file)
            .with_words(words, token_file)
            for index, (name, evaluate) in enumerate(functions.items())
        }
    return evaluations, unknown


def load_torch_model(run: RunFolder, config: RunConfig, tokenizer: Tokenizer) -> LanguageModel:
    """Return the language model of a run with its best weights, and its n-gram prior if it has one.

    Nothing is drawn from torch's random generator. Raises `RunError` if the run is broken.
    """
    require_weights_fit(run, config)
    prior = read_ngram_model(run, config)
    predictions = None if prior is None else NgramPredictions(prior)
    with torch.random.fork_rng(devices=[]):
        model = LanguageModel(config.model_as(LanguageModelConfig), config.vocab_size, tokenizer.end_id, predictions)
    load_best_weights(model, run)
    return model
