"""Names and texts that try to steer the terminal, or to be taken for markup, through every screen that shows them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chatting import chatting
from hostile_texts import FORBIDDEN, NAMES
from hostile_texts import TEXT as ESCAPES_IN_TEXT
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.widgets import Input, TextArea
from tiny_runs import make_run
from waiting import wait_until

from rnntui.text.control_chars import decode_control_chars, encode_control_chars
from rnntui.tui.app import RnntuiApp
from rnntui.tui.notifications import Notifications
from rnntui.tui.screens.dialogs import AskScreen, EditScreen, PickScreen
from rnntui.tui.screens.text_browser import TextBrowser

NAME = "[red]a \x1b[2J [@click=app.quit]b" + NAMES[1]
TEXT = "one\x1b]0;owned\x07two\u202ethree\r\nfour\u2028five [red]six[/red]\x85" + ESCAPES_IN_TEXT


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    run = make_run(tmp_path / "runs", NAME)
    rows = [{"step": step, "tokens": step, "seconds": step, "train_loss": 1.0, "sample": TEXT} for step in range(20)]
    run.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "runs"


def assert_harmless(app: RnntuiApp) -> None:
    """Check that no control characters go to the terminal."""
    assert not set(screen_text(app)) & FORBIDDEN


def screen_text(app: RnntuiApp) -> str:
    """The lines that go to the terminal."""
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())


async def test_in_the_chat_tab_and_its_dialogs(runs: Path) -> None:
    async with chatting(runs, size=(140, 40)) as user:
        user.conversation.replace(TEXT)
        user.pane.update()
        await user.pilot.pause()
        assert_harmless(user.app)
        assert r"[red]a \x1b[2J" in str(user.pane.query_one(".status").render())
        user.pane.text.cursor = 4
        await wait_until(user.pilot, lambda: "%" in str(user.app.query_one("#alternatives").render()))
        assert_harmless(user.app)
        for key, screen in (("f5", PickScreen), ("f10", EditScreen), ("ctrl+s", AskScreen)):
            await user.pilot.press(key)
            await wait_until(user.pilot, lambda screen=screen: isinstance(user.app.screen, screen))
            await user.pilot.pause()
            assert_harmless(user.app)
            await user.pilot.press("escape")
            await wait_until(user.pilot, lambda: len(user.app.screen_stack) == 1)
        assert user.text == TEXT
        user.chat.open_run(NAME + "x")
        await user.told("x1b")
        Notifications(user.app.notify).error(TEXT, title=TEXT)
        await user.told("owned")
        await user.pilot.pause()
        assert_harmless(user.app)
        assert user.app.is_running


async def test_a_hostile_line_can_be_edited_and_sent_as_it_was(runs: Path) -> None:
    async with chatting(runs, size=(140, 40)) as user:
        user.chat.say(TEXT)
        await user.write()
        await user.pilot.press("ctrl+l")
        await user.pilot.pause()
        assert_harmless(user.app)
        await user.pilot.press("!", "enter")
        assert user.text == TEXT.strip("\n") + "!"


async def test_a_paste_shows_no_escapes(runs: Path) -> None:
    from textual.events import Paste

    async with chatting(runs) as user:
        user.app.post_message(Paste("a\x1b[31mb\r\nc"))
        await user.pilot.pause()
        assert_harmless(user.app)
        await user.pilot.press("enter")
        assert user.text == "a\x1b[31mb\nc"


async def test_in_the_train_tab(runs: Path) -> None:
    async with chatting(runs, size=(140, 40)) as user:
        await user.pilot.press("f3")
        await wait_until(user.pilot, lambda: user.app.query("#dashboard #chart"))
        await wait_until(user.pilot, lambda: "six" in screen_text(user.app))
        assert_harmless(user.app)
        await user.pilot.press("space")
        await user.pilot.pause(0.2)
        assert_harmless(user.app)
        assert user.app.is_running


async def test_an_edit_that_changes_nothing_changes_nothing(runs: Path) -> None:
    async with chatting(runs) as user:
        user.conversation.replace(TEXT)
        user.conversation.generate()
        await user.write()
        before = [(turn.role, text) for turn, text in user.conversation.transcript.turn_texts()]
        for key in ("ctrl+s", "escape"):
            await user.pilot.press("f10")
            await wait_until(user.pilot, lambda: isinstance(user.app.screen, EditScreen))
            if key == "escape":
                user.app.screen.query_one(TextArea).text = "gone"
                await user.pilot.press("escape")
                assert "Esc again discards the changes" in screen_text(user.app)
            await user.pilot.press(key)
            await wait_until(user.pilot, lambda: len(user.app.screen_stack) == 1)
            assert [(turn.role, text) for turn, text in user.conversation.transcript.turn_texts()] == before


async def test_a_name_that_no_file_can_have_is_refused_in_the_dialog(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        for keys, screen in ((("ctrl+s",), AskScreen), (("ctrl+o", "ctrl+o"), TextBrowser)):
            await user.pilot.press(*keys)
            await wait_until(user.pilot, lambda screen=screen: isinstance(user.app.screen, screen))
            user.app.screen.query(Input).last().value = "\x00"
            await user.pilot.press("enter")
            await wait_until(user.pilot, lambda: "cannot contain the character NUL" in screen_text(user.app))
            while len(user.app.screen_stack) > 1:
                await user.pilot.press("escape")
        assert user.app.is_running


@given(st.text(st.characters(exclude_categories=())))
@settings(derandomize=True, deadline=None, database=None)
def test_a_text_comes_back_as_it_was_and_steers_nothing_meanwhile(text: str) -> None:
    shown = encode_control_chars(text)
    assert not set(shown) & set("\x1b\x07\r\x85\u2028\u2029\u202e\x9b\x00")
    assert decode_control_chars(shown) == text or any(0xF0000 <= ord(c) < 0x100000 for c in text)
