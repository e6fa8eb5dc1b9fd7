"""Quantized models: exact products whatever computes them, and texts that do not depend on their neighbours."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from rnntui.config_generation import Precision, SamplingConfig
from rnntui.config_language_model import LanguageModelConfig
from rnntui.inference import integer_kernels, loaded_model
from rnntui.inference.generate import Generation, generate_tokens, generators_from
from rnntui.inference.integer_kernels import Int4Kernel, Int8Kernel, NumpyKernel, int8_kernel, weights_of_levels
from rnntui.inference.loaded_model import load_language_model
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.inference.quantization import QuantizedMatrix, QuantizedWeights, quantize_to_int4, quantize_to_int8
from rnntui.inference.scoring import log_softmax_at
from rnntui.runs.folder import RunFolder
from rnntui.text.ngram_counts import count_ngrams

ROOT = Path(__file__).parents[2]
needs_onnxruntime = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="onnxruntime is not installed"
)
SIZES = [(1, 1), (5, 3), (127, 64), (128, 65), (300, 17), (1100, 40)]


def random_weights(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(rows).normal(0.0, 0.1, (rows, columns)).astype(np.float32)


def random_model(cell: str, layers: int = 2, **settings: object) -> NumpyLanguageModel:
    vocab, hidden = 30, 40
    config = LanguageModelConfig(cell=cell, layers=layers, hidden=hidden, embedding=12, tied=False, **settings)
    rows = {"lstm": 4, "gru": 3, "rnn": 1}[cell] * hidden
    shapes = {"embedding.weight": (vocab, 12), "output.weight": (vocab, hidden), "output.bias": (vocab,)}
    for layer in range(layers):
        shapes[f"rnn.weight_ih_l{layer}"] = (rows, hidden if layer else 12)
        shapes[f"rnn.weight_hh_l{layer}"] = (rows, hidden)
        shapes[f"rnn.bias_ih_l{layer}"] = shapes[f"rnn.bias_hh_l{layer}"] = (rows,)
    rng, prior = np.random.default_rng(2), None
    if config.ngram_prior:
        shapes |= {"prior_scale.weight": (1, hidden), "prior_scale.bias": (1,)}
        prior = count_ngrams(rng.integers(0, 20, 500).astype(np.uint8), vocab, config.ngram_prior)
    weights = {name: rng.normal(0.0, 0.15, shape).astype(np.float32) for name, shape in shapes.items()}
    return NumpyLanguageModel(weights, config, vocab, prior=prior)


@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_levels_have_four_bits_and_weights_are_near_the_originals(rows: int, columns: int) -> None:
    weights = random_weights(rows, columns)
    weights[:, 0] = 0.0
    levels, multipliers, scales = quantize_to_int4(weights)
    assert levels.min() >= -8 and levels.max() <= 7 and multipliers.min() >= 1 and multipliers.max() <= 15
    restored = (levels * multipliers[:, None] * scales).reshape(-1, columns)
    assert not restored[rows:].any() and not restored[:, 0].any()
    error = np.sqrt(((restored[:rows] - weights) ** 2).mean())
    assert error <= 0.13 * weights.std() + 1e-9


def test_no_sum_of_the_largest_inputs_leaves_the_integers_that_float32_holds() -> None:
    # Also in kernels that add levels shifted by 8, and for the widest model that there can be.
    for rows in (100, 1024, 8192):
        levels, multipliers, _ = quantize_to_int4(np.random.default_rng(1).normal(size=(rows, 3)).astype(np.float32))
        shifted = (levels.astype(np.int64) + 8) * multipliers[:, None]
        assert 127 * (shifted.sum(axis=(0, 1)) + 8 * multipliers.sum(axis=0)).max() < 2**24


def test_eight_bits_are_nearer_and_their_sums_stay_exact_too() -> None:
    for weights in (random_weights(300, 17), np.ones((2000, 3), np.float32), np.zeros((4, 2), np.float32)):
        integers, scales = quantize_to_int8(weights)
        assert 127 * np.abs(integers.astype(np.int64)).sum(axis=0).max() < 2**24
        assert np.abs(integers * scales - weights).max() <= 0.51 * scales.max()


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("is_bounded", [True, False])
@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_a_row_of_a_product_is_bit_for_bit_that_of_the_row_alone(
    rows: int, columns: int, is_bounded: bool, bits: int
) -> None:
    matrix = QuantizedMatrix(QuantizedWeights.of(random_weights(rows, columns), bits), is_bounded)
    inputs = np.random.default_rng(3).uniform(-1, 1, (7, rows)).astype(np.float32) * (1 if is_bounded else 30)
    inputs[2] = 0.0
    together = inputs @ matrix
    assert all((inputs[i : i + 1] @ matrix).tobytes() == together[i : i + 1].tobytes() for i in range(7))
    exact = inputs.astype(np.float64) @ random_weights(rows, columns)
    tolerance = 0.2 if bits == 4 else 0.02
    assert np.abs(together - exact).max() <= tolerance * (np.abs(exact).max() + 0.2)
    assert (inputs.reshape(7, 1, rows) @ matrix).shape == (7, 1, columns) and not together[2].any()


@needs_onnxruntime
@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_onnxruntime_and_numpy_give_the_same_integers(rows: int, columns: int) -> None:
    levels, multipliers, _ = quantize_to_int4(random_weights(rows, columns))
    integers = weights_of_levels(levels, multipliers)
    plain, int8, int4 = NumpyKernel(integers), Int8Kernel(integers), Int4Kernel(levels, multipliers)
    inputs = np.random.default_rng(4).integers(-127, 128, (9, rows)).astype(np.float32)
    inputs[0], inputs[1] = 127.0, -127.0
    assert int8.is_exact
    assert np.array_equal(int4(inputs), plain(inputs)) and np.array_equal(int8(inputs), plain(inputs))
    for row in inputs:
        assert np.array_equal(int4(row[None]), plain(row[None])) and np.array_equal(int8(row[None]), plain(row[None]))


def test_kernels_that_are_not_exact_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    levels, multipliers, _ = quantize_to_int4(random_weights(200, 5))
    integers = weights_of_levels(levels, multipliers)
    monkeypatch.setattr(integer_kernels, "_MIN_WEIGHTS", 0)
    monkeypatch.setattr(integer_kernels, "is_fast_kernel_installed", lambda: True)
    monkeypatch.setattr(integer_kernels, "_session", lambda model: lambda inputs: np.ones((len(inputs), 5), np.float32))
    inputs = np.random.default_rng(4).integers(-127, 128, (3, 200)).astype(np.float32)
    plain, int4 = NumpyKernel(integers), Int4Kernel(levels, multipliers)
    assert np.array_equal(int8_kernel(integers)(inputs), plain(inputs))
    assert np.array_equal(int4(inputs), plain(inputs)) and np.array_equal(int4(inputs[:1]), plain(inputs[:1]))


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize(
    ("cell", "settings"),
    [("lstm", {}), ("gru", {}), ("rnn", {}), ("rnn", {"nonlinearity": "relu"}), ("lstm", {"ngram_prior": 3})],
)
def test_a_quantized_model_reads_and_samples_each_text_as_if_it_were_alone(
    cell: str, settings: dict[str, object], bits: int
) -> None:
    model, original = random_model(cell, **settings), random_model(cell, **settings)
    model.quantize(bits)
    tokens = np.random.default_rng(5).integers(0, 30, (25, 4))
    logits, state = model.forward(tokens, model.initial_state(4))
    expected, _ = original.forward(tokens, original.initial_state(4))
    assert np.corrcoef(logits.ravel(), expected.ravel())[0, 1] > 0.95
    one_by_one = model.initial_state(1)
    for t in range(25):  # neither the other texts nor later tokens change a row
        row, one_by_one = model.step(tokens[t, 1:2], one_by_one)
        assert row.tobytes() == logits[t, 1:2].tobytes()
    assert one_by_one.tobytes() == state[:, :, 1:2].tobytes()

    config = SamplingConfig(1.0, top_p=0.9)
    together = list(generate_tokens(Generation(model, generators_from(7, 6)), config, 30))
    alone = list(generate_tokens(Generation(model, generators_from(9, 1)), config, 30))
    assert [step[2] for step in together] == [step[0] for step in alone]


def test_a_snapshot_of_a_quantized_model_continues_with_the_same_tokens() -> None:
    model = random_model("lstm")
    model.quantize(8)
    generation = Generation(model, generators_from(1, 2))
    generation.feed(np.arange(10))
    snapshot = generation.snapshot()
    first = list(generate_tokens(generation, SamplingConfig(), 20))
    generation.restore(snapshot)
    assert list(generate_tokens(generation, SamplingConfig(), 20)) == first


@pytest.mark.parametrize(("precision", "most"), [("int8", 0.002), ("int4", 0.015)])
def test_a_trained_model_loses_little(precision: Precision, most: float) -> None:
    run = RunFolder(ROOT / "checkpoints" / "shakespeare")
    plain, quantized = (load_language_model(run, precision=value) for value in ("fp32", precision))
    assert (plain.network.precision, quantized.network.precision) == ("fp32", precision)
    text = (ROOT / "corpora" / "shakespeare.txt").read_text(encoding="utf-8")[-64 * 100 :]
    tokens = plain.tokenizer.encode(text).reshape(64, 100).T  # (T, B)
    losses = []
    for network in (plain.network, quantized.network):
        logits, _ = network.forward(tokens[:-1], network.initial_state(64))
        losses.append(-float(log_softmax_at(logits, tokens[1:]).mean()) / np.log(2))
    assert abs(losses[1] - losses[0]) < most


def test_auto_quantizes_wide_models_where_onnxruntime_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder(ROOT / "checkpoints" / "shakespeare")
    assert load_language_model(run).network.precision == "fp32", "it is narrow"
    monkeypatch.setattr(loaded_model, "WIDE", 1_000_000)
    monkeypatch.setattr(integer_kernels, "_MIN_WEIGHTS", 10**12)
    for is_installed, precision in ((False, "fp32"), (True, "int4")):
        monkeypatch.setattr(integer_kernels, "is_fast_kernel_installed", lambda value=is_installed: value)
        assert load_language_model(run).network.precision == precision
        assert load_language_model(run, precision="fp32").network.precision == "fp32"
        assert load_language_model(run, np.float64).network.precision == "fp64"
