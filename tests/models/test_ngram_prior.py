"""A language model with an n-gram prior: in torch and in numpy, by pieces, alone and in a batch, trained and loaded."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnntui.config_language_model import LanguageModelConfig
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.models.language_model import LanguageModel
from rnntui.models.weight_arrays import weights_of
from rnntui.text.ngram_counts import count_ngrams
from rnntui.text.ngram_predictions import NgramPredictions

VOCAB, STEPS, BATCH = 11, 9, 3
TEXT = (np.random.default_rng(1).zipf(1.5, 3000) % VOCAB).astype(np.uint8)


@pytest.mark.parametrize("ngrams", [1, 2, 5])
@pytest.mark.parametrize("prior", [1, 3])
@pytest.mark.parametrize("layers", [1, 2])
def test_torch_and_numpy_agree_at_once_in_pieces_and_alone(layers: int, prior: int, ngrams: int) -> None:
    config = LanguageModelConfig(layers=layers, hidden=8, embedding=5, ngrams=ngrams, ngram_prior=prior)
    config = config.resolved("char")
    counts = count_ngrams(TEXT, VOCAB, prior)
    torch.manual_seed(4)
    model = LanguageModel(config, VOCAB, None, NgramPredictions(counts)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.4)
    ours = NumpyLanguageModel(weights_of(model), config, VOCAB, prior=counts)
    tokens = np.random.default_rng(0).integers(0, VOCAB, (STEPS, BATCH))
    with torch.inference_mode():
        expected, _ = model(torch.from_numpy(tokens))
        first, state = model(torch.from_numpy(tokens[:2]))  # fewer tokens than a history may hold
        rest, torch_state = model(torch.from_numpy(tokens[2:]), state)
    np.testing.assert_allclose(torch.cat((first, rest)), expected, atol=1e-5)
    at_once, end = ours.forward(tokens, ours.initial_state(BATCH))
    np.testing.assert_allclose(at_once, expected, atol=1e-4)
    np.testing.assert_array_equal(end[0, 0, :, 8:], torch_state[-1][0])
    np.testing.assert_allclose(ours.logits_of(end), at_once[-1], atol=1e-5)
    for row in range(BATCH):
        alone, _ = ours.feed(tokens[:, [row]], ours.initial_state())
        np.testing.assert_allclose(alone[0], at_once[-1, row], atol=1e-5)
        state = ours.initial_state()
        for token, logits in zip(tokens[:, row], at_once[:, row], strict=True):
            alone, state = ours.step(np.array([token]), state)
            np.testing.assert_allclose(alone[0], logits, atol=1e-5)


def test_a_model_without_its_counts_is_refused() -> None:
    config = LanguageModelConfig(hidden=8, ngram_prior=2).resolved("char")
    model = LanguageModel(config, VOCAB, None, NgramPredictions(count_ngrams(TEXT, VOCAB, 2)))
    with pytest.raises(ValueError, match="needs an n-gram model"):
        NumpyLanguageModel(weights_of(model), config, VOCAB)
    with pytest.raises(ValueError, match="needs the predictions of an n-gram model"):
        LanguageModel(config, VOCAB)


def test_an_untrained_model_predicts_what_the_counts_do() -> None:
    """Without a dent in the network's own logits, at half of the logarithms."""
    counts = count_ngrams(TEXT, VOCAB, 2)
    config = LanguageModelConfig(hidden=8, ngram_prior=2).resolved("char")
    model = LanguageModel(config, VOCAB, None, NgramPredictions(counts)).eval()
    with torch.inference_mode():
        logits, _ = model(torch.tensor([[1], [2], [1]]))
    expected = counts.log_probs(np.array([[1, -1], [2, 1], [1, 2]])) / 2
    np.testing.assert_allclose(logits[:, 0] - model.output.bias.detach(), expected, atol=1e-5)


def test_in_training_a_token_is_predicted_without_its_own_fold() -> None:
    counts = count_ngrams(TEXT, VOCAB, 2)
    config = LanguageModelConfig(hidden=8, ngram_prior=2).resolved("char")
    model = LanguageModel(config, VOCAB, None, NgramPredictions(counts, len(TEXT))).eval()
    tokens, positions = torch.from_numpy(TEXT[100:110].astype(np.int64)[:, None]), np.arange(101, 111)[:, None]
    with torch.inference_mode():
        held_out, state = model(tokens, None, positions)
        full, _ = model(tokens)
    fold = count_ngrams(TEXT[375:], VOCAB, 2)  # the text without its first eighth
    history = np.stack([TEXT[104:110], TEXT[103:109]], axis=1).astype(np.int64)
    seen = (fold.find(history) >= 0).all(axis=1)
    assert seen.sum() > 3
    without = fold.log_probs(history) / 2
    np.testing.assert_allclose((held_out[4:, 0] - model.output.bias.detach())[seen], without[seen], atol=0.02)
    assert (held_out - full).abs().max() > 0.01
    assert torch.equal(state[-1], torch.tensor([[[TEXT[108] + 1.0, TEXT[109] + 1.0]]]))
