"""Creation of runs: the staging folder, names, what killed processes left."""

from __future__ import annotations

import errno
import os
import platform
import time
from pathlib import Path

import numpy as np
import pytest

from rnntui import __version__
from rnntui.errors import RunError, UsageError
from rnntui.runs.creation import (
    check_name,
    library_versions,
    name_problem,
    publish_run,
    remove_abandoned,
    staging_folder,
    take_over,
)
from rnntui.runs.folder import RunFolder


def test_a_full_disk_is_reported_with_the_folder_of_runs(tmp_path: Path) -> None:
    with (
        pytest.raises(RunError, match=r"cannot write to .*runs: No space left on device"),
        staging_folder(tmp_path / "runs"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as of a write to an open file, without its name
    assert not (tmp_path / "runs").exists()


def test_a_run_takes_no_shipped_name_unless_the_user_chooses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnntui.runs.creation.shipped_names", lambda: {"shakespeare"})
    names = []
    attempts = [(None, "shakespeare"), (None, "shakespeare"), ("shakespeare", "shakespeare"), (None, "b")]
    for name, default_name in attempts:
        with staging_folder(tmp_path / "runs") as folder:
            (folder / "config.json").touch()
            names.append(publish_run(folder, tmp_path / "runs", name, default_name).name)
    assert names == ["shakespeare-2", "shakespeare-3", "shakespeare", "b"]


def test_a_file_in_place_of_the_folder_of_runs_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(RunError, match="runs is a file, not a folder of runs"), staging_folder(tmp_path / "runs"):
        pass


def test_a_name_that_is_none_or_is_taken_is_refused(tmp_path: Path) -> None:
    check_name("free", tmp_path)
    with pytest.raises(UsageError, match=r"--name 'a/b' is not a valid name of a run; "):
        check_name("a/b", tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("taken", "link"):
        with pytest.raises(UsageError, match=f"run {name} exists in"):
            check_name(name, tmp_path)


@pytest.mark.parametrize("usable", ["a", "b", "c"])
def test_what_a_killed_process_encoded_is_found_among_the_folders_of_others(tmp_path: Path, usable: str) -> None:
    staged = RunFolder(tmp_path / "staged")
    staged.resume_folder.mkdir(parents=True)
    for name in "abc":
        left = RunFolder(tmp_path / "runs" / f".making-4000000-{name}")
        left.resume_folder.mkdir(parents=True)
        left.training_ids.write_text(name)
        if name == usable:
            left.encoding_journal.write_text(name)
    # Another process was faster with the others, or they are of another text.
    for asked in ({usable}, {"a", "b", "c"}):
        left = RunFolder(tmp_path / "runs" / f".making-4000000-{usable}")
        assert take_over(staged.path, tmp_path / "runs", lambda folder: folder.name[-1] in asked)  # noqa: B023
        assert staged.encoding_journal.read_text() == staged.training_ids.read_text() == usable
        assert not left.path.exists() and len(list((tmp_path / "runs").iterdir())) == 2
        left.resume_folder.mkdir(parents=True)
        staged.training_ids.rename(left.training_ids)
        staged.encoding_journal.rename(left.encoding_journal)
    assert not take_over(staged.path, tmp_path / "runs", lambda folder: False)


@pytest.mark.parametrize("name", ["a", "a b", "a.b-c", "Xenia", "日本", "x" * 100, "日" * 33])
def test_names_of_runs(name: str) -> None:
    assert name_problem(name) == ""


@pytest.mark.parametrize(
    "name", ["", " ", ".a", "-a", "x" * 101, "日" * 34, "a\n", *(f"a{sign}" for sign in '/\\:*?"<>|\0')]
)
def test_what_is_no_name_of_a_run(name: str, tmp_path: Path) -> None:
    assert name_problem(name).startswith("use at most 100 bytes of visible characters and spaces")
    with pytest.raises(UsageError) as caught:
        check_name(name, tmp_path)
    assert caught.value.setting == "name"


@pytest.mark.parametrize(("seconds", "stays"), [(24 * 3600 - 60, True), (24 * 3600 + 60, False)])
def test_a_partly_encoded_text_is_kept_for_a_day(tmp_path: Path, seconds: int, stays: bool) -> None:
    left = RunFolder(tmp_path / ".making-4000000-a")
    left.resume_folder.mkdir(parents=True)
    left.encoding_journal.touch()
    written = time.time() - seconds
    os.utime(left.encoding_journal, (written, written))
    remove_abandoned(tmp_path)
    assert left.path.exists() == stays


def test_an_encoded_text_is_taken_over_with_its_tokenizer_even_if_its_folder_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged, left = RunFolder(tmp_path / "staged"), RunFolder(tmp_path / "runs" / ".making-4000000-a")
    staged.resume_folder.mkdir(parents=True)
    left.resume_folder.mkdir(parents=True)
    left.encoding_journal.touch()
    (left.path / "tokenizer.json").write_text("{}")

    def refuse(folder: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("rnntui.runs.creation.remove_run_files", refuse)
    assert take_over(staged.path, tmp_path / "runs", lambda folder: True)
    assert staged.encoding_journal.exists() and (staged.path / "tokenizer.json").read_text() == "{}"
    assert left.path.exists()


def test_what_belongs_to_a_process_that_lives_or_to_nobody_stays(tmp_path: Path) -> None:
    names = [f".making-{os.getpid()}-a", f".deleted-{os.getpid()}-b", ".making-x-c", ".making-", "4000000-d"]
    for name in names:
        (tmp_path / name).mkdir()
    remove_abandoned(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_a_run_in_the_making_is_removed_where_it_fails(tmp_path: Path) -> None:
    for runs, is_new in ((tmp_path / "new" / "runs", True), (tmp_path, False)):
        for error in (ValueError("no text"), FileNotFoundError(errno.ENOENT, "No such file", "corpus.txt")):
            with pytest.raises(type(error)) as caught, staging_folder(runs) as folder:
                fill_and_fail(folder, error)
            assert caught.value is error and not folder.exists() and runs.exists() != is_new


def fill_and_fail(folder: Path, error: Exception) -> None:
    (folder / "config.json").touch()
    raise error


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_run_can_be_read_by_others_as_any_new_folder(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    with staging_folder(tmp_path) as folder:
        assert folder.stat().st_mode == (tmp_path / "new").stat().st_mode
        assert folder.name.startswith(f".making-{os.getpid()}-") and RunFolder(folder).is_locked()
    assert not RunFolder(folder).is_locked()


def test_a_folder_of_runs_that_cannot_be_written_to_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(RunError, match=r"cannot write to .*: Permission denied"), staging_folder(tmp_path):
        pass


@pytest.mark.parametrize(("errno_", "is_told"), [(errno.EFBIG, True), (errno.EDQUOT, True), (errno.EPIPE, False)])
def test_only_errors_of_writing_are_told_as_such(tmp_path: Path, errno_: int, is_told: bool) -> None:
    error = OSError(errno_, os.strerror(errno_))
    with pytest.raises(RunError if is_told else OSError) as caught, staging_folder(tmp_path) as folder:
        fill_and_fail(folder, error)
    assert (caught.value is error) != is_told


@pytest.mark.parametrize("name", [None, "a"])
def test_a_name_that_is_taken_at_the_last_instant_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    rename = Path.rename

    def as_second(path: Path, target: Path) -> Path:
        if target.name == "a":
            target.mkdir()
            (target / "config.json").write_text("of the first")
        return rename(path, target)

    with staging_folder(tmp_path) as folder:
        (folder / "config.json").touch()
        monkeypatch.setattr(Path, "rename", as_second)
        if name is None:
            assert publish_run(folder, tmp_path, name, "a") == tmp_path / "a-2"
        else:
            with pytest.raises(UsageError, match="run a exists in"):
                publish_run(folder, tmp_path, name, "a")
    assert (tmp_path / "a" / "config.json").read_text() == "of the first"


def test_a_run_whose_lock_cannot_be_acquired_is_published_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> None:
        raise RunError(f"cannot write to {folder}: Read-only file system")

    with staging_folder(tmp_path) as folder:
        monkeypatch.setattr("rnntui.runs.creation.is_locked", lambda _: False)
        monkeypatch.setattr("rnntui.runs.creation.acquire_lock", refuse)
        assert publish_run(folder, tmp_path, None, "a") == tmp_path / "a"


def test_a_run_that_cannot_be_renamed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, target: Path) -> Path:
        raise PermissionError(errno.EACCES, "Permission denied")

    with staging_folder(tmp_path) as folder:
        monkeypatch.setattr(Path, "rename", refuse)
        with pytest.raises(PermissionError):
            publish_run(folder, tmp_path, None, "a")


def test_a_run_names_the_versions_that_made_it() -> None:
    versions = library_versions()
    assert set(versions) == {"rnntui", "python", "torch", "numpy"}
    expected = (__version__, platform.python_version(), np.__version__)
    assert (versions["rnntui"], versions["python"], versions["numpy"]) == expected
