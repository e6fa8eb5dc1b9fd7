"""Bookmarks and branches in the Chat tab: set, listed, compared, and there again when the text is reopened."""

from __future__ import annotations

from pathlib import Path

import pytest
from chatting import Chatting, chatting
from textual import events
from textual.widgets import Input, OptionList
from tiny_runs import make_run
from waiting import wait_until

from rnntui.tui.chat.branch_browser import BranchBrowser
from rnntui.tui.chat.branch_columns import BranchColumns
from rnntui.tui.preferences import texts_folder
from rnntui.tui.screens.dialogs import AskScreen, PickScreen
from rnntui.tui.screens.text_browser import TextBrowser


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A checkpoints folder with one run."""
    make_run(tmp_path / "runs", "tiny")
    return tmp_path / "runs"


def screen_text(user: Chatting) -> str:
    lines = user.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


async def shown(user: Chatting, screen: type, *parts: str) -> None:
    """Wait until a dialog shows these parts."""
    await wait_until(
        user.pilot,
        lambda: isinstance(user.app.screen, screen) and all(part in screen_text(user) for part in parts),
    )


async def back_in_the_chat(user: Chatting) -> None:
    await wait_until(user.pilot, lambda: len(user.app.screen_stack) == 1)


def rows(user: Chatting) -> list[str]:
    """The rows of the list, without the columns of figures."""
    options = user.app.screen.query_one(OptionList).options
    return [str(option.prompt)[:30].rstrip() for option in options]


async def two_branches(user: Chatting) -> tuple[str, str]:
    """Write a text, cut it within the model's turn, and go on; return both texts."""
    await user.say("Hello")
    await user.write()
    first = user.text
    user.chat.session.rewind(user.pane.pane, 20)
    await user.say("and then")
    await user.write()
    return first, user.text


