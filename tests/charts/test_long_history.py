"""Tests of very many rows: those that are kept draw what all rows draw, and are saved beside the metrics."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnntui.charts import metrics_history as history_module
from rnntui.charts.chart_view import ChartView
from rnntui.charts.curve import curves_of
from rnntui.charts.metric_charts import AXES, DEFAULT_SMOOTHING
from rnntui.charts.metric_columns import MetricColumns
from rnntui.charts.metrics_history import MetricsHistory
from rnntui.charts.plot import Display, render_chart
from rnntui.inference.run_ngrams import counted_again
from rnntui.runs.folder import RunFolder
from rnntui.runs.integrity import verify_run
from rnntui.runs.repair import repair_run

ROWS = 6000
KEYS = ("train_loss", "validation_loss", "learning_rate", "accuracy")


def rows(first: int, count: int) -> list[dict[str, Any]]:
    """Rows of a noisy training with a spike, a value that is no number, and an evaluation every 50 rows."""
    written = []
    noises = np.random.default_rng((7, first)).normal(0, 0.1, count)
    for index, noise in enumerate(noises.tolist(), first):
        row = {"step": index * 10, "seconds": index * 0.5, "tokens": index * 640, "learning_rate": 1 / (1 + index)}
        loss = {2000: 25.0, 3001: 0.01, 4002: math.nan}.get(index, 2 + noise)
        written.append({**row, "train_loss": loss})
        if index % 50 == 0:
            # The accuracy is often the same, and then the loss decides which evaluation is the best.
            checked = {"validation_loss": 2 - noise, "accuracy": round(0.5 + noise, 1), "sample": f"sample {index}"}
            written.append({"step": index * 10, **checked})
    return written


@pytest.fixture(scope="module")
def long_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "metrics.jsonl"
    append(path, rows(0, ROWS))
    return path


def append(path: Path, written: list[dict[str, Any]]) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in written)


def read(path: Path, max_rows: int | None = None) -> MetricsHistory:
    history = MetricsHistory(path) if max_rows is None else MetricsHistory(path, max_rows=max_rows)
    history.read_all()
    return history


def chart(history: MetricsHistory, keys: tuple[str, ...], width: int = 40) -> list[str]:
    rendered = render_chart("x", curves_of({"run": history}, keys, DEFAULT_SMOOTHING), ChartView(), Display(width, 16))
    return ["".join(text for text, _ in row) for row in rendered.rows]


def assert_same(one: MetricsHistory, other: MetricsHistory) -> None:
    assert one.metric_keys == other.metric_keys
    for key in one.metric_keys:
        ours, theirs = one.series(key), other.series(key)
        assert np.array_equal(ours.values, theirs.values, equal_nan=True)
        assert all(np.array_equal(ours.axes[axis], theirs.axes[axis], equal_nan=True) for axis in AXES)
        assert (ours.averages is None) == (theirs.averages is None)
        assert ours.averages is None or np.array_equal(ours.averages, theirs.averages, equal_nan=True)
    assert (one.samples, one.results, one.slowdown) == (other.samples, other.results, other.slowdown)
    for left, right in zip(one.confusions, other.confusions, strict=True):
        assert left.step == right.step and np.array_equal(left.counts, right.counts)


def test_kept_rows_are_rows_of_the_file_with_all_extremes(long_file: Path) -> None:
    full, kept = read(long_file, 10**9), read(long_file, 1000)
    for key in KEYS:
        ours, theirs = kept.series(key), full.series(key)
        assert len(ours.values) < 1000
        places = np.searchsorted(theirs.axes["step"], ours.axes["step"])
        assert np.array_equal(theirs.values[places], ours.values, equal_nan=True)
        for bounds in (np.nanmin, np.nanmax):
            assert bounds(ours.values) == bounds(theirs.values)
        assert ours.axes["step"][-1] == theirs.axes["step"][-1]
        last = curves_of({"run": kept}, [key], DEFAULT_SMOOTHING)[0].polyline("step").last_value
        assert last == pytest.approx(curves_of({"run": full}, [key], DEFAULT_SMOOTHING)[0].polyline("step").last_value)
    averages = curves_of({"run": full}, ["train_loss"], DEFAULT_SMOOTHING)[0].polyline("step")
    kept_averages = curves_of({"run": kept}, ["train_loss"], DEFAULT_SMOOTHING)[0].polyline("step")
    assert kept_averages.smoothed is not None and averages.smoothed is not None
    places = np.searchsorted(averages.x, kept_averages.x)
    np.testing.assert_allclose(kept_averages.smoothed, averages.smoothed[places], rtol=1e-12)
    assert np.nanmax(kept_averages.smoothed) == pytest.approx(np.nanmax(averages.smoothed))
    for order in ((), ("accuracy",)):
        assert kept.best_check(order) == full.best_check(order)


@pytest.mark.parametrize("keys", [("train_loss", "validation_loss"), ("learning_rate",)])
def test_a_chart_shows_what_all_rows_show(long_file: Path, keys: tuple[str, ...]) -> None:
    full, kept = chart(read(long_file, 10**9), keys), chart(read(long_file, 2000), keys)
    cells = list(zip("".join(full), "".join(kept), strict=True))
    different = sum(one != other for one, other in cells)
    # The extreme of a bucket may lie on the other side of the edge between two columns.
    assert different <= 0.01 * len(cells)
    assert kept[0] == full[0], "legend with the last values"


def test_kept_rows_do_not_depend_on_the_blocks_that_are_read(long_file: Path) -> None:
    history = MetricsHistory(long_file, max_rows=1000)
    while history.read(5000) or history.has_more:
        pass
    assert_same(history, read(long_file, 1000))


def test_a_step_that_goes_down_takes_back_kept_rows(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append(path, rows(0, 3000))
    append(path, [{"step": 20_005, "train_loss": 1.0}, {"step": 20_015, "train_loss": 3.0}])
    series = read(path, 1000).series("train_loss")
    assert series.axes["step"][-3] == 20_000 and series.values[-2:].tolist() == [1.0, 3.0]
    assert series.averages is not None and len(series.averages) == len(series.values)
    before = series.averages[-3]
    assert series.averages[-2:] == pytest.approx([0.9 * before + 0.1, 0.81 * before + 0.09 + 0.3], rel=1e-9)


def test_columns_on_disk_go_on_as_those_in_memory() -> None:
    ours = MetricColumns(DEFAULT_SMOOTHING, 1000)
    written = rows(0, 3000)
    for row in written[:2500]:
        ours.add(row["step"], row, frozenset(AXES))
    theirs = MetricColumns.from_arrays(ours.to_arrays(), list(ours.values), 0.9, ours.level, ours.next_ordinal)
    for columns in (ours, theirs):
        for row in written[2500:2600]:
            columns.add(row["step"], row, frozenset(AXES))
    assert ours.level > 0
    for name, array in ours.to_arrays().items():
        assert np.array_equal(theirs.to_arrays()[name], array, equal_nan=True)
    averages = ours.averages("train_loss"), theirs.averages("train_loss")
    assert averages[0] is not None and np.array_equal(*averages, equal_nan=True)  # type: ignore[arg-type]


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run whose metrics have been read and saved."""
    monkeypatch.setattr(history_module, "SAVE_EVERY", 20_000)
    run = RunFolder(tmp_path)
    first_row = {"step": 0, "slowdown": "half as fast", "train_loss": 9.0, "confusion": [[1, 2], [3, 4]]}
    append(run.metrics_file, [first_row])
    append(run.metrics_file, rows(1, 300))
    read(run.metrics_file)
    assert run.curves_file.exists()
    return run


