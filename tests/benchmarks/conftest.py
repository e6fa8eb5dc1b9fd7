"""Benchmarks are scripts: they import one another from their own folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the benchmarks importable."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "benchmarks"))


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Runs the commands of training runs in this process, as tiny models, and collects them."""
    import training_runs

    from rnntui.cli.main import run

    collected: list[list[str]] = []
    small = ["--hidden", "8", "--eval-tokens", "256", "--evaluations", "2", "--sample-length", "0"]

    def call(command: list[str]) -> int:
        assert command[:3] == [sys.executable, "-m", "rnntui"]
        collected.append(command[3:])
        return run([*command[3:], *small])

    monkeypatch.setattr(training_runs, "run_command", call)
    return collected
