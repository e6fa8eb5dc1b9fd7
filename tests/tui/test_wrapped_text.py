"""Wrapping: lines do not depend on how the text was appended, and are never too wide by rich's measure."""

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from rnntui.text.control_chars import escape_control_chars
from rnntui.tui.widgets.grapheme_clusters import SIMPLE, cluster_at
from rnntui.tui.widgets.wrapped_text import WrappedText

FAMILY = "👩\u200d👩\u200d👧"
PIECES = [
    "a", "word ", " ", "  ", "\n", "\t", "\r\n", "\x1b", "\x00", "é", "e\u0301", "\u0301", "\u200d", "\ufe0f", "☁",
    "☁\ufe0f", "0\ufe0f\u20e3", FAMILY, "👍🏽", "🇫", "🇫🇷", "春眠不覺曉，", "。", "\u3000", "가", "\u1100\u1161",
    "\ud800", "\u202e", "\u200b", "\ufeff", "\u2028", "Ж", "—", "…", "x" * 9, "longer words than most lines hold ",
    "\u0301" * 40, "\u200f", "\u200eab", "\u202b", "\u202c", "\u061c", "\u200c", "\u200f" * 40,
]  # fmt: skip
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=24).map("".join),
    st.text(st.characters(codec=None), max_size=40),
    st.text("ab \n", max_size=60),
)
WIDTHS = st.integers(1, 14)

property_test = settings(derandomize=True, deadline=None, max_examples=80)


def wrapped(text: str, width: int) -> WrappedText:
    made = WrappedText(width)
    made.append(text)
    return made


def lines(made: WrappedText) -> list[tuple[int, int]]:
    return [made.line(i) for i in range(made.lines)]


def parts(made: WrappedText) -> list[str]:
    return [made.slice(*line) for line in lines(made)]


def shown(made: WrappedText, line: int) -> str:
    return "".join(glyph.text for glyph in made.glyphs(line))


@property_test
@given(TEXTS, WIDTHS, st.lists(st.integers(0, 60)))
def test_lines_do_not_depend_on_how_the_text_came(text, width, cuts):
    made = WrappedText(width)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    for start, end in pairwise(places):
        before = parts(made)
        first = made.append(text[start:end])
        assert parts(made)[:first] == before[:first]
    assert made.text == text
    assert lines(made) == lines(wrapped(text, width))


@property_test
@given(TEXTS, WIDTHS)
def test_character_by_character(text, width):
    made = WrappedText(width)
    for i, character in enumerate(text):
        made.append(character)
        assert lines(made) == lines(wrapped(text[: i + 1], width))


@property_test
@given(TEXTS, WIDTHS, st.integers(0, 80), TEXTS)
@example(" ab☁\ufe0f", 3, 3, "")
@example("a b\x1b", 4, 3, "")
def test_cutting_back_is_as_if_the_rest_had_never_been(text, width, length, more):
    made = wrapped(text, width)
    before = parts(made)
    first = made.truncate(length)
    assert lines(made) == lines(wrapped(text[:length], width))
    assert parts(made)[:first] == before[:first]
    made.append(more)
    assert lines(made) == lines(wrapped(text[:length] + more, width))
    assert made.text == text[:length] + more


@property_test
@given(TEXTS, WIDTHS, WIDTHS)
def test_rewrapping_is_wrapping_anew(text, width, other):
    made = wrapped(text, width)
    made.rewrap(other)
    assert lines(made) == lines(wrapped(text, other))


@property_test
@given(TEXTS, WIDTHS)
def test_lines_cover_the_text_and_end_at_line_breaks(text, width):
    made = wrapped(text, width)
    places = lines(made)
    assert places[0][0] == 0 and places[-1][1] == len(text)
    assert all(end == start for (_, end), (start, _) in pairwise(places))
    assert all(start < end for start, end in places[:-1])
    assert all("\n" not in part[:-1] for part in parts(made))
    assert "\n" not in parts(made)[-1]
    for line, (start, end) in enumerate(places):
        glyphs = made.glyphs(line)
        assert [glyph.start for glyph in glyphs] == [start, *(glyph.end for glyph in glyphs)][: len(glyphs)]
        assert not glyphs or glyphs[-1].end == end


