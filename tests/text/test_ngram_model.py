"""N-gram models: probabilities by the definition, with and without a fold of the text; files."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from numpy.typing import NDArray

from rnntui.text import ngram_counts
from rnntui.text.ngram_counts import count_ngrams, counted_once
from rnntui.text.ngram_model import DISCOUNT, FOLDS, MAX_CONTEXT, NgramModel
from rnntui.text.ngram_predictions import NgramPredictions

Ids = NDArray[np.int64]

VOCAB_SIZE = 7
CONTEXT = 4


def text_of(seed: int, length: int = 2000) -> NDArray[np.uint8]:
    """Return ids in which pieces come again and again, without the largest id of the vocabulary."""
    rng = np.random.default_rng(seed)
    pieces = [rng.integers(0, VOCAB_SIZE - 1, size) for size in rng.integers(1, 9, 40)]
    return np.concatenate([pieces[i] for i in rng.zipf(1.3, length) % 40]).astype(np.uint8)[:length]


def history_of(ids: NDArray[np.unsignedinteger], context: int = CONTEXT) -> Ids:
    """Return the tokens before each token, the latest one first, `(N, K)`."""
    history = np.full((len(ids), context), -1, np.int64)
    for distance in range(context):
        history[distance + 1 :, distance] = ids[: len(ids) - distance - 1]
    return history


def plain_probs(ids: list[int], text: list[int], place: int, fold: int | None, minimum: int = 2) -> list[float]:
    """Return the probabilities of the token at a place of `ids`, by the definition, without a fold of the text."""
    followed: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    continued: dict[tuple[int, ...], set[tuple[int | None, int]]] = defaultdict(set)  # with the token before
    seen: Counter[tuple[int, ...]] = Counter()
    for length in range(CONTEXT + 1):
        for i in range(length, len(text)):
            context = tuple(text[i - length : i])
            seen[context] += 1
            if i * FOLDS // len(text) != fold:
                followed[context][text[i]] += 1
                continued[context].add((text[i - length - 1] if i > length else None, text[i]))
    probs = [1 / VOCAB_SIZE] * VOCAB_SIZE
    longest = min(CONTEXT, place)
    for length in range(longest + 1):
        context = tuple(ids[place - length : place])
        if not seen[context] or (length > 2 and seen[context] < minimum):
            break
        if followed[context].total() >= (minimum if length > 2 else 1):
            counts = followed[context] if length == longest else Counter(token for _, token in continued[context])
            back_off = DISCOUNT * len(counts) / counts.total()
            probs = [max(counts[w] - DISCOUNT, 0) / counts.total() + back_off * p for w, p in enumerate(probs)]
    return probs


def test_probabilities_are_those_of_the_definition() -> None:
    text, other = text_of(1), text_of(2, 300)
    log_probs = count_ngrams(text, VOCAB_SIZE, CONTEXT).log_probs(history_of(other))
    assert np.exp(log_probs).sum(axis=1) == pytest.approx(1, abs=1e-5)
    for place in (0, 1, 2, 3, 17, 101, 299):
        expected = plain_probs(other.tolist(), text.tolist(), place, None)
        assert np.exp(log_probs[place]) == pytest.approx(expected, rel=1e-5)


def test_in_training_the_counts_of_a_places_own_fold_are_left_out() -> None:
    text = text_of(1)
    predictions = NgramPredictions(count_ngrams(text, VOCAB_SIZE, CONTEXT), len(text))
    places = np.array([0, 3, 249, 250, 251, 1000, 1999])
    log_probs = predictions.log_probs(history_of(text)[places], places)
    for place, row in zip(places.tolist(), log_probs, strict=True):
        expected = plain_probs(text.tolist(), text.tolist(), place, place * FOLDS // len(text))
        assert np.exp(row) == pytest.approx(expected, rel=5e-3)  # kept in half precision


def test_a_text_that_is_not_the_training_text_is_predicted_from_all_counts() -> None:
    model, other = count_ngrams(text_of(1), VOCAB_SIZE, CONTEXT), history_of(text_of(2, 300))
    read = NgramModel.from_arrays(model.to_arrays(), VOCAB_SIZE)  # without counts of folds
    for source in (model, read):
        np.testing.assert_array_equal(NgramPredictions(source).log_probs(other), model.log_probs(other))
    with pytest.raises(ValueError, match="no counts of folds"):
        NgramPredictions(read, len(other)).log_probs(other, np.arange(len(other)))


@pytest.mark.parametrize("held_out", [0, 150 * VOCAB_SIZE, 100_000])
@pytest.mark.parametrize("kept", [0, 10 * VOCAB_SIZE, 10_000])
def test_predictions_that_are_kept_are_those_that_are_computed(
    kept: int, held_out: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = text_of(1)
    monkeypatch.setattr("rnntui.text.ngram_predictions._MAX_HELD_OUT", held_out)
    model, history = count_ngrams(text, VOCAB_SIZE, CONTEXT), history_of(text)
    fresh = NgramPredictions(model, len(text)).log_probs(history, np.arange(len(text)))
    monkeypatch.setattr("rnntui.text.ngram_predictions._MAX_KEPT", kept)
    predictions = NgramPredictions(model, len(text))
    for _ in range(2):
        for start in range(0, len(text), 100):
            places = np.arange(start, start + 100)
            np.testing.assert_array_equal(predictions.log_probs(history[places], places), fresh[places])


def test_only_the_beginning_of_a_long_text_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    text, history = text_of(1), history_of(text_of(1))
    beginning = NgramPredictions(count_ngrams(text[:1000], VOCAB_SIZE, CONTEXT), 1000)
    for module in ("ngram_counts", "ngram_predictions"):
        monkeypatch.setattr(f"rnntui.text.{module}.MAX_TOKENS", 1000)
    predictions = NgramPredictions(count_ngrams(text, VOCAB_SIZE, CONTEXT), len(text))
    log_probs = predictions.log_probs(history, np.arange(2000))
    np.testing.assert_array_equal(log_probs[:1000], beginning.log_probs(history[:1000], np.arange(1000)))
    np.testing.assert_array_equal(log_probs[1000:], beginning.log_probs(history[1000:]), "nothing is to be left out")


def test_what_a_place_got_after_a_reset_is_not_kept_for_the_next_epoch() -> None:
    text, places = text_of(1), np.arange(100, 140)
    model, history = count_ngrams(text, VOCAB_SIZE, CONTEXT), history_of(text)[100:140]
    after_reset = history.copy()
    after_reset[3, 2:] = -1
    whole = NgramPredictions(model, len(text)).log_probs(history, places)
    predictions = NgramPredictions(model, len(text))
    for _ in range(2):
        shorter = predictions.log_probs(after_reset, places)
        assert np.abs(shorter[3] - whole[3]).max() > 0.1
        np.testing.assert_array_equal(predictions.log_probs(history, places), whole)


def test_a_place_alone_is_predicted_as_among_others() -> None:
    model, history = count_ngrams(text_of(1), VOCAB_SIZE, CONTEXT), history_of(text_of(2, 200))
    together = model.log_probs(history)
    for _ in range(2):  # computed, then remembered
        for place in range(len(history)):
            np.testing.assert_array_equal(model.log_probs(history[place : place + 1])[0], together[place])


def test_a_model_is_the_same_after_it_was_written_and_read() -> None:
    model, history = count_ngrams(text_of(1), VOCAB_SIZE, CONTEXT), history_of(text_of(2, 200))
    read = NgramModel.from_arrays(model.to_arrays(), VOCAB_SIZE)
    np.testing.assert_array_equal(read.log_probs(history), model.log_probs(history))
    whole = {"counts": model._counts.astype(np.uint16), "types": np.diff(model._offsets).astype(np.uint32)}
    arrays = {name: array for name, array in (model.to_arrays() | whole).items() if name != "large_counts"}
    older = NgramModel.from_arrays(arrays, VOCAB_SIZE)  # what a file held until its counts were bytes
    np.testing.assert_array_equal(older.log_probs(history), model.log_probs(history))


def test_what_was_counted_last_is_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = counted_once(text_of(1), VOCAB_SIZE, CONTEXT)
    with monkeypatch.context() as patch:
        patch.setattr(ngram_counts, "count_ngrams", lambda *_: pytest.fail("counted again"))
        assert counted_once(text_of(1), VOCAB_SIZE, CONTEXT) is counted
    for ids, vocab_size, context in (
        (text_of(2), VOCAB_SIZE, CONTEXT),
        (text_of(1), VOCAB_SIZE + 1, CONTEXT),
        (text_of(1), VOCAB_SIZE, CONTEXT - 1),
    ):
        expected = count_ngrams(ids, vocab_size, context).to_arrays()
        found = counted_once(ids, vocab_size, context).to_arrays()
        assert all(np.array_equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("vocab_size", [2, 65, 300, 70_000])
def test_vocabularies_of_every_size(vocab_size: int) -> None:
    ids = (np.arange(3000) ** 2 % 11 % vocab_size).astype(np.min_scalar_type(vocab_size - 1))
    ids[-1] = vocab_size - 1
    model = count_ngrams(ids, vocab_size, 3)
    log_probs = model.log_probs(history_of(ids, 3)[100:110])
    assert log_probs[np.arange(10), ids[100:110]].mean() > -0.5  # the text repeats itself


def test_what_never_followed_a_long_chain_of_contexts_has_a_finite_logarithm() -> None:
    """Its probability is too small for float32, and for torch, which takes denormal numbers for zero."""
    text = np.tile(np.arange(2, dtype=np.uint8), 30_000)
    model, history = count_ngrams(text, 3, MAX_CONTEXT, continuations=False), history_of(text, MAX_CONTEXT)[-2:]
    for log_probs in (
        model.log_probs(history),
        model.log_probs(history[:1]),
        NgramPredictions(model).log_probs(history),
    ):
        assert np.isfinite(log_probs).all() and log_probs.min() < -40


def test_a_text_of_one_token() -> None:
    model = count_ngrams(np.zeros(1, np.uint8), 2, CONTEXT)
    assert model.context == 0
    assert np.exp(model.log_probs(np.zeros((3, 0), np.int64))) == pytest.approx(np.tile([0.575, 0.425], (3, 1)))


def text_totals(model: NgramModel) -> Ids:
    """Return how many times each context was seen in the text."""
    contexts, entries = model.parts()
    totals: Ids = np.add.reduceat(entries.counts[: len(entries.tokens)], np.cumsum(contexts.types) - contexts.types)
    return totals


@pytest.mark.parametrize("most", [1.0, 0.9, 0.5, 0.25])
def test_rare_contexts_are_left_out_if_there_are_too_many(most: float, monkeypatch: pytest.MonkeyPatch) -> None:
    text = text_of(1)
    whole = count_ngrams(text, VOCAB_SIZE, CONTEXT)
    every = whole.to_arrays()
    limit = int(most * len(every["tokens"]))
    monkeypatch.setattr(ngram_counts, "_MAX_ENTRIES", limit)
    model = count_ngrams(text, VOCAB_SIZE, CONTEXT)
    some, totals, is_long = model.to_arrays(), text_totals(whole), every["lengths"] > 2
    is_left_out = ~np.isin(every["keys"], some["keys"])
    assert (is_left_out <= is_long).all() and every["types"][~is_left_out].sum() == len(some["tokens"]) <= limit
    if is_left_out.any():
        most = totals[is_left_out].max()
        assert (totals[is_long & ~is_left_out] > most).all()
        assert every["types"][~is_long | (totals >= most)].sum() > limit, "no more are left out than needed"


def test_text_without_repetition_keeps_its_short_contexts_however_many_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Random letters, as in a list of keys: pairs and triples alone are too many, and no longer context has room."""
    text = np.random.default_rng(1).integers(0, 20, 2000).astype(np.uint8)
    text[-200:] = text[:200]  # so that there are longer contexts
    assert count_ngrams(text, 20, CONTEXT).context == CONTEXT
    monkeypatch.setattr(ngram_counts, "_MAX_ENTRIES", 100)
    model = count_ngrams(text, 20, CONTEXT)
    assert model.context == 2 and len(model.to_arrays()["tokens"]) > 100


