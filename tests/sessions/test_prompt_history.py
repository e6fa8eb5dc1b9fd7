"""Prompt history: looking back, edits, and the file that several apps share."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from rnntui.atomic_files import atomic_write
from rnntui.errors import RnntuiError
from rnntui.sessions import prompt_history as module
from rnntui.sessions.prompt_history import MAX_LINES, PromptHistory


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings" / "history.jsonl"


def history_of(file: Path, *lines: str) -> PromptHistory:
    """A history with lines that were sent in this session, and saved."""
    history = PromptHistory(lambda: file)
    for line in lines:
        history.add(line)
    history.save()
    return history


def all_lines(file: Path) -> list[str]:
    """The lines that a new session finds, the oldest first."""
    history, text, lines = PromptHistory(lambda: file), "", list[str]()
    while (line := history.older(text)) is not None:
        lines.insert(0, line)
        text = line
    return lines


def test_a_file_in_the_place_of_the_folder_is_named(file: Path) -> None:
    file.parent.touch()
    with pytest.raises(RnntuiError, match=f"{file.parent} is a file, not a folder"):
        history_of(file, "one")


def test_the_unsent_line_is_at_the_end_and_edits_change_no_line_that_was_sent(file: Path) -> None:
    history = history_of(file, "one", "two\nlines", "three")
    assert history.newer("unsent") is None
    assert history.older("unsent") == "three"
    assert history.older("three!") == "two\nlines"
    assert history.older("two\nlines") == "one"
    assert history.older("one") is None
    assert [history.newer(text) for text in ("one", "two\nlines", "three!", "unsent")] == [
        "two\nlines", "three!", "unsent", None,
    ]  # fmt: skip
    history.older("unsent")
    history.add("three!")
    assert [history.older(""), history.older(""), history.older("")] == ["three!", "three", "two\nlines"]


def test_repeats_and_blank_lines_are_not_kept(file: Path) -> None:
    history = history_of(file, "one", "one", " ", "", "\n", "two", "one")
    assert [history.older("")] + [history.older("x") for _ in range(3)] == ["one", "two", "one", None]
    history_of(file, "one", "one")
    assert all_lines(file) == ["one", "two", "one"]


def test_other_sessions_find_the_last_lines(file: Path) -> None:
    lines = [f"line {i} \x1b[31m \u2028\ud800 ⏎" for i in range(MAX_LINES + 3)]
    history_of(file, *lines)
    assert all_lines(file) == lines[3:]
    assert all(isinstance(json.loads(line), str) for line in file.read_text().splitlines())
    unread = history_of(file, "new", "newer")
    unread.add("newest")
    assert [unread.older("") for _ in range(3)] == ["newest", "newer", "new"]


def test_a_very_long_line_is_whole_and_takes_the_room_of_older_ones(file: Path) -> None:
    history_of(file, "short", "x" * 2_000_000, "short")
    assert [len(line) for line in all_lines(file)] == [5]
    history_of(file, "y" * 2_000_000)
    assert [len(line) for line in all_lines(file)] == [2_000_000]


def test_several_apps_at_once_lose_and_break_nothing(file: Path) -> None:
    histories = [PromptHistory(lambda: file) for _ in range(4)]

    def send(index: int) -> None:
        for line in range(5):
            histories[index].add(f"{index} {line}")
            histories[index].save()

    threads = [threading.Thread(target=send, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = all_lines(file)
    assert len(lines) == 20
    assert all([line for line in lines if line[0] == str(i)] == [f"{i} {n}" for n in range(5)] for i in range(4))


def test_lines_that_are_being_saved_just_now_are_there_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history, lines = PromptHistory(lambda: file), list[str | None]()

    def write(path: Path, data: bytes) -> None:
        atomic_write(path, data)
        lines.extend(history.older("") for _ in range(3))

    monkeypatch.setattr(module, "write_user_file", write)
    history.add("one")
    history.add("two")
    history.save()
    assert lines == ["two", "one", None]


def test_a_damaged_file_costs_the_damaged_lines_and_a_failed_save_nothing(file: Path) -> None:
    history = history_of(file, "one", "two")
    file.write_bytes(file.read_bytes() + b'"half\n[1]\n\xff\n"three"\n' + b"[" * 100_000)
    assert all_lines(file) == ["one", "two", "three"]
    saved = file.read_bytes()
    file.unlink()
    file.mkdir()
    history.add("four")
    with pytest.raises(RnntuiError, match="cannot write"):
        history.save()
    assert all_lines(file) == []
    file.rmdir()
    file.write_bytes(saved)
    history.save()
    assert all_lines(file) == ["one", "two", "three", "four"]
