"""Autosave: drafts on disk, written from several threads, without a screen."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from rnntui.errors import RnntuiError
from rnntui.sessions import autosave as module
from rnntui.sessions.autosave import Autosave, SaveJob


class Disk:
    """Writes drafts, or fails while `error` is set."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.half_written: Path | None = None  # what a failing write leaves
        self.written: list[str] = []

    def write(self, job: SaveJob) -> None:
        if self.error is not None:
            if self.half_written is not None:
                self.half_written.write_text("half")
            raise self.error
        job.path.parent.mkdir(exist_ok=True)
        job.path.unlink(missing_ok=True)  # files are only ever replaced
        job.path.write_text(job.text)
        if job.companion:
            job.path.with_suffix(".jsonl").write_text(job.companion)
        self.written.append(job.text)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "drafts"


@pytest.fixture
def autosave(folder: Path, disk: Disk) -> Autosave:
    return Autosave(lambda: folder, "*.txt", disk.write)


def pending(autosave: Autosave, text: str) -> SaveJob:
    job = autosave.pending(text)
    assert job is not None
    return job


def texts(folder: Path) -> list[str]:
    return sorted(path.read_text() for path in folder.glob("*.txt"))


def test_a_text_is_saved_when_it_has_changed_and_not_before(autosave: Autosave, folder: Path, disk: Disk) -> None:
    assert autosave.pending("") is None and autosave.path is None
    assert autosave.write(pending(autosave, "one")) == ""
    assert autosave.pending("one") is None
    autosave.write(pending(autosave, "one two"))
    assert texts(folder) == ["one two"] and disk.written == ["one", "one two"]
    assert autosave.newest() == autosave.path


def test_another_text_begins_in_a_file_of_its_own(autosave: Autosave, folder: Path) -> None:
    autosave.write(pending(autosave, "first"))
    autosave.begin("from a file")
    assert autosave.pending("from a file") is None and autosave.path is None
    autosave.write(pending(autosave, "second"))
    autosave.begin()
    autosave.write(pending(autosave, "second"))
    assert texts(folder) == ["first", "second", "second"]


def test_an_older_version_never_overwrites_a_newer_one(autosave: Autosave, folder: Path) -> None:
    older, newer = pending(autosave, "a"), pending(autosave, "ab")
    autosave.write(newer)
    autosave.write(older)
    assert texts(folder) == ["ab"] and autosave.pending("ab") is None


