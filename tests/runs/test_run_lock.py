"""The lock of a new run: held from its staging folder on, handed over to its training, released where none follows."""

from __future__ import annotations

from contextvars import Context
from pathlib import Path

import pytest
from run_examples import Failure, fail
from tiny_runs import make_run

from rnntui.errors import RunError
from rnntui.runs import run_lock
from rnntui.runs.creation import publish_run, staging_folder
from rnntui.runs.folder import RunFolder
from rnntui.runs.management import delete_run, move_run, rename_run
from rnntui.runs.run_lock import new_runs_locked


def fill(staged: Path) -> None:
    """Put the files of a run into a folder."""
    run = make_run(staged / "made", "run")
    for path in run.path.iterdir():
        path.rename(staged / path.name)
    run.path.rmdir()
    run.path.parent.rmdir()


def create(runs: Path, name: str = "new") -> RunFolder:
    """Create a run as the training commands do."""
    with staging_folder(runs) as staged:
        fill(staged)
        assert RunFolder(staged).is_locked()
        return RunFolder(publish_run(staged, runs, name, name))


def is_refused(run: RunFolder) -> bool:
    """Return True if nobody else can rename or delete a run, as others see it."""
    for change in (lambda: rename_run(run, f"other {run.name}"), lambda: delete_run(run, run.path.parent)):
        try:
            Context().run(change)
        except RunError as error:
            if "is in training and cannot be" in error.problem:
                continue
        return False
    return True


def test_a_new_run_is_locked_until_its_training_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_lock, "_WAIT_SECONDS", 0)  # the lock of a training does not end within seconds
    with new_runs_locked():
        run = create(tmp_path)
        assert is_refused(run)
        with pytest.raises(RunError, match="run new is being trained by another process"):
            Context().run(run.lock)
        lock = run.lock()
        assert is_refused(run)
        lock.release()
        assert not run.is_locked()
        run.lock().release()  # as any other run


def test_a_new_run_that_nothing_trains_is_released(tmp_path: Path) -> None:
    def create_and_fail() -> None:
        with new_runs_locked():
            create(tmp_path)
            fail()

    with pytest.raises(Failure):
        create_and_fail()
    assert not RunFolder(tmp_path / "new").is_locked()
    assert not create(tmp_path, "other").is_locked(), "nobody has asked for it"


def test_each_of_several_new_runs_has_a_lock_of_its_own(tmp_path: Path) -> None:
    with new_runs_locked():
        first, second = create(tmp_path, "first"), create(tmp_path, "second")
        first.lock().release()
        assert not is_refused(first) and is_refused(second)
        with new_runs_locked():
            third = create(tmp_path, "third")
            assert is_refused(third)
        assert not third.is_locked() and is_refused(second)


def test_a_block_inside_of_another_has_its_locks(tmp_path: Path) -> None:
    with new_runs_locked():
        trained, moved = create(tmp_path, "trained"), create(tmp_path, "moved")
        with new_runs_locked():
            assert move_run(moved, tmp_path / "elsewhere").path.is_dir()
            trained.lock().release()
        assert not trained.is_locked()


def test_who_has_created_a_run_can_move_it(tmp_path: Path) -> None:
    with new_runs_locked():
        moved = move_run(create(tmp_path), tmp_path / ".template")
        assert moved.path.name == ".template" and not moved.is_locked()


def test_where_a_lock_does_not_go_with_its_folder_it_is_taken_after_the_renaming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where an open file keeps its folder from being renamed."""
    monkeypatch.setattr("rnntui.runs.creation.goes_with_folder", lambda lock: False)
    with new_runs_locked():
        with staging_folder(tmp_path) as staged:
            fill(staged)
            assert not RunFolder(staged).is_locked()
            run = RunFolder(publish_run(staged, tmp_path, "new", "new"))
        assert is_refused(run)
        run.lock().release()
    assert not run.is_locked()


def test_the_lock_of_a_run_that_is_gone_makes_no_folder(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    rename_run(run, "b")
    with pytest.raises(RunError, match=r"/a is gone: it was moved, renamed or deleted; see rnntui runs"):
        run.lock()
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert not run_lock.is_locked(run.path)
