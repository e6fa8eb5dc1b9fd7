"""Recipes: what a text and a budget choose, that every choice can be overridden, and what is said about it."""

from __future__ import annotations

import math
import re
import time
from dataclasses import replace
from typing import Any

import pytest
import torch

from rnntui.config import Budget, Cell
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.errors import TrainingError
from rnntui.inference.cells import recurrent_weight_count
from rnntui.models import dropout
from rnntui.models.language_model import LanguageModel
from rnntui.text.ngram_predictions import NgramPredictions
from rnntui.training import recipe
from rnntui.training.adamw import AdamW
from rnntui.training.recipe import TrainingTokens, choose_recipe, default_max_epochs, dropouts_for
from rnntui.training.threads import TorchThreads

TRAINING = LanguageModelTrainingConfig(batch_size=16, bptt=32)  # 512 tokens a step
TOKENS = TrainingTokens("char", 100_000, 80)


def test_a_text_that_is_read_more_often_gets_more_dropout() -> None:
    for weights_per_token in (0.1, 1, 5):
        chosen = [dropouts_for(epochs, weights_per_token) for epochs in (0.01, 1, 3, 10, 20, 28, 100, 10_000)]
        dropouts, weight_dropouts = map(list, zip(*chosen, strict=True))
        assert dropouts == sorted(dropouts) and dropouts[0] == 0 and 0.3 < dropouts[-1] < 0.6
        assert weight_dropouts == sorted(weight_dropouts) and weight_dropouts[0] == 0
        assert (weight_dropouts[-1] > 0) == (weights_per_token == 5)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_the_recurrent_weights_are_those_of_the_model(cell: Cell) -> None:
    config = LanguageModelConfig(cell=cell, layers=2, hidden=24).resolved("char")
    weights = LanguageModel(config, 30).rnn.named_parameters()
    assert recurrent_weight_count(cell, 2, 24) == sum(w.numel() for name, w in weights if name.startswith("weight_hh"))


def test_a_small_text_that_is_read_dozens_of_times_gets_weight_dropout_unless_dropout_is_given() -> None:
    often = Budget(epochs=40)
    chosen = choose_recipe(LanguageModelConfig(), TRAINING, often, TOKENS)
    assert (chosen.model.dropout, chosen.model.weight_dropout) == dropouts_for(40, 4 * 512**2 / 100_000)
    assert f"dropout {chosen.model.dropout:g} and weight dropout {chosen.model.weight_dropout:g}, as" in chosen.reason
    own = choose_recipe(LanguageModelConfig(weight_dropout=0.1), TRAINING, often, TOKENS)
    assert (own.model.dropout, own.model.weight_dropout) == (chosen.model.dropout, 0.1)
    assert "weight dropout" not in own.reason
    assert choose_recipe(LanguageModelConfig(dropout=0.1), TRAINING, often, TOKENS).model.weight_dropout == 0
    large = choose_recipe(LanguageModelConfig(), TRAINING, often, replace(TOKENS, count=1_000_000))
    assert large.model.weight_dropout == 0 and "weight dropout" not in large.reason


@pytest.mark.parametrize(
    ("budget", "epochs"),
    [(Budget(epochs=7), 7), (Budget(steps=2000), 10.24), (Budget(minutes=10), 12), (Budget(), 6)],
)
def test_the_epochs_follow_from_the_budget(budget: Budget, epochs: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "_measured_speed", lambda *_: 2000.0)
    chosen = choose_recipe(LanguageModelConfig(), TRAINING, budget, TOKENS)
    assert chosen.model.dropout == dropouts_for(epochs, 10.0)[0]
    assert f"about {epochs:.{0 if epochs >= 10 else 1}f} times ({budget.summary}" in chosen.reason
    assert ("2,000 tokens a second" in chosen.reason) == (budget.epochs is None and budget.steps is None)


def test_a_text_that_is_hardly_read_is_not_read_zero_times() -> None:
    chosen = choose_recipe(LanguageModelConfig(), TRAINING, Budget(steps=1), TOKENS)
    assert "is read less than 0.1 times" in chosen.reason


def test_no_more_epochs_are_expected_than_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "_measured_speed", lambda *_: 1e6)
    training = replace(TRAINING, max_epochs=1.0)
    assert choose_recipe(LanguageModelConfig(), training, Budget(), TOKENS).model.dropout == dropouts_for(1, 10.0)[0]


def test_a_short_text_is_read_a_bounded_number_of_times_in_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "_measured_speed", lambda *_: 1e6)
    chosen = choose_recipe(LanguageModelConfig(), TRAINING, Budget(minutes=60), TOKENS)
    assert chosen.max_epochs == default_max_epochs(100_000, 512) == 30
    assert "as the text is read about 30 times (by --max-epochs; 60 minutes would be 36,000)" in chosen.reason
    assert default_max_epochs(100_000, 512) < default_max_epochs(10_000_000, 512)
    assert default_max_epochs(1_000, 512) == 2000 * 512 / 1000  # few epochs of a tiny text teach nothing
    for budget in (Budget(epochs=100), Budget(steps=10**6)):  # what the user asks for counts
        assert choose_recipe(LanguageModelConfig(), TRAINING, budget, TOKENS).max_epochs is None
    own = choose_recipe(LanguageModelConfig(), replace(TRAINING, max_epochs=50.0), Budget(), TOKENS)
    assert own.max_epochs == 50


