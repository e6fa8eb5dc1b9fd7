"""Habits of other programs that the Chat tab keeps: typing, Esc, history, editing a line, versions."""

from __future__ import annotations

from pathlib import Path

import pytest
from chatting import Chatting, chatting
from textual import events
from textual._xterm_parser import XTermParser
from textual.widget import Widget
from textual.widgets import Input
from tiny_runs import make_run
from waiting import wait_until

from rnntui.config_generation import UNLIMITED_LENGTH
from rnntui.sessions.prompt_history import PromptHistory
from rnntui.tui.chat.prompt import Prompt
from rnntui.tui.chat.settings_panel import SettingsPanel
from rnntui.tui.preferences import history_file


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A checkpoints folder with one run."""
    make_run(tmp_path / "runs", "tiny")
    return tmp_path / "runs"


def shown_keys(user: Chatting) -> dict[str, str]:
    """Labels of the keys that the footer may show, by key."""
    active = user.app.screen.active_bindings
    return {key: binding.description for key, (_, binding, enabled, _) in active.items() if binding.show and enabled}


def status(user: Chatting) -> str:
    return str(user.pane._status_line.render())


async def alternatives_shown(user: Chatting) -> None:
    await wait_until(user.pilot, lambda: "%" in str(user.app.query_one("#alternatives").render()))


async def test_typing_goes_to_the_prompt_from_anywhere(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        prompt, slider, text = user.chat.prompt, user.app.query_one("#temperature"), user.pane.text
        before = user.text
        text.focus()
        await user.pilot.press(*"d of 1")
        assert prompt.text == "d of 1" and user.app.focused is prompt
        slider.focus()
        await user.pilot.press("d", "d", "-")
        assert prompt.text == "d of 1dd-" and slider.value == 0.8  # type: ignore[attr-defined]
        slider.focus()
        await user.pilot.press("1", ".", "5", "enter")
        assert prompt.text == "d of 1dd-" and slider.value == 1.5  # type: ignore[attr-defined]
        user.app.post_message(events.Paste(" pasted"))
        await wait_until(user.pilot, lambda: prompt.text.endswith("- pasted"))
        prompt.clear()
        text.focus()
        await user.pilot.pause()
        for key in "fast 12345":  # all before the app has handled the first
            user.app.post_message(events.Key({" ": "space"}.get(key, key), key))
        await wait_until(user.pilot, lambda: prompt.text == "fast 12345")
        assert user.text == before
        for key in (*["tab"] * 9, "end"):  # through the text and the sliders before length
            user.app.post_message(events.Key(key, None))
        await wait_until(user.pilot, lambda: user.chat.session.settings.generation.length == UNLIMITED_LENGTH)
        assert prompt.text == "fast 12345"


async def test_digits_branch_only_while_their_alternatives_can_be_seen(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        user.pane.text.focus()
        await user.pilot.press("left", "left")
        await alternatives_shown(user)
        assert shown_keys(user)["1"] == "to 5: branch"
        await user.pilot.press("ctrl+b")  # they are hidden
        assert "1" not in shown_keys(user)
        await user.pilot.press("2")
        assert user.chat.prompt.text == "2" and len(user.text) == 45
        await user.pilot.press("ctrl+b", "escape")
        user.pane.text.focus()  # the cursor is where it was
        await alternatives_shown(user)
        await user.pilot.press("1")
        assert user.chat.prompt.text == "2" and len(user.text) == 44
        await user.write()
        assert len(user.text) == 84
        await alternatives_shown(user)  # at the cursor, which is still there


async def test_every_dialog_and_command_leads_back_to_the_prompt(runs: Path) -> None:
    async with chatting(runs, size=(140, 40)) as user:
        await user.say("Hello")
        await user.write()

        async def from_slider(*keys: str) -> Widget | None:
            user.app.query_one("#temperature").focus()
            await user.pilot.press(*keys)
            return user.app.focused

        for keys in (["ctrl+n"], ["ctrl+r"], ["escape"], ["f6"], ["f7"], ["ctrl+b"], ["ctrl+l"], ["f12"]):
            assert await from_slider(*keys) is user.chat.prompt, keys
        await user.pilot.press("ctrl+b")
        for key, closing in (
            ("f5", "escape"), ("f5", "enter"), ("f10", "escape"), ("f10", "ctrl+s"), ("ctrl+o", "escape"),
        ):  # fmt: skip
            await from_slider(key)
            await wait_until(user.pilot, lambda: len(user.app.screen_stack) == 2)
            await user.pilot.press(closing)
            await wait_until(user.pilot, lambda: user.app.focused is user.chat.prompt)
        for key in ("f8", "f9"):  # these change nothing that is typed
            assert await from_slider(key) is user.app.query_one("#temperature")


async def test_escape_leads_to_the_prompt_and_the_footer_says_so(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        await user.pilot.press("tab")
        assert user.app.focused is user.pane.text and user.pane.text.cursor == len(user.text)  # it can be seen
        assert shown_keys(user)["escape"] == "Prompt" and shown_keys(user)["enter"] == "Rewind"
        await user.pilot.press("escape")
        assert user.app.focused is user.chat.prompt
        await user.pilot.press("tab", "tab")
        assert user.chat.query_one(SettingsPanel) in user.app.focused.ancestors  # type: ignore[union-attr]
        assert shown_keys(user)["escape"] == "Prompt" and "digits" in shown_keys(user)["enter"]
        await user.pilot.press("7")
        assert shown_keys(user)["escape"] == "Cancel" and shown_keys(user)["enter"] == "Set the value"
        await user.pilot.press("escape", "escape")
        assert user.app.focused is user.chat.prompt
        await user.pilot.press("ctrl+f", *"he")
        assert shown_keys(user)["escape"] == "Close"
        user.chat.prompt.focus()
        await user.pilot.press("escape")
        assert user.pane.text.matches == 0 and not user.app.query_one(Input).parent.display  # type: ignore[union-attr]


async def test_up_and_down_go_through_what_was_sent(runs: Path) -> None:
    other = PromptHistory(history_file)
    other.add("an earlier session\x1b[31m")
    other.save()
    async with chatting(runs) as user:
        prompt = user.chat.prompt
        for line in ("one", "two\nlines", "two\nlines"):
            await user.say(line)
        await user.pilot.press(*"unsent", "up")
        assert prompt.line == "two\nlines"
        await user.pilot.press("up", "up")  # through the two rows of it
        assert prompt.line == "one"
        await user.pilot.press("!", "up")
        assert prompt.line == "an earlier session\x1b[31m" and "\x1b" not in prompt.text
        await user.pilot.press("up", "down")
        assert prompt.line == "one!"
        await user.pilot.press("down", "down")
        assert prompt.line == "unsent"
        await user.pilot.press("down")
        assert prompt.line == "unsent"
        for key in ("ctrl+u", "up", "ctrl+u", "ctrl+a"):  # all before the app has handled the first
            user.app.post_message(events.Key(key, None))
        await user.pilot.pause()
        assert prompt.line == "two\n"  # the unsent line was emptied, then the last row of the line before it
        await user.pilot.press("down")
        assert prompt.line == ""
        prompt.clear()
        prompt.insert("wide " * 30)  # more than one row
        await user.pilot.press("up")
        assert prompt.line == "wide " * 30
        await user.pilot.press("up", "up")
        assert prompt.line == "two\n"  # as edited, until a line is sent
    later = PromptHistory(history_file)
    assert [later.older("") for _ in range(3)] == ["two\nlines", "one", "an earlier session\x1b[31m"]


async def test_escape_puts_a_line_back_that_was_taken_to_be_edited(runs: Path, own_settings: Path) -> None:
    async with chatting(runs) as user:
        prompt = user.chat.prompt
        await user.pilot.press("ctrl+l")
        await user.told("no line of yours")
        await user.say("one")
        await user.write()
        await user.say("two")
        await user.write()
        before = user.text
        await user.pilot.press(*"draft", "ctrl+l")
        assert prompt.text == "two" and user.text != before
        assert shown_keys(user)["escape"] == "Put it back"
        assert "Esc: put it back" in str(user.app.query_one("#prompt-hint").render())
        await user.pilot.press("!", "ctrl+l")
        assert prompt.text == "one" and user.text == ""
        await user.pilot.press("?", "escape")
        assert prompt.text == "draft" and user.text == before
        assert shown_keys(user)["escape"] == "Stop" and str(user.app.query_one("#prompt-hint").render()) == ""
        await user.pilot.press("up")  # what was edited is not lost either
        assert prompt.text == "one?"
        await user.pilot.press("up")
        assert prompt.text == "two!"
        await user.pilot.press("down", "down", "ctrl+l")
        await user.say("?")
        assert user.text.endswith("\ntwo?") and prompt.text == "draft"
        await user.write()
        await user.pilot.press("ctrl+l", "ctrl+u", "tab", "ctrl+z")  # undo is another way back
        assert user.text.endswith("\ntwo?" + user.text[-40:]) and prompt.text == "draft"
        whole = user.text
        await user.pilot.press("ctrl+l", "ctrl+q")
    assert [path.read_text() for path in own_settings.with_name("texts").glob("*.txt")] == [whole]


async def test_versions_of_a_turn_are_chosen_by_keys_and_counted_in_the_status(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        assert "version" not in status(user)
        await user.pilot.press("alt+left")
        await user.told("only one version; Ctrl+R")
        texts = [user.text]
        user.conversation.seed = None
        for _ in range(2):
            await user.pilot.press("ctrl+r")
            await user.write()
            texts.append(user.text)
        assert "version 3/3 (" in status(user) and "bits/char" in status(user) and "seed" in status(user)
        await user.pilot.press("alt+left", "alt+left")
        await user.write()
        assert user.text == texts[0] and "version 1/3" in status(user)
        await user.pilot.press("alt+left")
        await user.told("first version")
        await user.pilot.press(*"word", "alt+right")
        assert user.text == texts[1] and user.chat.prompt.text == "word"
        await user.pilot.press("f6")
        await user.write()
        assert "version" not in status(user)
        await user.pilot.press("ctrl+r")
        await user.write()
        assert [c.version for c in user.conversations] == [(4, 4), (2, 2)]
        await user.pilot.press("alt+left")
        assert [c.version for c in user.conversations] == [(4, 4), (1, 2)]


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_the_status_line_cuts_nothing_beside_an_empty_row(runs: Path, size: tuple[int, int]) -> None:
    async with chatting(runs, size=size) as user:
        user.conversation.seed = 4294967295
        await user.say("A title")
        await user.write()
        assert user.pane._status_line.region.width == size[0]
        assert "T 0.8" not in status(user) and "seed 4294967295" in status(user)
        assert "   A title" in status(user)
        await user.pilot.press("ctrl+b")
        await user.pilot.pause()
        assert "T 0.8" in status(user)  # no slider shows it
        await user.pilot.press("f6")
        await user.write()
        for part in ("tiny · ready", "bits/char", "seed 4294967295", "T 0.8"):
            assert part in status(user)


async def test_alt_and_a_letter_is_a_key_and_not_typed(runs: Path) -> None:
    """Most terminals send Esc and the letter, of which Textual makes a key with a character."""
    async with chatting(runs, size=(120, 40)) as user:
        await user.pilot.press("a")
        for letter in "lx":  # one that is bound and one that is not
            user.app.post_message(events.Key(f"alt+{letter}", letter))
            await user.pilot.pause()
        await user.told("learns from what you write")
        assert user.app.query_one(Prompt).line == "a"


async def test_alt_and_a_letter_is_a_key_even_if_another_sequence_follows_at_once(runs: Path) -> None:
    """Such as a report of the mouse: Textual alone would type `^l`."""
    async with chatting(runs, size=(120, 40)) as user:
        for event in XTermParser().feed("a\x1bl\x1b[<35;9;9M\x1bx\x1b[D\x1bl"):
            user.app.post_message(event)
            await user.pilot.pause()
        await user.told("as it was trained")
        assert user.app.query_one(Prompt).line == "a"


async def test_a_key_lets_the_model_learn_from_what_is_written_and_forget_it(runs: Path) -> None:
    line = "the sea was old and the man was old "
    async with chatting(runs, size=(120, 40)) as user:
        assert "learning" not in status(user)
        await user.pilot.press("alt+l")
        await user.told("learns from what you write")
        await user.say(line * 4)
        await user.write()
        assert "learning from you (Alt+L: forget)" in status(user)
        learned, learned_text = user.conversation.transcript.bits_per_character(0), user.text
        await user.pilot.press("alt+l")
        await user.told("forgotten")
        await user.pilot.press("ctrl+n")
        await user.write()
        assert "learning" not in status(user) and user.text.startswith(learned_text)
        plain = user.conversation.transcript.bits_per_character(0)
        assert learned is not None and plain is not None and learned < plain - 0.3
        await user.pilot.press("alt+l", "f6")  # another pane learns, too; the status stays visible where it is narrow
        await user.write()
        assert [conversation.learns for conversation in user.conversations] == [True, True]
        assert "learning" in status(user)
