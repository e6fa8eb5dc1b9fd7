"""Gradient flow: norms against finite differences in float64, and what is said about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from novelty_runs import trained_on
from tiny_runs import NGRAMS, make_run

from rnntui.config_language_model import LanguageModelConfig
from rnntui.errors import CancelledError, CorpusError
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.inspection.gradient_flow import gradient_flow, state_gradients
from rnntui.inspection.gradient_report import GradientCurve, GradientFlow
from rnntui.inspection.initial_weights import initial_weights
from rnntui.text.ngram_counts import count_ngrams

VOCABULARY, STEPS = 6, 5
CELLS = [("lstm", "tanh"), ("gru", "tanh"), ("rnn", "tanh"), ("rnn", "relu")]


def network(**settings: object) -> NumpyLanguageModel:
    config = LanguageModelConfig(hidden=4, embedding=3, tied=False, ngrams=1, **settings)  # type: ignore[arg-type]
    weights = initial_weights(config, VOCABULARY, np.random.default_rng(5))
    prior = None
    if config.ngram_prior:
        weights["prior_scale.weight"] = np.linspace(-1, 1, 4)[None]
        weights["prior_scale.bias"] = np.ones(1)
        prior = count_ngrams(np.arange(90) ** 2 // 7 % VOCABULARY, VOCABULARY, config.ngram_prior)
    # Larger than at the beginning of a training, so that every gate has a slope of its own.
    weights = {name: 2 * weight for name, weight in weights.items()}
    return NumpyLanguageModel(weights, config, VOCABULARY, None, np.float64, prior)


def losses_after(model: NumpyLanguageModel, tokens: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Return the losses (B,) of the last of tokens (T, B) after a state; T may be 1."""
    hidden = model.last_hidden(state)
    if len(tokens) > 1:
        hidden = model.hidden_states(tokens[:-1], state)[0][-1]
    return model.loss_gradient(hidden, tokens[-1])[0]


@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
@pytest.mark.parametrize("others", [{"layers": 2}, {"layers": 1, "ngram_prior": 2}], ids=["two_layers", "prior"])
def test_norms_are_those_of_finite_differences(cell: str, nonlinearity: str, others: dict[str, int]) -> None:
    model = network(cell=cell, nonlinearity=nonlinearity, **others)
    tokens = np.random.default_rng(2).integers(0, VOCABULARY, (STEPS + 3, 2))
    found = state_gradients(model, tokens, model.initial_state(2), STEPS)
    reads = len(tokens) - 1
    for back in range(STEPS + 1):
        _, state = model.hidden_states(tokens[: reads - back], model.initial_state(2))
        expected = np.zeros(found.squares[:, back].shape)  # (B, L, C)
        for layer, component, unit in np.ndindex(*expected.shape[1:], 4):
            ends = []
            for sign in (1, -1):
                moved = state.copy()
                moved[layer, component, :, unit] += sign * 1e-5
                ends.append(losses_after(model, tokens[reads - back :], moved))
            expected[:, layer, component] += ((ends[0] - ends[1]) / 2e-5) ** 2
        np.testing.assert_allclose(found.squares[:, back], expected, rtol=1e-5, atol=1e-14)


def curve(name: str, cell: str, factor: float, steps: int = 200) -> GradientCurve:
    """A gradient that falls by a factor at each step back."""
    config = LanguageModelConfig(cell=cell, hidden=8)  # type: ignore[arg-type]
    squares = np.tile((factor ** np.arange(steps + 1)) ** 2, (3, 1))[:, :, None, None]
    return GradientCurve.of(name, config, squares, np.ones(3))


@pytest.mark.parametrize(
    ("factor", "half", "words"),
    [
        (0.5, 2.0, "it VANISHES: 99% is gone 8 steps back"),
        (0.93, 10.55, "it fades: 99% is gone 64 steps back"),
        (0.97, 23.76, "it fades slowly: 99% is gone only 152 steps back"),
        (0.999, None, "it does not vanish within 200 steps"),
        (1.05, None, "it explodes"),
    ],
)  # fmt: skip
def test_sentences_say_how_far_the_gradient_reaches(factor: float, half: float | None, words: str) -> None:
    one = curve("mine", "gru", factor)
    assert one.reach(0.5) == (pytest.approx(half, abs=0.01) if half else None)
    assert words in "\n".join(GradientFlow((one,), "held-out text").summary())
    assert one.to_json()["left"]["10"] == pytest.approx(factor**9)


def test_several_models_are_ranked_and_each_is_in_the_legend_and_the_picture() -> None:
    flow = GradientFlow((curve("a", "lstm", 0.99), curve("b", "rnn", 0.5), curve("c", "gru", 0.9)), "a text")
    assert any("b (plain RNN) forgets first, a (LSTM) last" in sentence for sentence in flow.summary())
    for width in (30, 78, 140):
        rows = ["".join(text for text, _ in row) for row in flow.rows(width)]
        assert max(map(len, rows)) <= width
    assert all(f"{name} half-life" in "".join(rows) for name in "abc")
    assert flow.svg().count("opacity") == 3  # bands
    assert "taught" not in " ".join(flow.summary())
    flow = GradientFlow((curve("a", "lstm", 0.5), curve("b", "rnn", 0.5)), "a text")
    assert any("taught them to: a (LSTM) had too little of it" in sentence for sentence in flow.summary())


def test_a_zero_gradient_and_one_that_underflows_are_drawn_and_told() -> None:
    for factor in (0.0, 1e-30):
        flow = GradientFlow((curve("a", "rnn", factor, 20),), "a text")
        assert flow.rows(60) and "<svg" in flow.svg() and "10 steps back less than 0.0001%" in " ".join(flow.summary())


def test_runs_are_read_with_their_own_tokens_and_before_training_too(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, "plain"), make_run(tmp_path, "ngrams", model=NGRAMS)]
    flow = gradient_flow(runs, "to be, or not to be. " * 20, steps=20, places=4, has_initial=True)
    assert [each.label for each in flow.curves] == [
        "plain", "plain before training", "ngrams", "ngrams before training",
    ]  # fmt: skip
    assert len(flow.curves[0].mean) == 21 and flow.to_json()["places"] == 4
    drawn = gradient_flow(runs[:1], steps=10, places=3)
    assert "drew" in drawn.origin and np.isfinite(drawn.curves[0].mean).all()
    trained = trained_on(tmp_path, "to be, or not to be. " * 60)
    assert gradient_flow([trained], steps=10, places=2).origin == "held-out text"
    origin = gradient_flow([trained], steps=90, places=2).origin
    assert origin == "text that the model drew (its held-out text is too short: 126 tokens, 156 are needed)"
    with pytest.raises(CorpusError, match=r"the given text has 5 tokens, and 86 are needed"):
        gradient_flow(runs, "to be", steps=20)
    with pytest.raises(CancelledError):
        gradient_flow(runs, steps=20, cancelled=lambda: True)
