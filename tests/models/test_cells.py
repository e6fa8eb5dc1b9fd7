"""The cells in torch and in numpy, against an independent implementation of their equations in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rnntui.config_language_model import LanguageModelConfig
from rnntui.inference.cells import GRUCell, LSTMCell, RNNCell
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.models.language_model import LanguageModel
from rnntui.models.weight_arrays import weights_of

Vector = NDArray[np.float64]
Layer = dict[str, Vector]

STEPS, BATCH, VOCAB = 7, 3, 11
CELLS = [("lstm", "tanh"), ("gru", "tanh"), ("rnn", "tanh"), ("rnn", "relu")]


def sigmoid(a: Vector) -> Vector:
    return 1.0 / (1.0 + np.exp(-a))


def reference_lstm(x: Vector, h: Vector, c: Vector, w: Layer) -> tuple[Vector, Vector]:
    def gate(name: str) -> Vector:
        return w[f"W_i{name}"] @ x + w[f"b_i{name}"] + w[f"W_h{name}"] @ h + w[f"b_h{name}"]

    i, f, o, g = sigmoid(gate("i")), sigmoid(gate("f")), sigmoid(gate("o")), np.tanh(gate("g"))
    c = f * c + i * g
    return o * np.tanh(c), c


def reference_gru(x: Vector, h: Vector, w: Layer) -> Vector:
    """The convention of torch and cuDNN: the reset gate after the matrix."""
    r = sigmoid(w["W_ir"] @ x + w["b_ir"] + w["W_hr"] @ h + w["b_hr"])
    z = sigmoid(w["W_iz"] @ x + w["b_iz"] + w["W_hz"] @ h + w["b_hz"])
    n = np.tanh(w["W_in"] @ x + w["b_in"] + r * (w["W_hn"] @ h + w["b_hn"]))
    return (1 - z) * n + z * h


def reference_gru_of_the_paper(x: Vector, h: Vector, w: Layer) -> Vector:
    """The convention of Cho et al. 2014: the reset gate before the matrix."""
    r = sigmoid(w["W_ir"] @ x + w["b_ir"] + w["W_hr"] @ h + w["b_hr"])
    z = sigmoid(w["W_iz"] @ x + w["b_iz"] + w["W_hz"] @ h + w["b_hz"])
    n = np.tanh(w["W_in"] @ x + w["b_in"] + w["W_hn"] @ (r * h) + w["b_hn"])
    return (1 - z) * n + z * h


def reference_rnn(x: Vector, h: Vector, w: Layer, nonlinearity: str) -> Vector:
    a = w["W_i"] @ x + w["b_i"] + w["W_h"] @ h + w["b_h"]
    return np.tanh(a) if nonlinearity == "tanh" else np.maximum(a, 0)


def named_parts(weights: dict[str, NDArray[np.float32]], layer: int, gates: str) -> Layer:
    """torch's stacked matrices, split into those of the equations."""
    parts = {}
    for letter, kind in (("W", "weight"), ("b", "bias")):
        for side in "ih":
            stacked = weights[f"rnn.{kind}_{side}h_l{layer}"].astype(np.float64)
            for name, part in zip(gates, np.split(stacked, max(1, len(gates))), strict=True):
                parts[f"{letter}_{side}{name.strip()}"] = part
    return parts


def reference_logits(
    weights: dict[str, NDArray[np.float32]],
    config: LanguageModelConfig,
    tokens: NDArray[np.int64],
    gru: Callable[[Vector, Vector, Layer], Vector] = reference_gru,
) -> Vector:
    """Logits `(T, V)` of one text `tokens (T,)`, layer by layer and step by step."""
    inputs = [weights["embedding.weight"].astype(np.float64)[token] for token in tokens]
    for layer in range(config.layers):
        w = named_parts(weights, layer, {"lstm": "ifgo", "gru": "rzn", "rnn": " "}[config.cell])
        h = c = np.zeros(config.hidden)
        outputs = []
        for x in inputs:
            if config.cell == "lstm":
                h, c = reference_lstm(x, h, c, w)
            elif config.cell == "gru":
                h = gru(x, h, w)
            else:
                h = reference_rnn(x, h, w, config.nonlinearity)
            outputs.append(h)
        inputs = outputs
    output = weights["embedding.weight" if config.tied else "output.weight"].astype(np.float64)
    return np.stack(inputs) @ output.T + weights["output.bias"].astype(np.float64)


def model_of(config: LanguageModelConfig, scale: float = 3.0) -> LanguageModel:
    """A torch model with weights large enough to drive the gates towards 0 and 1."""
    torch.manual_seed(4)
    model = LanguageModel(config, VOCAB).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(std=scale / parameter.shape[-1] ** 0.5 if "weight" in name else 0.5)
    return model


