"""ONNX graphs of models with random weights, run by onnxruntime: their outputs are those of the models in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from random_models import VOCAB, classifier, language_model, seq2seq

from rnntui.exporting.classifier_graph import ClassifierParts, classifier_graph
from rnntui.exporting.language_model_graph import LanguageModelParts, language_model_graph
from rnntui.exporting.seq2seq_graph import Seq2SeqParts, decoder_step_graph, encoder_graph
from rnntui.inference.numpy_classifier import NumpyClassifier
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.inference.numpy_seq2seq import NumpySeq2Seq
from rnntui.inference.onnx_format import Graph, encode_model
from rnntui.text.ngram_features import NgramFeatures

SHAPES = ((1, 1), (9, 3), (30, 2))  # steps and texts


def run(graph: Graph, **inputs: NDArray[Any]) -> list[NDArray[Any]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(encode_model(graph), options)
    return list(session.run(None, inputs))


@pytest.mark.parametrize(
    "model",
    [
        language_model(),
        language_model(layers=2, cell="gru"),
        language_model(cell="rnn"),
        language_model(cell="rnn", nonlinearity="relu", embedding=8, tied=True),
        language_model(ngrams=4, ngram_buckets=600),
        language_model(end_id=3, ngrams=3, ngram_prior=4, layers=2),
        language_model(ngram_prior=1),
        language_model(ngram_prior=3, continuations=False),  # of an older file
    ],
    ids=lambda model: f"{model.config.cell}-{model.config.layers}-{model.config.history}",
)
def test_a_language_model_has_the_same_logits_and_states_as_in_numpy(model: LanguageModelParts) -> None:
    ours = NumpyLanguageModel(dict(model.weights), model.config, VOCAB, model.end_id, prior=model.prior)
    sequence, step = (language_model_graph(model, is_step) for is_step in (False, True))
    rng = np.random.default_rng(5)
    for steps, batch in SHAPES:
        tokens = (rng.zipf(1.3, (steps, batch)) % VOCAB).astype(np.int64)
        expected, expected_state = ours.forward(tokens, ours.initial_state(batch))
        logits, state = run(sequence, tokens=tokens, state=ours.initial_state(batch))
        np.testing.assert_allclose(logits, expected, atol=1e-4)
        np.testing.assert_allclose(state, expected_state, atol=1e-4)
        following = tokens[0]
        expected_logits, expected_state = ours.step(following, expected_state)
        logits, state = run(step, tokens=following, state=state)
        np.testing.assert_allclose(logits, expected_logits, atol=1e-4)
        np.testing.assert_allclose(state, expected_state, atol=1e-4)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_weights_of_8_bits_change_logits_little(cell: str) -> None:
    model = language_model(cell=cell, layers=2, ngrams=3)
    tokens = (np.random.default_rng(5).zipf(1.3, (12, 3)) % VOCAB).astype(np.int64)
    ours = NumpyLanguageModel(dict(model.weights), model.config, VOCAB, model.end_id, prior=model.prior)
    expected, expected_state = ours.forward(tokens, ours.initial_state(3))
    logits, state = run(language_model_graph(model, False, is_int8=True), tokens=tokens, state=ours.initial_state(3))
    assert 0 < np.abs(logits - expected).max() < 0.1
    assert np.abs(state - expected_state).max() < 0.1


@pytest.mark.parametrize("is_int8", [False, True])
@pytest.mark.parametrize(
    "model",
    [
        seq2seq(),
        seq2seq(layers=2, attention="additive", input_feeding=True, tied=False),
        seq2seq(cell="gru", attention="dot"),
        seq2seq(cell="rnn", attention="none", layers=2),
    ],
    ids=lambda model: model.config.attention if isinstance(model, Seq2SeqParts) else None,
)
def test_a_seq2seq_model_has_the_same_logits_as_in_numpy(model: Seq2SeqParts, is_int8: bool) -> None:
    ours = NumpySeq2Seq(model.weights, model.config, VOCAB, VOCAB)
    encoder, decoder = encoder_graph(model, is_int8), decoder_step_graph(model, is_int8)
    tolerance = 0.1 if is_int8 else 1e-4
    rng = np.random.default_rng(5)
    for lengths, beam in (([4], 1), ([3, 9, 1], 2)):
        sources = [rng.integers(3, VOCAB, length) for length in lengths]
        padded = np.zeros((len(lengths), max(lengths)), np.int64)
        for row, source in enumerate(sources):
            padded[row, : len(source)] = source
        output, state = ours.encode(sources)
        values, keys, padding, recurrent, feed = run(encoder, sources=padded, lengths=np.array(lengths))
        np.testing.assert_allclose(values, output.values, atol=tolerance)
        np.testing.assert_array_equal(padding, output.padding)
        rows = np.repeat(np.arange(len(lengths)), beam)
        state, recurrent, feed = state.select(rows), recurrent[:, :, rows], feed[rows]
        for _ in range(3):
            tokens = rng.integers(0, VOCAB, len(rows))
            weights, state = ours.step(tokens, state, output)
            logits, recurrent, feed, attention = run(
                decoder, tokens=tokens, state=recurrent, input_feed=feed, values=values, keys=keys, padding=padding
            )
            np.testing.assert_allclose(logits, ours.logits(state), atol=tolerance)
            np.testing.assert_allclose(attention, weights, atol=tolerance)


@pytest.mark.parametrize("is_int8", [False, True])
@pytest.mark.parametrize(
    "model",
    [
        classifier(pooling="concat", ngrams="none"),
        classifier(pooling="attention", layers=2, ngrams="char"),
        classifier(pooling="last", cell="gru", bidirectional=False, ngrams="word"),
        classifier(pooling="max", cell="rnn", ngrams="none"),
    ],
    ids=lambda model: model.config.pooling if isinstance(model, ClassifierParts) else None,
)
def test_a_classifier_has_the_same_logits_as_in_numpy(model: ClassifierParts, is_int8: bool) -> None:
    ours = NumpyClassifier(model.weights, model.config, model.sizes)
    graph = classifier_graph(model, is_int8)
    rng = np.random.default_rng(5)
    for lengths in ([1], [3, 9, 2]):
        texts = [rng.integers(0, VOCAB, length) for length in lengths]
        padded = np.zeros((len(lengths), max(lengths)), np.int64)
        for row, text in enumerate(texts):
            padded[row, : len(text)] = text
        counts = rng.integers(0, 4, len(lengths))
        offsets = np.concatenate([[0], np.cumsum(counts)])
        features = NgramFeatures(
            offsets, rng.integers(0, 30, offsets[-1]), rng.uniform(0, 1, offsets[-1]).astype(np.float32)
        )
        inputs = {"tokens": padded, "lengths": np.array(lengths)}
        if model.config.ngrams != "none":
            rows = np.repeat(np.arange(len(lengths)), counts)
            inputs |= {"ngrams": features.indices, "ngram_values": features.values, "ngram_texts": rows}
        logits = run(graph, **inputs)[0]
        np.testing.assert_allclose(logits, ours.logits(texts, features), atol=0.1 if is_int8 else 1e-4)
