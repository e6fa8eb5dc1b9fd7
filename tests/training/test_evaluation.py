"""The two evaluations, against a reading of the text token by token."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from rnntui.config import LanguageModelConfig
from rnntui.models.language_model import LanguageModel
from rnntui.training import evaluation
from rnntui.training.device import Hardware
from rnntui.training.evaluation import streaming, windowed

CPU = Hardware(torch.device("cpu"), bf16=False)
VOCAB = 13


@pytest.fixture
def model() -> LanguageModel:
    torch.manual_seed(3)
    return LanguageModel(LanguageModelConfig(hidden=24, embedding=8, dropout=0.5), VOCAB)


def text(length: int) -> np.ndarray:
    return np.random.default_rng(5).integers(1, VOCAB, length).astype(np.uint8)


def loss_in_one_go(model: LanguageModel, ids: np.ndarray) -> float:
    model.eval()
    with torch.inference_mode():
        tokens = torch.from_numpy(ids.astype(np.int64))
        logits, _ = model(tokens[:-1, None])
        return float(cross_entropy(logits[:, 0], tokens[1:]))


@pytest.mark.parametrize("length", [2, 3, 17, 257, 3000])
def test_streaming_a_short_text_is_one_reading_of_it(model: LanguageModel, length: int) -> None:
    found = streaming(model, text(length), VOCAB, CPU, 1.0)
    assert found.tokens == length - 1
    assert found.loss == pytest.approx(loss_in_one_go(model, text(length)), abs=1e-5)


@pytest.mark.parametrize("length", [20_000, 20_001, 37_777])
def test_streaming_by_several_streams_is_that_reading_to_a_ten_thousandth(model: LanguageModel, length: int) -> None:
    found = streaming(model, text(length), VOCAB, CPU, 1.0)
    assert found.tokens == length - 1
    assert found.loss == pytest.approx(loss_in_one_go(model, text(length)), abs=1e-4)


def test_small_windows_of_logits_change_nothing(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [f(model, text(9000), VOCAB, CPU, 1.0).loss for f in (streaming, windowed)]
    monkeypatch.setattr(evaluation, "_LOGITS", 5000)
    after = [f(model, text(9000), VOCAB, CPU, 1.0).loss for f in (streaming, windowed)]
    assert after == pytest.approx(before, abs=1e-5)


@pytest.mark.parametrize(("length", "tokens"), [(100, 99), (257, 256), (300, 256), (5000, 4864)])
def test_windowed_starts_every_256_tokens_from_nothing(model: LanguageModel, length: int, tokens: int) -> None:
    ids = text(length)
    window = min(256, length - 1)
    parts = [loss_in_one_go(model, ids[s : s + window + 1]) for s in range(0, tokens, window)]
    found = windowed(model, ids, VOCAB, CPU, 1.0)
    assert found.tokens == tokens
    assert found.loss == pytest.approx(float(np.mean(parts)), abs=1e-5)


def test_evaluation_draws_nothing_from_the_training_random_stream(model: LanguageModel) -> None:
    model.train()
    before = torch.get_rng_state()
    first = streaming(model, text(2000), VOCAB, CPU, 1.0).loss
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training, "dropout is on again"
    assert streaming(model, text(2000), VOCAB, CPU, 1.0).loss == first


def test_bits_per_character_count_characters_not_tokens() -> None:
    found = evaluation.Evaluation(loss=2.0, tokens=100, characters=400)
    assert found.bits_per_character == pytest.approx(0.5 / math.log(2))
    assert found.perplexity == pytest.approx(math.e**2)