def test_versions_written_by_threads_in_any_order_end_in_the_newest(autosave: Autosave, folder: Path) -> None:
    jobs = [pending(autosave, "x" * length) for length in range(1, 30)]
    threads = [threading.Thread(target=autosave.write, args=(job,)) for job in reversed(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts(folder) == ["x" * 29]


def test_a_job_that_is_written_after_another_text_began_goes_to_its_own_file(autosave: Autosave, folder: Path) -> None:
    late = pending(autosave, "first")
    autosave.begin()
    autosave.write(pending(autosave, "second"))
    autosave.write(late)
    assert texts(folder) == ["first", "second"]
    assert autosave.pending("first") is not None and autosave.pending("second") is None


def test_a_text_goes_on_in_its_file_after_a_write_that_failed_half_way(folder: Path) -> None:
    errors: list[OSError] = []

    def write(job: SaveJob) -> None:
        job.path.unlink(missing_ok=True)
        job.path.write_text(job.text)
        if errors:
            raise errors.pop()  # at its companion

    autosave = Autosave(lambda: folder, "*.txt", write)
    assert autosave.write(pending(autosave, "one")) == ""
    errors.append(OSError("disk full"))
    assert "disk full" in autosave.write(pending(autosave, "one two"))
    assert autosave.write(pending(autosave, "one two three")) == ""
    assert texts(folder) == ["one two three"]


@pytest.mark.parametrize("error", [OSError("disk full"), RnntuiError("disk full")])
def test_a_failed_write_is_reported_once_and_tried_again(
    autosave: Autosave, folder: Path, disk: Disk, error: Exception
) -> None:
    disk.error = error
    assert "disk full" in autosave.write(pending(autosave, "text"))
    assert autosave.write(pending(autosave, "text")) == "" and "disk full" in autosave.problem
    assert "disk full" in autosave.write_last(autosave.pending("text"))
    disk.error = None
    assert autosave.write_last(autosave.pending("text")) == "" and autosave.problem == ""
    assert texts(folder) == ["text"] and autosave.write_last(autosave.pending("text")) == ""


def test_any_other_error_is_not_swallowed(autosave: Autosave, disk: Disk) -> None:
    disk.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        autosave.write(pending(autosave, "text"))


def test_the_oldest_drafts_are_deleted_with_their_companions(
    folder: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_DRAFTS", 3)
    autosave = Autosave(lambda: folder, "*.jsonl", disk.write)
    folder.mkdir()
    named = folder / "My tale.jsonl"  # is never deleted
    named.touch()
    os.utime(named, (0, 0))
    paths = []
    for index in range(5):
        autosave.begin()
        job = autosave.pending(f"text {index}", lambda: "turns")
        assert job is not None
        paths.append(job.path)
        autosave.write(job)
        os.utime(job.path.with_suffix(".jsonl"), (index, index))
    assert texts(folder) == ["text 2", "text 3", "text 4"]
    assert len(list(folder.glob("*.jsonl"))) == 4 and named.exists()
    assert autosave.newest() == paths[-1]
    os.utime(paths[2].with_suffix(".jsonl"), (9, 9))
    assert autosave.newest() == paths[2]


def test_a_companion_is_made_only_for_a_text_to_save(autosave: Autosave) -> None:
    assert autosave.pending("", lambda: pytest.fail("there is nothing to save")) is None


def test_without_a_folder_there_is_no_newest_draft(autosave: Autosave) -> None:
    assert autosave.newest() is None


# Texts that were opened.


def saved_as(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


def test_an_opened_text_goes_on_in_its_file_and_what_is_cut_from_it_stays(autosave: Autosave, folder: Path) -> None:
    path = saved_as(folder, "my story.txt", "one")
    autosave.open(path, "one")
    assert autosave.pending("one") is None and autosave.path == path
    autosave.write(pending(autosave, "one two"))
    assert texts(folder) == ["one two"]
    autosave.write(pending(autosave, "other"))
    autosave.write(pending(autosave, "anew"))  # "other" is of this session, which has it to undo
    assert texts(folder) == ["anew", "one two"] and path.read_text() == "anew"


def test_the_newest_text_is_the_present_one_after_one_that_was_left_is_written(
    autosave: Autosave, folder: Path, disk: Disk
) -> None:
    autosave.write(pending(autosave, "one two"))
    late = pending(autosave, "one")
    autosave.leave(disk)  # by any object
    autosave.begin()
    autosave.write(pending(autosave, "another"))
    autosave.write(late)
    assert autosave.newest() == autosave.path
    autosave.return_to(disk)
    assert autosave.pending("one") is None
    assert autosave.newest() == autosave.path and texts(folder) == ["another", "one"]


def test_a_change_of_the_companion_alone_is_saved_and_one_that_holds_cuts_needs_no_copies(
    folder: Path, disk: Disk
) -> None:
    autosave = Autosave(lambda: folder, "*.jsonl", disk.write, companion_keeps_cuts=True)
    path = saved_as(folder, "my story.txt", "one two")
    autosave.open(path, "one two", 4)
    assert autosave.pending("one two", lambda: "turns", 4) is None
    job = autosave.pending("one two", lambda: "turns and a bookmark", 5)
    assert job is not None and autosave.write(job) == ""
    assert path.with_suffix(".jsonl").read_text() == "turns and a bookmark"
    assert autosave.pending("one two", lambda: "turns and a bookmark", 5) is None
    job = autosave.pending("one", lambda: "a branch", 6)
    assert job is not None and autosave.write(job) == "" and texts(folder) == ["one"]


def test_two_apps_that_go_on_with_one_text_lose_nothing(autosave: Autosave, folder: Path, disk: Disk) -> None:
    path = saved_as(folder, "my story.txt", "one")
    other = Autosave(lambda: folder, "*.txt", disk.write)
    autosave.open(path, "one")
    other.open(path, "one")
    autosave.write(pending(autosave, "one two"))
    other.write(pending(other, "one three"))
    autosave.write(pending(autosave, "one two four"))
    assert texts(folder) == ["one three", "one two four"] and path.read_text() == "one two four"
    path.unlink()
    autosave.write(pending(autosave, "one two five"))
    assert path.read_text() == "one two five"
    os.utime(path, (9, 9))  # the same text with another time is no other version
    autosave.write(pending(autosave, "one six"))
    assert path.read_text() == "one six" and len(texts(folder)) == 2


def test_without_hard_links_a_version_is_copied(
    autosave: Autosave, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*paths: Path) -> None:
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuse)
    path = saved_as(folder, "my story.txt", "one")
    autosave.open(path, "one")
    autosave.write(pending(autosave, "two"))
    assert texts(folder) == ["one", "two"]


def test_a_text_that_was_left_unsaved_is_saved_with_a_later_one(autosave: Autosave, folder: Path, disk: Disk) -> None:
    disk.error = OSError("disk full")
    autosave.write(pending(autosave, "left"))
    autosave.begin()
    assert "disk full" in autosave.problem
    disk.error = None
    assert autosave.write(pending(autosave, "next")) == "" and autosave.problem == ""
    assert texts(folder) == ["left", "next"]


def test_a_text_that_was_left_just_now_is_saved_at_the_end_though_no_thread_has_begun(
    autosave: Autosave, folder: Path
) -> None:
    pending(autosave, "left")
    autosave.begin()
    assert autosave.write_last(None) == "" and texts(folder) == ["left"] and not autosave.is_waiting


def test_an_unsent_line_is_saved_without_a_text_and_goes_when_it_is_erased(autosave: Autosave, folder: Path) -> None:
    job = autosave.pending("", lambda: "a line", typed="a line")
    assert job is not None and autosave.write(job) == ""
    assert [file.read_text() for file in folder.glob("*.jsonl")] == ["a line"]
    assert autosave.pending("", lambda: "a line", typed="a line") is None
    erased = autosave.pending("")
    assert erased is not None and autosave.write(erased) == "" and list(folder.glob("[!.]*")) == []
    assert autosave.pending("") is None
    assert autosave.write(pending(autosave, "text")) == "" and texts(folder) == ["text"]


def test_a_text_that_was_saved_elsewhere_is_no_longer_a_problem(autosave: Autosave, disk: Disk) -> None:
    disk.error = OSError("disk full")
    autosave.write(pending(autosave, "text"))
    autosave.count_as_saved("text")
    assert autosave.problem == "" and autosave.write_last(autosave.pending("text")) == ""
    assert "disk full" in autosave.write(pending(autosave, "text that went on")) or autosave.problem


def test_a_failure_that_ends_after_a_newer_version_is_saved_is_no_longer_a_problem(
    autosave: Autosave, folder: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, older = autosave._write, pending(autosave, "one")

    def write_slowly(job: SaveJob) -> str:
        problem = write(job)
        if job is older:  # its thread is held up, while another one saves
            disk.error = None
            assert autosave.write(pending(autosave, "one two")) == ""
        return problem

    disk.error = OSError("disk full")
    monkeypatch.setattr(autosave, "_write", write_slowly)
    autosave.write(older)
    assert autosave.problem == "" and texts(folder) == ["one two"]


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path, disk: Disk) -> None:
    (tmp_path / "file").touch()
    autosave = Autosave(lambda: tmp_path / "file" / "texts", "*.txt", disk.write)
    problem = autosave.write(pending(autosave, "text"))
    assert f"{tmp_path / 'file'} is a file, not a folder" in problem and "rrno" not in problem


def test_what_another_app_has_typed_beside_the_same_text_is_not_overwritten(folder: Path, disk: Disk) -> None:
    def typed(autosave: Autosave, line: str) -> SaveJob:
        job = autosave.pending("the same text", lambda: f'{{"typed": "{line}"}}', typed=line)
        assert job is not None
        return job

    first, second = (Autosave(lambda: folder, "*.txt", disk.write) for _ in range(2))
    assert first.write(pending(first, "the same text")) == ""
    path = first.path
    assert path is not None
    second.open(path, "the same text")
    assert second.write(typed(second, "of the second")) == ""
    assert first.write(typed(first, "of the first")) == ""
    companions = sorted(file.read_text() for file in folder.glob("*.jsonl"))
    assert companions == ['{"typed": "of the first"}', '{"typed": "of the second"}']
    assert path.with_suffix(".jsonl").read_text() == '{"typed": "of the second"}' and first.path != path
    assert second.write(typed(second, "of the second, again")) == "" and second.path == path


def test_a_write_that_failed_half_way_goes_on_in_its_own_files(autosave: Autosave, folder: Path, disk: Disk) -> None:
    assert autosave.write(pending(autosave, "text")) == ""
    path = autosave.path
    assert path is not None
    disk.half_written = path.with_suffix(".jsonl")
    disk.error = RnntuiError("no space")
    assert autosave.write(pending(autosave, "text, longer")) == "no space"
    disk.error = None
    assert autosave.write(pending(autosave, "text, longer still")) == ""
    assert autosave.path == path and texts(folder) == ["text, longer still"]
