"""The chat session without a screen: panes, generation, editing, settings and files."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_runs import make_run

from rnntui.config_generation import (
    MAX_CHARS_PER_SECOND,
    PRESETS,
    UNLIMITED_LENGTH,
    GenerationConfig,
    NoveltyConfig,
    SamplingConfig,
)
from rnntui.errors import RnntuiError, UsageError
from rnntui.sessions.autosave import Autosave, SaveJob
from rnntui.sessions.chat_pane import ChatPane, ChatSettings
from rnntui.sessions.chat_session import MAX_PANES, ChatSession
from rnntui.sessions.conversation import Conversation
from rnntui.sessions.generation_worker import GenerationWorker

LENGTH = 30


class FakeScreen:
    """Records notifications, and saves at once."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.updates = 0
        self.notifications = self
        self.unsent_line = ""
        self.edits: dict[ChatPane, str] = {}

    def info(self, text: str, *, title: str = "", seconds: float = 5) -> None:
        self.messages.append(f"{title}: {text}")

    warn = error = info

    def show_changes(self) -> None:
        self.updates += 1

    def show_unsent_line(self, line: str) -> None:
        self.unsent_line = line

    def edited_text(self, pane: ChatPane) -> str | None:
        return self.edits.get(pane)

    def resume_edit(self, pane: ChatPane, edited: str) -> None:
        self.edits[pane] = edited

    def save_in_background(self, autosave: Autosave, job: SaveJob) -> None:
        problem = autosave.write(job)
        if problem:
            self.warn(problem)


def fail(conversation: Conversation, error: Exception) -> None:
    raise error


