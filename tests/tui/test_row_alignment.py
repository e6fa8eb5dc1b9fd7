"""Which words belong together, what has changed of a text, and how a matrix is laid out: without a screen."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from tiny_runs import subwords

from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.vocabulary import Vocabulary
from rnntui.tui.translate.attention_grid import SHADES, WIDEST, lay_out, shade
from rnntui.tui.translate.line_changes import carried, change_between
from rnntui.tui.translate.row_alignment import Alignment, tokens_of, word_at, words

quick = settings(derandomize=True, deadline=None, database=None)
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=40) | st.text(
    "the old sea ▁日本e\u0301", max_size=20
)


@pytest.fixture(scope="module")
def vocabularies() -> dict[str, Vocabulary]:
    return {"bpe": Vocabulary(subwords()), "char": Vocabulary(CharTokenizer(list("abc the")))}


# Tokens and where they stand.


def test_a_subword_stands_on_its_word_and_the_space_before_it(vocabularies: dict[str, Vocabulary]) -> None:
    vocabulary = vocabularies["bpe"]
    ids = vocabulary.encode("the sea")
    spans = vocabulary.char_spans(ids)
    assert [vocabulary.token_text(int(i)) for i in ids] == [" the", " sea"]
    assert spans == [(0, 3), (3, 7)]


def test_bytes_of_one_character_stand_where_it_does(vocabularies: dict[str, Vocabulary]) -> None:
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
    ("text", "found"),
    [
        ("Tom's dog, here.", ["Tom's", "dog", ",", "here", "."]),
        ("床前明月光，疑", ["床", "前", "明", "月", "光", "，", "疑"]),
        ("e\u0301tude  x", ["e\u0301tude", "x"]),
        ("", []),
        (" \t ", []),
        ("... 1976-07", ["...", "1976", "-", "07"]),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in words(text)] == found


@given(texts)
@quick
def test_words_are_in_order_and_leave_out_blanks_alone(text: str) -> None:
    at = 0
    for start, end in words(text):
        assert text[at:start].strip() == "" or text[at:start].isspace()
        assert start < end and not text[start].isspace()
        at = end
    assert not text[at:] or text[at:].isspace()


@given(texts, st.integers(0, 50))
@quick
def test_a_cursor_is_on_a_word_or_right_behind_it(text: str, column: int) -> None:
    found = words(text)
    number = word_at(found, column)
    touching = [n for n, (start, end) in enumerate(found) if start <= column <= end]
    assert (number in touching) if touching else number is None
    on = [n for n in touching if found[n][0] <= column < found[n][1]]
    assert not on or number == on[0]


# Strengths.


def test_a_word_is_made_by_the_words_that_its_tokens_look_at() -> None:
    source, target = [(0, 2), (3, 5)], [(0, 4), (5, 7)]
    source_tokens, target_tokens = [(0, 2), (2, 5), (5, 5)], [(0, 2), (2, 4), (4, 7), (7, 7)]
    weights = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.1, 0.8, 0.1], [0, 0, 1]], dtype=np.float32)
    alignment = Alignment(source, target, source_tokens, target_tokens, weights)
    assert alignment.sources_of(0) == pytest.approx([0.75, 0.25])
    assert alignment.sources_of(1) == pytest.approx([0.1, 0.8])
    assert alignment.targets_of(0) == pytest.approx([0.75, 0.1])
    assert alignment.targets_of(1) == pytest.approx([0.25, 0.8])


@given(st.data())
@quick
def test_strengths_are_parts_of_one(vocabularies: dict[str, Vocabulary], data: st.DataObject) -> None:
    vocabulary = vocabularies["bpe"]
    source, target = data.draw(texts), data.draw(texts)
    spans = [vocabulary.char_spans([*vocabulary.encode(text), 2]) for text in (source, target)]
    rows = np.random.default_rng(1).random((len(spans[1]), len(spans[0])))
    alignment = Alignment(words(source), words(target), *spans, rows / rows.sum(axis=1, keepdims=True))
    for number, word in enumerate(alignment.target_words):
        strengths = alignment.sources_of(number)
        assert len(strengths) == len(alignment.source_words) and all(0 <= one <= 1 for one in strengths)
        assert tokens_of(word, alignment.target_spans)
    for number in range(len(alignment.source_words)):
        assert all(0 <= one <= 1 for one in alignment.targets_of(number))


# Changes.


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
@quick
def test_a_change_leads_from_one_text_to_the_other(old: list[str], new: list[str]) -> None:
    change = change_between(old, new)
    if change is None:
        assert old == new
        return
    start, before, after = change
    assert [*old[:start], *new[start:after], *old[before:]] == new
    shown = [f"{number} {line}" for number, line in enumerate(old)]
    beside = carried(shown, change)
    assert len(beside) == len(new) and beside[:start] == shown[:start]
    assert beside[after:] == shown[before:]


# The matrix.


@given(st.lists(texts, max_size=6), st.lists(texts, max_size=6))
@quick
def test_every_column_is_as_wide_as_its_heading_and_every_row_label_as_the_margin(
    source: list[str], target: list[str]
) -> None:
    grid = lay_out(source, target)
    assert len(grid.columns) == len(source) and len(grid.rows) == len(target)
    end = -1
    for heading, (at, width) in zip(grid.headings, grid.columns, strict=True):
        assert at == end + 1 and cell_len(heading) == width and 1 <= width <= WIDEST
        assert "\n" not in heading and "\x1b" not in heading
        end = at + width
    assert all(cell_len(row) == grid.margin for row in grid.rows)
    assert grid.width == max(end, 0)


@given(st.floats(0, 1), st.floats(0, 1))
@quick
def test_more_weight_is_never_a_lighter_shade(one: float, other: float) -> None:
    light, dark = sorted((one, other))
    assert SHADES.index(shade(light)) <= SHADES.index(shade(dark))
    assert shade(0) == SHADES[0] and shade(1) == SHADES[-1]
