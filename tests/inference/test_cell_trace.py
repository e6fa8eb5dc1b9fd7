"""Traces of layers: their states are those of single steps, their gates those of the equations in float64."""

from __future__ import annotations

import numpy as np
import pytest

from rnntui.config_language_model import LanguageModelConfig
from rnntui.inference.cell_trace import LayerTrace
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.inspection.initial_weights import initial_weights

VOCABULARY = 7
CELLS = [("lstm", "tanh"), ("gru", "tanh"), ("rnn", "tanh"), ("rnn", "relu")]


def model_of(cell: str, nonlinearity: str = "tanh") -> tuple[NumpyLanguageModel, dict[str, np.ndarray]]:
    config = LanguageModelConfig(
        hidden=5, embedding=3, layers=2, tied=False, ngrams=2, ngram_buckets=50, cell=cell, nonlinearity=nonlinearity
    )  # type: ignore[arg-type]
    weights = initial_weights(config, VOCABULARY, np.random.default_rng(3))
    weights["ngram_embeddings.2"] = np.random.default_rng(4).normal(size=(50, 3)).astype(np.float32)
    weights = {name: (3 * weight).astype(np.float64) for name, weight in weights.items()}
    return NumpyLanguageModel(weights, config, VOCABULARY, None, np.float64), weights


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def expected_gates(cell: str, weights: dict[str, np.ndarray], layer: int, trace: LayerTrace) -> dict[str, np.ndarray]:
    """The gates as the docstrings of the cells have them, from the inputs and the states before each step."""
    suffix = f"_l{layer}"
    from_input = trace.inputs @ weights[f"rnn.weight_ih{suffix}"].T + weights[f"rnn.bias_ih{suffix}"]
    hidden = trace.states[:-1, 0]
    from_hidden = hidden @ weights[f"rnn.weight_hh{suffix}"].T + weights[f"rnn.bias_hh{suffix}"]
    blocks = len(weights[f"rnn.bias_ih{suffix}"]) // 5
    x, h = np.split(from_input, blocks, axis=2), np.split(from_hidden, blocks, axis=2)
    if cell == "lstm":
        i, f, o = (sigmoid(x[k] + h[k]) for k in (0, 1, 3))
        return {"i": i, "f": f, "g": np.tanh(x[2] + h[2]), "o": o}
    if cell == "gru":
        r, z = (sigmoid(x[k] + h[k]) for k in (0, 1))
        return {"r": r, "z": z, "n": np.tanh(x[2] + r * h[2])}
    return {}


@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_a_trace_has_the_states_of_single_steps_and_the_gates_of_the_equations(cell: str, nonlinearity: str) -> None:
    model, weights = model_of(cell, nonlinearity)
    tokens = np.random.default_rng(1).integers(0, VOCABULARY, (6, 2))
    _, start = model.step(np.array([3, 4]), model.initial_state(2))
    layers = model.trace(tokens, start)
    state = start
    for t, ids in enumerate(tokens):
        logits, state = model.step(ids, state)
        for layer, trace in enumerate(layers):
            np.testing.assert_allclose(trace.states[t + 1], state[layer, :, :, :5], rtol=1e-12)
    np.testing.assert_array_equal(model.state_after(layers, tokens, start), model.forward(tokens, start)[1])
    np.testing.assert_allclose(model.logits_of(model.state_after(layers, tokens, start)), logits, rtol=1e-10)
    for layer, trace in enumerate(layers):
        expected = expected_gates(cell, weights, layer, trace)
        assert set(trace.quantities) == {*expected, *trace.cell.state_names}
        for name, values in expected.items():
            np.testing.assert_allclose(trace.values(name), values, rtol=1e-9)
        if cell == "lstm":
            c = expected["f"] * trace.states[:-1, 1] + expected["i"] * expected["g"]
            np.testing.assert_allclose(trace.values("c"), c, rtol=1e-9)
            np.testing.assert_allclose(trace.values("h"), expected["o"] * np.tanh(c), rtol=1e-9)
        with pytest.raises(KeyError, match="q"):
            trace.values("q")


def test_gates_of_a_long_text_are_computed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = model_of("lstm")
    tokens = np.random.default_rng(1).integers(0, VOCABULARY, (11, 3))
    trace = model.trace(tokens, model.initial_state(3))[1]
    whole = trace.gates(("f", "o"))
    monkeypatch.setattr("rnntui.inference.cell_trace._WINDOW", 8)
    for name, values in trace.gates(("o", "f")).items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-12)
