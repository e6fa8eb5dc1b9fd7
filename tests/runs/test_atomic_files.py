"""Files are written whole or not at all."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from run_examples import CONFIG, Failure, fail

from rnntui.atomic_files import atomic_write, remove_abandoned_files, write_user_file
from rnntui.errors import RnntuiError
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import runs_in


def test_a_write_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"first", b"", b"a longer second\n"):
        atomic_write(path, content)
        assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_only_files_are_replaced(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path, problem in ((pipe, "not a file"), (link, "not a file"), (tmp_path, "a folder"), (Path(), "a folder")):
        with pytest.raises(RnntuiError, match=problem):
            atomic_write(path, b"new")
    with pytest.raises(RnntuiError, match=r"there is no folder .*none; create it"):
        atomic_write(tmp_path / "none" / "file", b"new")
    assert pipe.is_fifo() and link.is_symlink() and len(list(tmp_path.iterdir())) == 2


def test_a_link_of_the_user_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "near").mkdir()
    target, link, second = tmp_path / "far" / "file", tmp_path / "near" / "link", tmp_path / "near" / "second"
    link.symlink_to("../far/file")
    second.symlink_to("link")
    for path, content in ((link, b"new"), (second, b"newer"), (target, b"newest")):  # at first there is no target
        write_user_file(path, content)
        assert link.is_symlink() and second.is_symlink() and not target.is_symlink()
        assert link.read_bytes() == second.read_bytes() == target.read_bytes() == content
    assert len(list(tmp_path.rglob("*"))) == 5  # and no partial file


def test_a_link_that_leads_to_no_file_is_told_and_stays(tmp_path: Path) -> None:
    link, lost, pipe, folder = (tmp_path / name for name in ("link", "lost", "pipe", "folder"))
    link.symlink_to(link)
    lost.symlink_to("nowhere/file")
    os.mkfifo(tmp_path / "fifo")
    pipe.symlink_to("fifo")
    folder.symlink_to(tmp_path, target_is_directory=True)
    for path, problem in (
        (link, f"cannot write {link}: Too many levels of symbolic links"),
        (lost, f"there is no folder {tmp_path}/nowhere; create it"),
        (pipe, f"cannot write {pipe}: it is not a file"),
        (folder, f"cannot write {folder}: it is a folder"),
        (tmp_path / ("n" * 300), "File name too long"),
    ):
        with pytest.raises(RnntuiError, match=problem):
            write_user_file(path, b"new")
    assert all(path.is_symlink() for path in (link, lost, pipe, folder)) and len(list(tmp_path.iterdir())) == 5


def test_a_link_in_a_run_is_replaced_and_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"old")
    (tmp_path / "link").symlink_to("precious")
    atomic_write(tmp_path / "link", b"new")
    assert (tmp_path / "precious").read_bytes() == b"old" and not (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
@pytest.mark.parametrize("old", [b"old content", None])
def test_a_failed_write_leaves_the_old_file_and_no_partial_one(
    step: str, old: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    if old is not None:
        path.write_bytes(old)
    monkeypatch.setattr(step, fail)
    with pytest.raises(Failure):
        atomic_write(path, b"new")
    monkeypatch.undo()
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == ({} if old is None else {"file": old})


def test_a_file_is_synced_before_it_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    happened: list[str] = []
    synced, replaced = os.fsync, Path.replace

    def sync(handle: int) -> None:
        happened.append("synced")
        synced(handle)

    def rename(self: Path, target: Path) -> Path:
        happened.append(f"renamed while the old file says {path.read_text()}, the new one {self.read_text()}")
        return replaced(self, target)

    monkeypatch.setattr("os.fsync", sync)
    monkeypatch.setattr("pathlib.Path.replace", rename)
    atomic_write(path, b"new")
    assert happened[:2] == ["synced", "renamed while the old file says old, the new one new"]


def test_a_process_killed_while_writing_leaves_the_old_file_and_no_staging_folder(run: RunFolder) -> None:
    run.write_config(CONFIG)
    code = (
        "import os, sys; from pathlib import Path; from rnntui.atomic_files import atomic_write\n"
        "os.fsync = lambda handle: os.kill(os.getpid(), 9)\n"
        "atomic_write(Path(sys.argv[1]), b'{')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run.config_file)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert run.read_config() == CONFIG
    assert [found.name for found in runs_in(run.path.parent)] == ["tiny"]


def _kill_while_writing(path: Path) -> Path:
    """Kill a process while it writes to a path, and return the file that it leaves."""
    code = (
        "import os, sys; from pathlib import Path; from rnntui.atomic_files import atomic_write\n"
        "os.fsync = lambda handle: os.kill(os.getpid(), 9)\n"
        "atomic_write(Path(sys.argv[1]), b'half')\n"
    )
    before = set(path.parent.iterdir())
    subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60)
    [left] = set(path.parent.iterdir()) - before
    return left


def _left_an_hour_ago(path: Path) -> Path:
    path.touch()
    os.utime(path, (time.time() - 3600,) * 2)
    return path


def test_the_first_write_into_a_folder_removes_what_a_killed_process_left_there(tmp_path: Path) -> None:
    left, recent = _kill_while_writing(tmp_path / "text"), _kill_while_writing(tmp_path / "other text")
    pid, host = re.fullmatch(r"\.text\.(\d+)-(\w+)\.partial", left.name).groups()  # type: ignore[union-attr]
    _left_an_hour_ago(left)
    kept = [
        _left_an_hour_ago(tmp_path / name)
        for name in (
            f".text.{os.getppid()}-{host}.partial",  # its process runs
            f".text.{pid}-0123abcd.partial",  # of another machine
            f".text.{pid}.partial",
            f"text.{pid}-{host}.partial",
        )
    ]
    huge = _left_an_hour_ago(tmp_path / f".text.{'9' * 30}-{host}.partial")
    atomic_write(tmp_path / "file", b"new")
    assert not left.exists() and not huge.exists() and recent.exists() and all(path.exists() for path in kept)
    _left_an_hour_ago(recent)
    atomic_write(tmp_path / "file", b"newer")
    assert recent.exists()  # a folder is looked at once
    remove_abandoned_files(tmp_path)
    assert not recent.exists()


def test_a_folder_that_cannot_be_listed_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def refuse(folder: Path) -> None:
        asked.append(folder)
        raise PermissionError

    monkeypatch.setattr("os.scandir", refuse)
    atomic_write(tmp_path / "file", b"new")
    assert asked == [tmp_path] and (tmp_path / "file").read_bytes() == b"new"


def test_writing_into_a_missing_folder_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(RnntuiError, match=r"cannot write .*gone.file: there is no folder .*gone; create it"):
        atomic_write(tmp_path / "gone" / "file", b"new")
