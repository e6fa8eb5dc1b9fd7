"""Same seed, same numbers: a short form of benchmarks/determinism.py."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import chain, combinations
from pathlib import Path

import pytest
from forks import Forks

from rnntui.kinds.registry import KINDS

ROOT = Path(__file__).resolve().parents[2]
USE = """
import sys
from itertools import groupby
from rnntui.cli.main import run
for is_end, arguments in groupby(sys.argv[1:], "next".__eq__):
    assert is_end or run([*arguments]) == 0
"""
COMMANDS = [
    ["sample", "--run", "shakespeare", "--prompt", "İstanbul: ", "-n", "40", "--seed", "3"],
    ["translate", "--run", "en-es", "--json", "Good morning.", "I have two brothers."],
    ["classify", "--run", "authors", "--json", "--explain", "To be, or not to be."],
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_of_a_kind_is_tried_with_every_other(kind: str) -> None:
    import determinism

    tried = {name for name, _ in determinism.changes(kind)}
    assert tried | determinism.NOT_TRIED >= set(determinism.settings_of_kind(kind))
    rows = determinism.pairwise(kind)
    for first, second in combinations({name for row in rows for name in row} - {"vocab_size", "tokenizer"}, 2):
        assert {(first in row, second in row) for row in rows} >= {(True, True), (True, False), (False, True)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_gives_the_same_numbers_again(kind: str, tmp_path: Path, forks: Forks, monkeypatch) -> None:
    import determinism

    def run_in_fork(arguments: list[str], log: Path) -> None:
        forks.start(f"sys.stderr = open({str(log)!r}, 'w', buffering=1); run({arguments!r})")
        assert list(forks.output()) == []

    monkeypatch.setattr(determinism, "_run_in_fork", run_in_fork)
    for changed in determinism.pairwise(kind)[1:3]:
        assert determinism.compare(kind, changed, tmp_path)["differences"] == []
    one, other = (determinism.train(kind, tmp_path, determinism.flags_of(kind, {"seed": seed})) for seed in "12")
    assert one.differences(other), "a comparison that finds no difference says nothing"


def test_outputs_depend_on_nothing_around_the_process(tmp_path: Path) -> None:
    def output(code: str, folder: Path, environment: dict[str, str]) -> bytes:
        base = {"PYTHONPATH": str(ROOT), "RNNTUI_CHECKPOINTS": os.devnull, "PYTHONHASHSEED": "1"}
        command = [sys.executable, "-c", code, *chain.from_iterable([*arguments, "next"] for arguments in COMMANDS)]
        return subprocess.run(
            command, cwd=folder, env={**os.environ, **base, **environment}, stdin=subprocess.DEVNULL,
            capture_output=True, check=True, timeout=100,
        ).stdout  # fmt: skip

    others = {"PYTHONHASHSEED": "2", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "Asia/Tokyo"}
    others |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "3")
    without_torch = f"import sys; sys.modules['torch'] = None\n{USE}"
    assert output(USE, ROOT, {}) == output(without_torch, tmp_path, others) != b""
