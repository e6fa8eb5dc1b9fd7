"""Local steps: the average of what the processes do on their own, its messages, resuming, and refusals."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from labelled_runs import make_labelled_run, opinions
from pair_runs import copy_rows, make_pair_run
from process_pairs import Pair
from test_resume import StopAfter, ignore, never
from tiny_runs import word_text

import rnntui
from rnntui.cli.main import run
from rnntui.errors import UsageError
from rnntui.models.weight_arrays import weights_of
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.weights_file import load_arrays
from rnntui.training.gradient_step import GradientStep
from rnntui.training.outer_step import OuterStep
from rnntui.training.plan import StepPlan, learning_rate
from rnntui.training.process_group import ProcessGroup
from rnntui.training.train_run import open_task, train_run
from rnntui.training.training_state import make_optimizer

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks")

PLAIN: dict[str, Any] = {"ngram_prior": 0, "precision": "fp32", "threads": 1}


def weights_of_part(made: RunFolder, rank: int, steps: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the weights before and after steps that the process of a rank takes on its own."""
    config = made.read_config()
    task = open_task(made, config, ProcessGroup(rank, 2))
    optimizer = make_optimizer(task, config.training)
    step = GradientStep(task, optimizer, 1.0, outer_step=OuterStep(task.model, optimizer, ProcessGroup()))
    task.model.train()
    before = {name: array.copy() for name, array in weights_of(task.model).items()}
    for index in range(steps):
        step.run(learning_rate(index, StepPlan(steps), config.training))
    return before, weights_of(task.model)


def test_a_round_ends_beyond_the_average_of_the_weights_that_the_processes_have_come_to(make_run, pair: Pair) -> None:
    made = make_run(steps=5, local_steps=5, state_reset_prob=0.0, dropout=0.0, **PLAIN)
    parts = [weights_of_part(made, rank, 5) for rank in range(2)]
    pair.start([(made, 0)])
    train_run(made, ignore, never, group=ProcessGroup(0, 2))
    assert list(pair.forks.output()) == ["True"]
    arrays = load_arrays(made.resume_file)[0]
    for name, before in parts[0][0].items():
        ends = [after[name] for _, after in parts]
        assert abs(ends[0] - ends[1]).max() > 1e-3, name  # they have seen other streams
        change = (ends[0] + ends[1]) / 2 - before
        # Nesterov momentum, of which the first step is 0.7 × (1 + 0.9) times the change.
        assert arrays[f"model.{name}"] == pytest.approx(before + 1.33 * change, abs=1e-6), name
        assert arrays[f"outer.{name}"] == pytest.approx(-change, abs=1e-6), name
        kept = (6 / 15) ** 5  # of the weights before, in their average: so much for each of five steps
        average = kept * before + (1 - kept) * arrays[f"model.{name}"]
        assert arrays[f"average.{name}"] == pytest.approx(average, abs=1e-6), name
    losses = [row["train_loss"] for row in read_metrics(made.metrics_file) if "train_loss" in row]
    uniform_loss = math.log(made.read_config().vocab_size)
    assert losses and losses == pytest.approx(
        [uniform_loss] * len(losses), abs=0.3
    )  # that of a token, though the part is a half


def test_only_the_end_of_a_round_is_a_common_sum(
    make_run, tmp_path: Path, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = {"steps": 10, "local_steps": 4, "evaluations": 1, "precision": "fp32", "threads": 1}
    runs = [
        make_run(name="text", ngram_prior=3, **shape),
        make_pair_run(tmp_path, copy_rows(60), "pairs", **shape),
        make_labelled_run(tmp_path, opinions(60), "texts", **shape),
    ]
    sums: list[int] = []
    add_up = ProcessGroup.add_up

    def count_and_add_up(self: ProcessGroup, buffer: torch.Tensor) -> None:
        sums.append(buffer.numel())
        add_up(self, buffer)

    monkeypatch.setattr(ProcessGroup, "add_up", count_and_add_up)
    pair.start([(made, 0) for made in runs])
    for made in runs:
        sums.clear()
        train_run(made, ignore, never, group=ProcessGroup(0, 2))
        assert len(sums) == 3, made.name  # after steps 4, 8 and 10
        assert read_metrics(made.metrics_file)[-1]["step"] == 10
    assert list(pair.forks.output()) == ["True"] * len(runs)


def test_a_stop_waits_for_the_end_of_the_round_and_the_run_is_resumed_exactly(make_run, pair: Pair) -> None:
    shape = {"steps": 14, "local_steps": 4, "dropout": 0.2, "state_reset_prob": 0.2, "weight_average": 0.9, **PLAIN}
    straight, stopped = make_run(name="straight", **shape), make_run(name="stopped", **shape)
    pair.start([(straight, 0), (stopped, 0), (stopped, 0)])
    train_run(straight, ignore, never, group=ProcessGroup(0, 2))
    stop = StopAfter(5)
    finished = train_run(stopped, stop.report, stop, group=ProcessGroup(0, 2))
    assert (finished.reason, finished.step) == ("interrupted", 8)
    train_run(stopped, ignore, never, group=ProcessGroup(0, 2))
    assert list(pair.forks.output()) == ["True", "False", "True"]
    resumed, expected = load_arrays(stopped.resume_file)[0], load_arrays(straight.resume_file)[0]
    assert resumed.keys() == expected.keys()
    for name in expected:
        assert (resumed[name] == expected[name]).all(), name
    losses = [[row["validation_loss"] for row in read_metrics(made.metrics_file) if "validation_loss" in row]
              for made in (stopped, straight)]  # fmt: skip
    assert losses[0] == losses[1]


def test_a_stop_of_another_process_ends_the_round_and_one_process_resumes_the_run(make_run, pair: Pair) -> None:
    made = make_run(steps=14, local_steps=4, **PLAIN)
    pair.start([(made, 3)])
    finished = train_run(made, ignore, never, group=ProcessGroup(0, 2))
    assert finished.reason == "interrupted" and finished.step % 4 == 0
    assert list(pair.forks.output()) == ["False"]
    assert train_run(made, ignore, never).step == 14


def test_one_process_refuses_local_steps_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text(word_text())
    hints = {"train": "; start the processes by torchrun", "tune": ", which rnntui tune cannot use; leave it out"}
    for command, hint in hints.items():
        assert run([command, "words.txt", "--local-steps", "8"]) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert f"--local-steps 8 needs several processes{hint}" in line
    with pytest.raises(UsageError, match=r"--local-steps 8 needs several processes, which rnntui\.train cannot use"):
        rnntui.train("words.txt", local_steps=8)
    assert [path.name for path in tmp_path.iterdir()] == ["words.txt"]


def test_several_processes_are_refused_where_one_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text(word_text())
    place = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    assert run(["tune", "words.txt"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "rnntui tune needs a single process (torchrun has started 2); run it without torchrun" in line
    with pytest.raises(UsageError, match=r"rnntui\.train needs a single process \(torchrun has started 2\)"):
        rnntui.train("words.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["words.txt"]
