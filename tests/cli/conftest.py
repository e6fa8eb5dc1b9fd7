"""Running commands as a user does: in this process for speed, in a fresh one where that is the point."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import QUICK

from rnntui.cli.main import run

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Result:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


Rnntui = Callable[..., Result]


@pytest.fixture
def rnntui(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Rnntui:
    """Runs a command line in this process, in an empty folder, with the given standard input."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RNNTUI_CHECKPOINTS", raising=False)

    def call(*arguments: str | Path, stdin: bytes = b"") -> Result:
        source = tmp_path / ".stdin"
        source.write_bytes(stdin)
        with source.open("r", encoding="utf-8") as file:
            monkeypatch.setattr(sys, "stdin", file)
            code = run([str(argument) for argument in arguments])
        source.unlink()
        out, err = capfdbinary.readouterr()
        return Result(code, out.decode(), err.decode())

    return call


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoints folder with one run, `words`, trained briefly on lower-case words."""
    folder = tmp_path_factory.mktemp("trained")
    rng = np.random.default_rng(0)
    words = [["alpha ", "beta ", "gamma ", "delta\n"][i] for i in rng.integers(0, 4, 3000)]
    (folder / "words.txt").write_text("".join(words))
    arguments = ["train", str(folder / "words.txt"), "--checkpoints", str(folder / "checkpoints"), *QUICK]
    # Without n-gram prior: counts alone would write these words.
    flags = ["--steps", "300", "--learning-rate", "0.01", "--patience", "0", "--ngram-prior", "0"]
    assert run([*arguments, *flags]) == 0
    return folder / "checkpoints"


@pytest.fixture
def shell(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Runs a bash line in a fresh process, with `rnntui` on the path, in an empty folder."""
    bin_folder = tmp_path / ".bin"
    bin_folder.mkdir()
    script = bin_folder / "rnntui"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rnntui "$@"\n')
    script.chmod(0o755)
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    for variable in ("RNNTUI_CHECKPOINTS", "PYTHONUNBUFFERED"):  # unbuffered, there is nothing left to write at the end
        environment.pop(variable, None)

    def call(line: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["bash", "-c", line], env=environment, cwd=tmp_path, capture_output=True, timeout=100, check=False
        )

    return call
