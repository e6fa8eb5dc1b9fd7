"""`stop_run` signals the process that trains the run, and no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_runs import make_run

from rnntui.errors import RunError
from rnntui.runs import stopping
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_status import RunStatus
from rnntui.runs.stopping import stop_run


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr(stopping.os, "kill", lambda process, number: signals.append((process, number)))
    return signals


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = make_run(tmp_path, "run")
    run.write_status(RunStatus("running"))  # by this process
    return run


def test_signals_the_process_that_has_the_lock(run: RunFolder, sent: list[tuple[int, int]]) -> None:
    with run.lock():
        assert stop_run(run) == os.getpid()
    assert sent == [(os.getpid(), signal.SIGTERM)]


def test_refuses_a_run_that_is_not_trained(run: RunFolder, sent: list[tuple[int, int]]) -> None:
    with pytest.raises(RunError, match="not being trained"):
        stop_run(run)
    assert not sent


def test_does_not_signal_another_process_that_reuses_the_pid(run: RunFolder, sent: list[tuple[int, int]]) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        run.write_stamped_status(replace(run.read_status(), state="running", process=other.pid))
        with run.lock(), pytest.raises(RunError, match="just starting"):
            stop_run(run)
        other.communicate(b"\n")
    assert not sent


@pytest.mark.parametrize("pid", [-1, 0, 1, 2**30])
def test_does_not_signal_an_invalid_pid(run: RunFolder, sent: list[tuple[int, int]], pid: int) -> None:
    run.write_stamped_status(replace(run.read_status(), state="running", process=pid))
    with run.lock(), pytest.raises(RunError, match="just starting"):
        stop_run(run)
    assert not sent


def test_does_not_signal_while_the_status_is_done(run: RunFolder, sent: list[tuple[int, int]]) -> None:
    run.write_status(RunStatus("done"))
    with run.lock(), pytest.raises(RunError, match="just starting"):
        stop_run(run)
    assert not sent


@pytest.mark.parametrize(("error", "message"), [(ProcessLookupError, "just ended"), (PermissionError, "another user")])
def test_reports_errors_of_the_system(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, error: type[OSError], message: str
) -> None:
    def refuse(process: int, number: int) -> None:
        raise error

    monkeypatch.setattr(stopping.os, "kill", refuse)
    with run.lock(), pytest.raises(RunError, match=message):
        stop_run(run)


def test_refuses_where_a_signal_would_not_save(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "_SIGNAL_SAVES", False)
    with run.lock(), pytest.raises(RunError, match="Ctrl-C"):
        stop_run(run)


@pytest.mark.parametrize(
    ("command_line", "is_ours"),
    [("python -m rnntui train a.txt", True), ("/usr/bin/rnntui train --resume", True), ("vim train", False),
     ("rnntui sample", False), ("", False)],
)  # fmt: skip
def test_without_proc_the_command_line_is_checked(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command_line: str, is_ours: bool
) -> None:
    monkeypatch.setattr(stopping, "_PROCESSES", tmp_path / "no-proc")
    commands: list[list[str]] = []

    def ps(command: list[str], timeout: float, **_: object) -> subprocess.CompletedProcess[str]:
        assert 1 <= timeout <= 10, "seconds, of a system that hardly answers"
        commands.append(command)
        return subprocess.CompletedProcess[str]([], 0, command_line, "")

    monkeypatch.setattr(stopping.subprocess, "run", ps)
    assert stopping._is_training(os.getpid(), run.lock_file) is is_ours
    assert commands == [["ps", "-o", "command=", "-p", str(os.getpid())]]


@pytest.mark.skipif(os.name != "posix", reason="runs a script in place of ps")
@pytest.mark.parametrize(("code", "is_ours"), [("echo rnntui train a.txt", True), ("exit 1", False)])
def test_without_proc_it_is_what_ps_says_of_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str], code: str, is_ours: bool
) -> None:
    (tmp_path / "ps").write_text(f"#!/bin/sh\n{code}\n")
    (tmp_path / "ps").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(stopping, "_PROCESSES", tmp_path / "no-proc")
    assert stopping._is_training(os.getpid(), tmp_path) is is_ours
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(os.name != "posix", reason="links in place of /proc")
@pytest.mark.parametrize("has_it_open", [True, False])
def test_files_that_a_process_closes_meanwhile_are_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, has_it_open: bool
) -> None:
    (tmp_path / "self" / "fd").mkdir(parents=True)
    handles = tmp_path / "7" / "fd"
    handles.mkdir(parents=True)
    for handle in range(9):
        (handles / str(handle)).symlink_to(tmp_path / "closed")
    (tmp_path / "lock").touch()
    if has_it_open:
        (handles / "9").symlink_to(tmp_path / "lock")
    monkeypatch.setattr(stopping, "_PROCESSES", tmp_path)
    assert stopping._is_training(7, tmp_path / "lock") is has_it_open
    assert not stopping._is_training(8, tmp_path / "lock"), "it has ended"


def test_any_process_but_the_first_may_train(
    run: RunFolder, sent: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "_is_training", lambda *_: True)
    run.write_stamped_status(RunStatus("running", process=2))
    with run.lock():
        assert stop_run(run) == 2 and sent == [(2, signal.SIGTERM)]
        run.write_stamped_status(RunStatus("running", process=1))
        with pytest.raises(RunError, match="just starting"):
            stop_run(run)


@pytest.mark.parametrize("error", [FileNotFoundError("ps"), subprocess.TimeoutExpired("ps", 5)])
def test_without_proc_and_ps_no_process_is_verified(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    def absent(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(stopping, "_PROCESSES", tmp_path / "no-proc")
    monkeypatch.setattr(stopping.subprocess, "run", absent)
    assert not stopping._is_training(os.getpid(), tmp_path)
