"""Creation of runs: the staging folder, names, what killed processes left."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from rnntui.errors import RunError, UsageError
from rnntui.runs.creation import check_name, publish_run, staging_folder, take_over
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
