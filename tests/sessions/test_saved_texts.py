"""Saved texts: listed, searched, renamed, deleted and restored, without a screen."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from rnntui.errors import RnntuiError, UsageError
from rnntui.sessions.autosave import Autosave, SaveJob
from rnntui.sessions.saved_texts import (
    SavedText,
    SavedTexts,
    clean_text_name,
    format_date,
    passage,
    search_words,
)
from rnntui.sessions.transcript import Transcript
from rnntui.text.control_chars import first_line


def write_draft(job: SaveJob) -> None:
    job.path.unlink(missing_ok=True)
    job.path.write_text(job.text)
    job.path.with_suffix(".jsonl").write_text(job.companion)


class Library:
    """The saved texts of a folder, with one text that is open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.autosave = Autosave(lambda: folder, "*.jsonl", write_draft)
        self.texts = SavedTexts(lambda: folder, lambda: [self.autosave])

    def add(self, name: str, text: str, run: str = "", age: float = 0) -> Path:
        """Save a text as another app has saved it."""
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"{name}.txt"
        path.write_text(text)
        turns = path.with_suffix(".jsonl")
        turns.write_text('{"role": "prompt", "text": "x"}\n' + f'{{"role": "model", "text": "y", "run": "{run}"}}\n')
        for file in (path, turns):
            os.utime(file, (time.time() - age, time.time() - age))
        return path

    def write(self, text: str) -> None:
        job = self.autosave.pending(text, lambda: "")
        assert job is not None
        assert self.autosave.write(job) == ""

    @property
    def listed(self) -> list[SavedText]:
        return list(self.texts.read_all())

    def found(self, query: str) -> list[str]:
        return [text.path.stem for text in self.listed if text.matches(search_words(query))]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "texts")


DRAFT = "2026-01-01-000000-7-1"


def test_texts_are_listed_with_their_facts_the_newest_first(library: Library) -> None:
    assert library.listed == []
    library.add(DRAFT, "\n  \n ROMEO:\x1b[2J my love\nmore", "shakespeare", age=100)
    library.add("A tale", "Once", "notes", age=10)
    (library.folder / ".hidden.txt").write_text("partial")
    (library.folder / "broken.txt").write_bytes(b"caf\xe9")
    os.utime(library.folder / "broken.txt", (1, 1))
    tale, draft, broken = library.listed
    assert (tale.name, tale.run, tale.title) == ("A tale", "notes", "Once")
    assert (draft.name, draft.run, draft.title) == ("", "shakespeare", r"ROMEO:\x1b[2J my love")
    assert (broken.run, broken.title) == ("", "caf�")
    library.texts.touch(draft.path)
    assert [text.path for text in library.listed] == [draft.path, tale.path, broken.path]
    assert library.listed[1] is library.listed[1]  # unchanged texts are not read again


def test_a_text_to_translate_tells_its_model(library: Library) -> None:
    path = library.add("a", "hello")
    path.with_suffix(".jsonl").unlink()
    path.with_suffix(".json").write_text('{"run": "en-es"}')
    (text,) = library.listed
    assert text.run == "en-es"
    path.with_suffix(".json").write_text("[")
    os.utime(path, (5, 5))
    assert library.listed[0].run == ""


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["c", "b", "a"]), ("LOVE", ["b", "a"]), ("love war", ["b"]), ("shakes", ["a"]), ("straße", ["c"]),
        ("STRASSE", ["c"]), ("zebra", []), ("  ", ["c", "b", "a"]),
    ],
)  # fmt: skip
def test_words_are_searched_in_names_models_and_texts(library: Library, query: str, names: list[str]) -> None:
    library.add("a", "long lines\n" * 999 + "love", "shakespeare", age=30)
    library.add("b", "Love and\nWAR", "notes", age=20)
    library.add("c", "Straße", age=10)
    assert library.found(query) == names


def test_a_hundred_long_texts_are_searched_at_once(library: Library) -> None:
    for index in range(120):
        library.add(f"text {index}", f"word{index} and more\n" * 2000, age=index)
    saved = library.listed
    start = time.perf_counter()
    assert [text.name for text in saved if text.matches(search_words("word77 MORE"))] == ["text 77"]
    assert time.perf_counter() - start < 0.5  # some 4 MB


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("My story", "My story"), ("  a \t b\n", "a b"), ("../../etc/passwd", "-..-etc-passwd"), (".hidden", "hidden"),
        ("a\x1b[2J\x00b", "a [2J b"), ("Chapter 1.5", "Chapter 1.5"), ("notes.txt", "notes"), ("x" * 300, "x" * 100),
        ("é" * 80, "é" * 50), ("end...", "end"), ("a\udcffb", "a b"), ("cafe\u0301", "café"), ("詩", "詩"),
    ],
)  # fmt: skip
def test_a_name_is_cleaned(name: str, cleaned: str) -> None:
    assert clean_text_name(name) == cleaned == clean_text_name(cleaned)


@pytest.mark.parametrize("name", ["", "   ", "...", "/", "\x1b", DRAFT])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"must contain a letter|reserved for unnamed texts"):
        clean_text_name(name)


def test_a_renamed_text_keeps_its_files_and_time(library: Library) -> None:
    path, _ = library.add(DRAFT, "one", age=50), library.add("taken", "two", age=10)
    modified = path.stat().st_mtime
    new = library.texts.rename(path, "My 1.5 story")
    assert new.name == "My 1.5 story.txt" and new.with_suffix(".jsonl").is_file() and new.stat().st_mtime == modified
    assert [text.name for text in library.listed] == ["taken", "My 1.5 story"]
    assert library.texts.rename(new, "My 1.5 story") == new
    for old, name, problem in ((new, "taken", "called taken exists already"), (path, "other", "by another app")):
        with pytest.raises(UsageError, match=problem):
            library.texts.rename(old, name)
    assert [text.text for text in library.listed] == ["two", "one"]


