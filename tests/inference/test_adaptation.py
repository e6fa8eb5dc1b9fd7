"""An output layer that learns from what it reads: the gradient, independence of the parts, and dynamic scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_runs import TWO_LAYERS, make_run

from rnntui.inference.adaptation import BLOCK, STEP_SIZE, OutputLearner
from rnntui.inference.loaded_model import load_language_model
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.inference.scoring import log_softmax_at, score, score_and_learn

NO_CONTEXT = np.zeros(0, dtype=np.int64)


@pytest.fixture
def network(tmp_path: Path) -> NumpyLanguageModel:
    return load_language_model(make_run(tmp_path, "tiny", model=TWO_LAYERS), np.float64).network


def tokens(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 20, count)


def test_a_step_goes_down_the_gradient_of_each_tokens_loss(network: NumpyLanguageModel) -> None:
    ids, state = tokens(BLOCK), network.initial_state()
    hidden, _ = network.hidden_states(ids[:, None], state)
    previous = np.concatenate((network.last_hidden(state)[None], hidden[:-1]))[:, 0]  # (T, H)
    weights, bias = network.output_layer
    scale = STEP_SIZE / ((previous**2).sum(axis=1) + 1)

    def loss(weights: np.ndarray, bias: np.ndarray) -> float:
        return -float((scale * log_softmax_at(previous @ weights + bias, ids)).sum())

    learner = OutputLearner(network)
    learner.read(ids, state, np.ones(BLOCK, dtype=bool))
    new_weights, new_bias = learner.network.output_layer
    for index in [(0, ids[1]), (3, 5), (15, ids[-1])]:
        nudge = np.zeros_like(weights)
        nudge[index] = 1e-5
        slope = (loss(weights + nudge, bias) - loss(weights - nudge, bias)) / 2e-5
        assert new_weights[index] == pytest.approx(weights[index] - slope, abs=1e-8)
    nudge = np.zeros_like(bias)
    nudge[ids[0]] = 1e-5
    slope = (loss(weights, bias + nudge) - loss(weights, bias - nudge)) / 2e-5
    assert new_bias[ids[0]] == pytest.approx(bias[ids[0]] - slope, abs=1e-8)
    assert network.output_layer[0] is weights  # the trained model stays as it is


@pytest.mark.parametrize("parts", [[50], [8, 42], [3, 10, 1, 36], [1] * 50])
def test_what_is_learned_does_not_depend_on_the_parts_in_which_the_text_is_read(
    network: NumpyLanguageModel, parts: list[int]
) -> None:
    ids, is_learned = tokens(50), np.arange(50) % 3 > 0
    whole = OutputLearner(network)
    logits, state = whole.read(ids, network.initial_state(), is_learned)
    learner, at, read_logits, read_state = OutputLearner(network), 0, [], network.initial_state()
    for size in parts:
        part_logits, read_state = learner.read(ids[at : at + size], read_state, is_learned[at : at + size])
        read_logits.append(part_logits)
        at += size
    np.testing.assert_allclose(np.concatenate(read_logits), logits, atol=1e-10)
    np.testing.assert_allclose(read_state, state, atol=1e-10)
    assert learner.position == whole.position == 50
    np.testing.assert_allclose(
        OutputLearner(network).feed(np.tile(ids, 7), network.initial_state(), np.tile(is_learned, 7)),
        OutputLearner(network).read(np.tile(ids, 7), network.initial_state(), np.tile(is_learned, 7))[0][-1],
        atol=1e-10,
    )


def test_tokens_that_are_only_read_change_nothing(network: NumpyLanguageModel) -> None:
    ids = tokens(40)
    learner = OutputLearner(network)
    logits, state = learner.read(ids, network.initial_state(), np.zeros(40, dtype=bool))
    expected_logits, expected_state = network.forward(ids[:, None], network.initial_state())
    np.testing.assert_allclose(logits, expected_logits, atol=1e-12)
    np.testing.assert_allclose(state, expected_state, atol=1e-12)
    assert learner.network is network and not learner.skip(100)


def test_a_repeated_text_gets_cheaper_and_the_first_block_costs_the_same(network: NumpyLanguageModel) -> None:
    learner, text = OutputLearner(network), tokens(40)
    scores = [score_and_learn(learner, NO_CONTEXT, text, 40).log_probability for _ in range(4)]
    assert scores == sorted(scores) and scores[-1] > scores[0] + 10
    short = text[:BLOCK]
    assert score_and_learn(OutputLearner(network), NO_CONTEXT, short, BLOCK) == score(network, NO_CONTEXT, short, BLOCK)
