"""Zooming in on a long run: all rows of the part that is shown, read by bisection, in curves drawn from some rows."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnntui.charts import zoom
from rnntui.charts.chart_view import ChartView
from rnntui.charts.curve import Curve, curves_of
from rnntui.charts.metric_charts import AXES, DEFAULT_SMOOTHING, Axis
from rnntui.charts.metrics_history import MetricsHistory
from rnntui.charts.zoom import ZoomedRows, read_all_rows
from rnntui.runs import metrics_log
from rnntui.runs.metrics_log import rows_between

KEPT = 3000  # rows at most
KEYS = ("train_loss", "validation_loss")


def row(index: int, noise: float) -> dict[str, Any]:
    place = {"step": index * 10, "seconds": index * 0.5, "tokens": index * 640}
    return {**place, "train_loss": math.nan if index == 4002 else 2 + noise}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Metrics of 6,000 steps, ten apart, with a validation at every fiftieth of them."""
    path = tmp_path_factory.mktemp("zoomed") / "metrics.jsonl"
    with path.open("w") as file:
        for index, noise in enumerate(np.random.default_rng(7).normal(0, 0.1, 6000).tolist()):
            file.write(json.dumps(row(index, noise)) + "\n")
            if index % 50 == 0:
                file.write(json.dumps({"step": index * 10, "validation_loss": 2 - noise}) + "\n")
    return path


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_log, "_BISECTED", 500)


def curves(path: Path, max_rows: int) -> list[Curve]:
    history = MetricsHistory(path, max_rows=max_rows)
    history.read_all()
    assert history.is_downsampled is (max_rows == KEPT)
    return curves_of({"run": history}, KEYS, DEFAULT_SMOOTHING)


def zoomed(path: Path, view: ChartView) -> tuple[ZoomedRows, list[Curve]]:
    kept, rows = {"losses": curves(path, KEPT)}, ZoomedRows()
    rows.files = {"run": path}
    wanted = rows.missing(view, kept["losses"], kept)
    rows.store(wanted, [read_all_rows(each) for each in wanted])
    return rows, rows.put_into(kept)["losses"]


@pytest.mark.parametrize(
    ("axis", "left", "right"),
    [
        ("step", 30_000, 31_000), ("step", 0, 500), ("step", 59_000, 59_990), ("seconds", 1990, 2010),
        ("tokens", 1e6, 1.1e6),
    ],
)  # fmt: skip
def test_a_zoomed_curve_has_all_values_of_what_is_shown(path: Path, axis: Axis, left: float, right: float) -> None:
    _, found = zoomed(path, ChartView(axis=axis, left=left, right=right))
    for curve, expected in zip(found, curves(path, 10**6), strict=True):
        ours, all_values = curve.polyline(axis), expected.polyline(axis)
        shown, wanted = ((line.x >= left) & (line.x <= right) for line in (ours, all_values))
        if curve.metric == "train_loss":
            assert wanted.sum() > 20 and len(ours.x) < 0.8 * len(all_values.x)
        np.testing.assert_array_equal(ours.x[shown], all_values.x[wanted])
        np.testing.assert_array_equal(ours.y[shown], all_values.y[wanted])
        np.testing.assert_allclose(ours.main[shown], all_values.main[wanted], rtol=1e-6)
        assert all(len(curve.series.axes[name]) == len(curve.series.values) for name in AXES)
        assert (np.diff(curve.series.axes["step"]) >= 0).all()


def test_of_a_wide_view_the_kept_rows_are_drawn(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = {"losses": curves(path, KEPT)}
    rows = ZoomedRows()
    rows.files = {"run": path}
    assert not rows.missing(ChartView(), everything["losses"], everything)
    monkeypatch.setattr(zoom, "MAX_BYTES", 10_000)
    [wanted] = rows.missing(ChartView(left=0, right=40_000), everything["losses"], everything)
    assert read_all_rows(wanted) is None
    [wanted] = rows.missing(ChartView(left=40_000, right=40_100), everything["losses"], everything)
    assert read_all_rows(wanted) is not None
    assert read_all_rows(replace(wanted, path=path.with_name("gone"))) is None


def test_rows_of_a_run_that_was_resumed_earlier_are_dropped(path: Path) -> None:
    view = ChartView(left=30_000, right=31_000)
    rows, found = zoomed(path, view)
    assert not rows.missing(view, found, {"losses": found})  # all is there
    rewound = path.with_name("rewound.jsonl")
    rewound.write_text("".join(path.read_text().splitlines(keepends=True)[:3050]))
    kept = {"losses": curves(rewound, KEPT)}
    assert rows.put_into(kept) == kept
    assert rows.missing(view, found, {"losses": found})  # they do not come back


def test_what_is_logged_later_at_the_newest_step_is_shown(tmp_path: Path) -> None:
    live = tmp_path / "metrics.jsonl"
    losses = np.random.default_rng(3).normal(2, 0.1, 4000).tolist()
    lines = [json.dumps({"step": step, key: loss}) + "\n" for step, loss in enumerate(losses) for key in KEYS]
    live.write_text("".join(lines[:-1]))
    rows, _ = zoomed(live, ChartView(left=2000, right=3999))
    with live.open("a") as file:
        file.write(lines[-1])
    for curve in rows.put_into({"losses": curves(live, KEPT)})["losses"]:
        assert curve.series.axes["step"][-2000:].tolist() == list(range(2000, 4000))
        assert curve.series.values[-2000:].tolist() == losses[-2000:]


@pytest.mark.parametrize(
    ("first", "last"), [(0, 0), (0, 9), (5, 15), (5, 19), (29_995, 30_500), (59_990, 10**9), (60_000, 70_000)]
)
def test_rows_between_steps_are_those_of_a_search_of_all(path: Path, first: int, last: int) -> None:
    expected = [row for row in metrics_log.read_metrics(path) if first <= row["step"] <= last]
    assert json.dumps(rows_between(path, first, last, 1 << 20)) == json.dumps(expected)


def test_rows_that_do_not_begin_with_their_step_are_not_found(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    for lines in (
        [json.dumps({"loss": 1.0, "step": step}) for step in range(200)],
        ["x" * 100] * 100,
    ):
        file.write_text("\n".join(lines) + "\n")
        assert rows_between(file, 10, 60, 1 << 20) in (None, [])
