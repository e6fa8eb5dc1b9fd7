"""Words and their alignment, and the layout of an attention matrix, without a screen."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from tiny_runs import subwords

from rnntui.charts.attention_grid import MAX_LABEL_WIDTH, SHADES, grid_layout, shade
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.vocabulary import Vocabulary
from rnntui.tui.translate.word_alignment import WordAlignment, tokens_in, word_at, word_spans

quick = settings(derandomize=True, deadline=None, database=None)
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=40) | st.text(
    "the old sea ▁日本e\u0301", max_size=20
)


@pytest.fixture(scope="module")
def vocabularies() -> dict[str, Vocabulary]:
    return {"bpe": Vocabulary(subwords()), "char": Vocabulary(CharTokenizer(list("abc the")))}


# Spans of tokens.


def test_a_subword_spans_its_word_and_the_space_before_it(vocabularies: dict[str, Vocabulary]) -> None:
    vocabulary = vocabularies["bpe"]
    ids = vocabulary.encode("the sea")
    spans = vocabulary.char_spans(ids)
    assert [vocabulary.token_text(int(i)) for i in ids] == [" the", " sea"]
    assert spans == [(0, 3), (3, 7)]


def test_the_bytes_of_a_character_have_its_span(vocabularies: dict[str, Vocabulary]) -> None:
    vocabulary = vocabularies["bpe"]
    spans = vocabulary.char_spans(vocabulary.encode("日 the"))
    assert spans[-1] == (1, 5)
    assert spans[-4:-1] == [(0, 1)] * 3


@pytest.mark.parametrize("kind", ["bpe", "char"])
@given(text=texts)
@quick
def test_tokens_cover_their_text_in_order(vocabularies: dict[str, Vocabulary], kind: str, text: str) -> None:
    vocabulary = vocabularies[kind]
    ids = vocabulary.encode(text)
    spans = [*vocabulary.char_spans(ids), (len(text), len(text))]
    assert spans[0][0] == 0
    for (start, end), (following, _) in pairwise(spans):
        assert start <= end <= len(text)
        assert following in (start, end)
    assert vocabulary.char_spans([*ids, 2]) == [*spans[:-1], (len(text), len(text))]


# Words.


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Tom's dog, here.", ["Tom's", "dog", ",", "here", "."]),
        ("床前明月光，疑", ["床", "前", "明", "月", "光", "，", "疑"]),
        ("e\u0301tude  x", ["e\u0301tude", "x"]),
        ("", []),
        (" \t ", []),
        ("... 1976-07", ["...", "1976", "-", "07"]),
    ],
)
def test_word_spans(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in word_spans(text)] == words


@given(texts)
@quick
def test_words_are_in_order_and_leave_out_only_blanks(text: str) -> None:
    at = 0
    for start, end in word_spans(text):
        assert text[at:start].strip() == "" or text[at:start].isspace()
        assert start < end and not text[start].isspace()
        at = end
    assert not text[at:] or text[at:].isspace()


@given(texts, st.integers(0, 50))
@quick
def test_the_word_at_a_cursor_is_on_it_or_right_before_it(text: str, column: int) -> None:
    words = word_spans(text)
    index = word_at(words, column)
    touching = [i for i, (start, end) in enumerate(words) if start <= column <= end]
    assert (index in touching) if touching else index is None
    on = [i for i in touching if words[i][0] <= column < words[i][1]]
    assert not on or index == on[0]


# Weights.


def test_weights_of_a_word_are_means_over_its_tokens() -> None:
    source, target = [(0, 2), (3, 5)], [(0, 4), (5, 7)]
    source_tokens, target_tokens = [(0, 2), (2, 5), (5, 5)], [(0, 2), (2, 4), (4, 7), (7, 7)]
    weights = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.1, 0.8, 0.1], [0, 0, 1]], dtype=np.float32)
    alignment = WordAlignment(source, target, source_tokens, target_tokens, weights)
    assert alignment.source_weights(0) == pytest.approx([0.75, 0.25])
    assert alignment.source_weights(1) == pytest.approx([0.1, 0.8])
    assert alignment.target_weights(0) == pytest.approx([0.75, 0.1])
    assert alignment.target_weights(1) == pytest.approx([0.25, 0.8])


@given(st.data())
@quick
def test_weights_are_between_0_and_1(vocabularies: dict[str, Vocabulary], data: st.DataObject) -> None:
    vocabulary = vocabularies["bpe"]
    source, target = data.draw(texts), data.draw(texts)
    spans = [vocabulary.char_spans([*vocabulary.encode(text), 2]) for text in (source, target)]
    rows = np.random.default_rng(1).random((len(spans[1]), len(spans[0])))
    alignment = WordAlignment(word_spans(source), word_spans(target), *spans, rows / rows.sum(axis=1, keepdims=True))
    for index, word in enumerate(alignment.target_words):
        weights = alignment.source_weights(index)
        assert len(weights) == len(alignment.source_words) and all(0 <= weight <= 1 for weight in weights)
        assert tokens_in(word, alignment.target_spans)
    for index in range(len(alignment.source_words)):
        assert all(0 <= weight <= 1 for weight in alignment.target_weights(index))


# The matrix.


@given(st.lists(texts, max_size=6), st.lists(texts, max_size=6))
@quick
def test_columns_are_as_wide_as_their_labels_and_row_labels_as_the_margin(source: list[str], target: list[str]) -> None:
    grid = grid_layout(source, target, cell_len)
    assert len(grid.columns) == len(source) and len(grid.row_labels) == len(target)
    end = -1
    for label, (at, width) in zip(grid.column_labels, grid.columns, strict=True):
        assert at == end + 1 and cell_len(label) == width and 1 <= width <= MAX_LABEL_WIDTH
        assert "\n" not in label and "\x1b" not in label
        end = at + width
    assert all(cell_len(row) == grid.margin for row in grid.row_labels)
    assert grid.width == max(end, 0)


@given(st.floats(0, 1), st.floats(0, 1))
@quick
def test_more_weight_is_never_a_lighter_shade(one: float, other: float) -> None:
    light, dark = sorted((one, other))
    assert SHADES.index(shade(light)) <= SHADES.index(shade(dark))
    assert shade(0) == SHADES[0] and shade(1) == SHADES[-1]
