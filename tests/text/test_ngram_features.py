"""N-gram features: the exact vocabulary, TF-IDF values, and where n-grams occur."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from rnntui.text import ngram_features, ngram_hashes
from rnntui.text.char_tokenizer import code_points
from rnntui.text.ngram_features import NgramVocabulary

WORD = re.compile(r"\w+|[^\w\s]")
LABELS = [0] * 5  # of which no n-gram tells anything
TEXTS = ["the cat sat", "the dog sat.", "A Cat! a dog", "ŒUVRE œuvre", "日本語の本"]


def plain_ngrams(text: str, family: str) -> Counter[str]:
    """Return the n-grams of a text by the definition, as strings."""
    text = text.lower()
    if family == "word":
        words = WORD.findall(text)
        return Counter(words) + Counter(" ".join(pair) for pair in pairwise(words))
    marked = f"^{text}$"
    spans = ((start, start + n) for n in range(1, 6) for start in range(len(marked) - n + 1))
    return Counter(marked[start:end] for start, end in spans if marked[start:end] not in "^$")


def plain_values(texts: list[str], text: str, family: str, min_count: int) -> list[float]:
    """Return the sorted values of a text's features by the definition."""
    documents = Counter(ngram for other in texts for ngram in set(plain_ngrams(other, family)))
    values = [
        (1 + math.log(count)) * (math.log((1 + len(texts)) / (1 + documents[ngram])) + 1)
        for ngram, count in plain_ngrams(text, family).items()
        if documents[ngram] >= min_count
    ]
    norm = math.sqrt(sum(value * value for value in values))
    return sorted(value / norm for value in values)


@pytest.mark.parametrize("min_count", [1, 2])
@pytest.mark.parametrize("family", ["char", "word"])
def test_values_are_those_of_the_definition(family: str, min_count: int) -> None:
    vocabulary = NgramVocabulary.train(TEXTS, LABELS, family, min_count)
    features = vocabulary.features(TEXTS)
    known = Counter(ngram for text in TEXTS for ngram in set(plain_ngrams(text, family)))
    assert vocabulary.size == sum(count >= min_count for count in known.values())
    for row, text in enumerate(TEXTS):
        part = features.values[features.offsets[row] : features.offsets[row + 1]]
        np.testing.assert_allclose(sorted(part.tolist()), plain_values(TEXTS, text, family, min_count), rtol=1e-5)


def test_features_do_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    vocabulary = NgramVocabulary.train(TEXTS, LABELS, "both", 1)
    together = vocabulary.features(TEXTS)
    monkeypatch.setattr(ngram_hashes, "_BATCH_CHARACTERS", 12)
    assert NgramVocabulary.train(TEXTS, LABELS, "both", 1).size == vocabulary.size
    for features in (vocabulary.features(TEXTS), together):
        for row, text in enumerate(TEXTS):
            alone, part = vocabulary.features([text]), features.select([row])
            np.testing.assert_array_equal(alone.indices, part.indices)
            np.testing.assert_array_equal(alone.values, part.values)


def test_rows_are_selected_in_any_order() -> None:
    features = NgramVocabulary.train(TEXTS, LABELS, "both", 1).features(TEXTS)
    part = features.select([3, 0, 3])
    lengths = np.diff(features.offsets)[[3, 0, 3]]
    np.testing.assert_array_equal(np.diff(part.offsets), lengths)
    np.testing.assert_array_equal(part.indices[: lengths[0]], part.indices[-lengths[0] :])


def test_a_text_without_known_ngrams_has_no_features() -> None:
    vocabulary = NgramVocabulary.train(TEXTS, LABELS, "both")
    features = vocabulary.features(["", "語", "the", "qqq"])
    assert np.diff(features.offsets).tolist()[:2] == [0, 0] and np.diff(features.offsets)[2] > 0
    assert vocabulary.occurrences("") == []


def test_occurrences_sum_to_the_features_and_name_their_places() -> None:
    vocabulary = NgramVocabulary.train(TEXTS, LABELS, "both", 1)
    text = "A cat, the cat"
    sums: Counter[int] = Counter()
    places = {}
    for occurrence in vocabulary.occurrences(text):
        sums[occurrence.ngram] += occurrence.value  # type: ignore[assignment]
        places.setdefault(occurrence.ngram, set()).add(text[occurrence.start : occurrence.end].lower())
    features = vocabulary.features([text])
    assert sorted(sums) == sorted(features.indices.tolist())
    for index, value in zip(features.indices.tolist(), features.values.tolist(), strict=True):
        assert sums[index] == pytest.approx(value, rel=1e-6)
    assert {"cat", "the cat", "a cat", "a"} <= set().union(*places.values())
    # The same n-gram is the same text everywhere, boundary marks apart.
    assert all(len(texts) == 1 for texts in places.values())


