"""Embeddings of n-grams: their rows, and a model with them in torch and in numpy, by pieces, alone and in a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rnntui.config_language_model import LanguageModelConfig
from rnntui.errors import RunError, UsageError
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.models.language_model import LanguageModel
from rnntui.models.ngram_embeddings import NgramEmbeddings
from rnntui.models.weight_arrays import weights_of
from rnntui.ngram_index import NgramIndex

VOCAB, END, STEPS, BATCH = 11, 2, 9, 3
LONGEST, BUCKETS = 4, 150  # 2-grams have 11 · 12 rows, one for each; 3-grams and 4-grams are hashed
CELLS = [("lstm", "tanh"), ("gru", "tanh"), ("rnn", "tanh"), ("rnn", "relu")]


def texts(vocab_size: int = VOCAB) -> NDArray[np.int64]:
    return np.random.default_rng(0).integers(0, vocab_size, (STEPS, BATCH))


def rows_at(index: NgramIndex, text: list[int], position: int) -> list[int]:
    """Rows of the n-grams that end at a position of a text."""
    backwards = range(position, position - LONGEST, -1)
    return list(index.rows([text[at] + 1 if at >= 0 else 0 for at in backwards]))


def model_of(config: LanguageModelConfig, vocab_size: int = VOCAB, end_id: int | None = None) -> LanguageModel:
    torch.manual_seed(4)
    model = LanguageModel(config.resolved("char"), vocab_size, end_id).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.4)
    return model


def test_the_hash_of_the_format() -> None:
    """Weights of every run that exists depend on these numbers."""
    tokens = [66, 1, 40, 20, 33]
    assert list(NgramIndex(5, 67, 8192, None).rows(tokens)) == [132, 2499, 4554, 1298]
    assert list(NgramIndex(5, 67, 10_007, None).rows(tokens)) == [132, 9460, 3773, 5585]
    assert list(NgramIndex(3, 10_000, 1 << 20, None).rows([10_000, 0, 0])) == [943780, 102006]


@pytest.mark.parametrize("end_id", [None, END])
def test_integers_arrays_and_tensors_have_the_same_rows(end_id: int | None) -> None:
    index = NgramIndex(LONGEST, VOCAB, BUCKETS, end_id)
    tokens = np.random.default_rng(1).integers(0, VOCAB + 1, (LONGEST, 200))
    tokens[0] = tokens[0].clip(1)
    by_numpy = list(index.rows(list(tokens)))
    by_torch = list(index.rows(list(torch.from_numpy(tokens))))
    for length, ours, theirs in zip(index.table_sizes, by_numpy, by_torch, strict=True):
        np.testing.assert_array_equal(ours, theirs.numpy())
        assert 0 <= ours.min() <= ours.max() < index.table_sizes[length]
    assert [rows[7] for rows in by_numpy] == list(index.rows(tokens[:, 7].tolist()))


def test_a_table_with_room_for_all_n_grams_is_exact() -> None:
    index = NgramIndex(2, VOCAB, VOCAB * (VOCAB + 1), None)
    rows = {next(index.rows([token, earlier])) for token in range(1, VOCAB + 1) for earlier in range(VOCAB + 1)}
    assert rows == set(range(VOCAB * (VOCAB + 1)))
    assert index.table_sizes == {2: VOCAB * (VOCAB + 1)}


def test_no_n_gram_reaches_over_the_end_of_a_document() -> None:
    index = NgramIndex(LONGEST, VOCAB, BUCKETS, END)
    one, other, alone = [5, 6, 7, END, 8, 9, 4, 3], [1, 9, 3, END, 8, 9, 4, 3], [END, 8, 9, 4, 3]
    for position in range(3, 8):  # from <eos> on
        assert rows_at(index, one, position) == rows_at(index, other, position) == rows_at(index, alone, position - 3)
    assert rows_at(index, one, 2) != rows_at(index, other, 2)
    as_a_token = NgramIndex(LONGEST, VOCAB, BUCKETS, None)
    assert rows_at(as_a_token, one, 4) != rows_at(as_a_token, other, 4)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
@pytest.mark.parametrize(("vocab_size", "end_id"), [(VOCAB, None), (VOCAB, END), (1500, 1)])
def test_torch_and_numpy_agree_at_once_in_pieces_and_alone(
    cell: str, nonlinearity: str, layers: int, vocab_size: int, end_id: int | None
) -> None:
    shape = {"layers": layers, "hidden": 8, "embedding": 5, "ngrams": LONGEST, "ngram_buckets": BUCKETS}
    config = LanguageModelConfig(cell=cell, nonlinearity=nonlinearity, **shape)  # type: ignore[arg-type]
    model = model_of(config, vocab_size, end_id)
    ours, tokens = NumpyLanguageModel(weights_of(model), model.config, vocab_size, end_id), texts(vocab_size)
    with torch.inference_mode():
        expected, _ = model(torch.from_numpy(tokens))
        first, state = model(torch.from_numpy(tokens[:2]))  # fewer tokens than a history holds
        rest, torch_state = model(torch.from_numpy(tokens[2:]), state)
    np.testing.assert_allclose(torch.cat((first, rest)), expected, atol=1e-5)
    at_once, end = ours.forward(tokens, ours.initial_state(BATCH))
    np.testing.assert_allclose(at_once, expected, atol=1e-4)
    np.testing.assert_array_equal(end[0, 0, :, -config.history :], torch_state[-1][0])
    stepped = ours.initial_state(BATCH)
    for token, logits in zip(tokens, at_once, strict=True):
        by_step, stepped = ours.step(token, stepped)
        np.testing.assert_allclose(by_step, logits, atol=1e-5)
    np.testing.assert_allclose(stepped, end, atol=1e-5)
    for row in range(BATCH):
        alone, _ = ours.feed(tokens[:, [row]], ours.initial_state())
        np.testing.assert_allclose(alone[0], at_once[-1, row], atol=1e-5)
        state = ours.initial_state()
        for token in tokens[:, row]:
            alone, state = ours.step(np.array([token]), state)
        np.testing.assert_allclose(alone[0], at_once[-1, row], atol=1e-5)
        np.testing.assert_allclose(ours.logits_of(state), alone, atol=1e-6)


def test_an_input_is_the_sum_of_the_embeddings() -> None:
    index = NgramIndex(LONGEST, VOCAB, BUCKETS, END)
    module, tokens = NgramEmbeddings(index, 5, 0.0), texts()
    with torch.no_grad():
        for table in module.parameters():
            table.normal_()
        sums = module(torch.from_numpy(tokens) + 1, torch.zeros(LONGEST - 1, BATCH, dtype=torch.int64))
    tables = [table.detach().numpy() for table in module.parameters()]
    for column in range(BATCH):
        text = tokens[:, column].tolist()
        for position in range(STEPS):
            rows = rows_at(index, text, position)
            expected = sum(table[row] for table, row in zip(tables, rows, strict=True))
            np.testing.assert_allclose(sums[position, column], expected, atol=1e-5)


def test_an_untrained_model_is_the_same_with_and_without_n_grams() -> None:
    logits = []
    for ngrams in (1, 3):
        torch.manual_seed(0)
        model = LanguageModel(LanguageModelConfig(hidden=8, embedding=5, ngrams=ngrams).resolved("char"), VOCAB)
        logits.append(model(torch.from_numpy(texts()))[0].detach())
    np.testing.assert_array_equal(*logits)


def test_dropout_drops_whole_embeddings_in_training_alone() -> None:
    module = NgramEmbeddings(NgramIndex(2, VOCAB, BUCKETS, None), 6, 0.5)
    history, tokens = torch.zeros(1, 50, dtype=torch.int64), torch.ones(40, 50, dtype=torch.int64)
    with torch.no_grad():
        next(module.parameters()).fill_(1.0)
        torch.manual_seed(0)
        sums = module(tokens, history)
        assert set(sums.unique().tolist()) == {0.0, 2.0}, "the others are scaled up, so that the mean is the same"
        assert (sums == sums[..., :1]).all()
        assert 0.4 < float((sums == 0).float().mean()) < 0.6
        assert (module.eval()(tokens, history) == 1.0).all()


def test_tables_of_another_shape_are_refused() -> None:
    config = LanguageModelConfig(hidden=8, embedding=5, ngrams=3, ngram_buckets=BUCKETS)
    weights = weights_of(model_of(config))
    with pytest.raises(RunError, match=r"ngram_embeddings\.3 has shape \(150, 5\), but config.json implies \(149, 5\)"):
        NumpyLanguageModel(weights, LanguageModelConfig(hidden=8, embedding=5, ngrams=3, ngram_buckets=149), VOCAB)
    del weights["ngram_embeddings.2"]
    with pytest.raises(RunError, match=r"ngram_embeddings\.2 is missing"):
        NumpyLanguageModel(weights, config, VOCAB)


def test_settings_of_n_grams() -> None:
    off, on = LanguageModelConfig(ngrams=1).resolved("char"), LanguageModelConfig(ngrams=3).resolved("char")
    assert (off.ngram_buckets, off.ngram_dropout, off.history) == (None, None, 0)
    assert on.ngram_buckets and on.ngram_dropout is not None and on.history == 2
    assert "n-grams up to 3" in on.summary and "gram" not in off.summary
    assert LanguageModelConfig(ngrams=2, ngram_dropout=0.0).resolved("char").ngram_dropout == 0.0
    for settings in ({"ngram_buckets": 50}, {"ngram_dropout": 0.0}):
        with pytest.raises(UsageError, match=r"^--ngram-\w+ is for --ngrams 2 or more"):
            LanguageModelConfig(ngrams=1, **settings).resolved("char")
    assert LanguageModelConfig.from_json({"hidden": 8}).ngrams == 1, "a run of a version without n-grams"
    assert LanguageModelConfig.from_json({"ngrams": 3}).ngrams == 3
    assert LanguageModelConfig.from_json({}).weight_dropout == 0