def test_rare_contexts_are_left_out_of_a_smaller_copy() -> None:
    text, other = text_of(1), history_of(text_of(2, 300))
    model = count_ngrams(text, VOCAB_SIZE, CONTEXT)
    smaller = model.without_rare(20)
    kept, found = smaller.find(other) >= 0, model.find(other) >= 0
    assert 0 < smaller.contexts < model.contexts and not (kept & ~found).any() and (found & ~kept).any()
    assert (kept[:, :2] == found[:, :2]).all()  # the shortest are
    for length in (2, 3):
        counts = Counter(tuple(text[i - length : i].tolist()) for i in range(length, len(text)))
        for row, history in zip(kept, other.tolist(), strict=True):
            assert row[length] == (counts[tuple(history[length - 1 :: -1])] >= 20)
    same = (kept == found).all(axis=1)
    np.testing.assert_array_equal(smaller.log_probs(other[same]), model.log_probs(other[same]))


def test_a_context_that_would_be_left_out_without_a_fold_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """In training, the network must see as many contexts as it will see in other texts."""
    text = text_of(1)
    monkeypatch.setattr(ngram_counts, "_MAX_ENTRIES", 400)
    places, history = np.arange(250), history_of(text)  # of the first fold
    model = count_ngrams(text, VOCAB_SIZE, CONTEXT)
    held_out = NgramPredictions(model, len(text)).log_probs(history[:250], places)
    minimum = int(text_totals(model)[model.parts()[0].lengths > 2].min())
    assert minimum > 2
    counts = Counter(tuple(text[i - 3 : i].tolist()) for i in range(3, len(text)))
    without = Counter(tuple(text[i - 3 : i].tolist()) for i in range(250, len(text)))
    rare = [
        i for i in range(3, 250) if without[context := tuple(text[i - 3 : i].tolist())] < minimum <= counts[context]
    ]
    assert rare
    for place in rare:
        expected = plain_probs(text.tolist(), text.tolist(), place, 0, minimum)
        assert np.exp(held_out[place]) == pytest.approx(expected, rel=5e-3)  # kept in half precision


