"""What is typed survives the end of the app, in every tab and dialog; where it cannot be saved, the app says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chatting import Chatting, chat_without_thread, chatting
from fake_classifier import FakeClassifier
from fake_translator import FakeTranslator
from line_tabs import using_classify, using_translate
from textual.widgets import Input, Static, TextArea
from tiny_runs import make_run
from waiting import wait_until

from rnntui.tui.app import RnntuiApp
from rnntui.tui.preferences import sources_folder, texts_folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A checkpoints folder with one run."""
    make_run(tmp_path / "runs", "tiny")
    return tmp_path / "runs"


def texts(folder: Path) -> list[str]:
    return sorted(path.read_text() for path in folder.glob("*.txt"))


def bar(app: RnntuiApp) -> str:
    return str(app.query_one("#bar", Static).render())


async def has_ended(user: Chatting) -> None:
    await wait_until(user.pilot, lambda: user.app._exit)


async def save_elsewhere_and_quit(user: Chatting) -> None:
    """Save a text that quitting could not save under the name that is offered, and quit."""
    await wait_until(user.pilot, lambda: "not saved" in bar(user.app))
    await user.pilot.press("ctrl+s")
    await wait_until(user.pilot, lambda: user.app.screen.query(Input))
    await user.pilot.press("enter")
    await wait_until(user.pilot, lambda: "not saved" not in bar(user.app))
    await user.pilot.press("ctrl+q")
    await has_ended(user)


async def test_quitting_within_an_edit_keeps_it(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        before = user.text
        await user.pilot.press("f10")
        await wait_until(user.pilot, lambda: user.app.screen.query(TextArea))
        await user.pilot.press("X", "ctrl+q")
        await has_ended(user)
    assert texts(texts_folder()) == [f"{before}X"]


async def test_the_unsent_line_comes_back_with_its_text(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        text = user.text
        await user.pilot.press(*"dog", "ctrl+q")
        await has_ended(user)
    app = RnntuiApp(runs, reopen=True, tabs=chat_without_thread())
    async with app.run_test() as pilot:
        again = Chatting(app, pilot)
        await wait_until(pilot, lambda: again.conversations and again.chat.prompt.line)
        assert (again.text, again.chat.prompt.line) == (text, "dog")


async def test_a_line_that_is_taken_back_is_kept_as_it_is_edited_beside_the_whole_text(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        text = user.text
        await user.pilot.press("ctrl+l", "s")
        assert user.chat.prompt.line == "Hellos" and user.app.save_all() == []
    assert texts(texts_folder()) == [text]
    turns = next(texts_folder().glob("*.jsonl")).read_text().splitlines()
    assert json.loads(turns[-1]) == {"unsent": "Hellos"}


async def test_saving_at_a_signal_takes_what_is_typed_in_dialogs_and_tabs(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        user.work(5)  # of a turn that goes on
        await user.pilot.press("f10")
        await wait_until(user.pilot, lambda: user.app.screen.query(TextArea))
        await user.pilot.press("X")
        assert user.app.save_all() == []
        saved = texts(texts_folder())
        assert len(saved) == 1 and saved[0].startswith("Hello") and saved[0].endswith("X")
        await user.pilot.press("escape")
        await user.pilot.pause()
        assert not user.app.screen.is_modal and user.text == saved[0]  # the edit was taken over


@pytest.mark.parametrize("tab", ["translate", "classify"])
async def test_what_was_typed_just_now_is_saved(tmp_path: Path, tab: str) -> None:
    using = (
        using_translate(tmp_path, FakeTranslator())
        if tab == "translate"
        else using_classify(tmp_path, FakeClassifier())
    )
    async with using as user:
        user.tab.typing_target.fill("typed")  # the tab has not heard of the change yet
        assert user.app.save_all() == []
        assert texts(sources_folder().with_name("sources" if tab == "translate" else "classified")) == ["typed"]


async def test_a_note_that_is_being_typed_is_kept(runs: Path) -> None:
    app = RnntuiApp(runs, first="train")
    async with app.run_test() as pilot:
        await wait_until(pilot, lambda: app.tabs["train"].run_list.current)  # type: ignore[attr-defined]
        await pilot.press("N")
        await wait_until(pilot, lambda: app.screen.is_modal and app.screen.query(Input))
        await pilot.press(*"good", "ctrl+q")
        await wait_until(pilot, lambda: app._exit)
    assert (runs / "tiny" / "note.txt").read_text() == "good\n"


async def test_a_text_that_cannot_be_saved_keeps_the_app_open_until_asked_again(runs: Path) -> None:
    async with chatting(runs) as user:
        texts_folder().parent.mkdir(parents=True, exist_ok=True)
        texts_folder().touch()  # a file where the folder should be
        await user.say("Hello")
        await user.write()
        assert "not saved" not in bar(user.app)
        await user.pilot.press("ctrl+q")
        await user.told("is a file, not a folder")
        assert not user.app._exit and "not saved" in bar(user.app)
        assert "Ctrl+S saves it elsewhere; Ctrl+Q again quits" in user.notices and "rrno" not in user.notices
        await user.pilot.press("ctrl+q")
        await has_ended(user)
    assert user.app.return_code == 1
    assert any("could not be saved" in line for line in user.app.exit_messages)


async def test_a_text_that_was_saved_elsewhere_lets_the_app_end(runs: Path, tmp_path: Path) -> None:
    async with chatting(runs) as user:
        texts_folder().parent.mkdir(parents=True, exist_ok=True)
        texts_folder().touch()
        await user.say("Hello")
        await user.write()
        await user.pilot.press("ctrl+q")
        await save_elsewhere_and_quit(user)
    assert user.app.return_code == 0 and (tmp_path / "tiny-1.txt").read_text() == user.text


async def test_an_unsent_line_is_saved_elsewhere_with_its_text(runs: Path, tmp_path: Path) -> None:
    async with chatting(runs) as user:
        texts_folder().parent.mkdir(parents=True, exist_ok=True)
        texts_folder().touch()
        await user.say("Hello")
        await user.write()
        await user.pilot.press(*"dog", "ctrl+q")
        await save_elsewhere_and_quit(user)
    assert user.app.return_code == 0 and user.app.exit_messages == ["the text is saved in tiny-1.txt"]
    assert json.loads((tmp_path / "tiny-1.jsonl").read_text().splitlines()[-1]) == {"unsent": "dog"}


async def test_not_saved_goes_once_saving_works_again(runs: Path) -> None:
    async with chatting(runs) as user:
        texts_folder().parent.mkdir(parents=True, exist_ok=True)
        texts_folder().touch()
        await user.say("Hello")
        await user.write()
        await user.pilot.press("f10")  # what happens under a dialog is shown too
        user.chat.session.files.autosave()
        await wait_until(user.pilot, lambda: "not saved" in bar(user.app))
        await user.pilot.press("escape")
        assert "not saved" in "\n".join(strip.text for strip in user.app.screen._compositor.render_strips())
        texts_folder().unlink()
        user.chat.session.files.autosave()
        await wait_until(user.pilot, lambda: "not saved" not in bar(user.app))
        assert texts(texts_folder()) == [user.text]