def test_an_open_text_that_is_renamed_goes_on_under_its_name(library: Library) -> None:
    library.write("one")
    assert library.autosave.path is not None and library.texts.is_open(library.autosave.path)
    late = library.autosave.pending("one two", lambda: "")
    assert late is not None
    new = library.texts.rename(library.autosave.path, "story")
    assert library.autosave.write(late) == ""
    assert library.autosave.path == new and [(text.name, text.text) for text in library.listed] == [
        ("story", "one two")
    ]


@pytest.mark.parametrize("can_lock", [True, False], ids=["locks", "no locks"])
def test_renaming_while_texts_are_written_loses_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch, can_lock: bool
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise NotImplementedError("this file system cannot lock")

    if not can_lock:
        monkeypatch.setattr(FileLock, "acquire", fail)

    def write() -> None:
        for length in range(1, 40):
            library.write("x" * length)

    library.write("y")
    writer = threading.Thread(target=write)
    writer.start()
    for index in range(10):
        assert library.autosave.path is not None
        library.texts.rename(library.autosave.path, f"name {index}")
    writer.join()
    assert [(text.name, text.text) for text in library.listed] == [("name 9", "x" * 39)]


def test_a_deleted_text_can_be_restored(library: Library) -> None:
    first, second = library.add("a", "one", "notes", age=20), library.add("b", "two", age=10)
    before = library.listed
    library.texts.delete(first)
    library.texts.delete(second)
    library.texts.delete(second)  # another app has deleted it already
    assert library.listed == [] and not list(library.folder.glob("[ab].*"))
    library.add("b", "another", age=5)
    with pytest.raises(UsageError, match="a text called b exists already"):
        library.texts.restore()
    library.texts.rename(second, "c")
    assert library.texts.restore() == second and library.texts.restore() == first
    assert library.texts.restore() is None
    assert [text for text in library.listed if text.name != "c"] == before


def test_an_open_text_is_not_deleted(library: Library) -> None:
    library.write("one")
    assert library.autosave.path is not None
    with pytest.raises(UsageError, match="begin a new one with F12"):
        library.texts.delete(library.autosave.path)
    assert library.autosave.path.read_text() == "one"


def test_a_deleted_text_comes_back_only_by_an_undo(library: Library) -> None:
    library.write("one")
    path, identity = library.autosave.path, Transcript()
    late = library.autosave.pending("one two", lambda: "")
    assert path is not None and late is not None
    library.autosave.leave(identity)
    library.autosave.begin()
    library.texts.delete(path)
    assert library.autosave.write(late) == "" and library.listed == []  # was on its way to a slow disk
    library.autosave.return_to(identity)
    library.write("one")
    assert [text.text for text in library.listed] == ["one"]


def test_texts_are_restored_and_listed_by_several_threads_at_once(library: Library) -> None:
    paths = {library.add(name, name) for name in "abcd"}
    for path in paths:
        library.texts.delete(path)
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(lambda _: library.texts.restore(), range(4))) == paths
    listed, reading = library.listed, library.texts.read_all()
    next(reading)
    assert len(listed) == 4 and all(
        old is new for old, new in zip(listed, library.listed, strict=True)
    )  # not read again
    assert len(list(reading)) == 3


def test_a_name_is_taken_by_a_link_that_leads_nowhere(library: Library) -> None:
    path = library.add("a", "one")
    path.with_name("b.jsonl").symlink_to("missing")
    with pytest.raises(UsageError, match="called b exists already"):
        library.texts.rename(path, "b")


def test_files_that_cannot_be_changed_are_an_error(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    path = library.add("a", "one")

    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(RnntuiError, match=r"cannot rename .*: Permission denied"):
        library.texts.rename(path, "b")
    with pytest.raises(RnntuiError, match=r"cannot delete .*: Permission denied"):
        library.texts.delete(path)
    assert library.texts.restore() is None and path.read_text() == "one"


@pytest.mark.parametrize(
    ("date", "shown"),
    [
        ("2026-11-28 14:05", "today 14:05"), ("2026-11-28 00:00", "today 00:00"), ("2026-11-27 23:59", "yesterday"),
        ("2026-11-27 00:00", "yesterday"), ("2026-11-26 23:59", "26 Nov"), ("2026-01-03 10:00", "3 Jan"),
        ("2025-11-28 14:05", "28 Nov 2025"),
    ],
)  # fmt: skip
def test_a_date_is_short(date: str, shown: str) -> None:
    now = time.mktime(time.strptime("2026-11-28 18:00", "%Y-%m-%d %H:%M"))
    assert format_date(time.mktime(time.strptime(date, "%Y-%m-%d %H:%M")), now) == shown


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("", ""),
        (" \n\t\n", ""),
        ("\n\n  Once upon \na time", "Once upon"),
        ("a\tb\x00", r"a b\x00"),
        ("x" * 999, "x" * 200),
    ],
)
def test_the_title_is_the_first_line(text: str, title: str) -> None:
    assert first_line(text) == title


def test_a_passage_shows_the_first_match_and_marks_all() -> None:
    text = "start\n" * 500 + "before\nthe love and the Love\nafter\n" + "end\n" * 500
    part, spans = passage(text, ["love"], 100)
    assert part.startswith("before\nthe love") and [part[slice(*span)] for span in spans] == ["love", "Love"]
    assert passage(text, ["zebra"], 10) == ("start\nstar", [])
    assert passage("x" * 500 + "needle" + "y" * 500, ["needle"], 100)[0].count("needle") == 1
    assert passage("", [], 10) == ("", [])
