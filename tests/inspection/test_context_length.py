"""The loss by context length: a model that copies from k tokens before has all of its gain at k."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_runs import make_run, subwords, word_tokenizer

from rnntui.config_language_model import LanguageModelConfig
from rnntui.errors import CorpusError
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.inspection.context_length import context_loss, losses_by_context
from rnntui.inspection.context_report import ContextLoss, standard_errors
from rnntui.inspection.gradient_flow import state_gradients
from rnntui.inspection.token_classes import token_classes
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.document_batch import DocumentBatch

VOCABULARY = 5


def shift_register(distance: int) -> NumpyLanguageModel:
    """A plain RNN whose state holds the last tokens, one unit for each, and which predicts that `distance` before.

    The token that is read last is at distance 1.
    """
    size = VOCABULARY
    hidden = size * distance
    shift = np.zeros((hidden, hidden))
    shift[size:, :-size] = np.eye(hidden - size)
    read = np.zeros((hidden, size))
    read[:size] = np.eye(size)
    output = np.zeros((size, hidden))
    output[:, -size:] = 20 * np.eye(size)
    config = LanguageModelConfig(
        cell="rnn", nonlinearity="relu", hidden=hidden, embedding=size, layers=1, tied=False, ngrams=1
    )
    zeros = np.zeros(hidden)
    weights = {
        "embedding.weight": np.eye(size), "rnn.weight_ih_l0": read, "rnn.weight_hh_l0": shift,
        "rnn.bias_ih_l0": zeros, "rnn.bias_hh_l0": zeros, "output.weight": output, "output.bias": np.zeros(size),
    }  # fmt: skip
    return NumpyLanguageModel(weights, config, size, None, np.float64)


def copies(distance: int, windows: int, length: int) -> np.ndarray:
    """Random tokens (length, windows) that come again after `distance`."""
    block = np.random.default_rng(1).integers(0, VOCABULARY, (distance, windows))
    return np.tile(block, (length // distance + 1, 1))[:length]


@pytest.mark.parametrize("distance", [1, 6, 16])
def test_all_of_the_gain_of_a_copier_is_at_its_distance(distance: int) -> None:
    model, windows = shift_register(distance), copies(distance, 3, 32 + 64)
    for length in (1, 2, 4, 8, 16, 32):
        losses = losses_by_context(model, windows, length)
        assert losses.shape == (3, 64)
        # Neighbours that share a reading have up to an eighth more context.
        has_all, has_none = length >= distance, length + length // 8 - 1 < distance
        if has_all or has_none:
            np.testing.assert_allclose(losses, 0.0 if has_all else np.log(VOCABULARY), atol=1e-6)


def test_the_gradient_of_a_copier_is_in_the_units_that_it_will_copy() -> None:
    distance, tokens = 4, copies(4, 2, 12)
    found = state_gradients(shift_register(distance), tokens, shift_register(distance).initial_state(2), 6)
    is_there = found.norms > 0
    assert is_there[:, :distance].all() and not is_there[:, distance:].any()  # vanished, exactly


def test_each_place_is_predicted_as_it_is_alone() -> None:
    """Pieces, batches and windows change nothing."""
    model = shift_register(3)
    windows = np.random.default_rng(3).integers(0, VOCABULARY, (16 + 64, 5))
    losses = losses_by_context(model, windows, 16)
    for window, place in ((0, 0), (4, 8), (2, 62)):  # the first of their pieces: exactly 16 tokens
        text = windows[place : place + 16, [window]]
        logits, _ = model.feed(text, model.initial_state())
        expected = np.log(np.exp(logits[0]).sum()) - logits[0, windows[16 + place, window]]
        assert losses[window, place] == pytest.approx(expected, abs=1e-9)


def report(losses: np.ndarray, classes: np.ndarray) -> ContextLoss:
    lengths = 2 ** np.arange(len(losses))
    return ContextLoss("mine", lengths, losses, ("word starts", "in words"), classes, "characters", "held-out text")


def test_sentences_say_where_more_context_gains_nothing() -> None:
    curve = np.array([3.0, 2.0, 1.5, 1.42, 1.405, 1.40])
    classes = np.repeat([0, 1], 100)
    losses = np.repeat(curve[:, None], 200, axis=1)
    losses[:3, classes == 0] += 0.5
    text = " ".join(report(losses, classes).summary())
    assert "Beyond 16 characters, more context gains less than 0.01." in text
    assert "Word starts (50% of the text): 3.50 with 1, 1.40 with 32" in text
    assert report(losses, classes).to_json()["classes"][1]["enough"] == 16
    growing = report(np.repeat(np.linspace(3, 1, 6)[:, None], 200, axis=1), classes)
    assert "Even from 16 to 32 characters it gains 0.400" in " ".join(growing.summary())
    for width in (24, 78, 140):
        assert max(sum(len(text) for text, _ in row) for row in growing.rows(width)) <= width
    assert growing.svg().count("<svg") == 1


@pytest.mark.parametrize("stretches", [2, 32])
def test_the_standard_error_is_right_where_neighbours_are_alike(stretches: int) -> None:
    """Planted: an autoregressive series of known variance, many times; the naive error is three times too small."""
    correlation, trials, stretch = 0.9, 400, 64
    noise = np.random.default_rng(1).normal(size=(trials, stretches, 200 + stretch))
    series = np.zeros_like(noise[:, :, 0])
    values = np.empty((trials, stretches, stretch))
    for step in range(noise.shape[2]):
        series = correlation * series + noise[:, :, step]
        if step >= 200:
            values[:, :, step - 200] = series
    values = values.reshape(trials, -1)
    actual = values.mean(axis=1).std()
    estimated = np.sqrt(np.square(standard_errors(values, stretch)).mean())
    naive = np.sqrt(values.var(axis=1).mean() / values.shape[1])
    assert naive < 0.4 * actual
    assert estimated == pytest.approx(actual, rel=0.1 if stretches > 2 else 0.45)
    independent = np.random.default_rng(2).normal(size=(trials, stretches * stretch))
    errors = standard_errors(independent, stretch)
    assert np.sqrt(np.square(errors).mean()) == pytest.approx(1 / np.sqrt(stretches * stretch), rel=0.1)


def test_characters_words_and_subwords_have_classes_of_their_own() -> None:
    def classes_in(tokenizer, ids: np.ndarray) -> list[str]:
        names, indexes = token_classes(tokenizer, ids[:-1], ids[1:])
        return [names[index] for index in indexes]

    characters = CharTokenizer(list("\n abé,1"), has_end=True)
    ids = characters.encode("\nab é,1\n")
    assert classes_in(characters, ids) == [
        "word starts", "in words", "spaces", "word starts", "punctuation", "digits", "line breaks",
    ]  # fmt: skip
    ended = characters.encode_documents(DocumentBatch.join(["ab"]))
    assert classes_in(characters, ended)[-1] == "ends"
    words = word_tokenizer()
    found = classes_in(words, words.encode("\nthe old zebra, the sea\n"))
    assert {"unknown words", "punctuation", "line breaks", "rarer words"} < {*found}
    pieces = subwords()
    found = classes_in(pieces, pieces.encode("\nthe oldest,\n"))
    assert found[0] == "word starts" and "later pieces" in found


def test_a_run_is_read_by_its_own_tokens_and_a_short_text_has_less_context(tmp_path: Path) -> None:
    run = make_run(tmp_path, "tiny")
    result = context_loss(run, "to be, or not to be. " * 10, places=64)
    assert result.lengths.tolist() == [1, 2, 4, 8, 16, 32, 64, 128] and result.losses.shape == (8, 64)
    short = context_loss(run, "to be, or not to be. " * 10, longest=32)
    assert short.losses.shape == (6, 128), "each place once, of 210 - 32 - 64 + 64"
    drawn = context_loss(run, places=64, longest=8)
    assert "drew" in drawn.origin and "drew" in drawn.to_json()["text"]
    with pytest.raises(CorpusError, match="the given text has 5 tokens"):
        context_loss(run, "to be")
