"""Progress of a training: its bar, and the lines at its end."""

from __future__ import annotations

import io
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rnntui.cli.progress import ControlKeyEcho, describe, make_reporter
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunOrigin
from rnntui.training.events import Evaluated, Finished, Stepped
from tests.tiny_runs import make_run

ADVICE = "the first evaluation was the best, with a validation loss of 3.00 and a training loss of 2.00"
RISING = [(0, None, 4.0), (10, 2.0, 3.0), (20, 1.5, 3.2), (30, 1.2, 3.5)]


def end_of(run: RunFolder, losses: list[tuple[int, float | None, float]], best_step: int) -> str:
    """Return what is printed after these steps with their training and validation losses."""
    rows: list[dict[str, Any]] = []
    for step, train_loss, validation_loss in losses:
        rows += [{"step": step, "train_loss": train_loss}] if train_loss is not None else []
        rows += [{"step": step, "validation_loss": validation_loss}]
    rows.append({"step": losses[-1][0], "streaming_loss": 3.0, "best_step": best_step})
    run.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "\n".join(describe(Finished("budget", losses[-1][0], losses[-1][0], 9.0, best_step, {}, None), run))


@pytest.mark.parametrize("best_step", [0, 10])
def test_a_loss_that_only_rises_from_far_above_the_training_loss_is_told(best_step: int, tmp_path: Path) -> None:
    told = end_of(make_run(tmp_path, "sorted"), RISING, best_step)
    assert ADVICE in told and "--validation-from spread" in told


@pytest.mark.parametrize(
    ("losses", "best_step"),
    [
        ([*RISING[:2], (20, 1.5, 2.9), (30, 1.2, 3.5)], 20),
        ([RISING[0], (10, 2.0, 2.1), (20, 1.5, 2.2), (30, 1.2, 2.4)], 10),  # overfitting from the start
        (RISING[:3], 10),
    ],
    ids=["a later one is the best", "near the training loss", "too few evaluations"],
)
def test_other_ends_are_not_told(losses: list[tuple[int, float | None, float]], best_step: int, tmp_path: Path) -> None:
    assert "first evaluation" not in end_of(make_run(tmp_path, "book"), losses, best_step)


@pytest.mark.parametrize("origin", [None, RunOrigin("shakespeare", "0" * 64)])
def test_a_training_that_has_improved_nothing_is_told(origin: RunOrigin | None, tmp_path: Path) -> None:
    run = make_run(tmp_path, "book")
    run.write_config(replace(run.read_config(), origin=origin))
    told = end_of(run, RISING[:2], 0)
    before = "those of shakespeare" if origin else "random ones"
    assert f"no step made the model better: the run has the weights from before training, {before}; try a lower" in told
    assert "no step made" not in end_of(run, RISING[:2], 10)


@pytest.mark.parametrize("validation_from", ["spread", ""])
def test_a_validation_text_that_is_no_end_is_not_told(validation_from: str, tmp_path: Path) -> None:
    run = make_run(tmp_path, "spread")
    config = run.read_config()
    run.write_config(replace(config, corpus=replace(config.corpus, validation_from=validation_from)))
    assert "first evaluation" not in end_of(run, RISING, 10)


@pytest.mark.parametrize(
    ("columns", "shown"), [(120, "norm 0.50"), (60, "2,000 tokens/s"), (40, "loss 1.500"), (25, "1:05 left")]
)
def test_the_bar_of_a_narrow_terminal_shows_the_most_important_numbers_whole(
    columns: int, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    with make_reporter(stream, RunFolder(tmp_path)) as reporter:
        reporter.report(Stepped(10, 100, 1000, 3.0, 65.0, 1.5, 0.001, 0.5, 2000.0))
    *_, line = [line for line in stream.getvalue().splitlines() if "10/100" in line]
    assert (
        shown in line
        and len([number for number in ("norm", "tokens/s", "loss", "left") if number in line])
        == ({120: 4, 60: 3, 40: 2, 25: 1}[columns])
    )


@pytest.mark.parametrize("kind", ["pipe", "file", "closed", "none"])
def test_the_echo_of_ctrl_c_is_left_alone_where_standard_input_is_no_terminal(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for `cat notes.txt | rnntui train -` at a terminal, where the bar is drawn all the same."""
    ends = os.pipe()
    (tmp_path / "notes.txt").write_text("notes")
    with os.fdopen(ends[0]) as pipe, (tmp_path / "notes.txt").open() as file, (tmp_path / "notes.txt").open() as closed:
        closed.close()
        monkeypatch.setattr(sys, "stdin", {"pipe": pipe, "file": file, "closed": closed, "none": None}[kind])
        echo = ControlKeyEcho()
        echo.hide()
        echo.restore()
        assert echo._settings is None
    os.close(ends[1])


def test_a_missed_budget_and_evaluations_that_were_cut_are_told(tmp_path: Path) -> None:
    run = make_run(tmp_path, "slow")
    finished = Finished("budget", 4, 4, 59.0, 4, {}, None, evaluation_note="read 10 of 20 tokens", seconds_late=41.0)
    lines = describe(finished, run)
    assert "read 10 of 20 tokens" in lines
    assert lines[-1] == "the run ended 0:41 after its budget: the machine was slow or busy"
    assert "after its budget" not in "".join(describe(replace(finished, seconds_late=0.0), run))
    assert (
        describe(Evaluated(0, None, 3.0, None, True, {}, note="evaluations read 10"), run)[-1] == "evaluations read 10"
    )
