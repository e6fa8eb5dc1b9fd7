"""Harmful environment variables: neutralized before the numerical libraries load, with a line on stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rnntui.cli.environment import prepare_for_torch, use_one_blas_thread
from rnntui.cli.main import run

ROOT = Path(__file__).resolve().parents[2]

ALWAYS_SET = {
    "GOMP_SPINCOUNT": "10000",
    "LRU_CACHE_CAPACITY": "256",
    "MKL_CBWR": "AUTO,STRICT",
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "256",
    "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
}
QUICK = [
    "--hidden",
    "64",
    "--batch-size",
    "16",
    "--bptt",
    "16",
    "--eval-tokens",
    "512",
    "--sample-length",
    "0",
    "--evaluations",
    "1",
]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of this process without variables of the numerical libraries; it is restored afterwards."""
    for name in list(os.environ):
        if name.startswith(("OMP_", "GOMP_", "MKL_", "OPENBLAS_", "VECLIB_")):
            monkeypatch.delenv(name)
    values = dict(os.environ)
    monkeypatch.setattr(os, "environ", values)
    return values


@pytest.mark.parametrize(
    ("variables", "left", "words"),
    [
        ("OMP_DYNAMIC=true", "", "wrong numbers"),
        ("OMP_DYNAMIC=false", "OMP_DYNAMIC=false", ""),
        ("OMP_THREAD_LIMIT=1", "OMP_NUM_THREADS=1", "wrong numbers"),
        ("OMP_THREAD_LIMIT=4 OMP_NUM_THREADS=2,1", "OMP_NUM_THREADS=2", "wrong numbers"),
        ("OMP_THREAD_LIMIT=4 OMP_NUM_THREADS=8", "OMP_NUM_THREADS=4", "wrong numbers"),
        ("OMP_THREAD_LIMIT=0", "", "wrong numbers"),
        ("OMP_MAX_ACTIVE_LEVELS=0", "", "wrong numbers"),
        ("OMP_MAX_ACTIVE_LEVELS=2", "OMP_MAX_ACTIVE_LEVELS=2", ""),
        ("OMP_NUM_THREADS=0", "", "not a number of threads"),
        ("OMP_NUM_THREADS=", "", "not a number of threads"),
        ("MKL_NUM_THREADS=many", "", "not a number of threads"),
        ("OMP_NUM_THREADS=4,2", "OMP_NUM_THREADS=4,2", ""),
        ("OMP_PLACES={0}", "", "pins threads to processors"),
        ("GOMP_CPU_AFFINITY=0", "", "pins threads to processors"),
        ("OMP_STACKSIZE=16k", "", "torch crashes"),
        ("OMP_STACKSIZE=64", "", "torch crashes"),
        ("OMP_STACKSIZE=512M", "OMP_STACKSIZE=512M", ""),
        ("GOMP_SPINCOUNT=5", "GOMP_SPINCOUNT=5", ""),
    ],
)
def test_harmful_variables_are_removed_with_a_note_and_others_stay(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str], variables: str, left: str, words: str
) -> None:
    before = dict(environment)
    environment.update(pair.split("=") for pair in variables.split())
    prepare_for_torch()
    expected = {**before, **ALWAYS_SET, **dict(pair.split("=") for pair in left.split())}
    assert environment == expected
    notes = capsys.readouterr().err.splitlines()
    assert len(notes) == bool(words)
    if words:
        assert notes[0].startswith(f"rnntui: ignoring the environment variable {variables.split(maxsplit=1)[0]}: ")
        assert words in notes[0]


def test_a_number_of_blas_threads_is_kept_if_it_is_one(environment: dict[str, str]) -> None:
    environment.update({"OPENBLAS_NUM_THREADS": "0", "MKL_NUM_THREADS": "x", "VECLIB_MAXIMUM_THREADS": "3"})
    use_one_blas_thread()
    names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    assert [environment[name] for name in names] == ["1", "1", "3"]


def run_with(variables: dict[str, str], *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in a fresh process."""
    return subprocess.run(
        [sys.executable, "-m", "rnntui", *arguments], input=stdin, capture_output=True, text=True, check=False,
        timeout=100, env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
    )  # fmt: skip


def losses_of(checkpoints: Path) -> list[float]:
    """Return the training losses of the run on `words.txt`."""
    rows = (checkpoints / "words" / "metrics.jsonl").read_text().splitlines()
    return [row["train_loss"] for row in map(json.loads, rows) if "train_loss" in row]


def test_a_training_is_the_same_under_variables_that_make_torch_wrong(tmp_path: Path) -> None:
    """All of them at once: any one of them that got through to torch would make the losses different."""
    corpus = tmp_path / "words.txt"
    corpus.write_text("alpha beta gamma delta\n" * 500)
    arguments = ["train", str(corpus), "--steps", "3", "--threads", "2", "--precision", "fp32", *QUICK]
    arguments += ["--evaluations", "3", "--checkpoints"]
    threads = torch.get_num_threads()
    assert run([*arguments, str(tmp_path / "undisturbed")]) == 0
    torch.set_num_threads(threads)
    variables = {"OMP_DYNAMIC": "true", "OMP_THREAD_LIMIT": "1", "OMP_MAX_ACTIVE_LEVELS": "0"}
    result = run_with(variables, *arguments, str(tmp_path / "disturbed"))
    assert result.returncode == 0, result.stderr
    losses = losses_of(tmp_path / "disturbed")
    assert len(losses) == 3 and losses == losses_of(tmp_path / "undisturbed")
    for name, value in variables.items():
        note = f"rnntui: ignoring the environment variable {name}={value}: with it, torch can compute wrong numbers\n"
        assert note in result.stderr


@pytest.mark.parametrize("value", ["0", "99", "-1", "garbage", ""])
def test_sampling_and_scoring_bear_any_number_of_threads(value: str) -> None:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_THREAD_LIMIT")
    variables = {**dict.fromkeys(names, value), "RNNTUI_CHECKPOINTS": os.devnull}
    for command, stdin in ((["sample", "-n", "3", "--seed", "1"], "A"), (["score"], "To be\n")):
        result = run_with(variables, *command, stdin=stdin)
        assert result.returncode == 0 and result.stdout and not result.stderr
