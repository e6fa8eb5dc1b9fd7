"""The browser of saved texts, in the Chat tab and in the Translate tab."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from chatting import chatting
from fake_translator import FakeTranslator
from line_tabs import using_translate
from textual.pilot import Pilot
from textual.widgets import Input
from tiny_runs import make_run
from waiting import wait_until

from rnntui.sessions.saved_texts import SavedTexts
from rnntui.tui.preferences import sources_folder, tab_of_last_text, texts_folder
from rnntui.tui.screens.text_browser import TextBrowser


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A checkpoints folder with two runs; `tiny` is the newest."""
    folder = tmp_path / "runs"
    make_run(folder, "other", seed=2)
    make_run(folder, "tiny")
    return folder


def save_chat(name: str, text: str, run: str, age: float) -> Path:
    """Save a text of the Chat tab, `age` days old."""
    texts_folder().mkdir(parents=True, exist_ok=True)
    path = texts_folder() / f"{name}.txt"
    path.write_text(text)
    turns = [{"role": "prompt", "text": text[:2]}, {"role": "model", "text": text[2:], "run": run, "seed": 1}]
    path.with_suffix(".jsonl").write_text("".join(json.dumps(turn) + "\n" for turn in turns))
    for file in (path, path.with_suffix(".jsonl")):
        os.utime(file, (time.time() - age * 86_400,) * 2)
    return path


def screen_text(pilot: Pilot[None]) -> str:
    lines = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


async def shown(pilot: Pilot[None], *parts: str) -> None:
    """Wait until the browser shows these parts."""
    await wait_until(
        pilot,
        lambda: isinstance(pilot.app.screen, TextBrowser) and all(part in screen_text(pilot) for part in parts),
    )


async def test_last_weeks_text_is_found_renamed_and_continued_by_its_model(runs: Path) -> None:
    path = save_chat(
        "2026-01-01-000000-7-1", "A tale of \x1b[2J old\n" + "and so on\n" * 99 + "the Needle", "other", age=7
    )
    save_chat("Notes", "Some notes", "tiny", age=1)
    async with chatting(runs) as user:
        await user.say("Present text")
        await user.write()
        present = user.text
        await user.pilot.press("ctrl+o")
        await shown(
            user.pilot, "open now", "yesterday   tiny", "Notes  Some notes", r"A tale of \x1b[2J old", "Esc closes"
        )
        assert user.app.screen.query_one("#search", Input).value == ""
        await user.pilot.press(*"needle other")
        await shown(user.pilot, "1 of 3", "the Needle")
        assert "Notes" not in screen_text(user.pilot)
        await user.pilot.press("ctrl+r", *"Notes", "enter")
        await shown(user.pilot, "a text called Notes exists already; choose another name")
        await user.pilot.press("end", *" 2", "enter")
        await shown(user.pilot, "1 of 3", "Notes 2  A tale")
        renamed = path.with_name("Notes 2.txt")
        await user.pilot.press("enter")
        await wait_until(user.pilot, lambda: user.text.endswith("the Needle"))
        assert user.conversation.name == "other" and not path.exists()
        await wait_until(user.pilot, lambda: "   Notes 2" in str(user.pane._status_line.render()))
        await user.say("goes on")
        await user.write()
        user.chat.session.files.autosave()
        await wait_until(user.pilot, lambda: renamed.read_text() == user.text)
        assert present in [file.read_text() for file in texts_folder().glob("2*.txt")]


async def test_a_text_is_deleted_after_a_question_and_brought_back(runs: Path) -> None:
    path = save_chat("Old", "Old text", "gone", age=9)
    save_chat("New", "New text", "tiny", age=1)
    async with chatting(runs, size=(120, 30)) as user:
        await user.pilot.press("ctrl+o")
        await shown(user.pilot, "Old text", "New text")
        await user.pilot.press("down", "ctrl+d")
        await shown(user.pilot, "Delete “Old”?", "y deletes")
        await user.pilot.press("n", "ctrl+d", "ctrl+d", "enter", "ctrl+d", "ctrl+z")
        assert path.is_file() and "Delete" not in screen_text(user.pilot)
        await user.pilot.press("ctrl+d", "y")
        await shown(user.pilot, "Ctrl+Z brings it back")
        await wait_until(user.pilot, lambda: "Old text" not in screen_text(user.pilot))
        assert not path.exists()
        await user.pilot.press("ctrl+z")
        await shown(user.pilot, "Old text", "Restored.")
        await user.pilot.press(*"zebra")
        await shown(user.pilot, "No saved text matches.", "Open a file")
        await user.pilot.press("escape")
        assert len(user.app.screen_stack) == 1
        await user.pilot.press("ctrl+o")
        await shown(user.pilot, "Old text")
        await user.pilot.press("end", "down", "enter")
        await user.told("The text was written with gone, which cannot be opened")
        assert user.text == "Old text" and user.conversation.name == "tiny"
        await user.pilot.press("ctrl+o")
        await shown(user.pilot, "open now")
        await user.pilot.press("ctrl+d", "y")
        await shown(user.pilot, "the text is open; begin a new one with F12")
        await user.pilot.press("enter")
        assert path.is_file()


