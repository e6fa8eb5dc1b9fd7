"""Metrics of a training for TensorBoard: the rows of `metrics.jsonl` as they come, also after a resumption."""

from __future__ import annotations

import json
from pathlib import Path

from rnntui.training.metrics_and_status import MetricsWriter
from rnntui.training.progress import TrainingProgress


def test_each_row_is_in_the_event_file_as_soon_as_in_the_metrics(tmp_path: Path) -> None:
    metrics, events = tmp_path / "metrics.jsonl", tmp_path / "tensorboard"
    progress = TrainingProgress(step=0)
    writer = MetricsWriter(metrics, progress, events)
    for progress.step in (10, 20):
        progress.loss_sum, progress.loss_count = 25.0, 10
        writer.write_steps(rate=0.1, gradient_norm=1.0)
        assert json.loads(metrics.read_text().splitlines()[-1])["step"] == progress.step
        assert next(events.iterdir()).read_bytes().count(b"gradient_norm") == progress.step // 10
    writer.close()
    progress.step = 10
    MetricsWriter(metrics, progress, events).close()
    assert len(metrics.read_text().splitlines()) == 1
    _, second = sorted(events.iterdir())
    assert b"\x10\x0b\x3a\x02\x08\x01" in second.read_bytes()  # step 11, a session log with the status START


def test_without_the_setting_there_is_no_event_file(tmp_path: Path) -> None:
    MetricsWriter(tmp_path / "metrics.jsonl", TrainingProgress()).close()
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]
