"""Tests of what a long training leaves for its charts."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnntui.charts import metrics_history as history_module
from rnntui.charts.curve_cache import load_curves
from rnntui.charts.metrics_history import MetricsHistory
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import read_metrics
from rnntui.training.evaluation import Evaluation
from rnntui.training.metrics_and_status import MetricsWriter
from rnntui.training.progress import TrainingProgress
from rnntui.training.train_run import train_run


def test_a_training_saves_its_curves_at_each_save_without_its_final_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "SAVE_EVERY", 1000)
    run, progress = RunFolder(tmp_path), TrainingProgress()
    for last_step in (20, 40):  # the second time it is resumed
        writer = MetricsWriter(run.metrics_file, progress)
        while progress.step < last_step:
            progress.add_step(64)
            progress.add_loss(1.0)
            writer.write_steps(0.001, 0.5)
        writer.save_curves()
        before = run.curves_file.read_bytes()
        size = run.metrics_file.stat().st_size
        writer.write_final({"streaming": 1.0}, Evaluation(1.0, 100, 400.0))
        writer.close()
        assert run.curves_file.read_bytes() == before, "a resumed run drops that row, and goes on with the saved ones"
        cached = load_curves(run.metrics_file)
        assert cached is not None and cached.offset == size
    history = MetricsHistory(run.metrics_file)
    history.read_all()
    assert history.series("train_loss").axes["step"].tolist() == list(range(1, 41))


def test_the_results_of_a_finished_training_are_not_among_its_saved_curves(
    make_run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "SAVE_EVERY", 1)
    run = make_run(steps=10, ngram_prior=0)
    train_run(run, lambda event: None, lambda: False)
    cached = load_curves(run.metrics_file)
    assert cached is not None and cached.state["results"] == {}
    assert "best_step" in read_metrics(run.metrics_file)[-1]
    assert cached.offset == len(b"".join(run.metrics_file.read_bytes().splitlines(keepends=True)[:-1]))