async def test_a_text_says_that_the_run_that_wrote_it_is_gone_and_opens_all_the_same(runs: Path) -> None:
    make_run(runs, "deleted-run", seed=3)
    save_chat("Kept", "Kept text", "other", age=3)
    save_chat("Left", "Left text", "deleted-run", age=2)
    async with chatting(runs, "tiny") as user:
        await user.pilot.press("ctrl+o")
        await shown(user.pilot, "deleted-run    ", "Left  Left text")
        await user.pilot.press("escape")
        shutil.rmtree(runs / "deleted-run")
        await user.pilot.press("ctrl+o")
        await shown(user.pilot, "gone: delet…", "deleted-run is gone; another model opens the text.")
        await user.pilot.press("down")
        await wait_until(user.pilot, lambda: "is gone" not in screen_text(user.pilot))
        await user.pilot.press("up", "enter")
        await user.told("The text was written with deleted-run, which cannot be opened")
        assert user.text == "Left text" and user.conversation.name == "tiny"


async def test_the_run_of_an_open_text_counts_as_there_while_its_model_is_open(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        shutil.rmtree(runs / "tiny")
        await user.pilot.press("ctrl+o")
        await shown(user.pilot, "open now    tiny  ")
        await user.pilot.press("escape", "f12")
        await user.say("Another")
        await user.write()
        await user.pilot.press("ctrl+o", "down")
        await shown(user.pilot, "Hello")
        await user.pilot.press("enter")
        await wait_until(user.pilot, lambda: user.text.startswith("Hello"))
        assert user.conversation.name == "tiny"


async def test_any_file_can_be_opened_by_its_path(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(texts: SavedTexts) -> None:
        raise PermissionError(13, "Permission denied")

    Path("my tale.txt").write_text("Once upon a time")
    async with chatting(runs) as user:
        await user.pilot.press("ctrl+o")
        await shown(user.pilot, "No saved texts yet. Conversations are saved here")
        await user.pilot.press("enter", *"my t")
        await shown(user.pilot, "my tale.txt")
        await user.pilot.press("x", "enter")
        await shown(user.pilot, "my tx: no such file")
        await user.pilot.press("backspace")
        await shown(user.pilot, "my tale.txt")
        await user.pilot.press("right", "enter")
        await wait_until(user.pilot, lambda: user.text == "Once upon a time")
        assert user.conversation.name == "tiny"
        monkeypatch.setattr(SavedTexts, "read_all", refuse)
        await user.pilot.press("ctrl+o")
        await shown(user.pilot, "cannot list the saved texts: Permission denied", "Open a file")


async def test_texts_to_translate_are_browsed_too(tmp_path: Path) -> None:
    sources_folder().mkdir(parents=True)
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.type("go home")
        await user.pilot.press("ctrl+o")
        await shown(user.pilot, "open now", "go home", "one")
        await user.pilot.press("ctrl+r", *"House", "enter")
        await shown(user.pilot, "House  go home")
        await user.pilot.press("escape", "f12")
        await user.type("new")
        (sources_folder() / "House.json").write_text('{"run": "gone"}')
        os.utime(sources_folder() / "House.txt")
        await user.pilot.press("ctrl+o", *"go")
        await shown(user.pilot, "1 of 2", "gone: gone", "gone is gone; another model opens the text.")
        await user.pilot.press("enter")
        await wait_until(user.pilot, lambda: user.session.text == "go home")
        await wait_until(user.pilot, lambda: "The text was written with gone, which cannot be opened" in user.notices)
        await user.pilot.press("ctrl+end", "s")
        await wait_until(user.pilot, lambda: user.session.text == "go homes")
        user.tab.drafts.save()
        await wait_until(user.pilot, lambda: (sources_folder() / "House.txt").read_text() == "go homes")
    assert {path.read_text() for path in sources_folder().glob("*.txt")} == {"go homes", "new"}
    assert tab_of_last_text() == "translate"
    save_chat("later", "later", "tiny", age=-1)
    assert tab_of_last_text() == "chat"
