"""What is typed survives the end of the app, in every tab and dialog; where it cannot be saved, the app says so."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from chatting import Chatting, chat_without_thread, chatting
from fake_classifier import FakeClassifier
from fake_translator import FakeTranslator
from line_tabs import using_classify, using_translate
from textual.messages import ExitApp
from textual.widgets import Input, Static, TextArea
from tiny_runs import make_run
from waiting import wait_until

from rnntui.tui.app import RnntuiApp
from rnntui.tui.preferences import history_file, sources_folder, texts_folder
from rnntui.tui.screens.dialogs import EditScreen


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


@asynccontextmanager
async def reopened(runs: Path) -> AsyncIterator[Chatting]:
    """The app with the last text open."""
    app = RnntuiApp(runs, reopen=True, tabs=chat_without_thread())
    async with app.run_test() as pilot:
        user = Chatting(app, pilot)
        await wait_until(pilot, lambda: user.conversations)
        yield user


async def edit(user: Chatting, keys: str) -> None:
    """Open the editor of the whole text, and type at its end."""
    await user.pilot.press("f10")
    await editor_opens(user)
    await user.pilot.press(*keys)


async def editor_opens(user: Chatting) -> None:
    await wait_until(user.pilot, lambda: isinstance(user.app.screen, EditScreen) and user.app.screen.query(TextArea))


@pytest.mark.parametrize("end", ["killed", "quit"])
async def test_an_edit_of_the_text_is_there_again_and_is_the_users_to_accept(runs: Path, end: str) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        before = user.text
        await edit(user, "XY")
        if end == "killed":
            user.chat.session.files.autosave()  # as it is called every ten seconds
            await user.app.workers.wait_for_complete()
            files = {file: file.read_bytes() for file in texts_folder().iterdir() if file.is_file()}
        else:
            await user.pilot.press("ctrl+q")
            await has_ended(user)
    if end == "killed":  # the files as they were then
        for file, data in files.items():
            file.write_bytes(data)
    assert texts(texts_folder()) == [before]
    async with reopened(runs) as again:
        await editor_opens(again)
        assert again.text == before and again.app.screen.edited == f"{before}XY"  # type: ignore[attr-defined]
        await again.pilot.press("Z", "ctrl+s")
        await wait_until(again.pilot, lambda: again.text == f"{before}XYZ")
        await again.pilot.press("ctrl+q")
        await has_ended(again)
    assert texts(texts_folder()) == [f"{before}XYZ"]


async def test_an_edit_that_came_back_and_is_discarded_is_gone(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        before = user.text
        await edit(user, "X")
        await user.pilot.press("ctrl+q")
        await has_ended(user)
    async with reopened(runs) as again:
        await editor_opens(again)
        await again.pilot.press("escape", "escape")
        await wait_until(again.pilot, lambda: not again.app.screen.is_modal)
        await again.pilot.press("ctrl+q")
        await has_ended(again)
    assert texts(texts_folder()) == [before]
    async with reopened(runs) as last:
        await wait_until(last.pilot, lambda: last.text == before)
        assert not last.app.screen.is_modal


async def test_what_the_prompt_held_is_in_its_history_while_another_line_is_edited(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        await user.pilot.press(*"dog", "ctrl+l", "s")
        assert user.chat.prompt.line == "Hellos"
        await user.app.workers.wait_for_complete()
        assert [json.loads(line) for line in history_file().read_text().splitlines()] == ["Hello", "dog"]


async def test_the_unsent_line_comes_back_with_its_text(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        text = user.text
        await user.pilot.press(*"dog", "ctrl+q")
        await has_ended(user)
    async with reopened(runs) as again:
        await wait_until(again.pilot, lambda: again.chat.prompt.line)
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
        await edit(user, "X")
        assert user.app.save_all() == []
        text = user.text
        assert text.startswith("Hello") and texts(texts_folder()) == [text]
        turns = next(texts_folder().glob("*.jsonl")).read_text().splitlines()
        assert json.loads(turns[-1]) == {"edited": f"{text}X"}


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


@pytest.mark.parametrize("end", ["quit", "closed"])
async def test_a_note_that_is_being_typed_is_kept(runs: Path, end: str) -> None:
    app = RnntuiApp(runs, first="train")
    async with app.run_test() as pilot:
        await wait_until(pilot, lambda: app.tabs["train"].run_list.current)  # type: ignore[attr-defined]
        await pilot.press("N")
        await wait_until(pilot, lambda: app.screen.is_modal and app.screen.query(Input))
        await pilot.press(*"good")
        if end == "quit":
            await pilot.press("ctrl+q")
        else:
            app.post_message(ExitApp())  # as when a page in a browser is closed
        await wait_until(pilot, (runs / "tiny" / "note.txt").is_file)
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
