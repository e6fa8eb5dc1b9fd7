"""`status.json` and the lock of a run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rnntui.errors import RunError
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_status import RunStatus


@pytest.fixture
def trainer(run: RunFolder) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the run's lock until it is killed."""
    code = (
        "import sys; from pathlib import Path; from rnntui.runs.folder import RunFolder\n"
        "lock = RunFolder(Path(sys.argv[1])).lock()\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


@pytest.mark.parametrize("state", ["done", "stopped", "failed"])
def test_a_status_round_trips_with_its_time_and_process(state: Any, run: RunFolder) -> None:
    status = RunStatus(state, step=3, steps=10, tokens=99, seconds=1.5, validation_loss=2.5, message="日本\n")
    run.write_status(status)
    read = run.read_status()
    assert replace(read, updated=0.0, process=0) == status
    assert read.process == os.getpid()
    assert read.updated > 0


def test_whole_numbers_may_stand_for_others() -> None:
    status = RunStatus.from_json({"state": "done", "seconds": 3, "validation_loss": 1, "steps": None})
    assert (status.seconds, status.validation_loss, status.steps) == (3, 1, None)
    with pytest.raises(TypeError, match="steps is"):
        RunStatus.from_json({"state": "done", "steps": 1.5})


def test_a_number_that_json_lacks_is_not_written(run: RunFolder) -> None:
    with pytest.raises(ValueError, match="JSON"):
        run.write_status(RunStatus("done", validation_loss=float("nan")))
    assert not run.status_file.exists()


def test_a_run_without_a_status_is_stopped(run: RunFolder) -> None:
    assert run.read_status() == RunStatus("stopped")
    assert not run.is_locked()


def test_a_running_status_without_a_lock_is_read_as_stopped(run: RunFolder) -> None:
    run.write_status(RunStatus("running", step=7, validation_loss=2.5))
    read = run.read_status()
    assert (read.state, read.step, read.validation_loss) == ("stopped", 7, 2.5)
    lock = run.lock()
    assert run.read_status().state == "running"
    lock.release()
    assert run.read_status().state == "stopped"


def test_a_run_cannot_be_locked_until_the_process_that_trains_it_is_killed(
    run: RunFolder, trainer: subprocess.Popen[str]
) -> None:
    run.write_status(RunStatus("running", step=7))
    assert run.is_locked()
    assert run.read_status().state == "running"
    with pytest.raises(RunError, match="run tiny is being trained by another process"):
        run.lock()
    trainer.kill()
    trainer.wait()
    assert not run.is_locked()
    assert run.read_status().state == "stopped"
    lock = run.lock()
    assert run.is_locked()
    lock.release()
    assert not run.is_locked()


@pytest.mark.skipif(os.name != "posix", reason="without flock, a run that cannot be written to counts as locked")
def test_a_lock_that_can_only_be_read_is_probed_all_the_same(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError("read-only")

    lock = run.lock()
    with monkeypatch.context() as patch:
        patch.setattr("filelock.FileLock.acquire", refuse)
        assert run.is_locked()
        lock.release()
        assert not run.is_locked()


def test_is_locked_does_not_release_the_lock(run: RunFolder) -> None:
    lock = run.lock()
    assert [run.is_locked() for _ in range(3)] == [True] * 3
    lock.release()


def test_is_locked_does_not_wait(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = run.lock()
    with monkeypatch.context() as patch:
        patch.setattr("time.sleep", lambda seconds: pytest.fail("it waits for the lock"))
        assert run.is_locked()
    lock.release()


def test_locking_an_unwritable_run_names_its_folder(run: RunFolder) -> None:
    run.lock_file.mkdir()
    with pytest.raises(RunError, match="cannot write to") as caught:
        run.lock()
    assert str(run.path) in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"7",
        b"null",
        b'"done"',
        b'{"state": "done"',
        b'{"state": "done", "bogus": 1}',
        b'{"step": 3}',
        b"\xff\xfe\xff",
        b'{"state": 5}',
        b'{"state": "flying"}',
        b'{"state": null}',
        b'{"state": "done", "step": "three"}',
        b'{"state": "done", "tokens": null}',
        b'{"state": "done", "validation_loss": [2.5]}',
        b'{"state": "done", "updated": "now"}',
        b'{"state": "done", "message": 7}',
        b'{"state": "done", "results": [1.5]}',
        b'{"state": "done", "results": {"bleu": 1}}',
        b'{"state": "done", "step": -1}',
        b'{"state": "done", "step": 1000000000000000000000}',
        b'{"state": "done", "validation_loss": -1e18}',
        b'{"state": "done", "validation_loss": 1e18}',
        b'{"state": "done", "seconds": true}',
        pytest.param(b"[" * 100_000, id="nested too deep"),
    ],
)
def test_an_invalid_status_is_refused_naming_the_file(content: bytes, run: RunFolder) -> None:
    run.status_file.write_bytes(content)
    with pytest.raises(RunError) as caught:
        run.read_status()
    assert str(run.status_file) in str(caught.value)


def test_a_run_that_ends_while_its_status_is_read_is_not_taken_for_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path)
    run.write_status(RunStatus("running", step=5))

    def ends_now(self: RunFolder) -> bool:
        self.write_status(RunStatus("done", step=9))
        return False

    monkeypatch.setattr(RunFolder, "is_locked", ends_now)
    assert run.read_status().state == "done"
