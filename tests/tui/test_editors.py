"""Editing by grapheme clusters: one key press passes or removes one sign as a person sees it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual._xterm_parser import XTermParser
from textual.app import App, ComposeResult
from textual.events import Key, Paste
from textual.pilot import Pilot

from rnntui.sessions.prompt_history import PromptHistory
from rnntui.text.control_chars import decode_control_chars, encode_control_chars
from rnntui.tui.chat.prompt import Prompt
from rnntui.tui.lines.text_panes import LineEditor
from rnntui.tui.widgets.cluster_boundaries import (
    boundary_after,
    boundary_at,
    boundary_before,
    word_end_after,
    word_start_before,
)
from rnntui.tui.widgets.editors import ClusterInput, ClusterTextArea

CASE = Path(__file__).parents[1] / "data" / "cases" / "glyphs-to-backspace.txt"
SIGNS = {
    "flag": "🇬🇧",
    "skin tone": "👍🏽",
    "family": "👩\u200d👩\u200d👧",
    "profession": "👩🏽\u200d🚀",
    "keycap": "1\ufe0f\u20e3",
    "heart": "❤\ufe0f",
    "tag flag": "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "accents": "e\u0301\u0323",
    "jamo": "\u1112\u1161\u11ab",
    "Hangul": "각",
    "conjunct": "क्षि",
    "Bengali": "ক\u09cd\u09b7",
    "Tamil": "நி",
    "Thai": "ที่",
    "Hebrew points": "שָׁ",
    "Arabic marks": "بَّ",
    "joined": "ی\u200c",
    "CJK": "小",
    "letter": "x",
    "control": "\U000f001b",  # an escape, as editors hold it
    "direction mark": "א\u200f",
    "embedding": "ב\U000e01eb",  # as editors hold it
    "beyond": "𝒳",
}
repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=100)
signs = st.lists(st.sampled_from(list(SIGNS.values())), max_size=8)


@repeatable
@given(signs)
def test_boundaries_are_those_of_signs(line: list[str]) -> None:
    text, ends = "".join(line), [0]
    for sign in line:
        ends.append(ends[-1] + len(sign))
    for start, end in pairwise(ends):
        assert boundary_after(text, start) == end and boundary_before(text, end) == start
        for offset in range(start + 1, end):
            assert boundary_at(text, offset) == boundary_before(text, offset) == start
            assert boundary_at(text, offset, forward=True) == boundary_after(text, offset) == end
    assert [boundary_at(text, end) for end in ends] == ends
    assert (boundary_before(text, 0), boundary_after(text, len(text))) == (0, len(text))


@repeatable
@given(st.text(max_size=40), st.data())
def test_boundaries_are_in_order_whatever_the_text(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    assert 0 <= boundary_before(text, offset) <= offset <= boundary_after(text, offset) <= len(text)
    assert offset == 0 or boundary_before(text, offset) < offset
    assert offset == len(text) or boundary_after(text, offset) > offset
    assert boundary_at(text, offset) <= offset <= boundary_at(text, offset, forward=True)
    assert 0 <= word_start_before(text, offset) <= offset <= word_end_after(text, offset) <= len(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("नमस्ते दुनिया", ["नमस्ते", " दुनिया"]),
        ("one dos", ["one", " dos"]),
        ("c'est été", ["c", "'", "est", " été"]),
        ("hi 👩\u200d👧🇬🇧 ok", ["hi", " 👩\u200d👧🇬🇧", " ok"]),
        ("สวัสดี ชาวโลก", ["สวัสดี", " ชาวโลก"]),
        ("\u200fשלום עולם", ["\u200fשלום", " עולם"]),
    ],
)
def test_words_have_their_marks(text: str, words: list[str]) -> None:
    offset, found = 0, []
    while offset < len(text):
        end = word_end_after(text, offset)
        found.append(text[offset:end])
        offset = end
    assert found == words
    while offset:
        start = word_start_before(text, offset)
        assert text[start:offset].rstrip() == found.pop().strip()
        offset = start


def test_a_key_press_in_a_very_long_line_reads_a_part_of_it() -> None:
    text = "नि" * 500_000
    assert boundary_before(text, len(text)) == len(text) - 2
    assert boundary_after(text, 500_000) == 500_002


class Editors(App[None]):
    """One of each editor."""

    def compose(self) -> ComposeResult:
        yield Prompt({}, PromptHistory(lambda: Path("history.jsonl")))
        yield LineEditor("Type here.", id="source")
        yield ClusterTextArea(id="dialog")
        yield ClusterInput()


Editor = Prompt | LineEditor | ClusterTextArea | ClusterInput
SELECTORS = ["Prompt", "LineEditor", "#dialog", "ClusterInput"]
BOTH = ["LineEditor", "ClusterInput"]  # the two implementations


def text_of(editor: Editor) -> str:
    return editor.value if isinstance(editor, ClusterInput) else editor.text


async def fill(pilot: Pilot[None], selector: str, text: str) -> Editor:
    editor = pilot.app.query_one(selector)
    assert isinstance(editor, ClusterInput | ClusterTextArea)
    editor.focus()
    if isinstance(editor, ClusterInput):
        editor.value = text
    else:
        editor.text = text
    await pilot.press("end")
    return editor


async def test_backspace_removes_one_sign_of_the_case_at_a_time() -> None:
    text = CASE.read_text(encoding="utf-8")
    assert text == "〽\ufe0f👍🏽🇬🇧"
    async with Editors().run_test() as pilot:
        for selector in SELECTORS:
            editor = await fill(pilot, selector, text)
            for left in ("〽\ufe0f👍🏽", "〽\ufe0f", "", ""):
                await pilot.press("backspace")
                assert text_of(editor) == left


async def test_every_action_moves_or_removes_whole_signs() -> None:
    listed = list(SIGNS.values())
    text = "".join(listed)
    async with Editors().run_test() as pilot:
        for selector in BOTH:
            editor = await fill(pilot, selector, text)
            for count in range(len(listed) - 1, -1, -1):
                editor.action_cursor_left()
                assert position(editor) == len("".join(listed[:count]))
            for count in range(1, len(listed) + 1):
                editor.action_cursor_right()
                assert position(editor) == len("".join(listed[:count]))
            editor.action_cursor_left(select=True)
            editor.action_cursor_left(select=True)
            editor.action_delete_left()
            assert text_of(editor) == "".join(listed[:-2])
            await pilot.press("home", "right", "delete")
            assert text_of(editor) == "".join([listed[0], *listed[2:-2]])


def position(editor: Editor) -> int:
    return editor.cursor_position if isinstance(editor, ClusterInput) else editor.cursor_location[1]


@pytest.mark.parametrize("text", ["नमस्ते दुनिया 🇬🇧🇬🇧", "plain old words"])
async def test_words_are_removed_and_come_back(text: str) -> None:
    first, second, third = text.split(" ")
    async with Editors().run_test() as pilot:
        for selector in BOTH:
            editor = await fill(pilot, selector, text)
            await pilot.press("ctrl+w")
            assert text_of(editor).strip() == f"{first} {second}"
            await pilot.press("ctrl+w")
            assert text_of(editor).strip() == first
            if isinstance(editor, ClusterTextArea):
                await pilot.press("ctrl+z", "ctrl+z")
                assert editor.text == text
            await fill(pilot, selector, text)
            await pilot.press("home")
            if isinstance(editor, ClusterInput):
                editor.action_delete_right_word()
                editor.action_cursor_right_word()
                editor.action_cursor_left_word()
            else:
                editor.action_delete_word_right()
                editor.action_cursor_word_right()
                editor.action_cursor_word_left()
            assert text_of(editor).strip() == f"{second} {third}"
            assert text_of(editor)[position(editor) :] in (f"{second} {third}", f" {second} {third}")


async def test_a_mark_or_joiner_that_is_typed_joins_and_the_cursor_stands_after_it() -> None:
    async with Editors().run_test() as pilot:
        for selector in BOTH:
            editor = await fill(pilot, selector, "👧")
            await pilot.press("home", "👩")
            editor.insert("\u200d", *([1] if isinstance(editor, ClusterInput) else []))
            assert text_of(editor) == "👩\u200d👧" and position(editor) == 3
            await pilot.press("backspace", "e")
            editor.insert("\u0301", *([1] if isinstance(editor, ClusterInput) else []))
            assert text_of(editor) == "e\u0301" and position(editor) == 2


TYPED = {
    "zero width non-joiner": "می\u200cخواهم",
    "family": "👩\u200d👩\u200d👧",
    "direction mark": "a\u200fb",
    "embedding": "\u202bשלום\u202c",
    "ideographic space": "全\u3000角",
    "no-break spaces": "Quoi\u202f? 5\xa0%",
    "flag of tags": "\U0001f3f4\U000e0067\U000e0062\U000e007f",
    "soft hyphen": "co\xadop",
    "newer than Python": "\U0001fae8",
}


async def test_every_character_of_a_keyboard_can_be_typed() -> None:
    async with Editors().run_test() as pilot:
        for selector in SELECTORS:
            for name, text in TYPED.items():
                editor = await fill(pilot, selector, "")
                for event in XTermParser().feed(text):
                    pilot.app.post_message(event)
                await pilot.pause()
                assert decode_control_chars(text_of(editor)) == text, name
            await pilot.press("left", "right", "x", "backspace", "backspace")
            assert text_of(editor) == "", selector


async def test_keys_act_in_the_order_in_which_they_are_pressed() -> None:
    async with Editors().run_test() as pilot:
        for selector in SELECTORS:
            editor = await fill(pilot, selector, "")
            for key in ("a", "b", "backspace", "c", "left", "d", "home", "e"):  # faster than they are handled
                pilot.app.post_message(Key(key, key if len(key) == 1 else None))
            await pilot.pause()
            assert text_of(editor) == "eadc", selector


async def test_a_control_character_is_no_text() -> None:
    async with Editors().run_test() as pilot:
        for selector in SELECTORS:
            editor = await fill(pilot, selector, "")
            for character in "\x0e\x80\u2028":
                pilot.app.post_message(Key("unknown", character))
            await pilot.pause()
            assert text_of(editor) == ""


async def test_the_cursor_is_drawn_over_a_whole_sign_and_moves_nothing() -> None:
    family = SIGNS["family"]
    async with Editors().run_test(size=(60, 30)) as pilot:
        for selector in BOTH:
            editor = await fill(pilot, selector, f"a{family}b")
            await pilot.press("home", "right")
            strip = next(
                strip
                for strip in map(editor.render_line, range(editor.size.height))
                if any("a" in segment.text for segment in strip)
            )
            assert family in [segment.text for segment in strip]
            assert sum(cell_len(segment.text) for segment in strip) == strip.cell_length


async def test_a_click_within_a_sign_puts_the_cursor_beside_it() -> None:
    text = "小" + SIGNS["flag"] + SIGNS["skin tone"]
    async with Editors().run_test(size=(60, 30)) as pilot:
        for selector in BOTH:
            editor = await fill(pilot, selector, text)
            for column in range(0, 8, 2):
                await pilot.click(selector, offset=(column, 1 if editor.region.height > 2 else 0))
                assert position(editor) in (0, 1, 3, 5)


async def test_direction_marks_take_no_cell_stay_in_the_text_and_are_passed_with_a_letter() -> None:
    text = "\u202bשלום\u202c \u200fx\u200e"
    encoded = encode_control_chars(text)
    assert decode_control_chars(encoded) == text and cell_len(encoded) == 6 and "\u202b" not in encoded
    async with Editors().run_test() as pilot:
        for selector in BOTH:
            editor = await fill(pilot, selector, encoded)
            for left in ("\u202bשלום\u202c \u200f", "\u202bשלום\u202c", "\u202bשלו"):
                editor.action_delete_left()
                assert decode_control_chars(text_of(editor)) == left
            await pilot.press("ctrl+w")
            assert text_of(editor) == ""


async def test_pasted_line_ends_become_line_breaks_and_control_characters_are_encoded() -> None:
    async with Editors().run_test() as pilot:
        for selector in ("Prompt", "LineEditor", "#dialog"):
            editor = await fill(pilot, selector, "")
            assert isinstance(editor, ClusterTextArea)
            pilot.app.post_message(Paste("one\r\ntwo\rthree\x1b"))
            await pilot.pause()
            assert editor.text == "one\ntwo\nthree\U000f001b"
            assert decode_control_chars(editor.text) == "one\ntwo\nthree\x1b"
            pilot.app.copy_to_clipboard("!\r\n\x1b")
            editor.action_paste()
            assert editor.text == "one\ntwo\nthree\U000f001b!\n\U000f001b"


async def test_an_input_line_shows_no_escape_sequence_and_keeps_its_value() -> None:
    sequence = "\x1b]0;title\x07\x9b31m\ud800"
    async with Editors().run_test() as pilot:
        editor = await fill(pilot, "ClusterInput", "")
        pilot.app.post_message(Paste(f"{sequence}小"))
        await pilot.pause()
        assert isinstance(editor, ClusterInput) and editor.value == f"{sequence}小"
        editor.value += "\nx"
        shown = "".join(segment.text for y in range(editor.size.height) for segment in editor.render_line(y))
        assert shown.rstrip() == f"{encode_control_chars(sequence)}小⏎x"


class SmallEditor(App[None]):
    """An app with one editor that has room for a few lines."""

    CSS = "ClusterTextArea { height: 10; }"

    def __init__(self, editor: ClusterTextArea) -> None:
        super().__init__()
        self.editor = editor

    def compose(self) -> ComposeResult:
        yield self.editor


@pytest.mark.parametrize("make", [ClusterTextArea, lambda: LineEditor("", id="editor")])
async def test_an_undo_may_take_away_all_that_needs_a_scrollbar(make: Callable[[], ClusterTextArea]) -> None:
    app = SmallEditor(make())
    async with app.run_test(size=(40, 20)) as pilot:
        editor, pasted = app.editor, "".join(f"line {index}\n" for index in range(50))
        editor.focus()
        editor.insert("ab")
        editor.history.checkpoint()
        editor.insert(pasted)
        await pilot.pause()
        assert editor.text == f"ab{pasted}" and editor.show_vertical_scrollbar
        await pilot.press("ctrl+z")
        assert (editor.text, editor.cursor_location) == ("ab", (0, 2)) and not editor.show_vertical_scrollbar
        await pilot.press("ctrl+y")
        assert (editor.text, editor.cursor_location) == (f"ab{pasted}", (50, 0))
        editor.select_all()
        editor.delete(*editor.selection)
        await pilot.press("ctrl+z")
        editor.move_cursor((40, 0))
        await pilot.press("ctrl+y")
        assert (editor.text, editor.cursor_location) == ("", (0, 0))


@pytest.mark.parametrize("width", [1, 2, 3, 4])
async def test_an_editor_may_have_no_room_at_all(width: int) -> None:
    """A terminal that is being made narrower."""
    app = SmallEditor(LineEditor("Type here", id="editor"))
    async with app.run_test(size=(width, 5)) as pilot:
        app.editor.focus()
        await pilot.press("x", "backspace")
        await pilot.resize_terminal(40, 5)
        shown = "".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "Type here" in shown
