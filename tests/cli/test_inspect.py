"""`rnntui inspect`: charts and sentences, JSON, images, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import make_run

from rnntui.config_language_model import LanguageModelConfig
from rnntui.inspection.initial_weights import initial_weights
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_status import RunStatus
from rnntui.runs.weights_file import save_arrays

TEXT = "to be, or not to be, that is the question.\n" * 20


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    make_run(tmp_path / "checkpoints", "tiny")
    run = make_run(tmp_path / "checkpoints", "other", seed=2)
    run.metrics_file.write_text('{"step": 10, "gradient_norm": 2.5, "clipped_share": 1.0}\n')
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "empty.txt").write_text("")
    return tmp_path


def test_gradients_as_a_chart_as_json_and_as_an_image(rnntui, runs: Path) -> None:
    quick = ["--text", "text.txt", "--steps", "12", "--places", "4"]
    shown = rnntui("inspect", "gradients", "tiny", *quick)
    assert shown.code == 0 and "Gradient that is left n steps back" in shown.out and "\x1b" not in shown.out
    assert "tiny before training (LSTM)" in shown.out and max(map(len, shown.out.splitlines())) <= 80
    values = json.loads(rnntui("inspect", "gradients", "tiny", "other", *quick, "--json").out)
    assert [each["run"] for each in values["runs"]] == ["tiny", "other"] and len(values["runs"][0]["norm"]) == 13
    saved = rnntui("inspect", "gradients", "tiny", *quick, "--svg", "flow.svg")
    assert saved.out == "" and (runs / "flow.svg").read_text().startswith("<svg")
    again = rnntui("inspect", "gradients", "tiny", *quick, "--svg", "flow.svg")
    assert again.code == 2 and "flow.svg: the file exists" in again.err


def test_context_and_clipping(rnntui, runs: Path) -> None:
    shown = rnntui("inspect", "context", "tiny", "--text", "text.txt", "--places", "64", "--longest", "16")
    assert shown.code == 0 and "by characters of context" in shown.out and "Loss in nats" in shown.out
    shown = rnntui("inspect", "clipping", "other", "--width", "60")
    assert shown.code == 0 and "100% of the steps were clipped" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 60


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["gradients", "tiny", "--json", "--svg", "a.svg"], "--svg and --json: choose one"),
        (["gradients", "tiny", "--text", "empty.txt"], "empty"),
        (["gradients", "tiny", "--text", "nothing.txt"], "nothing.txt"),
        (["gradients", "tiny", "--minutes", "2"], "--minutes is for --compare"),
        (["gradients", "--compare", "lstm,mlp", "text.txt"], "'mlp' is no cell; choose from lstm, gru, rnn"),
        (["gradients", "--compare", "lstm,lstm", "text.txt"], "name each cell once"),
        (["gradients", "--compare", "lstm"], "name a corpus"),
        (["gradients", "authors"], "run authors is a classifier, not a language model"),
        (["context", "tiny", "--held-out"], "--held-out is for Seq2Seq models"),
        (["clipping", "tiny"], "run tiny has no gradient norms"),
        (["nothing"], "No such command"),
    ],
)
def test_what_cannot_be_inspected_is_said_in_one_line(rnntui, runs: Path, arguments: list[str], problem: str) -> None:
    result = rnntui("inspect", *arguments)
    assert result.code in (1, 2) and problem in result.err and result.err.count("\n") == 1


def finish_training(run: RunFolder) -> int:
    """Leave a run as a training does that is done after seven steps, with random weights, which take no time."""
    config = run.read_config()
    weights = initial_weights(config.model_as(LanguageModelConfig), config.vocab_size, np.random.default_rng(1))
    save_arrays(run.weights_file, weights, {})
    run.write_status(RunStatus("done", step=7))
    return 0


def test_compare_trains_a_run_for_each_cell_and_shows_them_before_and_after(
    rnntui, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (runs / "words.txt").write_text("alpha beta gamma delta\n" * 400)
    trained: list[str] = []

    def train(run: RunFolder, stop: object, budget: object) -> int:
        trained.append(run.name)
        return finish_training(run)

    monkeypatch.setattr("rnntui.cli.training_command.train_and_report", train)
    quick = ["--minutes", "0.01", "--hidden", "16", "--steps", "10", "--places", "2"]
    result = rnntui("inspect", "gradients", "words.txt", "--compare", "rnn,lstm", *quick, "--json")
    assert result.code == 0
    values = json.loads(result.out)["runs"]
    assert [(each["run"], each["trained"]) for each in values] == [
        ("words-rnn", True), ("words-rnn", False), ("words-lstm", True), ("words-lstm", False),
    ]  # fmt: skip
    budgets = [RunFolder(Path("checkpoints") / f"words-{cell}").read_config().budget for cell in ("rnn", "lstm")]
    assert (budgets[0].minutes, budgets[1].steps) == (0.01, 7)
    trained.clear()
    assert rnntui("inspect", "gradients", "words.txt", "--compare", "rnn,lstm", *quick).code == 0 and not trained
    again = rnntui("inspect", "gradients", "words.txt", "--compare", "lstm", *quick)
    assert again.code == 2 and "has hidden 5, not 16; look at it: rnntui inspect gradients words-lstm" in again.err
    (runs / "words.txt").write_text("another text\n" * 400)
    again = rnntui("inspect", "gradients", "words.txt", "--compare", "rnn", *quick)
    assert again.code == 2 and "has changed since" in again.err and "or train it anew with --overwrite" in again.err
    again = rnntui("inspect", "gradients", "words.txt", "--compare", "rnn", "--overwrite", *quick)
    assert again.code == 0 and trained == ["words-rnn"]
    (runs / "checkpoints/words-rnn/mine.txt").touch()
    again = rnntui("inspect", "gradients", "words.txt", "--compare", "rnn", "--overwrite", *quick)
    assert again.code == 1 and "holds files that do not belong to a run: mine.txt; move them away" in again.err
    assert trained == ["words-rnn"] and (runs / "checkpoints/words-rnn/mine.txt").exists()


def test_a_comparison_that_was_stopped_goes_on(rnntui, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (runs / "words.txt").write_text("alpha beta gamma delta\n" * 400)
    trained: list[str] = []

    def train(run: RunFolder, stop: object, budget: object) -> int:
        trained.append(run.name)
        if trained in (["words-rnn", "words-gru"], ["anew", "words-rnn"]):
            run.write_status(RunStatus("stopped", step=3))
            return 130
        return finish_training(run)

    monkeypatch.setattr("rnntui.cli.training_command.train_and_report", train)
    command = ["inspect", "gradients", "words.txt", "--compare", "rnn,gru,lstm", "--hidden", "16"]
    quick = ["--minutes", "0.01", "--steps", "10", "--places", "2"]
    stopped = rnntui(*command, *quick)
    assert stopped.code == 130 and "the same command goes on with the comparison" in stopped.err and not stopped.out
    shown = rnntui(*command, *quick)
    assert shown.code == 0 and "words-rnn is trained already" in shown.err and "going on with words-gru" in shown.err
    assert trained == ["words-rnn", "words-gru", "words-gru", "words-lstm"]
    other = rnntui(*command, "--minutes", "2")
    assert other.code == 2 and "has a budget of 0.01 minutes, not 2 minutes" in other.err

    trained[:] = ["anew"]
    stopped = rnntui(*command, *quick, "--overwrite")
    assert stopped.code == 130 and "the same command without --overwrite goes on" in stopped.err
    assert sorted(path.name for path in (runs / "checkpoints").glob("words-*")) == ["words-rnn"]  # none of the old ones
