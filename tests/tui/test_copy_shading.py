"""Shading of a text in the Chat tab by what the model copied from its training text."""

from __future__ import annotations

from pathlib import Path

import pytest
from chatting import Chatting, chatting
from novelty_runs import random_text, trained_on
from tiny_runs import make_run
from waiting import wait_until

from rnntui.inspection.novelty_index import SourceLine
from rnntui.sessions.saved_transcript import SavedTranscript
from rnntui.sessions.transcript import Turn

SINGULAR = "a most singular stretch of text that nobody has"


def levels(user: Chatting) -> list[float | None]:
    document = user.pane.text.document
    assert document is not None
    return [span.level for span in document.spans(0, len(user.text))]


def status(user: Chatting) -> str:
    return str(user.pane.query_one(".status").render())


def is_shaded(user: Chatting, start: int, end: int) -> bool:
    """True if the characters from one offset to another are shaded, and no others."""
    return [level is not None for level in levels(user)] == [start <= i < end for i in range(len(user.text))]


def reopen(user: Chatting, *turns: tuple[Turn, str]) -> None:
    user.conversation.reopen(SavedTranscript([*turns]))


async def test_copies_are_shaded_as_the_text_grows_and_their_source_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = random_text(1, 800)
    run = trained_on(tmp_path, f"{text[:2000]}{SINGULAR}\n{text[2000:]}")
    make_run(tmp_path, "other")
    async with chatting(tmp_path, "run", size=(140, 24), length=3) as user:
        await user.pilot.press("alt+k")
        await wait_until(user.pilot, lambda: "blue: copies of " in status(user))
        assert (run.novelty_folder / "index.json").is_file() and user.pane.text.has_levels
        reopen(user, (Turn("prompt", 0), SINGULAR[:9]), (Turn("model", 0), f"zz{SINGULAR[9:40]}"))
        user.chat.show_changes()
        copied = 9 + 2, 9 + 2 + 31  # what a person wrote does not count
        await wait_until(user.pilot, lambda: is_shaded(user, *copied))
        weak = levels(user)[-1]
        reopen(user, (Turn("model", 0), f"zz{SINGULAR}"), (Turn("prompt", 0), SINGULAR))
        user.chat.show_changes()
        await wait_until(user.pilot, lambda: is_shaded(user, 2, 2 + len(SINGULAR)))
        strong = levels(user)[5]
        assert weak is not None and strong is not None and weak < strong <= 1
        user.pane.text.focus()
        user.pane.text.cursor = 20
        line = (f"{text[:2000]}").count("\n") + 1
        await wait_until(user.pilot, lambda: f"text.txt:{line}" in status(user))
        assert f"copied: {len(SINGULAR)} characters" in status(user)
        user.pane.text.cursor = 0
        await wait_until(user.pilot, lambda: "(Alt+K: off)" in status(user))
        hostile = SourceLine("a\x1b[2Jb", 7, "x" * 10**7)  # a run and its corpus may be somebody else's
        monkeypatch.setattr("rnntui.sessions.copy_levels.CopyLevels.source_of", lambda *_arguments: hostile)
        user.chat.copies._sources.clear()
        user.pane.text.cursor = 20
        await wait_until(user.pilot, lambda: "[2Jb:7" in status(user))
        assert "\x1b" not in status(user) and max(map(len, user.pane.pane.colouring)) < 2000
        user.pane.text.cursor = 0
        await user.pilot.press("f9")  # surprisal takes its place
        assert user.pane.text.shade and not user.pane.text.has_levels and "copies" not in status(user)
        await user.pilot.press("f9", "alt+k")
        await wait_until(user.pilot, lambda: user.pane.text.has_levels)
        await user.pilot.press("alt+k")
        assert not user.pane.text.has_levels and set(levels(user)) == {None} and "copies" not in status(user)


async def test_a_text_that_is_gone_is_told_and_another_model_ends_the_shading(tmp_path: Path) -> None:
    trained_on(tmp_path, random_text(1, 800))
    make_run(tmp_path, "other")
    async with chatting(tmp_path, "run", size=(100, 24), length=3) as user:
        await user.pilot.press("alt+k")
        await wait_until(user.pilot, lambda: user.pane.text.has_levels)
        user.chat.open_run("other")
        await wait_until(user.pilot, lambda: user.conversation.name == "other")
        await wait_until(user.pilot, lambda: not user.pane.text.has_levels and "copies" not in status(user))
        await user.pilot.press("alt+k")
        await user.told("does not say what it was trained on")
        assert "copies" not in status(user) and not user.pane.text.has_levels
