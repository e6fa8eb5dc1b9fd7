"""Recipe of a language model: the settings that the user left open, chosen by its text and its budget.

Every rule comes from the experiments in `benchmarks/RECIPES.md`.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rnntui.config import DEFAULT_MINUTES, Budget, TokenizerType
from rnntui.config_language_model import (
    BASE_MAX_EPOCHS,
    MIN_STEPS_OF_MAX_EPOCHS,
    TOKENS_PER_EXTRA_EPOCH,
    LanguageModelConfig,
    LanguageModelTrainingConfig,
)
from rnntui.errors import TrainingError
from rnntui.inference.cells import recurrent_weight_count
from rnntui.system_memory import available_memory
from rnntui.text.ngram_counts import count_ngrams, counting_bytes
from rnntui.text.ngram_predictions import NgramPredictions

if TYPE_CHECKING:
    from torch import Tensor

    from rnntui.models.language_model import LanguageModel
    from rnntui.training.device import Hardware

_DROPOUTS = ((3.0, 0.0), (8.0, 0.1), (16.0, 0.2), (30.0, 0.3), (math.inf, 0.4))  # up to so many epochs
_TIMED_DROPOUT = 0.2  # of the steps by whose speed the dropout is chosen; any other takes as long
_WEIGHT_DROPOUT = 0.3
_MOST_WITHOUT_WEIGHT_DROPOUT = 24.0  # epochs of a text of which there are too few tokens for so many recurrent weights
_TOO_MANY_WEIGHTS = 2.0  # for each token
_CHARACTER_CONTEXT, _TOKEN_CONTEXT = 8, 5
_TIMED_SECONDS = 0.4  # for each number of threads
_FEWEST_STEPS = 3
_HOPELESS = 10.0  # a first step that takes this many times a step with fewer threads: they wait for one another
_OTHER_WORK = 0.8  # share of the time that is left for steps beside reading batches, evaluations and saves


@dataclass(frozen=True)
class TrainingTokens:
    """What a recipe is chosen by.

    Args:
        tokenizer: the type of token.
        count: tokens of the training text.
        vocab_size: size of the vocabulary, V.
    """

    tokenizer: TokenizerType
    count: int
    vocab_size: int


@dataclass(frozen=True)
class Recipe:
    """Settings with all that was left open chosen.

    Args:
        model: the model.
        max_epochs: epochs at most with a budget of minutes; None for another budget, unless the user set it.
        reason: what was chosen and why, in one line; empty if the user left nothing open.
    """

    model: LanguageModelConfig
    max_epochs: float | None
    reason: str


def choose_recipe(
    model: LanguageModelConfig, training: LanguageModelTrainingConfig, budget: Budget, tokens: TrainingTokens
) -> Recipe:
    """Choose what the settings leave open.

    With a budget of minutes, the speed of this machine is measured for a second. Raises `TrainingError` if the
    memory does not suffice for an n-gram prior that was asked for.
    """
    chosen: list[str] = []
    available = available_memory()
    is_too_much = available is not None and counting_bytes(tokens.count) > available
    if model.ngram_prior is None:
        context = _CHARACTER_CONTEXT if tokens.tokenizer == "char" else _TOKEN_CONTEXT
        model = replace(model, ngram_prior=0 if is_too_much else context)
        chosen.append(
            "no n-gram prior, as memory is short" if is_too_much else f"n-gram prior with contexts of {context}"
        )
    elif model.ngram_prior and is_too_much:
        needed, free = (f"{bytes_ / 1e6:,.0f} MB" for bytes_ in (counting_bytes(tokens.count), available or 0))
        raise TrainingError(
            f"not enough memory for the n-gram prior: it takes about {needed}, {free} are free",
            hint="give --ngram-prior 0",
        )
    if budget.is_timed and training.max_epochs is None:
        training = replace(training, max_epochs=default_max_epochs(tokens.count, training.batch_size * training.bptt))
    if model.dropout is None:
        timed = replace(model, dropout=_TIMED_DROPOUT)
        epochs, source = _expected_epochs(timed.resolved(tokens.tokenizer), training, budget, tokens)
        dropout, weight_dropout = dropouts_for(
            epochs, recurrent_weight_count(model.cell, model.layers, model.hidden) / tokens.count
        )
        words = f"dropout {dropout:g}"
        if model.weight_dropout is None:
            model = replace(model, weight_dropout=weight_dropout)
            words += f" and weight dropout {weight_dropout:g}" * bool(weight_dropout)
        model = replace(model, dropout=dropout)
        chosen.append(f"{words}, as the text is read {_rounded(epochs)} times ({source})")
    return Recipe(
        model.resolved(tokens.tokenizer), training.max_epochs, f"recipe: {'; '.join(chosen)}" if chosen else ""
    )


def dropouts_for(epochs: float, weights_per_token: float) -> tuple[float, float]:
    """Return dropout and weight dropout: the more often a text is read, the more is overfitted, above all a small one.

    Args:
        epochs: times that the text is read.
        weights_per_token: weights of the recurrent matrices for each token of the text.
    """
    dropout = next(dropout for most, dropout in _DROPOUTS if epochs <= most)
    if epochs > _MOST_WITHOUT_WEIGHT_DROPOUT and weights_per_token > _TOO_MANY_WEIGHTS:
        return max(dropout, 0.4), _WEIGHT_DROPOUT
    return dropout, 0.0


def default_max_epochs(tokens: int, positions: int) -> float:
    """Return the epochs after which more training would only overfit a text; see `benchmarks/RECIPES.md`.

    Args:
        tokens: tokens of the text.
        positions: tokens of a step.
    """
    enough = BASE_MAX_EPOCHS + tokens / TOKENS_PER_EXTRA_EPOCH
    return round(max(enough, MIN_STEPS_OF_MAX_EPOCHS * positions / tokens))


def _rounded(epochs: float) -> str:
    if epochs < 0.05:
        return "less than 0.1"
    return f"about {epochs:.0f}" if epochs >= 10 else f"about {epochs:.1f}"


def _expected_epochs(
    model: LanguageModelConfig, training: LanguageModelTrainingConfig, budget: Budget, tokens: TrainingTokens
) -> tuple[float, str]:
    """Return the epochs that the budget is expected to have, and what they follow from, in words."""
    if budget.epochs is not None:
        return budget.epochs, budget.summary
    positions = training.batch_size * training.bptt
    if budget.steps is not None:
        return budget.steps * positions / tokens.count, budget.summary
    speed = _measured_speed(model, training, tokens.vocab_size)
    seconds = 60 * (DEFAULT_MINUTES if budget.minutes is None else budget.minutes)
    epochs = seconds * speed / tokens.count
    if training.max_epochs is not None and training.max_epochs < epochs:
        return training.max_epochs, f"by --max-epochs; {budget.summary} would be {epochs:,.0f}"
    return epochs, f"{budget.summary} at {speed:,.0f} tokens a second"


def _measured_speed(model: LanguageModelConfig, training: LanguageModelTrainingConfig, vocab_size: int) -> float:
    """Return the tokens a second of a training on this machine, by steps on random tokens.

    The fastest step counts, with the number of threads that suits the machine: whatever takes longer is another
    program's doing or a kernel's first use, and most of it is over when the training has begun.
    """
    import torch

    from rnntui.models.language_model import LanguageModel
    from rnntui.training.device import choose_hardware

    hardware = choose_hardware(training.device, training.precision, training.threads)
    shape = (training.bptt, training.batch_size)
    ids = np.random.default_rng(0).integers(0, vocab_size, shape)
    predictions = None
    if model.ngram_prior:  # of a text of one step, whose places are known from the second reading on, as in a training
        counted = count_ngrams(ids.astype(np.uint32).ravel(), vocab_size, model.ngram_prior)
        predictions = NgramPredictions(counted, ids.size)
    with torch.random.fork_rng(devices=[]):  # a run starts from the same weights with any budget
        network = LanguageModel(model, vocab_size, predictions=predictions).to(hardware.device)
        tokens = torch.from_numpy(ids).to(hardware.device)
        fastest = math.inf
        for _ in hardware.threads.each_count():
            fastest = min(fastest, _fastest_step(network, hardware, tokens, fastest))
    return _OTHER_WORK * shape[0] * shape[1] / fastest


def _fastest_step(network: LanguageModel, hardware: Hardware, tokens: Tensor, limit: float) -> float:
    """Return the seconds of the fastest step but the first, which sets up kernels; gives up if that one is hopeless.

    Args:
        network: the model.
        hardware: where it is trained.
        tokens: `(T, B)`, inputs and targets.
        limit: seconds of a step with other settings.
    """
    import torch
    from torch.nn.functional import cross_entropy

    from rnntui.training.adamw import AdamW, can_fuse

    parameters = list(network.parameters())
    optimizer = AdamW([{"params": parameters, "lr": 0.0, "weight_decay": 0.0}], (0.9, 0.99), can_fuse(hardware.device))
    positions = np.arange(tokens.numel()).reshape(tokens.shape)
    fastest, steps = math.inf, 0
    began = time.perf_counter()
    while steps < _FEWEST_STEPS or time.perf_counter() - began < _TIMED_SECONDS:
        step_began = time.perf_counter()
        with hardware.autocast():
            logits, _ = network(tokens, None, positions)
        loss = cross_entropy(logits.float().flatten(0, 1), tokens.flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.get_total_norm(parameter.grad for parameter in parameters if parameter.grad is not None).item()
        optimizer.step()
        loss.item()  # waits for a GPU of any kind
        seconds = time.perf_counter() - step_began
        steps += 1
        if steps > 1:
            fastest = min(fastest, seconds)
        elif seconds > _HOPELESS * limit:
            break
    return fastest