def test_what_is_saved_is_not_read_again(saved: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    append(saved.metrics_file, [{"step": 9000, "train_loss": 1.5, "sample": "new"}])
    append(saved.metrics_file, [{"step": 9000, "best_step": 500, "streaming_loss": 1.0}])
    taken: list[dict[str, Any]] = []
    original = MetricsHistory._add_row

    def record(self: MetricsHistory, row: dict[str, Any]) -> None:
        taken.append(row)
        original(self, row)

    monkeypatch.setattr(MetricsHistory, "_add_row", record)
    history = read(saved.metrics_file)
    assert len(taken) == 2
    assert_same(history, read(saved.metrics_file, 10**9))


@pytest.mark.parametrize("change", ["replaced", "cut", "first row", "damaged", "other arrays", "not a file"])
def test_what_is_saved_is_used_for_the_same_metrics_only(saved: RunFolder, change: str) -> None:
    metrics, curves = saved.metrics_file.read_bytes(), saved.curves_file.read_bytes()
    if change == "replaced":
        saved.metrics_file.unlink()
        append(saved.metrics_file, rows(0, 400))
    elif change == "cut":
        saved.metrics_file.write_bytes(metrics[: metrics.rfind(b"\n", 0, -1) + 1])
    elif change == "first row":
        saved.metrics_file.write_bytes(metrics.replace(b"9.0", b"8.0", 1))
    elif change == "damaged":
        saved.curves_file.write_bytes(curves[:-100] + bytes([curves[-100] ^ 1]) + curves[-99:])
    elif change == "other arrays":
        saved.curves_file.write_bytes((RunFolder(Path("checkpoints/shakespeare")).weights_file).read_bytes())
    else:
        saved.curves_file.unlink()
        saved.curves_file.mkdir()
    unused = saved.curves_file.read_bytes() if change != "not a file" else b""
    history = read(saved.metrics_file)
    assert_same(history, read(saved.metrics_file, 10**9))
    if change != "not a file":
        assert saved.curves_file.read_bytes() != unused
        assert_same(read(saved.metrics_file), history)


def test_a_history_goes_on_with_a_file_that_was_replaced(saved: RunFolder) -> None:
    history = read(saved.metrics_file)
    copy = saved.path / "copy"
    copy.write_bytes(saved.metrics_file.read_bytes())
    append(copy, [{"step": 9000, "train_loss": 1.5}])
    copy.replace(saved.metrics_file)
    assert history.read()
    assert_same(history, read(saved.metrics_file, 10**9))


def test_a_damaged_file_is_found_and_removed(saved: RunFolder) -> None:
    def state() -> str:
        return next(report.state for report in verify_run(saved) if report.name == "curves.safetensors")

    assert state() == "whole"
    data = saved.curves_file.read_bytes()
    saved.curves_file.write_bytes(data[:-100] + bytes([data[-100] ^ 1]) + data[-99:])
    assert state() == "damaged"
    assert any(
        repair.name == "curves.safetensors" and repair.is_repaired for repair in repair_run(saved, counted_again)
    )
    assert not saved.curves_file.exists()