@property_test
@given(TEXTS, WIDTHS)
def test_no_line_is_wider_than_asked_as_rich_measures_it(text, width):
    made = wrapped(text, width)
    for line in range(made.lines):
        glyphs = made.glyphs(line)
        seen = [glyph for glyph in glyphs if glyph.text]
        cells = cell_len(shown(made, line))
        assert cells == sum(glyph.cells for glyph in seen) == sum(cell_len(glyph.text) for glyph in seen)
        assert cells <= width or len(seen) == 1
        column = 0
        for glyph in glyphs:
            assert glyph.column == column
            column += glyph.cells
        # Only a blank or a line break is invisible.
        assert all(text[glyph.start] in " \t\u3000\n" for glyph in glyphs if not glyph.text)
        assert sum(text[glyph.start] != "\n" for glyph in glyphs if not glyph.text) <= 1


@property_test
@given(TEXTS, WIDTHS)
def test_nothing_on_the_screen_steers_the_terminal(text, width):
    made = wrapped(text, width)
    for line in range(made.lines):
        row = shown(made, line)
        assert escape_control_chars(row) == row and "\t" not in row and "\n" not in row


@property_test
@given(TEXTS, WIDTHS)
def test_places_and_offsets_are_inverse(text, width):
    made = wrapped(text, width)
    for line in range(made.lines):
        for glyph in made.glyphs(line):
            for offset in range(glyph.start, glyph.end):
                assert made.locate(offset) == (line, glyph.column)
            for column in range(glyph.column, glyph.column + glyph.cells):
                assert made.offset_at(line, column) == glyph.start
            assert made.offset_at(*made.locate(glyph.start)) == glyph.start
    assert made.offset_at(*made.locate(len(text))) == len(text)


@property_test
@given(st.text("abc \n", max_size=80), WIDTHS)
def test_the_short_cut_for_simple_text_wraps_as_the_long_way_does(text, width):
    # Letters one cell wide that the fast path does not cover, in place of those it does.
    other = text.translate({ord("a"): "Ԁ", ord("b"): "ԁ", ord("c"): "Ԃ"})
    assert cell_len("Ԁԁ") == 2 and not SIMPLE.fullmatch("Ԁ")
    assert lines(wrapped(text, width)) == lines(wrapped(other, width))


def test_simple_characters_are_one_cell_wide_and_shown_as_they_are():
    simple = [chr(point) for point in range(0x110000) if SIMPLE.fullmatch(chr(point))]
    assert len(simple) > 800
    for character in simple:
        assert cell_len(character) == 1 and escape_control_chars(character) == character
        assert not unicodedata.category(character).startswith("M")
        assert character == " " or character not in "\t\n\u3000"


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("", 5, [""]),
        ("\n", 5, ["\n", ""]),
        ("the quick brown", 9, ["the quick ", "brown"]),  # the blank hangs
        ("the quick  brown", 9, ["the quick ", " brown"]),  # one blank does
        ("the quick \nbrown", 9, ["the quick \n", "brown"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("a bcdefgh", 3, ["a ", "bcd", "efg", "h"]),
        ("春眠不覺曉", 4, ["春眠", "不覺", "曉"]),
        ("春眠不覺，曉", 8, ["春眠不", "覺，曉"]),  # no line begins with a comma
        ("ab 春眠", 6, ["ab 春", "眠"]),
        ("春", 1, ["春"]),
        ("春夏", 1, ["春", "夏"]),
        ("ab\x1bc", 5, ["ab", "\x1bc"]),
        ("\x1b\x1b", 2, ["\x1b", "\x1b"]),
        ("a\r\nb", 9, ["a\r\n", "b"]),
        ("a" + FAMILY + FAMILY, 3, ["a" + FAMILY, FAMILY]),
        ("🇫🇷🇩🇪", 3, ["🇫🇷", "🇩🇪"]),
        ("a\tb\tc", 6, ["a\tb\t", "c"]),
        ("e\u0301e\u0301e\u0301", 2, ["e\u0301e\u0301", "e\u0301"]),
    ],
)
def test_where_lines_end(text, width, expected):
    assert parts(wrapped(text, width)) == expected


