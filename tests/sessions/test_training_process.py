from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, cast

import pytest
from fake_training import FakeProcess

from rnntui.errors import RnntuiError
from rnntui.sessions import training_process as process_module
from rnntui.sessions.training_process import TrainingProcess, launch_training


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
