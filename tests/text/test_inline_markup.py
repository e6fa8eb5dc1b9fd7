"""Markup in a line: what is taken out, how blanks are shared, and that all of it can be put back."""

from __future__ import annotations

import random

import pytest

from rnntui.text.inline_markup import MarkedText, take_out_markup

PIECES = [
    "<b>", "</b>", "<i class='a > b'>", "</i>", "<br>", "<br/>", "<p>", "</p>", "<LI>", "<x id=\"1\"/>", "<user name>",
    "<!-- a -->", "&quot;", "&nbsp;", "&amp;", "&eacute;", "&#39;", "&#x2F;", "&shy;", "&no;", "word", "One.", "a < b",
    " ", " ", " ", ",", "é", "<", ">", "&", "我",
]  # fmt: skip


def taken_out(text: str) -> MarkedText:
    marked = take_out_markup(text)
    assert marked is not None
    return marked


@pytest.mark.parametrize(
    ("text", "plain", "markup"),
    [
        ("<b>Hello</b>, you.", "Hello, you.", ["<b>", "</b>"]),
        ("a <b> big </b> house", "a big house", ["<b> ", " </b>"]),
        ('Click <a href="x">here</a>.', "Click here.", ['<a href="x">', "</a>"]),
        ("<a title='2 > 1'>yes</a>", "yes", ["<a title='2 > 1'>", "</a>"]),
        ("It works.<br/>Go", "It works. Go", ["<br/>"]),
        ("one<br>two", "one two", ["<br>"]),
        ("one <br> two", "one two", ["<br> "]),
        ("one <br>", "one ", ["<br>"]),
        ("<p>One.</p><P>Two</P>", "One. Two", ["<p>", "</p>", "<P>", "</P>"]),
        ("a<!-- note -->b", "ab", ["<!-- note -->"]),
        ("<g id='1'>Open</g> <x/>it", "Open it", ["<g id='1'>", "</g>", "<x/>"]),
        ("a&nbsp;b &nbsp; c&#160;d", "a b c d", ["&nbsp;", "&nbsp; ", "&#160;"]),
        ("&quot;Caf&eacute;&quot; &#39;&#x2F;&#39;", "\"Café\" '/'", []),
        ("soft&shy;en", "soften", []),
        ("<b>one", "one", ["<b>"]),
        ("<p> &nbsp;</p>", "", ["<p> ", "&nbsp;", "</p>"]),
        ("one</b>", "one", ["</b>"]),
        ("&lt;b&gt; &amp; <i>it</i>", "&lt;b&gt; &amp; it", ["<i>", "</i>"]),
    ],
)  # fmt: skip
def test_markup_is_taken_out_together_with_one_of_two_blanks(text: str, plain: str, markup: list[str]) -> None:
    marked = taken_out(text)
    assert (marked.plain, [each.text for each in marked.markup]) == (plain, markup)


@pytest.mark.parametrize(
    "text",
    ["", "no markup", "a < b > c", "I <3 you", "AT&T & co.", "type <user name> here", "Tom <tom@example.org>", "x<y",
     "&nothing; &amp &amp;", "&#0; &#xD800;", "<1>", "<a 'b>"],
)  # fmt: skip
def test_other_text_is_left_alone(text: str) -> None:
    assert take_out_markup(text) is None


def test_pairs_are_nested_and_other_halves_stand_alone() -> None:
    marked = taken_out("a <b>b <i>c</b> d</i> <i>e <br>f</i></u>")
    assert [(each.text, each.kind, each.partner) for each in marked.markup] == [
        ("<b>", "open", 2), ("<i>", "point", -1), ("</b>", "close", 0), ("</i>", "point", -1),
        ("<i>", "open", 6), ("<br>", "point", -1), ("</i>", "close", 4), ("</u>", "point", -1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("<p>One two</p><p>three</p>", ["One two", "three"]),
        ("<h1>One</h1> <ul> <li>two</li><li> three </ul>", ["One", "two", "three"]),
        ("It is.<br>It was", ["It is.", "It was"]),
        ("It is <br>late", ["It is late"]),
        ("<td>a</td><td></td><td>b</td>", ["a", "b"]),
        ("a <b>b.</b> c", ["a b. c"]),
    ],
)
def test_blocks_and_breaks_behind_a_whole_sentence_divide_the_text(text: str, blocks: list[str]) -> None:
    marked = taken_out(text)
    spans = marked.blocks(0, len(marked.plain))
    assert [marked.plain[start:end] for start, end in spans] == blocks


def test_a_sentence_has_what_is_within_it_and_pairs_that_end_at_its_edges() -> None:
    marked = taken_out("<p><b>One</b> <i>two.</i></p> <u>Three.</u>")
    end = marked.plain.index(".") + 1
    inside = marked.inside(0, end)
    assert [marked.markup[index].text for index in inside] == ["<b>", "</b>", "<i>", "</i>"]
    assert marked.gap(0, 0, inside) == "<p>" and marked.gap(end, end + 1, inside) == "</p> <u>"
    start = end + 1
    assert marked.inside(start, len(marked.plain)) == []
    assert marked.original(start, len(marked.plain)) == "Three." and marked.original(0, end) == "One</b> <i>two."
    part = marked.part(inside, 0)
    assert [each.partner for each in part] == [1, 0, 3, 2] and [each.offset for each in part] == [0, 3, 4, 8]


def test_all_can_be_put_back() -> None:
    chance = random.Random(7)
    for _ in range(1500):
        check_put_back("".join(chance.choices(PIECES, k=chance.randint(0, 14))))


def check_put_back(text: str) -> None:
    text = text.strip()
    marked = take_out_markup(text)
    if marked is None:
        return
    length = len(marked.plain)
    assert marked.gap(0, length, ()).replace("&shy;", "") == text.replace("&shy;", "")
    assert len(marked.spans) == length
    offsets = [each.offset for each in marked.markup]
    assert offsets == sorted(offsets) and all(0 <= offset <= length for offset in offsets)
    for index, each in enumerate(marked.markup):
        if each.kind != "point":
            other = marked.markup[each.partner]
            assert other.partner == index and (each.kind == "open") == (each.partner > index)
            assert {each.kind, other.kind} == {"open", "close"}
    blocks = marked.blocks(0, length)
    assert all(start < end and marked.plain[start:end].strip() == marked.plain[start:end] for start, end in blocks)
    if "  " not in text and "&shy;" not in text:
        assert "  " not in marked.plain


@pytest.mark.parametrize("piece", ["<!--", '<a "', "<a '", "<a b", "&amp", "<b>x", "</b>x", "<br>.", "&nbsp;x", "<p>x"])
def test_a_long_line_is_read_in_a_time_that_grows_with_its_length(piece: str) -> None:
    text = piece * 10_000  # takes a minute where the time grows with the square
    marked = take_out_markup(text)
    assert (marked is None) == (piece in ("<!--", '<a "', "<a '", "<a b", "&amp"))
    if marked is not None:
        assert marked.gap(0, len(marked.plain), ()) == text and marked.blocks(0, len(marked.plain))
    assert take_out_markup("<b>" * 10_000 + "x" + "</i>" * 10_000) is not None