def test_how_things_appear():
    made = wrapped("a\tb\x1b\u202e\n\u0301x\n\u200bx\n\ud800" + "\t" * 3, 40)
    assert [shown(made, i) for i in range(made.lines)] == [
        r"a   b\x1b\u202e",
        "\u25cc\u0301x",
        "x",
        r"\ud800" + " " * 10,
    ]


@pytest.mark.parametrize("mark", ["\u200e", "\u200f", "\u061c", "\u202a", "\u202b", "\u202c", "\ufeff", "\u200b"])
def test_marks_of_direction_take_no_cell_and_hide_nothing(mark):
    made = wrapped(f"{mark}שלום{mark} x\n{mark}{mark}א\n{mark}\n{mark}" + mark * 100_000, 40)
    assert [shown(made, line).replace(mark, "") for line in (0, 1, 2)] == ["שלום x", "א", " "]
    assert [sum(glyph.cells for glyph in made.glyphs(line)) for line in (0, 1)] == [6, 1]
    assert made.glyphs(1)[0].end - made.glyphs(1)[0].start == 3, "the cursor passes the letter and its marks at once"


@pytest.mark.parametrize(
    "text", ["می\u200cخواهم", "क्\u200dष", "❤\ufe0f", FAMILY], ids=["Persian", "Hindi", "selector", "family"]
)
def test_joiners_and_selectors_are_shown_as_they_are(text):
    assert shown(wrapped(text, 40), 0) == text


def test_marks_without_end_do_not_make_a_line_without_end():
    made = wrapped("a" + "\u0301" * 1000, 10)
    assert made.lines > 2 and max(end - start for start, end in lines(made)) <= 10 * 32


def test_what_belongs_to_a_cluster():
    for text, expected in (
        ("e\u0301\u0302f", (3, "e\u0301\u0302", 1)),
        (FAMILY + "x", (5, FAMILY, 2)),
        ("a\u200d", (2, "a", 1)),
        ("a\u200d\n", (2, "a", 1)),
        ("🇫🇷🇩", (2, "🇫🇷", 2)),
        ("\x1b\u0301", (2, "\\x1b\u0301", 4)),
    ):
        end, cluster = cluster_at(text, 0)
        assert (end, cluster.text, cluster.cells) == expected


def test_places_outside_the_text_count_as_the_nearest_inside():
    made = wrapped("ab\ncd 春", 4)
    assert made.offset_at(0, 99) == 2
    assert made.offset_at(0, -5) == 0
    assert made.offset_at(-3, 1) == 1
    assert made.offset_at(99, 0) == made.offset_at(2, 99) == len(made) == 7
    assert made.locate(99) == made.locate(7) == (2, 2)
    assert made.locate(-1) == (0, 0)


def test_a_long_text_keeps_its_parts_together():
    text = "".join(f"{i} words on line {i}, and on\n" if i % 3 else f"{i} " for i in range(4000))
    made = WrappedText(30)
    for piece in re.findall(r"(?s).{1,7}", text):
        made.append(piece)
    assert made.text == text and "".join(parts(made)) == text
    assert lines(made) == lines(wrapped(text, 30))
    made.truncate(60_000)
    made.append(text[60_000:])
    assert made.text == text and lines(made) == lines(wrapped(text, 30))
    assert made.slice(100, 90_000) == text[100:90_000] and made.slice(5, 5) == ""
    made.clear()
    assert lines(made) == [(0, 0)] and made.text == "" and made.width == 30


def test_impossible_sizes_are_refused():
    for width, tab in ((0, 4), (5, 0)):
        with pytest.raises(ValueError, match="1 or more"):
            WrappedText(width, tab=tab)
    with pytest.raises(ValueError, match="1 or more"):
        WrappedText(5).rewrap(0)
    with pytest.raises(ValueError, match="-1"):
        WrappedText(5).truncate(-1)
    assert WrappedText(5).truncate(3) == 0