class User:
    """A session with a worker that works when it is asked to."""

    def __init__(self, folder: Path, run: str | None = None) -> None:
        self.screen = FakeScreen()
        self.drafts = folder / "drafts"
        self.session = ChatSession(
            folder / "runs",
            self.screen,
            lambda: GenerationWorker(fail),
            lambda: self.drafts,
            run,
        )
        generation = GenerationConfig(length=LENGTH, chars_per_second=MAX_CHARS_PER_SECOND)
        self.session.apply(ChatSettings(SamplingConfig(), generation, NoveltyConfig(), seed=7))

    @property
    def conversation(self) -> Conversation:
        assert self.session.active.conversation is not None
        return self.session.active.conversation

    @property
    def text(self) -> str:
        return self.session.active.text

    @property
    def texts(self) -> list[str]:
        return [pane.text for pane in self.session.panes]

    def load(self, name: str | None = None) -> None:
        """Load a run, as the screen does in a thread."""
        self.session.set_model(self.session.active, *self.session.load(name))

    def reopen(self, name: str) -> None:
        """Open a saved text or a file in the active pane, as the screen does."""
        pane = self.session.active
        saved = self.session.files.read(name)
        self.session.open_text(pane, saved, self.session.cache.load_for_text(saved.content.run, pane.run_name))

    def reopen_last(self, name: str | None = None) -> None:
        """Open the last text with a run, or with the one that wrote it."""
        self.session.open_text(self.session.active, *self.session.load_last(name))

    def write(self, rounds: int = 10_000) -> None:
        """Let the models read and generate, to their ends."""
        assert self.session.worker is not None
        while rounds and any(c.is_generating or c.unread for c in self.session.conversations):
            self.session.worker.work()
            for conversation in self.session.conversations:
                conversation.drain()
            rounds -= 1

    def say(self, line: str) -> str:
        """Say a line, let the models write, and return the active text."""
        self.session.say(line)
        self.write()
        return self.text

    @property
    def notifications(self) -> str:
        return "\n".join(self.screen.messages)

    @property
    def saved(self) -> list[str]:
        return sorted(path.read_text() for path in self.drafts.glob("*.txt"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chat")
    make_run(folder / "runs", "other", seed=2)
    make_run(folder / "runs", "turns", speakers=("A", "B"))
    make_run(folder / "runs", "tiny")
    return folder


@pytest.fixture
def new_user(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    """A user whose model is not loaded yet."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").symlink_to(folder / "runs")
    return User(tmp_path)


@pytest.fixture
def user(new_user: User) -> User:
    new_user.load("tiny")
    return new_user


# Models and panes


def test_lines_said_before_the_model_is_loaded_are_said_then(new_user: User) -> None:
    new_user.session.say("Hello")
    assert new_user.text == ""
    new_user.load("tiny")
    assert new_user.text == "Hello"


def test_settings_chosen_before_the_model_is_loaded_are_used(new_user: User) -> None:
    new_user.session.use_preset("wild")
    assert new_user.session.settings.preset == "wild"
    new_user.load("tiny")
    assert new_user.conversation.sampling == PRESETS["wild"] and new_user.conversation.seed == 7


def test_without_a_model_every_action_is_harmless(new_user: User) -> None:
    session = new_user.session
    for action in (
        session.stop, session.generate, session.regenerate, session.take_back_last_prompt, session.undo, session.redo,
        session.new_texts, session.toggle_turns, session.add_pane, session.close_pane, session.next_preset,
        session.files.autosave, lambda: session.branch(session.active, 1), lambda: session.rewind(session.active, 0),
        lambda: session.replace_text(session.active, "x"), lambda: session.files.save(session.active, "x"),
        session.close,
    ):  # fmt: skip
        action()
    assert session.worker is None and session.exit_message == "" and len(session.panes) == 1


def test_a_model_that_cannot_be_loaded_is_reported_and_the_pane_says_so(new_user: User) -> None:
    new_user.session.loading_failed(new_user.session.active, "broken")
    assert "Cannot open the model: broken" in new_user.notifications
    assert "no model" in new_user.session.active.problem


def test_a_model_loaded_for_a_pane_that_was_closed_meanwhile_changes_nothing(user: User) -> None:
    user.session.add_pane()
    closed = user.session.active
    user.session.close_pane()
    user.session.set_model(closed, *user.session.load("other"))
    assert [pane.run_name for pane in user.session.panes] == ["tiny"]


def test_another_model_continues_the_text(user: User) -> None:
    text = user.say("Hello")
    user.load("other")
    assert user.text == text and user.session.active.run_name == user.conversation.name == "other"
    user.session.generate()
    user.write()
    assert user.text.startswith(text) and len(user.text) == len(text) + LENGTH


def test_a_new_pane_writes_on_the_same_prompt_and_both_hear_the_next_line(user: User) -> None:
    user.session.apply(replace(user.session.settings, seed=None))
    first = user.say("Hello")
    user.session.add_pane()
    user.write()
    assert user.text.startswith("Hello") and len(user.text) == len(first)
    assert user.texts[0] == first != user.texts[1]
    user.say("more")
    assert all("\nmore" in text for text in user.texts)


def test_there_are_one_to_four_panes(user: User) -> None:
    user.session.close_pane()
    assert "This is the only pane" in user.notifications
    for _ in range(MAX_PANES):
        user.session.add_pane()
    assert "Four panes at most." in user.notifications and len(user.session.panes) == MAX_PANES
    for _ in range(MAX_PANES):
        user.session.close_pane()
    assert user.session.panes == [user.session.active]


def test_settings_are_those_of_the_active_pane(user: User) -> None:
    user.session.add_pane()
    user.session.apply(replace(user.session.settings, sampling=SamplingConfig(temperature=1.7)))
    assert [c.sampling.temperature for c in user.session.conversations] == [0.8, 1.7]
    user.session.activate(user.session.panes[0])
    assert user.session.settings.sampling.temperature == 0.8


# Generation


def test_an_empty_line_lets_the_model_continue(user: User) -> None:
    text = user.say("Hello")
    assert len(user.say("")) == len(text) + LENGTH


def test_stopping_keeps_the_text(user: User) -> None:
    user.session.say("Hello")
    user.write(rounds=11)
    shown = user.text
    user.session.stop()
    user.write()
    assert user.text == shown and len(shown) == 15


def test_regenerating_needs_something_generated(user: User) -> None:
    user.session.regenerate()
    assert "written nothing yet" in user.notifications
    user.session.apply(replace(user.session.settings, seed=None))
    text = user.say("Hello")
    user.session.regenerate()
    user.write()
    assert user.text != text and user.text.startswith("Hello") and len(user.text) == len(text)


def test_unknown_characters_are_reported_once_for_all_panes(user: User) -> None:
    user.session.add_pane()
    user.session.say("año")
    assert user.notifications.count("'ñ' not in the vocabulary") == 1
    assert user.text.startswith("año")


def test_a_model_of_turns_answers_or_continues_like_any_other(user: User) -> None:
    user.session.toggle_turns()
    assert "not trained on turns" in user.notifications
    user.load("turns")
    user.session.apply(
        replace(user.session.settings, generation=GenerationConfig(UNLIMITED_LENGTH, MAX_CHARS_PER_SECOND))
    )
    assert user.say("how are you").startswith("A: how are you\nB:") and user.text.endswith("\n")
    user.session.new_texts()
    user.session.apply(replace(user.session.settings, generation=GenerationConfig(LENGTH, MAX_CHARS_PER_SECOND)))
    user.session.toggle_turns()
    assert user.say("how").startswith("how")
    user.session.toggle_turns()
    user.session.say("x")
    assert user.text.endswith("A: x\nB:")


# Editing


def test_the_last_line_is_taken_back_from_every_pane(user: User) -> None:
    user.session.add_pane()
    user.say("one")
    before = user.texts
    user.say("two")
    assert user.session.take_back_last_prompt() == "two"
    assert user.texts == before


def test_an_undo_concerns_every_pane_that_was_changed_by_the_same_action(user: User) -> None:
    user.session.add_pane()
    user.say("Hello")
    before = user.texts
    user.session.new_texts()
    assert user.texts == ["", ""]
    user.session.undo()
    assert user.texts == before
    user.session.redo()
    assert user.texts == [before[0], ""]
    user.session.redo()
    assert "nothing to redo" in user.notifications


def test_without_a_change_there_is_nothing_to_undo(user: User) -> None:
    user.session.undo()
    assert "nothing to undo" in user.notifications


def test_rewinding_cuts_at_an_offset_and_an_edit_replaces_the_text(user: User) -> None:
    text = user.say("Hello")
    user.session.rewind(user.session.active, 12)
    assert user.text == text[:12]
    user.session.replace_text(user.session.active, "Quite ñew")
    assert user.text == "Quite ñew" and "'ñ'" in user.notifications


# Alternatives


def test_an_offered_alternative_can_be_chosen_until_something_changes(user: User) -> None:
    session, pane = user.session, user.session.active
    session.branch(pane, 1)
    assert "Move the cursor" in user.notifications
    text = user.say("Hello")
    alternatives = user.conversation.alternatives(20)
    session.offer_alternatives(pane, 20, alternatives)
    assert session.offered is not None and session.offered.text == text[20]
    number = next(n for n, alternative in enumerate(alternatives, start=1) if alternative.text != text[20])
    session.branch(pane, 9)
    assert user.text == text
    session.branch(pane, number)
    assert user.text == text[:20] + alternatives[number - 1].text
    assert session.offered is None


def test_alternatives_at_the_end_are_to_the_next_token_and_those_of_a_shorter_text_are_dropped(user: User) -> None:
    text = user.say("Hello")
    alternatives = user.conversation.alternatives(len(text))
    user.session.offer_alternatives(user.session.active, len(text), alternatives)
    assert user.session.offered is not None
    assert (user.session.offered.text, user.session.offered.bits) == (None, None)
    user.session.rewind(user.session.active, 3)
    user.session.offer_alternatives(user.session.active, len(text), alternatives)
    assert user.session.offered is None


# Settings


def test_presets_follow_one_another(user: User) -> None:
    assert user.session.settings.preset == "balanced"
    for name in ("wild", "careful", "balanced"):
        user.session.next_preset()
        assert user.session.settings.preset == name and user.conversation.sampling == PRESETS[name]
        assert f"Preset: {name}" in user.notifications
    user.session.apply(replace(user.session.settings, sampling=SamplingConfig(top_k=3)))
    assert user.session.settings.preset is None
    user.session.next_preset()
    assert user.session.settings.preset == "careful"


def test_a_change_of_settings_is_in_the_next_token_and_leaves_length_and_seed(user: User) -> None:
    user.session.say("Hello")
    user.write(rounds=11)
    user.session.use_preset("wild")
    user.write()
    changes = [(token, s.temperature) for token, s in user.conversation.transcript.turns[-1].settings]
    assert changes == [(5, 0.8), (15, 1.2)]
    assert user.session.settings.generation.length == LENGTH and user.session.settings.seed == 7


# Files


def test_saving_writes_the_text_and_its_turns(user: User, tmp_path: Path) -> None:
    pane, files = user.session.active, user.session.files
    assert files.suggested_name(pane) is None and "nothing to save" in user.notifications
    text = user.say("Hello")
    assert files.suggested_name(pane) == "tiny-1.txt"
    files.save(pane, "tiny-1.txt")
    assert (tmp_path / "tiny-1.txt").read_text() == text
    turns = [json.loads(line) for line in (tmp_path / "tiny-1.jsonl").read_text().splitlines()]
    assert [(turn["role"], turn.get("seed"), turn.get("run")) for turn in turns] == [
        ("prompt", None, None),
        ("model", 7, "tiny"),
    ]
    (tmp_path / "folder").mkdir()
    files.save(pane, "folder")
    assert "Saved: folder/tiny-1.txt" in user.notifications and (tmp_path / "folder" / "tiny-1.jsonl").is_file()


@pytest.mark.parametrize("name", ["~nobody-of-that-name/x", "\x00", "none.txt", "bad.txt"])
def test_what_cannot_be_reopened_is_an_error_and_the_text_stays(user: User, tmp_path: Path, name: str) -> None:
    (tmp_path / "bad.jsonl").write_text('{"role": "nobody", "text": 3}\n')
    text = user.say("Hello")
    with pytest.raises(RnntuiError):
        user.reopen(name)
    assert user.text == text


@pytest.mark.parametrize(
    "content",
    [
        b"Once upon\r\na time\r\n",
        b"\xef\xbb\xbfOnce upon\ra time\r",
        "Once upon\r\na time\n".encode("utf-16"),
        "Once upon\na time\n".encode("utf-32"),
    ],
)
def test_a_text_file_of_another_program_is_continued_as_a_prompt(user: User, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "story.txt").write_bytes(content)
    user.reopen(str(tmp_path / "story.txt"))
    assert user.text == "Once upon\na time\n"
    conversation = user.session.active.conversation
    assert conversation is not None and [turn.role for turn in conversation.transcript.turns] == ["prompt"]
    user.session.files.save(user.session.active, "copy.txt")
    assert (tmp_path / "copy.txt").read_bytes() == b"Once upon\na time\n"


def test_a_text_file_that_is_no_text_is_named_and_an_empty_one_is_an_empty_text(user: User, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"caf\xe9")
    (tmp_path / "empty.txt").write_bytes(b"")
    text = user.say("Hello")
    with pytest.raises(UsageError, match=r"bad\.txt is not UTF-8: byte 0xe9 at offset 3"):
        user.reopen(str(tmp_path / "bad.txt"))
    assert user.text == text
    user.reopen(str(tmp_path / "empty.txt"))
    assert user.text == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_turns_that_an_editor_saved_again_are_reopened(
    user: User, tmp_path: Path, encoding: str, line_end: str
) -> None:
    user.say("Hello")
    text = user.text
    user.session.files.save(user.session.active, "a.txt")
    turns = tmp_path / "a.jsonl"
    turns.write_bytes(turns.read_text().replace("\n", line_end).encode(encoding))
    user.reopen(str(tmp_path / "a.txt"))
    assert user.text == text


def test_closing_saves_the_text_and_another_session_continues_it(user: User, tmp_path: Path) -> None:
    before = user.say("Hello")
    user.session.close()
    assert user.saved == [before] and "rnntui chat --reopen" in user.session.exit_message
    other = User(tmp_path)
    other.reopen_last()
    assert other.text == before and other.session.active.run_name == "tiny"
    assert [turn.role for turn in other.conversation.transcript.turns] == ["prompt", "model"]
    after = other.say("more")
    other.session.close()
    assert other.saved == [after] and after.startswith(before)  # it goes on in the same file
    third = User(tmp_path)
    third.reopen_last()
    third.session.rewind(third.session.active, 9)
    third.session.close()
    assert third.saved == [after[:9]]
    fourth = User(tmp_path)
    fourth.reopen_last()
    assert fourth.text == after[:9]
    (cut,) = fourth.conversation.tree.current.children  # what was cut is a branch
    assert fourth.conversation.tree.text_of(cut) == after


@pytest.mark.parametrize("run", [None, "other"])
def test_there_may_be_no_last_text(new_user: User, run: str | None) -> None:
    new_user.session.say("early")
    new_user.reopen_last(run)
    assert "there is nothing to reopen" in new_user.notifications
    assert new_user.session.active.run_name == (run or "tiny") and new_user.text == "early"


def test_a_text_is_continued_by_the_model_that_wrote_it(user: User, tmp_path: Path) -> None:
    user.load("other")
    text = user.say("Hello")
    user.session.close()
    for run, opened in ((None, "other"), ("tiny", "tiny")):  # a run that is named wins
        again = User(tmp_path)
        again.reopen_last(run)
        assert again.session.active.run_name == again.conversation.name == opened and again.text == text
        assert not again.notifications
    (path,) = user.drafts.glob("*.txt")
    present = User(tmp_path)
    present.load("turns")
    first = present.say("Hello")
    present.reopen(str(path))
    assert present.conversation.name == "other" and present.text == text
    assert present.session.cache.load_for_text("other", "other").model is None  # it is open, and stays as it is
    present.session.undo()
    assert present.text == first and present.conversation.name == "other"
    assert first in present.saved  # it was saved before the other was opened


def test_an_undo_after_opening_a_text_goes_on_in_the_file_of_the_one_before(user: User, tmp_path: Path) -> None:
    first = user.say("Hello")
    user.session.files.autosave()
    user.drafts.joinpath("named.txt").write_text("Once upon a time")
    user.reopen(str(user.drafts / "named.txt"))
    user.say("there was")
    opened = user.text
    user.session.undo()
    user.session.files.autosave()
    assert user.text == first and user.saved == sorted([first, opened])
    continued = user.say("again")
    user.session.files.autosave()
    assert user.saved == sorted([continued, opened]) and (user.drafts / "named.txt").read_text() == opened
    user.session.new_texts()
    user.session.undo()
    user.session.files.autosave()
    assert user.text == continued and user.saved == sorted([continued, opened])
    texts, path = user.session.files.saved_texts, user.session.active.autosave.path
    assert path is not None
    user.session.new_texts()
    renamed = texts.rename(path, "tale")
    user.session.undo()
    assert user.session.active.autosave.path == renamed
    assert user.session.files.suggested_name(user.session.active) == "tale.txt"
    user.session.new_texts()
    texts.delete(renamed)
    assert user.saved == [opened]
    user.session.undo()
    user.session.files.autosave()
    assert user.saved == sorted([continued, opened])  # a text on the screen is a text on disk


def test_without_the_model_that_wrote_it_another_one_continues_a_text(user: User, tmp_path: Path) -> None:
    text = user.say("Hello")
    user.session.close()
    (turns,) = user.drafts.glob("*.jsonl")
    turns.write_text(turns.read_text().replace('"run": "tiny"', '"run": "gone"'))
    again = User(tmp_path)
    again.reopen_last()
    assert again.text == text and again.session.active.run_name == "tiny"
    assert "The text was written with gone, which cannot be opened (no run 'gone' in" in again.notifications
    assert again.notifications.count("\n") == 0 and "tiny continues it" in again.notifications
    again.load("other")
    again.reopen(str(turns))
    assert again.conversation.name == "other" and "other continues it" in again.notifications


def test_a_last_text_that_is_broken_is_reported_and_the_model_opens(new_user: User) -> None:
    new_user.drafts.mkdir()
    (new_user.drafts / "bad.jsonl").write_text("no turn\n")
    (new_user.drafts / "bad.txt").write_text("no turn\n")
    new_user.reopen_last()
    assert "cannot be opened" in new_user.notifications and new_user.session.active.run_name == "tiny"


def test_every_text_is_autosaved_also_one_that_was_left(user: User) -> None:
    first = user.say("Hello")
    user.session.new_texts()
    user.say("Again")
    user.session.add_pane()
    user.write()
    user.session.files.autosave()
    assert user.saved == sorted([first, *user.texts])
    user.session.files.autosave()
    assert len(user.saved) == 3


def test_the_text_of_a_pane_that_is_closed_is_saved(user: User) -> None:
    user.say("Hello")
    user.session.add_pane()
    user.write()
    text = user.say("more")
    user.session.close_pane()
    assert text in user.saved


def test_a_text_goes_on_in_its_file_after_a_cut_and_an_undo_which_lose_no_branch(user: User) -> None:
    whole = user.say("Hello")
    user.session.rewind(user.session.active, 9)
    other = user.say("more")
    user.session.files.autosave()
    user.session.undo()
    user.session.files.autosave()
    assert user.saved == [whole]
    tree = user.conversation.tree
    assert [tree.text_of(branch) for branch in tree.branches()] == [whole, other]


def test_old_drafts_are_deleted_but_no_text_that_has_a_name(user: User) -> None:
    user.drafts.mkdir()
    for index in range(120):
        for suffix in (".txt", ".jsonl"):
            name = "my story" if index == 3 else f"2026-01-01-000000-7-{index}"
            path = user.drafts / f"{name}{suffix}"
            path.touch()
            os.utime(path, (index, index))
    user.say("Hello")
    user.session.files.autosave()
    assert len(user.saved) == 101 and len(list(user.drafts.glob("*.jsonl"))) == 101
    assert (user.drafts / "my story.txt").exists() and not (user.drafts / "2026-01-01-000000-7-20.txt").exists()
    assert (user.drafts / "2026-01-01-000000-7-21.txt").exists()


def test_a_text_that_cannot_be_saved_is_reported_at_the_end(user: User) -> None:
    user.drafts.touch()  # a file where the folder should be
    user.say("Hello")
    user.session.files.autosave()
    assert str(user.drafts) in user.notifications
    user.session.close()
    assert "the text could not be saved" in user.session.exit_message


def test_a_text_that_was_saved_elsewhere_is_named_at_the_end(user: User, tmp_path: Path) -> None:
    user.say("Hello")
    user.session.files.autosave()
    drafts = user.drafts.rename(tmp_path / "away")
    user.drafts.touch()
    user.say("Again")
    user.session.files.autosave()
    user.screen.unsent_line = "not sent"
    pane, copy = user.session.active, tmp_path / "else.txt"
    user.session.files.save(pane, str(copy))
    user.drafts.unlink()
    drafts.rename(user.drafts)  # the older state is there, and is not written again
    user.session.close()
    assert user.session.exit_message == f"the text is saved in {copy}; rnntui chat --reopen has an older state"
    saved = user.session.files.read(str(copy)).content
    assert copy.read_text() == user.text and saved.unsent == "not sent"


def test_an_unsent_line_comes_back_with_its_text(user: User) -> None:
    text = user.say("Hello")
    user.screen.unsent_line = "not sent\nyet"
    user.session.close()
    again = User(user.drafts.parent)
    again.drafts = user.drafts
    again.reopen_last()
    assert (again.text, again.screen.unsent_line) == (text, "not sent\nyet")
    again.session.close()
    assert again.saved == [text]  # in its own file, with the line
    again.screen.unsent_line = ""
    again.session.files.autosave()
    last = User(user.drafts.parent)
    last.drafts = user.drafts
    last.reopen_last()
    assert (last.text, last.screen.unsent_line) == (text, "")


def test_an_unsent_line_goes_along_to_another_text(user: User) -> None:
    text = user.say("Hello")
    user.screen.unsent_line = "a line"
    user.session.files.autosave()
    user.session.new_texts()
    turns = [path.read_text() for path in user.drafts.glob("*.jsonl")]
    assert len(turns) == 1 and "a line" not in turns[0]
    user.session.files.autosave()
    assert user.saved == ["", text]  # the line is saved before there is a text
    listed = list(user.session.files.saved_texts.read_all())
    assert listed[0].title == "a line"
    user.reopen(str(listed[1].path))
    assert user.text == text and user.saved == [text]


def test_a_text_that_is_edited_to_nothing_stays_as_a_branch_when_the_unsent_line_is_erased(user: User) -> None:
    text = user.say("Hello")
    user.screen.unsent_line = "a line"
    user.session.files.autosave()
    user.session.replace_text(user.session.active, "")
    user.screen.unsent_line = ""
    user.session.files.autosave()
    assert user.saved == [""]
    user.reopen(str(next(user.drafts.glob("*.txt"))))
    tree = user.conversation.tree
    assert text in [tree.text_of(branch) for branch in tree.branches()]


@pytest.mark.parametrize("edited", ["Hello, edited", ""])
def test_an_edit_that_was_not_finished_comes_back_beside_the_unchanged_text(user: User, edited: str) -> None:
    text = user.say("Hello")
    user.screen.edits[user.session.active] = edited
    user.screen.unsent_line = "a line"
    user.session.files.autosave()
    again = User(user.drafts.parent)
    again.drafts = user.drafts
    again.session.say("sent before the model is open")
    again.reopen_last()
    assert again.text == text and again.screen.edits == {again.session.active: edited}
    assert again.screen.unsent_line == "a line\nsent before the model is open"
    again.screen.edits.clear()  # it was discarded
    again.session.files.autosave()
    assert again.saved == [text] and "edited" not in next(user.drafts.glob("*.jsonl")).read_text()


def test_a_text_of_a_later_version_goes_on_and_keeps_what_is_unknown(user: User) -> None:
    user.say("Hello")
    user.session.files.autosave()
    (path,) = user.drafts.glob("*.jsonl")
    later = '{"rating": 5}'
    before = [*path.read_text().splitlines(), later]
    path.write_text("\n".join(before) + "\n")
    user.reopen(str(path))
    assert "The file has a line of another version of rnntui, kept as written." in user.notifications
    user.say("Go on")
    user.session.files.autosave()
    after = path.read_text().splitlines()
    assert after[: len(before)] == before and "Go on" in "".join(after[len(before) :])
    user.session.new_texts()
    user.say("Another text")
    user.session.files.autosave()
    assert sum(later in file.read_text() for file in user.drafts.glob("*.jsonl")) == 1


def test_an_edit_of_an_empty_text_is_listed(user: User) -> None:
    user.screen.edits[user.session.active] = "the beginning"
    user.session.files.autosave()
    assert [saved.title for saved in user.session.files.saved_texts.read_all()] == ["the beginning"]


def test_a_line_that_was_taken_back_is_autosaved_as_it_is_edited_beside_the_whole_text(user: User) -> None:
    text = user.say("Hello")
    assert user.session.take_back_last_prompt() == "Hello" and user.text == ""
    user.screen.unsent_line = "Hellos"
    user.session.files.autosave()
    again = User(user.drafts.parent)
    again.drafts = user.drafts
    again.reopen_last()
    assert (again.text, again.screen.unsent_line) == (text, "Hellos")
    other = user.say("Hellos")
    user.screen.unsent_line = ""
    user.session.files.autosave()
    assert user.saved == [other]


def test_what_was_sent_before_a_model_was_open_is_saved(folder: Path, tmp_path: Path) -> None:
    user = User(folder)
    user.drafts = tmp_path / "drafts"
    user.session.say("early")
    user.screen.unsent_line = "unsent"
    user.session.close()
    again = User(folder)
    again.drafts = user.drafts
    again.reopen_last()
    assert again.screen.unsent_line == "early\nunsent"


def test_the_text_of_a_closed_pane_is_saved_once_that_is_possible(user: User) -> None:
    user.say("Hello")
    user.session.add_pane()
    user.write()
    lost = user.text
    user.drafts.touch()
    user.session.close_pane()
    assert user.session.files.problem
    user.drafts.unlink()
    assert user.session.save_at_exit() == "" and not user.session.files.problem
    assert lost in user.saved


def test_a_text_without_end_is_stopped_by_closing_its_pane(user: User) -> None:
    user.session.add_pane()
    settings = user.session.settings
    user.session.apply(replace(settings, generation=replace(settings.generation, length=UNLIMITED_LENGTH)))
    conversation = user.conversation
    user.session.say("x")
    user.write(rounds=5)
    user.session.close_pane()
    assert not conversation.is_generating and len(user.session.conversations) == 1


def test_versions_are_chosen_in_the_active_pane_alone(user: User) -> None:
    user.session.choose_version(-1)
    assert "only one version; Ctrl+R" in user.notifications
    user.say("one")
    user.session.add_pane()
    user.write()
    first = user.texts
    user.session.apply(replace(user.session.settings, seed=None))
    user.session.regenerate()
    user.write()
    user.session.choose_version(-1)
    user.write()
    assert user.texts[1] == first[1] and [c.version for c in user.session.conversations] == [(2, 2), (1, 2)]
    user.session.choose_version(-1)
    assert "This is the first version." in user.notifications
    user.session.choose_version(1)
    user.session.choose_version(1)
    assert "This is the newest version." in user.notifications


def test_what_is_taken_back_stays_autosaved_until_the_text_changes(user: User) -> None:
    text = user.say("one")
    assert user.session.take_back_last_prompt() == "one"
    user.session.files.autosave()
    assert [path.read_text() for path in user.drafts.glob("*.txt")] == [text]
    user.session.undo()
    assert user.text == text and not user.session.can_put_back
    user.session.take_back_last_prompt()
    longer = user.say("two")
    user.session.close()
    assert longer in [path.read_text() for path in user.drafts.glob("*.txt")]
