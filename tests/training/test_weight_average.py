"""The average of the weights: its values, and what a run does with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from labelled_runs import make_labelled_run, opinions
from pair_runs import copy_rows, make_pair_run
from torch import nn

from rnntui.config import TrainerConfig
from rnntui.config_classifier import ClassifierTrainingConfig
from rnntui.config_seq2seq import Seq2SeqTrainingConfig
from rnntui.errors import RunError, TrainingError
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.model_kind import resolve
from rnntui.kinds.registry import KINDS
from rnntui.models.weight_arrays import load_into
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.weights_file import load_arrays, save_arrays
from rnntui.training.device import Hardware, choose_hardware
from rnntui.training.events import Event, Stepped
from rnntui.training.step_memory import require_step_memory
from rnntui.training.train_run import train_run
from rnntui.training.weight_average import WeightAverage

STEPS = 12


def train(run: RunFolder, stop_requested: Callable[[], bool] = lambda: False) -> list[Event]:
    events: list[Event] = []
    train_run(run, events.append, stop_requested)
    return events


def make_any_run(kind: str, folder: Path, name: str, make_run, **settings: object) -> RunFolder:
    """Return a tiny run of a kind that is ready to train, with dropout."""
    if kind == "seq2seq":
        return make_pair_run(folder, copy_rows(), name, steps=STEPS, **settings)
    if kind == "classifier":
        return make_labelled_run(folder, opinions(), name, STEPS, **settings)
    return make_run(name=name, steps=STEPS, dropout=0.2, **settings)


def test_the_average_follows_its_equation() -> None:
    model = nn.Linear(3, 2)
    average = WeightAverage(model, 0.9)
    expected = model.weight.detach().double()
    for step in range(1, 101):
        with torch.no_grad():
            model.weight += torch.randn_like(model.weight)
        average.update(step)
        interval = 1 if step <= 32 else 4
        if step % interval == 0:
            decay = min(0.9, (1 + step) / (10 + step)) ** interval
            expected = decay * expected + (1 - decay) * model.weight.detach().double()
    np.testing.assert_allclose(average.arrays()["weight"], expected, rtol=1e-4, atol=1e-5)


def test_the_model_has_its_weights_back_after_an_evaluation_that_fails() -> None:
    model = nn.Linear(3, 2)
    average = WeightAverage(model, 0.9)
    initial, trained = model.weight.detach().clone(), torch.randn(2, 3)
    address = model.weight.data_ptr()
    model.weight.data.copy_(trained)
    inside: list[torch.Tensor] = []

    def fail() -> None:
        with average.in_model():
            inside.append(model.weight.detach().clone())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.equal(inside[0], initial) and model.weight.data_ptr() == address
    assert torch.equal(model.weight, trained) and np.array_equal(average.arrays()["weight"], initial)


@pytest.mark.parametrize("kind", KINDS)
def test_an_average_is_evaluated_and_saved_and_changes_no_step(kind: str, tmp_path: Path, make_run) -> None:
    plain = make_any_run(kind, tmp_path, "plain", make_run, patience=0, weight_average=0.0)
    averaged = make_any_run(kind, tmp_path, "averaged", make_run, patience=0, weight_average=0.999)
    steps = iter(range(STEPS))
    events = train(averaged, lambda: next(steps) == 7) + train(averaged)
    expected_losses = [event.train_loss for event in train(plain) if isinstance(event, Stepped)]
    assert [event.train_loss for event in events if isinstance(event, Stepped)] == expected_losses
    expected, state = load_arrays(plain.resume_file)[0], load_arrays(averaged.resume_file)[0]
    for name, array in expected.items():
        np.testing.assert_array_equal(state[name], array, err_msg=name)
    averages = {name.removeprefix("average."): state[name] for name in state.keys() - expected.keys()}
    rows = [row for row in read_metrics(averaged.metrics_file) if "validation_loss" in row and "sample" in row]
    row = next(row for row in rows if row["step"] == STEPS)
    task = resolve(KINDS[kind].task).from_run(averaged, averaged.read_config(), choose_hardware("auto", "auto", None))
    load_into(task.model, averages)
    evaluation = task.evaluate(averaged.read_config().training.eval_tokens)
    assert evaluation.loss == pytest.approx(row["validation_loss"], rel=1e-5)
    best, metadata = load_arrays(averaged.weights_file)
    assert metadata["step"] == str(STEPS)
    assert all(np.array_equal(best[name], array) for name, array in averages.items())
    assert any(not np.array_equal(array, state[f"model.{name}"]) for name, array in averages.items())


def test_a_state_without_its_average_is_refused(make_run) -> None:
    run = make_run(steps=20, weight_average=0.9)
    steps = iter(range(100))
    train(run, lambda: next(steps) == 5)
    arrays, metadata = load_arrays(run.resume_file)
    del arrays["average.output.bias"]
    save_arrays(run.resume_file, arrays, metadata)
    with pytest.raises(RunError, match="does not match its run"):
        train(run)


def test_an_average_counts_in_the_memory_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.training.step_memory.available_memory", lambda: 14_000_000)
    hardware = Hardware(torch.device("cpu"), bf16=False)
    require_step_memory(0.0, 1_000_000, LANGUAGE_MODEL, hardware)
    with pytest.raises(TrainingError, match="needs at least 16"):
        require_step_memory(0.0, 1_000_000, LANGUAGE_MODEL, hardware, is_averaged=True)


@pytest.mark.parametrize(
    ("config", "note"),
    [
        (TrainerConfig(), ""),
        (TrainerConfig(weight_average=0.999), "validation loss of averaged weights (0.999)"),
        (Seq2SeqTrainingConfig(), "label smoothing 0.1 in the training loss"),
        (
            ClassifierTrainingConfig(weight_average=0.99),
            "label smoothing 0.1 and class weights (power 0.3) in the training loss, "
            "validation loss of averaged weights (0.99)",
        ),
    ],
)
def test_a_run_says_why_its_losses_do_not_compare(config: TrainerConfig, note: str) -> None:
    assert config.loss_note == note
