"""Products and scores that are the same, bit for bit, alone and in any batch; what BLAS rounds by place is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_runs import NGRAMS, TINY, TWO_LAYERS, make_run

from rnntui.inference import scoring
from rnntui.inference.batch_invariant import MAX_COLUMNS, BatchInvariantMatrix
from rnntui.inference.generate import initial_context_ids
from rnntui.inference.loaded_model import LoadedLanguageModel, load_language_model
from rnntui.inference.scoring import score, score_texts

TEXTS = ["the old man", "a", "", "and the sea went on and on until the sea was old", "Old! 中", "on", " "]


@pytest.fixture(scope="module", params=[TINY, NGRAMS, TWO_LAYERS], ids=["table", "ngrams", "layers"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LoadedLanguageModel:
    return load_language_model(make_run(tmp_path_factory.mktemp("runs"), "run", model=request.param))


def random_numbers(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize(("inputs", "outputs"), [(320, 1024), (64, 80), (5, 3)])
def test_a_row_has_the_same_product_at_every_place_of_every_batch(inputs: int, outputs: int) -> None:
    weights, rows = random_numbers(inputs, outputs), random_numbers(MAX_COLUMNS + 44, inputs)
    matrix = BatchInvariantMatrix(weights)
    alone = np.concatenate([row[None] @ matrix for row in rows])
    assert np.allclose(alone, rows @ weights, rtol=1e-4, atol=1e-5)
    for size in (2, 3, 8, 11, 40, 100, MAX_COLUMNS - 1, len(rows)):
        assert np.array_equal(rows[:size] @ matrix, alone[:size])
        assert np.array_equal(rows[-size:] @ matrix, alone[-size:])
    steps = rows[:60].reshape(5, 12, inputs)
    assert np.array_equal(steps @ matrix, alone[:60].reshape(5, 12, outputs))
    assert (rows[:0] @ matrix).shape == (0, outputs)


class _Uneven(BatchInvariantMatrix):
    """A matrix as of a BLAS that adds up the numbers of columns in different orders, by place."""

    def __init__(self, weights: NDArray[np.float32], alike: slice) -> None:
        super().__init__(weights)
        self._alike = alike

    def _multiply(self, columns: NDArray[np.float32]) -> NDArray[np.float32]:
        products = super()._multiply(columns)
        places = np.arange(1, columns.shape[1] + 1, dtype=np.float32)
        if columns.shape[1] > 1:
            places[self._alike] = 0
        products += places
        return products


@pytest.mark.parametrize(("alike", "is_batched"), [(slice(8, -8), True), (slice(0, 200), True), (slice(9, 20), False)])
def test_columns_that_are_rounded_otherwise_are_not_used(alike: slice, is_batched: bool) -> None:
    weights, rows = random_numbers(32, 48), random_numbers(300, 32)
    matrix = _Uneven(weights, alike)
    products = rows @ matrix
    offset = products - rows @ weights
    assert np.allclose(offset, offset[0, 0], atol=1e-4)
    assert np.array_equal(np.concatenate([row[None] @ matrix for row in rows]), products)
    assert (matrix.room >= MAX_COLUMNS // 2) == is_batched


def test_a_text_has_the_same_score_alone_and_in_any_batch(
    loaded: LoadedLanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "_BATCH", 20)
    monkeypatch.setattr(scoring, "_LONG_TEXT", 300)
    texts = [text * times for times in (1, 7, 2, 40) for text in TEXTS]
    progress: list[float] = []
    together = score_texts(loaded, texts, progress.append)
    assert progress == sorted(progress) and progress[-1] == 1.0
    assert together == [score_texts(loaded, [text])[0] for text in texts]
    assert together[::-1] == score_texts(loaded, texts[::-1])
    assert score_texts(loaded, []) == [] and together[2].log_probability == 0.0


def test_scores_of_a_batch_are_those_of_the_model(loaded: LoadedLanguageModel) -> None:
    context = initial_context_ids(loaded.tokenizer)
    for text, result in zip(TEXTS, score_texts(loaded, TEXTS), strict=True):
        ids = loaded.tokenizer.encode(text)
        expected = score(loaded.network, context, ids, len(text))
        assert (result.tokens, result.characters) == (expected.tokens, len(text))
        assert result.log_probability == pytest.approx(expected.log_probability, abs=1e-3, rel=1e-6)


def test_the_products_are_measured_once_for_a_model(tmp_path: Path) -> None:
    network = load_language_model(make_run(tmp_path, "run")).network
    assert network.batch_invariant is network.batch_invariant