def test_the_most_frequent_ngrams_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngram_features, "MAX_NGRAMS", 2)
    vocabulary = NgramVocabulary.train(["a b", "a c", "a b", "d e"], [0] * 4, "word", 1)
    assert vocabulary.size == 2
    assert [len(vocabulary.features([word]).indices) for word in ("a", "b", "c", "e")] == [1, 1, 0, 0]


def test_an_ngram_counts_by_what_it_tells_about_the_label() -> None:
    texts, labels = ["good film", "good cast", "bad film", "bad cast"] * 3, [0, 0, 1, 1] * 3
    vocabulary = NgramVocabulary.train(texts, labels, "word")
    values = {word: vocabulary.features([word]).values[0] for word in ("good", "bad", "film")}
    assert values["good"] == pytest.approx(values["bad"]) and values["good"] > 1 and 0 < values["film"] < 0.1
    # The log-count ratio of naive Bayes, for both labels the same but for its sign.
    counts = np.array([[6, 0], [3, 3]]) + 1.0
    shares = counts / counts.sum(0)
    expected = np.log(shares[:, 0] / shares[:, 1])
    salience = ngram_features._salience(counts - 1)
    np.testing.assert_allclose(salience / salience[0], np.abs(expected / expected[0]))
    assert np.mean(salience**2) == pytest.approx(1)


def test_arrays_of_a_broken_file_are_refused() -> None:
    arrays = NgramVocabulary.train(TEXTS, LABELS, "both").to_arrays()
    assert NgramVocabulary.from_arrays(arrays).size == NgramVocabulary.train(TEXTS, LABELS, "both").size
    broken = [
        arrays | {"char.hashes": arrays["char.hashes"][::-1]},
        arrays | {"char.hashes": arrays["char.hashes"][1:]},
        arrays | {"char.idf": arrays["char.idf"] * np.float32("nan")},
        arrays | {"word.idf": arrays["word.idf"].astype(np.float64)},
        arrays | {"other": arrays["word.idf"]},
        {name: array for name, array in arrays.items() if name != "word.idf"},
        arrays | {"word.salience": -arrays["word.salience"]},
    ]
    for values in broken:
        with pytest.raises(ValueError, match=r"char|word|other"):
            NgramVocabulary.from_arrays(values)


def test_words_are_found_as_by_the_regular_expression() -> None:
    rng = random.Random(1)
    pool = "ab_c1 \t\n.,!?'’-日本é\u0301\u200d😀\u0130²½\x1c\x85"
    for _ in range(200):
        texts = ["".join(rng.choices(pool, k=rng.randint(0, 12))) for _ in range(rng.randint(1, 6))]
        bounds = np.cumsum([0, *map(len, texts)])
        starts, ends = ngram_hashes._word_spans(code_points("".join(texts)), bounds)
        matches = [
            (match.start() + first, match.end() + first)
            for text, first in zip(texts, bounds.tolist(), strict=False)
            for match in WORD.finditer(text)
        ]
        assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == matches


@pytest.mark.parametrize("size", [1, 7, 5000])
def test_a_lookup_of_many_finds_what_a_lookup_of_few_finds(size: int) -> None:
    known = np.unique(np.random.default_rng(size).integers(0, 1 << 64, size, dtype=np.uint64))
    edges = np.array([0, (1 << 64) - 1], dtype=np.uint64)
    hashes = np.concatenate([known, known - np.uint64(1), edges, edges])
    places, is_known = ngram_features._lookup(known, hashes)
    assert is_known.tolist() == np.isin(hashes, known).tolist() and (known[places] == hashes[is_known]).all()
    for value in hashes[:: max(1, len(hashes) // 50)]:
        place, is_one_known = ngram_features._lookup(known, np.array([value]))
        assert is_one_known.tolist() == [value in known] and (known[place] == value).all()


def test_a_long_name_of_an_array_is_cut_in_the_message() -> None:
    with pytest.raises(ValueError, match="is not part of an n-gram vocabulary") as caught:
        NgramVocabulary.from_arrays({"x" * 100_000: np.zeros(1, np.float32)})
    assert len(str(caught.value)) < 150
