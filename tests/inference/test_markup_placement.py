"""Markup in a translation: where attention puts it, and that pairs stay balanced and nested whatever the attention."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest

from rnntui.inference.markup_placement import AlignedText, insert_markup, place_markup
from rnntui.text.inline_markup import take_out_markup

SPANS = re.compile(r"\w+|[^\w\s]")


def aligned(text: str) -> AlignedText:
    """Return a text with a token for each word and sign, and an end token."""
    return AlignedText(text, [*(match.span() for match in SPANS.finditer(text)), (len(text), len(text))])


def placed(source: str, target: str, order: list[int] | None = None, attention: np.ndarray | None = None) -> str:
    """Return a translation with the markup of its source; `order` has the source token of each of its tokens."""
    marked = take_out_markup(source)
    assert marked is not None
    plain, translated = aligned(marked.plain), aligned(target)
    if attention is None:
        attention = np.zeros((len(translated.spans), len(plain.spans)), np.float32)
        for row, column in enumerate(order or ()):
            attention[row, column] = 1
    insertions = place_markup(marked.part(range(len(marked.markup)), 0), plain, translated, attention)
    return "".join(insert_markup(target, insertions))


@pytest.mark.parametrize(
    ("source", "target", "order", "expected"),
    [
        ("a <b>red</b> car.", "un coche rojo.", [0, 2, 1, 3], "un coche <b>rojo</b>."),
        ("<b>Hello</b>, you", "Hola, tú", [0, 1, 2], "<b>Hola</b>, tú"),
        ("I <i>am</i> tired", "Estoy cansado", [1, 2], "<i>Estoy</i> cansado"),
        ("<b>I am</b> tired", "Estoy cansado", [1, 2], "<b>Estoy</b> cansado"),
        ("a <b>big <i>red</i></b> car", "un coche rojo y grande", [0, 3, 2, 1, 1],
         "un coche <b><i>rojo</i> y grande</b>"),
        ("<b>one</b> and <i>two</i>", "dos y uno", [2, 1, 0], "<i>dos</i> y <b>uno</b>"),
        ("I <b>see</b> <b> it </b> now", "Lo veo ahora", [2, 1, 3], "<b> Lo </b> <b>veo</b> ahora"),
        ("I, <b>you, we</b>.", "Yo, tú, él.", [0, 1, 2, 3, 4, 5], "Yo, <b>tú, él</b>."),
        ("Really<b>!</b>", "¡Sí!", [1, 0, 1], "<b>¡</b>Sí!"),
        ("one <br><b>two three</b>", "uno dos tres", [0, 1, 2], "uno <br><b>dos tres</b>"),
        ("<u>O</u>ne two", "Uno dos", [0, 1], "<u>Uno</u> dos"),
        ("a big&nbsp;house", "casa una grande", [2, 0, 1], "casa una&nbsp;grande"),
        ("<b>one</b> <i>one</i>", "uno", [0], "<b>uno</b><i></i>"),
        ("one<br>two three", "uno dos tres", [0, 1, 2], "uno<br>dos tres"),
        ("one <br> two three", "uno dos tres", [0, 1, 2], "uno <br> dos tres"),
        ("one<!-- x --> two", "uno dos", [0, 1], "uno<!-- x --> dos"),
        ("one <x/>two", "uno dos", [0, 1], "uno <x/>dos"),
        ("a&nbsp;big house", "una casa grande", [0, 2, 1], "una&nbsp;casa grande"),
        ("a <b></b>big house", "una casa grande", [0, 2, 1], "una <b></b>casa grande"),
        ("one</b> two", "uno dos", [0, 1], "uno</b> dos"),
        ("<b>O<u>n</u>e</b> two", "Uno dos", [0, 1], "<b><u>Uno</u></b> dos"),
    ],
)  # fmt: skip
def test_tags_go_with_the_words_that_translate_theirs(
    source: str, target: str, order: list[int], expected: str
) -> None:
    assert placed(source, target, order) == expected


def test_tags_around_words_are_not_put_around_signs_alone() -> None:
    attention = np.zeros((4, 6), np.float32)
    attention[:3, 2:5] = [[0.9, 0.1, 0], [0, 0.3, 0.7], [0, 0.8, 0.2]]  # the full stop attends most to "care"
    assert placed("I do not <b>care</b>.", "No importa.", None, attention) == "No <b>importa</b>."


def test_a_character_of_a_script_without_blanks_is_a_word() -> None:
    marked = take_out_markup("<b>we</b> two")
    assert marked is not None
    target = AlignedText("我们二", [(0, 2), (2, 3), (3, 3)])
    insertions = place_markup(
        marked.part((0, 1), 0), aligned("we two"), target, np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    )
    assert insert_markup(target.text, insertions) == ["<b>我", "们</b>", "二"]


def test_without_attention_the_order_of_the_source_is_followed() -> None:
    assert placed("one <b>two</b> three <br>four", "uno dos tres cuatro") == "uno <b>dos</b> tres <br>cuatro"


TAGS = ["<b>", "</b>", "<i>", "</i>", "<br>", "<x/>", "&nbsp;", "one", "two", " ", " ", ",", "three four"]
WORDS = ["one", "two, three", "", "<br>", "four<x/>"]


def well_formed(chance: random.Random, depth: int = 0) -> str:
    """Return words and tags, all of which are closed."""
    parts = []
    for _ in range(chance.randint(1, 3)):
        inner = well_formed(chance, depth + 1) if depth < 3 and chance.random() < 0.6 else chance.choice(WORDS)
        tag = chance.choice(["b", "i", ""])
        parts.append(f"<{tag}>{inner}</{tag}>" if tag else inner)
    return chance.choice(["", " "]).join(parts)


@pytest.mark.parametrize("target", ["", "uno", "uno dos, tres.", "我二 a", ", ."])
def test_all_markup_is_there_once_and_pairs_are_nested(target: str) -> None:
    chance = random.Random(7)
    for seed in range(100):
        check_markup("".join(chance.choices(TAGS, k=chance.randint(1, 12))), target, seed)
        check_markup(well_formed(chance), target, seed)


def check_markup(source: str, target: str, seed: int) -> None:
    marked = take_out_markup(source)
    if marked is None:
        return
    rows, columns = len(aligned(target).spans), len(aligned(marked.plain).spans)
    attention = np.random.default_rng(seed).random((rows, columns)).astype(np.float32) ** 4
    result = placed(source, target or "x", None, attention if target else np.ones((2, columns), np.float32))
    found = re.findall(r"</?\w+/?>|&nbsp;", result)
    assert sorted(found) == sorted(re.findall(r"</?\w+/?>|&nbsp;", source))
    assert re.sub(r"</?\w+/?>|&nbsp;|\s", "", result) == re.sub(r"\s", "", target or "x")
    tags = re.findall("</?[bi]>", result)
    if len(tags) == sum(each.kind != "point" for each in marked.markup):  # else not all have another half
        opened: list[str] = []
        for tag in tags:
            if tag.startswith("</"):
                assert opened.pop() == tag.replace("/", "")
            else:
                opened.append(tag)
        assert not opened


def test_pairs_without_end_are_no_problem() -> None:
    depth = 3000
    result = placed("a " + "<b>" * depth + "b" + "</b>" * depth + " c", "x y z", [0, 1, 2])
    assert result.count("<b>") == result.count("</b>") == depth and re.sub("</?b>", "", result) == "x y z"
