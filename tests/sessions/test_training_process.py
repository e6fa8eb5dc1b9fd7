from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

import pytest
from fake_training import FakeProcess

from rnntui.errors import RnntuiError
from rnntui.sessions import training_log
from rnntui.sessions import training_process as process_module
from rnntui.sessions.training_log import LOG_VARIABLE, create_log, trim_log
from rnntui.sessions.training_process import NICENESS, TrainingProcess, launch_training


def ended_process(tmp_path: Path, code: int, output_text: str) -> TrainingProcess:
    output = tmp_path / "output"
    output.write_text(output_text)
    fake = FakeProcess(1)
    fake.code = code
    return TrainingProcess("starting", "x", output, cast(Any, fake))


@pytest.mark.parametrize(
    ("code", "output", "problem"),
    [(0, "done", ""), (130, "rnntui: interrupted", ""), (2, "note\nrnntui: no such file\n", "no such file"),
     (1, "Segmentation", "ended with exit code 1"), (-11, "", "killed by signal 11")],
)  # fmt: skip
def test_the_problem_of_a_process_that_has_ended(tmp_path: Path, code: int, output: str, problem: str) -> None:
    process = ended_process(tmp_path, code, output)
    message = process.problem()
    assert problem in message and bool(message) == bool(problem)
    # The output is kept if the message does not repeat it.
    assert process.output.exists() == (str(process.output) in message)


def test_a_missing_output_file(tmp_path: Path) -> None:
    process = ended_process(tmp_path, 1, "")
    process.output.unlink()
    assert "exit code 1" in process.problem()


@pytest.mark.parametrize("missing", ["python", "folder"])
def test_a_process_that_cannot_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone" if missing == "folder" else tmp_path))
    monkeypatch.setattr(process_module.sys, "executable", "/nowhere/python")
    with pytest.raises(RnntuiError, match="output" if missing == "folder" else "cannot start"):
        launch_training(["train"], "starting", "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_training_and_its_threads_give_way_to_the_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    training = launch_training(["sample", "shakespeare", "--length", "1000000"], "starting", "x")
    try:
        wanted = min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
        assert os.getpriority(os.PRIO_PROCESS, training.pid) == wanted
        groups = [Path(f"/proc/{which}/autogroup") for which in ("self", training.pid)]
        # Of a process in the root group, as the first of a container may be, the file is there and empty.
        words = [path.read_text().split() if path.exists() else [] for path in groups]
        if all(words):
            own, trained = (int(parts[-1]) for parts in words)
            assert trained == min(19, own + NICENESS)
    finally:
        training.process.kill()
        training.problem()


def test_a_log_keeps_its_newest_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    monkeypatch.setattr(training_log, "MAX_BYTES", 2000)
    monkeypatch.setattr(training_log, "_KEPT_BYTES", 500)
    with path.open("a") as stream:
        for number in range(1000):
            print(f"step {number}", file=stream, flush=True)
            trim_log(stream)
        assert path.stat().st_size > 2000, "a user's own file is not trimmed"
        monkeypatch.setenv(LOG_VARIABLE, str(path))
        for number in range(1000, 1300):
            print(f"step {number}", file=stream, flush=True)
            trim_log(stream)
            assert path.stat().st_size <= 2000
    lines = path.read_text().splitlines()
    assert lines == [f"step {number}" for number in range(1300 - len(lines), 1300)]
    assert 40 < len(lines) < 200
    with (tmp_path / "other").open("a") as stream:  # of a process that the training started
        print("x" * 3000, file=stream, flush=True)
        trim_log(stream)
    assert (tmp_path / "other").stat().st_size == 3001


def test_of_many_logs_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    logs = []
    for number in range(30):
        logs.append(create_log())
        os.utime(logs[-1], (number, number))
    newest = create_log()
    assert {*tmp_path.iterdir()} == {newest, *logs[-19:]}
