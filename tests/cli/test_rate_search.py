"""`--find-learning-rate` and `--use-found-rate` of the commands that train."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import QUICK

from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_file import load_weights

TEXT = "the quick brown fox jumps over the lazy dog\n" * 60
FAST = [*QUICK, "--ngram-prior", "0", "--steps", "2", "--sample-length", "0", "--threads", "1"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "fox.txt"
    path.write_text(TEXT)
    return path


def test_a_rate_is_found_without_a_run(rnntui, corpus: Path) -> None:
    result = rnntui("train", corpus, *FAST, "--find-learning-rate", "--rate-curve", "curve.json")
    assert result.code == 0, result.err
    assert "Learning rate range test on fox" in result.out and "Suggested: " in result.out
    curve = json.loads(Path("curve.json").read_text())
    assert f"no run was created; train with --learning-rate {curve['suggestion']:g}" in result.err
    assert 1e-4 < curve["suggestion"] <= 0.2 and len(curve["learning_rates"]) == len(curve["losses"]) > 50
    assert curve["learning_rates"][0] == 1e-5 and min(curve["smoothed_losses"]) < curve["first_loss"] - 0.5
    assert not Path("checkpoints").exists()


def test_the_found_rate_trains_the_run_that_it_would_train_alone(
    rnntui, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnntui.training.learning_rate_finder.STEPS", 30)
    found = rnntui("train", corpus, *FAST, "--use-found-rate", "--name", "found")
    run = RunFolder(Path("checkpoints/found"))
    rate = run.read_config().training.learning_rate
    assert found.code == 0 and f"training with --learning-rate {rate:g}" in found.err
    assert rnntui("train", corpus, *FAST, "--learning-rate", f"{rate:g}", "--name", "given").code == 0
    weights, given = load_weights(run.weights_file), load_weights(Path("checkpoints/given/model.safetensors"))
    assert all(np.array_equal(weights[name], given[name]) for name in given)
    again = rnntui("train", corpus, "--from", "found", "--steps", "2", "--find-learning-rate", "--bptt", "16")
    assert again.code == 0 and {path.name for path in Path("checkpoints").iterdir() if path.name[0] != "."} == {
        "found", "given"
    }, again.err  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--rate-curve", "a.svg"], "--rate-curve needs --find-learning-rate"),
        (["--find-learning-rate", "--rate-curve", "a.txt"], "ends in .json, .svg, .png"),
        (["--find-learning-rate", "--rate-curve", "fox.txt"], "name a file"),
        (["--use-found-rate", "--learning-rate", "0.1"], "choose one"),
        (["--use-found-rate", "--resume"], "not for one that is resumed"),
    ],
)
def test_flags_that_exclude_each_other_give_one_line(rnntui, corpus: Path, flags: list[str], says: str) -> None:
    result = rnntui("train", corpus, *flags)
    assert result.code == 2 and says in result.err and result.err.count("\n") == 1


@pytest.mark.parametrize("command", ["train-seq2seq", "train-classifier"])
def test_other_kinds_find_their_rate(rnntui, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.training.learning_rate_finder.STEPS", 8)
    rows = [
        f"{word}\t{'b' if word[0] in 'aei' else 'c'}"
        for word in (f"{x}{y}{z}" for x in "aeiou" for y in "bcdf" for z in "xyz")
    ]
    Path("rows.tsv").write_text("\n".join(rows) + "\n")
    sizes = ["--hidden", "8", "--embedding", "8", "--threads", "1", "--tokenizer", "char", "--batch-size", "8"]
    result = rnntui(command, "rows.tsv", "--find-learning-rate", *sizes)
    assert result.code == 0 and "Learning rate range test on rows" in result.out, result.err
    assert not Path("checkpoints").exists()