def texts() -> NDArray[np.int64]:
    return np.random.default_rng(0).integers(0, VOCAB, (STEPS, BATCH))


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
@pytest.mark.parametrize("tied", [False, True])
def test_torch_and_numpy_both_compute_the_equations(cell: str, nonlinearity: str, layers: int, tied: bool) -> None:
    config = LanguageModelConfig(
        cell=cell,
        nonlinearity=nonlinearity,
        layers=layers,
        hidden=16,
        embedding=16 if tied else 5,
        tied=tied,
        dropout=0.5,
    )  # type: ignore[arg-type]
    # relu activations are unbounded; smaller weights keep 1e-4 a meaningful tolerance.
    model = model_of(config, 1.0 if nonlinearity == "relu" else 3.0)
    weights, tokens = weights_of(model), texts()
    expected = np.stack([reference_logits(weights, config, tokens[:, b]) for b in range(BATCH)], axis=1)
    with torch.inference_mode():
        by_torch = model(torch.from_numpy(tokens))[0].numpy()
    numpy_model = NumpyLanguageModel(weights, config, VOCAB)
    by_numpy, _ = numpy_model.forward(tokens, numpy_model.initial_state(BATCH))
    np.testing.assert_allclose(by_torch, expected, atol=1e-4)
    np.testing.assert_allclose(by_numpy, expected, atol=1e-4)


@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_numpy_and_torch_carry_the_same_state(cell: str, nonlinearity: str) -> None:
    config = LanguageModelConfig(cell=cell, nonlinearity=nonlinearity, layers=2, hidden=16, embedding=5)  # type: ignore[arg-type]
    model, tokens = model_of(config, 1.0), texts()
    numpy_model = NumpyLanguageModel(weights_of(model), config.resolved("char"), VOCAB)
    state, torch_state = numpy_model.initial_state(BATCH), None
    for part in (tokens[:3], tokens[3:]):
        with torch.inference_mode():
            by_torch, torch_state = model(torch.from_numpy(part), torch_state)
        by_numpy, state = numpy_model.forward(part, state)
        np.testing.assert_allclose(by_numpy, by_torch.numpy(), atol=1e-4)
    for array, tensor in zip(state.transpose(1, 0, 2, 3), torch_state, strict=True):
        np.testing.assert_allclose(array, tensor.numpy(), atol=1e-4)


@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
@pytest.mark.parametrize("vocab_size", [VOCAB, 3000], ids=["projection table", "no table"])
def test_token_by_token_equals_all_at_once(cell: str, nonlinearity: str, vocab_size: int) -> None:
    config = LanguageModelConfig(cell=cell, nonlinearity=nonlinearity, layers=2, hidden=16, embedding=5)  # type: ignore[arg-type]
    torch.manual_seed(0)
    model = NumpyLanguageModel(weights_of(LanguageModel(config, vocab_size)), config.resolved("char"), vocab_size)
    tokens = np.random.default_rng(1).integers(0, vocab_size, (STEPS, BATCH))
    at_once, end = model.forward(tokens, model.initial_state(BATCH))
    state = model.initial_state(BATCH)
    for t in range(STEPS):
        logits, state = model.step(tokens[t], state)
        np.testing.assert_allclose(logits, at_once[t], atol=1e-5)
    np.testing.assert_allclose(state, end, atol=1e-5)
    last, end_of_feed = model.feed(tokens, model.initial_state(BATCH))
    np.testing.assert_allclose(last, at_once[-1], atol=1e-5)
    np.testing.assert_allclose(end_of_feed, end, atol=1e-5)


def test_the_reset_gate_follows_torchs_convention_not_the_papers() -> None:
    config = LanguageModelConfig(cell="gru", layers=1, hidden=16, embedding=5, tied=False)
    model, tokens = model_of(config), texts()[:, 0]
    weights = weights_of(model)
    with torch.inference_mode():
        by_torch = model(torch.from_numpy(tokens[:, None]))[0][:, 0].numpy()
    ours = reference_logits(weights, config, tokens)
    papers = reference_logits(weights, config, tokens, reference_gru_of_the_paper)
    assert np.abs(by_torch - ours).max() < 1e-4
    assert np.abs(by_torch - papers).max() > 0.1


@pytest.mark.parametrize("kind", [LSTMCell, GRUCell, RNNCell])
def test_a_step_does_not_change_its_input_state(kind: type[LSTMCell | GRUCell | RNNCell]) -> None:
    rng = np.random.default_rng(0)
    rows = kind.gates * 8
    cell = kind(*(rng.standard_normal(s).astype(np.float32) for s in ((rows, 4), (rows, 8), (rows,), (rows,))))
    state = rng.standard_normal((kind.states, 2, 8)).astype(np.float32)
    before, new = state.copy(), np.empty_like(state)
    cell.step(cell.project(rng.standard_normal((2, 4)).astype(np.float32)), state, new)
    np.testing.assert_array_equal(state, before)
    assert not np.array_equal(new, before)


def test_extreme_gates_neither_overflow_nor_warn() -> None:
    config = LanguageModelConfig(cell="lstm", layers=1, hidden=8, embedding=4, tied=False)
    weights = weights_of(model_of(config, 1000.0))
    model = NumpyLanguageModel(weights, config, VOCAB)
    logits, _ = model.forward(texts(), model.initial_state(BATCH))  # warnings are errors in this suite
    assert np.isfinite(logits).all()


def test_an_untrained_lstm_starts_with_open_forget_gates() -> None:
    weights = weights_of(LanguageModel(LanguageModelConfig(hidden=512), VOCAB))
    forget = (weights["rnn.bias_ih_l0"] + weights["rnn.bias_hh_l0"])[512:1024]
    assert abs(float(forget.mean()) - 1.0) < 0.01