async def test_bookmarks_are_set_listed_named_and_gone_to_on_any_branch(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.pilot.press("alt+m")
        await user.told("no text yet")
        first, second = await two_branches(user)
        await user.pilot.press("alt+m")
        await shown(user, AskScreen, "Name of the bookmark at the end of the text")
        await user.pilot.press(*"end", "enter")
        await user.told("Alt+T lists the bookmarks")
        user.pane.text.focus()
        user.pane.text.cursor = 8
        await user.pilot.press("alt+m")
        await shown(user, AskScreen, "at the cursor", first[8:12])
        await user.pilot.press("end", "ctrl+u", "enter")
        await shown(user, AskScreen, "type a name for the bookmark")
        await user.pilot.press(*"soon", "enter")
        await back_in_the_chat(user)
        assert user.pane.text.bookmarks == (8, len(second))
        await user.pilot.press("alt+left")  # Hello and what is after it is no version of the last turn
        assert user.text == second and "2 branches (Alt+T)" in str(user.pane._status_line.render())
        await user.pilot.press("alt+t")
        await shown(user, BranchBrowser, "Branches and bookmarks", "bits/char", "F6 compares")
        assert [row[:8] for row in rows(user)] == ["○ Hello" + first[5], "├ ◆ soon", "└ ● and ", "  └ ◆ en"]
        await user.pilot.press(*"soo", "ctrl+r", *"late", "enter")
        await shown(user, BranchBrowser, "Nothing matches")  # the search is still there
        await user.pilot.press("ctrl+u", "pageup", "ctrl+r", *"old", "enter")
        await shown(user, BranchBrowser, "○ old", "◆ late")
        await user.pilot.press("enter")
        await back_in_the_chat(user)
        assert user.text == first and user.app.focused is user.chat.prompt
        assert user.pane.text.bookmarks == (8,)
        await user.pilot.press("alt+t", *"end", "enter")
        await back_in_the_chat(user)
        assert user.text == second and user.app.focused is user.pane.text
        assert user.pane.text.cursor == len(second)
        await user.pilot.press("ctrl+z")  # back to the branch before
        assert user.text == first


async def test_a_branch_or_a_bookmark_is_deleted_after_a_question_and_brought_back(runs: Path) -> None:
    async with chatting(runs) as user:
        first, second = await two_branches(user)
        user.conversation.tree.add_bookmark("here", 3)
        await user.pilot.press("alt+t", "ctrl+d", "y")
        await shown(user, BranchBrowser, "this is the branch you are on")
        await user.pilot.press("pageup", "ctrl+d", "n")
        assert len(rows(user)) == 3
        await user.pilot.press("ctrl+d")
        await shown(user, BranchBrowser, "Delete the branch “Hello", "y deletes")
        await user.pilot.press("y")
        await shown(user, BranchBrowser, "Ctrl+Z brings it back")
        assert len(rows(user)) == 2
        await user.pilot.press("pageup", "down", "ctrl+d", "y")
        await shown(user, BranchBrowser, "Deleted the bookmark “here”")
        await user.pilot.press("ctrl+z", "ctrl+z")
        await shown(user, BranchBrowser, "Restored.")
        assert len(rows(user)) == 3
        await user.pilot.press("ctrl+z")
        await shown(user, BranchBrowser, "Nothing to restore.")
        await user.pilot.press("escape")
        assert user.text == second and user.app.focused is user.chat.prompt
        tree = user.conversation.tree
        assert {tree.text_of(branch) for branch in tree.branches()} == {first, second}


async def test_two_branches_are_compared_and_the_chosen_one_goes_on(runs: Path) -> None:
    async with chatting(runs) as user:
        user.chat.action_compare_branches()
        await user.told("only one branch")
        first, second = await two_branches(user)
        user.chat.session.rewind(user.pane.pane, 5)
        await user.say("third")
        await user.write()
        third = user.text
        await user.pilot.press("alt+t", "f6")
        await shown(user, BranchBrowser, "choose another one to compare it with")
        await user.pilot.press("pageup", "f6")
        await shown(user, BranchColumns, "They part in line 1, after 5 characters", "The branch you are on")
        await wait_until(
            user.pilot, lambda: screen_text(user).count(" bits/char") == 2 and "…" not in screen_text(user)
        )
        assert f"{len(first) - 5} characters" in screen_text(user)
        await user.pilot.press("alt+right")  # the next branch, in the right column
        await shown(user, BranchColumns, f"{len(second) - 5} characters")
        await user.pilot.press("left", "alt+left")  # and another one than the present in the left
        await shown(user, BranchColumns, "They part in line 1, after 20 characters", f"{len(first) - 20} characters")
        await user.pilot.press("tab", "enter")
        await back_in_the_chat(user)
        assert user.text == second
        await user.pilot.press("ctrl+n")
        await user.write()
        assert user.text.startswith(second) and len(user.text) == len(second) + 40
        user.chat.action_compare_branches()
        await shown(user, BranchColumns, "after 5 characters")  # with the one that was left last
        await user.pilot.press("escape")
        await back_in_the_chat(user)
        assert user.app.focused is user.chat.prompt
        await user.pilot.press("ctrl+z")
        assert user.text == third


async def test_branches_and_bookmarks_are_there_again_when_a_text_is_reopened(runs: Path) -> None:
    async with chatting(runs) as user:
        first, second = await two_branches(user)
        await user.pilot.press("alt+l", "alt+m", *"me", "enter")
        await back_in_the_chat(user)
        user.chat.session.files.autosave()
        await wait_until(user.pilot, lambda: any('"me"' in path.read_text() for path in texts_folder().glob("*.jsonl")))
        await user.pilot.press("f12", "alt+l", "alt+t")
        await shown(user, BranchBrowser)
        assert len(rows(user)) == 1
        await user.pilot.press("escape", "ctrl+o", *"hel", "enter")
        await wait_until(user.pilot, lambda: user.text == second)
        tree = user.conversation.tree
        assert {tree.text_of(branch) for branch in tree.branches()} == {first, second}
        assert user.pane.text.bookmarks == (len(second),) and user.conversation.learns
        (path,) = texts_folder().glob("*.txt")
        assert path.read_text() == second


async def test_what_is_typed_right_after_a_key_goes_to_the_dialog_it_opens(runs: Path) -> None:
    dialogs: dict[str, type] = {
        "f5": PickScreen, "ctrl+s": AskScreen, "alt+m": AskScreen, "ctrl+o": TextBrowser, "alt+t": BranchBrowser,
    }  # fmt: skip
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        for key, screen in dialogs.items():
            user.app.post_message(events.Key(key, None))
            for letter in "tin":  # before the app has handled the first
                user.app.post_message(events.Key(letter, letter))
            await shown(user, screen)
            if screen is PickScreen:
                await shown(user, screen, "Search: tin", "tiny")
            else:
                await wait_until(user.pilot, lambda: user.app.screen.query(Input).first().value == "tin")
            await user.pilot.press("escape")
            assert user.chat.prompt.text == "" and len(user.app.screen_stack) == 1
