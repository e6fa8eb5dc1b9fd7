"""The training loop: budget, evaluations, best weights, early stopping, divergence, seeds."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch

from rnntui.errors import TrainingError
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.weights_file import load_arrays
from rnntui.thread_tuner import ThreadTuner
from rnntui.training.adamw import AdamW
from rnntui.training.device import choose_hardware
from rnntui.training.evaluation import Evaluation, EvaluationMonitor
from rnntui.training.events import Evaluated, Event, Finished, Started, Stepped
from rnntui.training.language_model_task import LanguageModelTask
from rnntui.training.threads import TorchThreads
from rnntui.training.train_run import train_run
from rnntui.training.training_state import make_optimizer


def never() -> bool:
    return False


def train(run) -> tuple[Finished, list[Event]]:
    events: list[Event] = []
    return train_run(run, events.append, never), events


def test_a_budget_of_steps_takes_that_many(make_run) -> None:
    finished, events = train(make_run(steps=37))
    assert finished.step == 37
    assert [e.step for e in events if isinstance(e, Stepped)] == list(range(1, 38))
    assert isinstance(events[0], Started) and isinstance(events[-1], Finished)


def test_a_budget_of_epochs_reads_the_text_that_many_times(make_run) -> None:
    run = make_run("alpha beta gamma delta\n" * 150, epochs=1.5)
    finished, _ = train(run)
    tokens = finished.step * 4 * 16
    text = run.read_config().corpus.training.tokens
    assert 1.5 * text <= tokens < 1.5 * text + 64


def test_a_training_that_ends_before_its_minutes_says_why(make_run) -> None:
    run = make_run("alpha beta gamma delta\n" * 150, minutes=60.0, max_epochs=1.5, dropout=0.0)
    finished, _ = train(run)
    assert 0 <= finished.step * 4 * 16 - 1.5 * run.read_config().corpus.training.tokens < 64
    assert finished.stop_reason == "all of its 1.5 epochs, see --max-epochs"
    assert train(make_run(steps=3, name="steps"))[0].stop_reason == ""


def test_steps_of_a_budget_that_is_over_before_its_plan_are_evaluated(make_run) -> None:
    run = make_run("alpha beta gamma delta\n" * 150, minutes=60.0, max_epochs=0.02, dropout=0.0)
    finished, _ = train(run)
    assert finished.step > 0 and run.read_status().step == finished.step
    evaluated = [row["step"] for row in read_metrics(run.metrics_file) if "validation_loss" in row]
    assert evaluated == [0, finished.step]


def test_checks_are_spread_over_the_run_and_the_last_step_is_one(make_run) -> None:
    _, events = train(make_run(steps=40, evaluations=4))
    assert [e.step for e in events if isinstance(e, Evaluated)] == [0, 10, 20, 30, 40]


def test_metrics_have_every_number_that_the_train_tab_shows(make_run) -> None:
    run = make_run(steps=40)
    finished, _ = train(run)
    rows = read_metrics(run.metrics_file)
    trained = [row for row in rows if "train_loss" in row]
    assert [row["step"] for row in trained] == [10, 20, 30, 40]
    for row in trained:
        assert row.keys() >= {"tokens", "seconds", "learning_rate", "gradient_norm", "tokens_per_second"}
        assert row["tokens"] == row["step"] * 64
    evaluations = [row for row in rows if "validation_loss" in row]
    assert all(row["sample"] and row["bits_per_character"] > 0 for row in evaluations)
    assert rows[-1]["streaming_loss"] == finished.losses["streaming"]
    assert rows[-1]["windowed_loss"] == finished.losses["windowed"]


def test_the_best_weights_are_kept_not_the_last(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([5.0, 4.0, 2.0, 3.0, 3.5])
    monkeypatch.setattr(LanguageModelTask, "evaluate", lambda self, tokens, monitor: Evaluation(next(losses), 100, 100))
    run = make_run(steps=40, evaluations=4)
    finished, _ = train(run)
    assert finished.best_step == 20
    best, metadata = load_arrays(run.weights_file)
    last, _ = load_arrays(run.resume_file)
    assert metadata == {"step": "20", "validation_loss": "2.0"}
    assert not np.array_equal(best["output.bias"], last["model.output.bias"])


def test_patience_stops_a_run_that_no_longer_improves(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([5.0, 4.0, 4.1, 3.9, 4.2, 3.9, 4.3] + [5.0] * 20)
    monkeypatch.setattr(LanguageModelTask, "evaluate", lambda self, tokens, monitor: Evaluation(next(losses), 100, 100))
    finished, _ = train(make_run(steps=200, evaluations=20, patience=3))
    assert (finished.reason, finished.step, finished.best_step) == ("patience", 60, 30)


def test_more_frequent_evaluation_does_not_change_the_weights(make_run) -> None:
    often, seldom = make_run(name="often", steps=12, evaluations=12), make_run(name="seldom", steps=12, evaluations=1)
    train(often)
    train(seldom)
    ours, theirs = load_arrays(often.resume_file)[0], load_arrays(seldom.resume_file)[0]
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_the_optimizer_and_the_schedule_take_their_settings(make_run) -> None:
    run = make_run(steps=8, evaluations=8, warmup=0, learning_rate=0.01, final_learning_rate=0.25, adam_beta2=0.95)
    config = run.read_config()
    optimizer = make_optimizer(
        LanguageModelTask.from_run(run, config, choose_hardware("cpu", "fp32", 1)), config.training
    )
    assert optimizer.betas == (0.9, 0.95)
    rates = [event.learning_rate for event in train(run)[1] if isinstance(event, Stepped)]
    assert rates[0] == 0.01 and 0.0025 < rates[-1] < 0.003


def test_the_seed_determines_the_weights(make_run) -> None:
    runs = [make_run(name=f"seed-{i}", steps=20, seed=seed) for i, seed in enumerate((5, 5, 6))]
    for run in runs:
        train(run)
    first, same, other = (load_arrays(run.weights_file)[0]["output.weight"] for run in runs)
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_best(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(steps=40)
    original = LanguageModelTask.loss

    def poisoned(self: LanguageModelTask):
        loss, tokens = original(self)
        return (loss * math.nan if self._batches.cursor >= 25 * 16 else loss), tokens

    monkeypatch.setattr(LanguageModelTask, "loss", poisoned)
    with pytest.raises(TrainingError, match=r"not finite at step 25.*best model.*is kept"):
        train_run(run, lambda event: None, never)
    status = run.read_status()
    assert status.state == "failed" and "not finite" in status.message
    for file in (run.weights_file, run.resume_file):
        for name, array in load_arrays(file)[0].items():
            assert np.isfinite(array).all(), name


def test_a_validation_loss_that_is_not_finite_ends_the_run(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([3.0, math.nan])
    monkeypatch.setattr(LanguageModelTask, "evaluate", lambda self, tokens, monitor: Evaluation(next(losses), 100, 100))
    run = make_run(steps=40, evaluations=4)
    with pytest.raises(TrainingError, match="validation loss is not finite at step 10"):
        train_run(run, lambda event: None, never)
    assert run.read_status().state == "failed"


def test_dropout_changes_the_training_loss(make_run) -> None:
    runs = [make_run(name=f"dropout-{p}", steps=20, dropout=p, ngram_prior=0) for p in (0.0, 0.5)]
    first = [next(e.train_loss for e in train(run)[1] if isinstance(e, Stepped)) for run in runs]
    assert first[0] != first[1]


def test_a_diverging_loss_ends_the_run(make_run) -> None:
    run = make_run(steps=400, learning_rate=10.0, clip_grad_norm=1e6, warmup=0, ngram_prior=0)
    with pytest.raises(TrainingError, match="lower --learning-rate"):
        train_run(run, lambda event: None, never)
    assert run.read_status().state == "failed"
    assert np.isfinite(load_arrays(run.weights_file)[0]["output.weight"]).all()


def test_gradients_are_clipped_and_the_unclipped_norm_is_reported(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    norms = []
    update = AdamW.step

    def recording_update(self: AdamW, skip: torch.Tensor | None = None):
        gradients = [p.grad for group in self.param_groups for p in group["params"]]
        norms.append(float(torch.nn.utils.get_total_norm(gradients)))
        return update(self, skip)

    monkeypatch.setattr(AdamW, "step", recording_update)
    _, events = train(make_run(steps=10, clip_grad_norm=1e-3))
    assert len(norms) == 10 and max(norms) < 1.001e-3
    assert all(e.gradient_norm > 1e-3 for e in events if isinstance(e, Stepped))


def test_tied_weights_are_one_matrix_in_the_file(make_run) -> None:
    run = make_run(steps=5, embedding=24, tied=True)
    train(run)
    arrays = load_arrays(run.weights_file)[0]
    assert "output.weight" not in arrays and arrays["embedding.weight"].shape[1] == 24


def test_samples_can_be_left_out(make_run) -> None:
    _, events = train(make_run(steps=10, sample_length=0))
    assert not any(e.sample for e in events if isinstance(e, Evaluated))


def test_metrics_say_at_which_step_the_number_of_threads_changed(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([1] * 12 + [2] * 3 + [1] * 25)
    monkeypatch.setattr(TorchThreads, "start_step", lambda threads: next(counts))
    run = make_run(steps=40)
    train(run)
    rows = [row for row in read_metrics(run.metrics_file) if "train_loss" in row]
    assert [row["threads"] for row in rows] == [1, 1, 1, 1]
    assert [row.get("thread_changes") for row in rows] == [None, [[13, 2], [16, 1]], None, None]


def test_the_loop_measures_its_steps_and_uses_the_number_of_threads_that_wins(
    make_run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps on two threads are said to take ten times as long; the loop must go to one and stay there."""
    used: list[int] = []
    add = ThreadTuner.add

    def add_step(tuner: ThreadTuner, seconds: float, work: float) -> None:
        used.append(torch.get_num_threads())
        add(tuner, 0.3 if torch.get_num_threads() == 2 else 0.03, work)

    monkeypatch.setattr(ThreadTuner, "add", add_step)
    monkeypatch.setattr("rnntui.training.device.max_threads", lambda threads: threads or 2)
    try:
        train(make_run(steps=60, evaluations=1, eval_tokens=256))
    finally:
        torch.set_num_threads(1)
    assert used[0] == 2 and used[-1] == 1
    assert used.count(1) > 30


def test_a_final_evaluation_without_time_ends_with_what_it_has_read(make_run) -> None:
    rng = random.Random(0)
    text = "".join(rng.choice(["alpha ", "beta ", "gamma ", "delta\n"]) for _ in range(60_000))
    run = make_run(text, steps=2)
    config = run.read_config()
    task = LanguageModelTask.from_run(run, config, choose_hardware("cpu", "fp32", 1))
    whole, cut = task.final_evaluation(100_000), task.final_evaluation(100_000, EvaluationMonitor(lambda: 0.0))
    for name, evaluation in whole.items():
        assert 0 < cut[name].tokens < evaluation.tokens
        assert cut[name].loss == pytest.approx(evaluation.loss, rel=0.05)
        assert cut[name].bits_per_character == pytest.approx(evaluation.bits_per_character, rel=0.05)
