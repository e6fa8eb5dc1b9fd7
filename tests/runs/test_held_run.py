"""The run that a process trains: what became of its folder is noticed and told."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from rnntui.errors import RunError, TrainingError
from rnntui.runs.folder import RunFolder
from rnntui.runs.held_run import HeldRun

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a folder with open files cannot be moved")


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def hold_and_fail(run: RunFolder, error: BaseException, moved: Path | None = None) -> None:
    """End a block that holds a run by an error, maybe after the folder was moved."""
    with HeldRun(run):
        if moved is not None:
            run.path.rename(moved)
        raise error


def test_a_run_that_stays_where_it_is_is_locked_for_the_block(run: RunFolder) -> None:
    before = descriptors()
    with HeldRun(run) as held:
        held.check()
        assert held.run == run and run.is_locked()
    assert not run.is_locked() and descriptors() == before


@pytest.mark.parametrize("is_replaced", [False, True])
def test_where_a_run_was_moved_to_is_told_with_what_resumes_it(run: RunFolder, is_replaced: bool) -> None:
    moved = run.path.parent / "my runs" / "it's mine"
    moved.parent.mkdir()
    with HeldRun(run) as held:
        run.path.rename(moved)
        if is_replaced:
            run.path.mkdir()
            run.lock_file.touch()
        with pytest.raises(RunError, match=f"^{re.escape(f'{run.path} was moved to {moved} while it')}") as caught:
            held.check()
    assert caught.value.hint.endswith(f"""resume it with --name 'it'"'"'s mine' --checkpoints '{moved.parent}'""")
    assert not RunFolder(moved).is_locked()


def test_a_deleted_run_is_told(run: RunFolder) -> None:
    with HeldRun(run) as held:
        shutil.rmtree(run.path)
        with pytest.raises(RunError, match=f"^{re.escape(str(run.path))} was deleted while it was trained"):
            held.check()


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_lock_file_that_was_deleted_is_told(run: RunFolder, is_replaced: bool) -> None:
    with HeldRun(run) as held:
        (run.path / "other").touch()
        if is_replaced:
            (run.path / "other").replace(run.lock_file)
        else:
            run.lock_file.unlink()
        with pytest.raises(RunError, match="was being trained, and its lock file was deleted or replaced"):
            held.check()


@pytest.mark.parametrize("lacks", ["a path of an open folder", "the folder there", "open folders"])
def test_a_system_that_cannot_tell_where_a_run_went_still_notices(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    def unknown(*_: object) -> None:
        raise OSError("Function not implemented")

    open_any = os.open

    def open_file(path: str | Path, *arguments: Any) -> int:
        if Path(path).is_dir():
            unknown()
        return open_any(path, *arguments)

    if lacks == "open folders":  # as Windows
        monkeypatch.setattr(os, "open", open_file)
    with HeldRun(run) as held:
        monkeypatch.undo()
        if lacks == "a path of an open folder":  # as macOS
            monkeypatch.setattr(Path, "readlink", unknown)
        if lacks == "the folder there":  # it was moved again since
            monkeypatch.setattr(Path, "readlink", lambda _: run.path.parent)
        run.path.rename(run.path.parent / "moved")
        with pytest.raises(RunError, match=r"was moved, deleted or replaced while it was trained") as caught:
            held.check()
    assert caught.value.hint.endswith("resume it where it is now, with --name and --checkpoints")


def test_an_error_of_a_file_ends_as_that_of_the_move_that_caused_it(run: RunFolder) -> None:
    moved, before = run.path.parent / "moved", descriptors()
    for error in (FileNotFoundError("config.json"), RunError("config.json is missing")):
        with pytest.raises(RunError, match="was moved to"):
            hold_and_fail(run, error, moved)
        moved.rename(run.path)
    assert descriptors() == before


@pytest.mark.parametrize(
    "error", [TrainingError("the loss is not finite"), ValueError("no error of a file"), KeyboardInterrupt()]
)
def test_an_error_that_has_another_cause_stays(run: RunFolder, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        hold_and_fail(run, error, run.path.parent / "moved")
    assert caught.value is error


def test_an_error_of_a_file_of_a_run_that_stayed_is_that_error(run: RunFolder) -> None:
    error = OSError("No space left on device")
    with pytest.raises(OSError, match="No space left") as caught:
        hold_and_fail(run, error)
    assert caught.value is error and not run.is_locked()


def test_a_run_that_cannot_be_locked_is_not_held(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.runs.run_lock._WAIT_SECONDS", 0)
    with HeldRun(run):
        before = descriptors()
        with pytest.raises(RunError, match="is being trained by another process"):
            HeldRun(run)
        assert descriptors() == before
    shutil.rmtree(run.path)
    with pytest.raises(RunError, match="is gone: it was moved, renamed or deleted"):
        HeldRun(run)


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_run_that_is_moved_while_it_is_locked_is_not_taken_for_the_one_there(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, is_replaced: bool
) -> None:
    moved, lock = run.path.parent / "moved", RunFolder.lock

    def lock_and_move(folder: RunFolder) -> object:
        held = lock(folder)
        run.path.rename(moved)
        if is_replaced:
            run.path.mkdir()
            run.lock_file.touch()
        return held

    monkeypatch.setattr(RunFolder, "lock", lock_and_move)
    with HeldRun(run) as held, pytest.raises(RunError, match="was moved to"):
        held.check()