def test_contexts_that_share_a_hash_merge_their_counts_and_do_no_other_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    text = np.random.default_rng(1).integers(0, 200, 3000).astype(np.uint8)
    contexts = count_ngrams(text, 200, CONTEXT).contexts
    few = np.uint64(((1 << 12) - 1) << 52)
    monkeypatch.setattr(ngram_counts, "key_mask", lambda vocab_size: few)
    merged = count_ngrams(text, 200, CONTEXT)  # refused, if a token had a count of 0
    assert merged.contexts < contexts


def test_a_model_of_an_older_file_has_no_continuations() -> None:
    text, other = text_of(1), history_of(text_of(2, 300))
    model, older = (count_ngrams(text, VOCAB_SIZE, CONTEXT, continuations=with_them) for with_them in (True, False))
    arrays = model.to_arrays()
    found = NgramModel.from_arrays(older.to_arrays(), VOCAB_SIZE).log_probs(other)
    np.testing.assert_array_equal(found, older.log_probs(other))
    assert len(older.to_arrays()["counts"]) == len(arrays["tokens"]) == len(arrays["counts"]) // 2
    assert np.abs(found - model.log_probs(other)).max() > 0.1
    np.testing.assert_array_equal(found[0], model.log_probs(other)[0], "nothing is longer than the empty context here")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("keys", lambda a: a[::-1]),
        ("keys", lambda a: a[:-1]),
        ("keys", lambda a: a.astype(np.int64)),
        ("lengths", lambda a: np.full_like(a, MAX_CONTEXT + 1)),
        ("lengths", np.zeros_like),
        ("types", np.zeros_like),
        ("types", lambda a: a + np.uint32(1)),
        ("types", lambda a: np.full(len(a), 2**32 - 1, np.uint32)),
        ("tokens", lambda a: a + np.uint8(VOCAB_SIZE)),
        ("tokens", np.zeros_like),
        ("tokens", lambda a: a[None]),
        ("counts", np.zeros_like),
        ("counts", lambda a: a[1:]),
        ("counts", lambda a: np.where(a == 255, 254, a).astype(np.uint8)),
        ("large_counts", lambda a: a[1:]),
        ("large_counts", np.zeros_like),
        ("large_counts", lambda a: a.astype(np.uint16)),
    ],
)
def test_a_broken_file_is_refused(name: str, change: object) -> None:
    assert callable(change)
    arrays = count_ngrams(text_of(1), VOCAB_SIZE, CONTEXT).to_arrays()
    with pytest.raises(ValueError, match=r"n-grams|missing"):
        NgramModel.from_arrays(arrays | {name: change(arrays[name])}, VOCAB_SIZE)
    if name != "large_counts":  # whose absence is an older version's
        with pytest.raises(ValueError, match=f"{name} is missing"):
            NgramModel.from_arrays({key: array for key, array in arrays.items() if key != name}, VOCAB_SIZE)