def test_what_is_set_is_left_alone_and_nothing_is_said_of_it() -> None:
    settings = LanguageModelConfig(dropout=0.05, ngram_prior=0)
    chosen = choose_recipe(settings, TRAINING, Budget(), TOKENS)
    assert (chosen.model.dropout, chosen.model.ngram_prior, chosen.reason) == (0.05, 0, "")
    chosen = choose_recipe(replace(settings, dropout=None), TRAINING, Budget(epochs=2), TOKENS)
    assert chosen.model.ngram_prior == 0 and chosen.reason.startswith("recipe: dropout ")
    chosen = choose_recipe(replace(settings, ngram_prior=None), TRAINING, Budget(epochs=2), TOKENS)
    assert chosen.model.dropout == 0.05 and "dropout" not in chosen.reason


def test_contexts_of_characters_are_longer_than_those_of_words() -> None:
    words = replace(TOKENS, tokenizer="word", vocab_size=5000)
    models = [choose_recipe(LanguageModelConfig(), TRAINING, Budget(epochs=1), t).model for t in (TOKENS, words)]
    assert models[0].ngram_prior and models[1].ngram_prior and models[0].ngram_prior > models[1].ngram_prior


def test_a_prior_that_does_not_fit_into_memory_is_left_out_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = replace(TOKENS, count=3_000_000)
    monkeypatch.setattr(recipe, "available_memory", lambda: 500_000_000)
    chosen = choose_recipe(LanguageModelConfig(), TRAINING, Budget(epochs=1), tokens)
    assert chosen.model.ngram_prior == 0 and "no n-gram prior, as memory is short" in chosen.reason
    assert choose_recipe(LanguageModelConfig(), TRAINING, Budget(epochs=1), TOKENS).model.ngram_prior
    with pytest.raises(TrainingError, match="not enough memory for the n-gram prior: it takes about 9") as caught:
        choose_recipe(LanguageModelConfig(ngram_prior=4), TRAINING, Budget(epochs=1), tokens)
    assert "--ngram-prior 0" in str(caught.value.hint)
    monkeypatch.setattr(recipe, "available_memory", lambda: None)
    assert choose_recipe(LanguageModelConfig(), TRAINING, Budget(epochs=1), tokens).model.ngram_prior


def test_measuring_the_speed_leaves_the_weights_of_a_run_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "_TIMED_SECONDS", 0.01)
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    small = LanguageModelConfig(hidden=8, embedding=4)
    assert choose_recipe(small, TRAINING, Budget(minutes=0.1), TOKENS).model.dropout is not None
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_choice_is_recorded_in_the_run(make_run) -> None:
    model = make_run(steps=1).read_config().model_as(LanguageModelConfig)
    assert model.ngram_prior == 8 and model.dropout == 0
    timed = make_run(minutes=60.0, dropout=0.1, name="timed").read_config()
    assert timed.training.max_epochs == default_max_epochs(timed.corpus.training.tokens, 4 * 16)


def test_the_speed_is_that_of_the_best_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float] = []
    seconds = iter([0.02, 4.0])  # two threads that wait for one another

    def fastest_step(*arguments: Any) -> float:
        limits.append(arguments[-1])
        return next(seconds)

    monkeypatch.setattr(recipe, "_fastest_step", fastest_step)
    monkeypatch.setattr(TorchThreads, "each_count", lambda self: iter([1, 2]))
    training = replace(TRAINING, batch_size=10, bptt=20, device="cpu")
    speed = recipe._measured_speed(LanguageModelConfig().resolved("char"), training, 30)
    assert speed == pytest.approx(recipe._OTHER_WORK * 200 / 0.02)
    assert limits == [math.inf, 0.02]


def test_each_number_of_threads_is_set_in_turn() -> None:
    before = torch.get_num_threads()
    try:
        assert [(count, torch.get_num_threads()) for count in TorchThreads([1, 2]).each_count()] == [(1, 1), (2, 2)]
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    "part",
    [(NgramPredictions, "log_probs"), (AdamW, "step"), (dropout, "_mask"), (torch.nn.utils, "get_total_norm")],
    ids=["prior", "optimizer", "dropout", "gradient norm"],
)
def test_the_speed_is_that_of_whole_steps(part: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "_TIMED_SECONDS", 0.01)
    work = getattr(*part)

    def slow(*arguments: Any) -> Any:
        time.sleep(0.05)
        return work(*arguments)

    monkeypatch.setattr(*part, slow)
    training = replace(TRAINING, batch_size=10, bptt=20, device="cpu")
    small = LanguageModelConfig(hidden=8, embedding=4, ngram_prior=3)
    speed = re.search(r"at ([0-9,]+) tokens a second", choose_recipe(small, training, Budget(), TOKENS).reason)
    assert speed is not None and 0 < int(speed[1].replace(",", "")) <= 200 / 0.05
