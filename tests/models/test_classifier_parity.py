"""The classifier in numpy: logits and gradients are those of torch, and do not depend on the batch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from classifier_examples import CELLS, random_texts, tiny_classifiers, tiny_config

from rnntui.errors import RunError
from rnntui.inference.numpy_classifier import ClassifierSizes, NumpyClassifier
from rnntui.models.weight_arrays import weights_of
from rnntui.text.ngram_features import NgramFeatures

POOLINGS = ["last", "mean", "max", "concat", "attention"]
DIRECTIONS = pytest.mark.parametrize("bidirectional", [False, True], ids=["one-way", "both-ways"])
SIZES = ClassifierSizes(tokens=11, labels=4, ngrams=9)
TEXTS = random_texts([5, 1, 9, 3, 9], SIZES.tokens)
FEATURES = NgramFeatures(
    np.array([0, 3, 3, 4, 6, 6]),  # the second text and the last have none
    np.array([0, 4, 8, 2, 1, 8]),
    np.array([0.5, 0.1, 0.9, 1.0, 0.3, 0.4], dtype=np.float32),
)


def torch_logits(model, texts) -> np.ndarray:
    tokens = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(text) for text in texts])
    with torch.no_grad():
        return model.recurrent_logits(tokens, torch.tensor([len(text) for text in texts])).numpy()


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("pooling", POOLINGS)
@DIRECTIONS
@pytest.mark.parametrize("cell", CELLS, ids="-".join)
def test_logits_and_gradients_are_those_of_torch(cell, bidirectional: bool, pooling: str, layers: int) -> None:
    config = tiny_config(
        cell=cell[0], nonlinearity=cell[1], bidirectional=bidirectional, pooling=pooling, layers=layers
    )
    model, numpy_model = tiny_classifiers(config, SIZES)
    expected = torch_logits(model, TEXTS)
    np.testing.assert_allclose(numpy_model.logits(TEXTS, None), expected, rtol=1e-5, atol=2e-5)

    model, text, label_weights = model.double(), TEXTS[2], torch.randn(SIZES.labels).double()
    np.testing.assert_allclose(
        numpy_model.exact.logits(TEXTS, None), torch_logits(model, TEXTS), rtol=1e-6, atol=1e-6
    )  # torch's logits are float32
    model.encoder.embedding = torch.nn.Embedding.from_pretrained(
        model.encoder.embedding.weight[torch.from_numpy(text)].detach(), freeze=False
    )  # an embedding for each token, so that each has a gradient of its own
    logits = model.recurrent_logits(torch.arange(len(text))[:, None], torch.tensor([len(text)]))
    (logits[0].double() * label_weights).sum().backward()
    embedding = model.encoder.embedding.weight
    exact = numpy_model.exact
    gradient = exact.token_gradient(exact.encode([text], for_gradient=True), label_weights.numpy())
    expected_products = (embedding * embedding.grad).sum(1).detach().numpy()
    np.testing.assert_allclose(gradient.gradient_x_input, expected_products, rtol=1e-6, atol=1e-7)
    if pooling == "attention":
        assert gradient.attention is not None and gradient.attention.sum() == pytest.approx(1.0)
    else:
        assert gradient.attention is None


def test_the_ngram_part_adds_the_scaled_weights_of_the_features() -> None:
    model, numpy_model = tiny_classifiers(tiny_config(ngrams="both"), SIZES)
    recurrent = torch_logits(model, TEXTS)
    with torch.no_grad():
        arrays = (FEATURES.indices, FEATURES.values, FEATURES.offsets[:-1])
        linear = model.ngram_logits(*(torch.from_numpy(array) for array in arrays)).numpy()
    assert linear.any() and not linear[[1, 4]].any()
    np.testing.assert_allclose(numpy_model.logits(TEXTS, FEATURES), recurrent + linear, rtol=0, atol=2e-5)
    nothing = NgramFeatures(np.zeros(6, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    np.testing.assert_allclose(numpy_model.logits(TEXTS, nothing), recurrent, rtol=0, atol=2e-5)


@pytest.mark.parametrize(("cell", "pooling"), itertools.product(["lstm", "gru", "rnn"], POOLINGS))
def test_the_logits_of_a_text_do_not_depend_on_its_batch(cell: str, pooling: str) -> None:
    _, model = tiny_classifiers(tiny_config(cell=cell, pooling=pooling, layers=2), SIZES)
    together = model.exact.logits(TEXTS, None)
    for index, text in enumerate(TEXTS):
        np.testing.assert_allclose(model.exact.logits([text], None)[0], together[index], rtol=0, atol=1e-13)


def test_a_long_text_is_read_in_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    _, model = tiny_classifiers(tiny_config(layers=2), SIZES)
    expected = model.logits(TEXTS, None)
    monkeypatch.setattr("rnntui.inference.bidirectional._WINDOW_ROWS", 3)
    np.testing.assert_allclose(model.logits(TEXTS, None), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["encoder.embedding.weight", "pooling.context.weight", "ngrams.weight", "output.bias"])
def test_a_weight_that_is_missing_or_of_another_shape_is_named(name: str) -> None:
    config = tiny_config(ngrams="char", pooling="attention")
    model, _ = tiny_classifiers(config, SIZES)
    weights = weights_of(model)
    with pytest.raises(RunError, match=f"{name} has shape"):
        NumpyClassifier({**weights, name: np.zeros((2, 3), dtype=np.float32)}, config, SIZES)
    del weights[name]
    with pytest.raises(RunError, match=f"{name} is missing"):
        NumpyClassifier(weights, config, SIZES)
