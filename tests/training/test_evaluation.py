"""Streaming and windowed evaluation, against one forward pass over the text."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from rnntui.config import Budget, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.kinds.corpus_info import TokenFileInfo
from rnntui.models.language_model import LanguageModel
from rnntui.text.corpus import find_corpus
from rnntui.training import dynamic_evaluation, evaluation
from rnntui.training.device import Hardware
from rnntui.training.dynamic_evaluation import evaluate_dynamic
from rnntui.training.evaluation import evaluate_streaming, evaluate_windowed
from rnntui.training.prepare_language_model import LanguageModelRequest, create_language_model_run

CPU = Hardware(torch.device("cpu"), bf16=False)
VOCAB = 13


@pytest.fixture(params=[1, 3], ids=["tokens", "n-grams"])
def model(request: pytest.FixtureRequest) -> LanguageModel:
    torch.manual_seed(3)
    model = LanguageModel(LanguageModelConfig(hidden=24, embedding=8, dropout=0.5, ngrams=request.param), VOCAB)
    for name, parameter in model.named_parameters():
        if name.startswith("ngram"):
            torch.nn.init.normal_(parameter)
    return model


def text(length: int) -> np.ndarray:
    return np.random.default_rng(5).integers(1, VOCAB, length).astype(np.uint8)


def single_pass_loss(model: LanguageModel, ids: np.ndarray) -> float:
    model.eval()
    with torch.inference_mode():
        tokens = torch.from_numpy(ids.astype(np.int64))
        logits, _ = model(tokens[:-1, None])
        return float(cross_entropy(logits[:, 0], tokens[1:]))


@pytest.mark.parametrize("length", [2, 3, 17, 257, 3000])
def test_streaming_a_short_text_equals_a_single_pass(model: LanguageModel, length: int) -> None:
    result = evaluate_streaming(model, text(length), VOCAB, CPU, 1.0)
    assert result.tokens == length - 1
    assert result.loss == pytest.approx(single_pass_loss(model, text(length)), abs=1e-5)


@pytest.mark.parametrize("length", [20_000, 20_001, 37_777])
def test_streaming_by_several_streams_equals_a_single_pass_to_1e_4(model: LanguageModel, length: int) -> None:
    result = evaluate_streaming(model, text(length), VOCAB, CPU, 1.0)
    assert result.tokens == length - 1
    assert result.loss == pytest.approx(single_pass_loss(model, text(length)), abs=1e-4)


@pytest.mark.parametrize("length", [2, 33, 300])
def test_dynamic_evaluation_without_a_rate_is_the_streaming_one(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr(dynamic_evaluation, "LEARNING_RATE", 0.0)
    result = evaluate_dynamic(model, text(length), VOCAB, CPU, 1.0)
    assert result.tokens == length - 1
    assert result.loss == pytest.approx(single_pass_loss(model, text(length)), abs=1e-5)


def test_dynamic_evaluation_learns_only_from_what_was_predicted_and_leaves_the_model(model: LanguageModel) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    ids = np.tile(text(3), 260)
    model.train()
    first, all_segments = (evaluate_dynamic(model, ids[: 32 * n + 1], VOCAB, CPU, 1.0).loss for n in (1, 24))
    assert first == pytest.approx(single_pass_loss(model, ids[:33]), abs=1e-5)  # it learns after that
    assert all_segments < first - 0.2
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_smaller_logit_windows_give_the_same_losses(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [f(model, text(9000), VOCAB, CPU, 1.0).loss for f in (evaluate_streaming, evaluate_windowed)]
    monkeypatch.setattr(evaluation, "_MAX_LOGITS", 5000)
    after = [f(model, text(9000), VOCAB, CPU, 1.0).loss for f in (evaluate_streaming, evaluate_windowed)]
    assert after == pytest.approx(before, abs=1e-5)


@pytest.mark.parametrize(("length", "tokens"), [(100, 99), (257, 256), (300, 256), (5000, 4864)])
def test_windowed_starts_every_256_tokens_from_a_zero_state(model: LanguageModel, length: int, tokens: int) -> None:
    ids = text(length)
    window = min(256, length - 1)
    parts = [single_pass_loss(model, ids[s : s + window + 1]) for s in range(0, tokens, window)]
    result = evaluate_windowed(model, ids, VOCAB, CPU, 1.0)
    assert result.tokens == tokens
    assert result.loss == pytest.approx(float(np.mean(parts)), abs=1e-5)


def test_evaluation_leaves_the_random_generator_alone(model: LanguageModel) -> None:
    model.train()
    before = torch.get_rng_state()
    first = evaluate_streaming(model, text(2000), VOCAB, CPU, 1.0).loss
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training, "dropout is on again"
    assert evaluate_streaming(model, text(2000), VOCAB, CPU, 1.0).loss == first


def test_bits_per_character_count_characters_not_tokens() -> None:
    result = evaluation.Evaluation(loss=2.0, tokens=100, characters=400)
    assert result.bits_per_character == pytest.approx(0.5 / math.log(2))
    assert result.perplexity == pytest.approx(math.e**2)


def test_bits_per_character_count_the_spelling_of_unknown_words() -> None:
    result = evaluation.Evaluation(loss=2.0, tokens=100, characters=400)
    spelled = result.with_spelling(TokenFileInfo(tokens=1000, characters=4000, dtype="uint8", spelling_bits=200.0))
    assert spelled.bits_per_character == pytest.approx(result.bits_per_character + 200 / 4000)
    assert (spelled.loss, spelled.perplexity) == (result.loss, result.perplexity)


def test_a_run_of_words_says_how_many_are_unknown(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("alpha beta\n" * 900 + "zebra beta\n" * 100)
    messages: list[str] = []
    request = LanguageModelRequest(
        LanguageModelConfig(hidden=8), TokenizerConfig("word"), LanguageModelTrainingConfig(), Budget(steps=1)
    )
    corpus = find_corpus([str(tmp_path / "words.txt")])
    run = create_language_model_run(corpus, request, tmp_path / "checkpoints", "noted", messages.append)
    validation = run.read_config().corpus.validation
    assert validation is not None and validation.spelling_bits > 0
    [message] = [message for message in messages if "<unk>" in message]
    assert message.startswith("33.3% of the words held out for validation are outside of the vocabulary of 4, and")
