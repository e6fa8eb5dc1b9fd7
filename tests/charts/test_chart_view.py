"""Curves, and the viewport: zooming, panning, following and the cursor."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnntui.charts.chart_view import ChartView
from rnntui.charts.curve import Curve, convert_x, curves_of, x_range
from rnntui.charts.metric_charts import charts_of, in_order, metric_of
from rnntui.charts.metrics_history import MetricSeries, MetricsHistory
from rnntui.charts.smooth import smooth

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=100)


def a_curve(values: list[float], steps: list[float] | None = None, **more) -> Curve:
    x = np.array(range(len(values)) if steps is None else steps, float)
    return Curve(
        "run", MetricSeries(np.array(values, float), {"step": x, "seconds": x * 0.5, "tokens": x * 100}), **more
    )


HUNDRED = [a_curve(list(range(101)))]


def logged(folder: Path, name: str, *rows: dict) -> MetricsHistory:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    history = MetricsHistory(path)
    history.read_all()
    return history


# Curves.


def test_a_line_is_in_order_and_its_average_is_of_the_training(tmp_path: Path) -> None:
    points = MetricSeries(
        np.array([4.0, 3.0, 2.0, 1.0]),
        {"step": np.arange(4.0), "seconds": np.array([5.0, 1.0, np.nan, 3.0]), "tokens": np.array([1, 2, 3, np.inf])},
    )
    curve = Curve("run", points, smoothing=0.5)
    line = curve.polyline("seconds")
    averages = smooth(points.values, 0.5)
    assert line.x.tolist() == [1, 3, 5] and line.y.tolist() == [3, 1, 4]
    assert line.smoothed is not None and line.smoothed.tolist() == averages[[1, 3, 0]].tolist()
    assert curve.polyline("tokens").x.tolist() == [1, 2, 3]
    assert curve.polyline("seconds") is line, "polylines are cached"
    assert a_curve([1.0, 2.0]).polyline("step").smoothed is None


def test_the_value_at_a_place_is_that_of_the_nearest_point() -> None:
    line = a_curve([10, 20, math.nan, 40], [0, 10, 20, 30]).polyline("step")
    assert [line.value_at(x) for x in (0, 4, 6, 10, 19, 21, 30)] == [10, 10, 20, 20, 20, 40, 40]
    assert line.value_at(-1) is None and line.value_at(31) is None, "no value beyond the ends of a curve"
    assert line.last_value == 40
    nothing = a_curve([math.nan]).polyline("step")
    assert nothing.value_at(0) is None and nothing.last_value is None


def test_one_run_has_a_colour_for_each_metric_and_several_have_one_each(tmp_path: Path) -> None:
    rows = [{"step": 1, "train_loss": 2.0}, {"step": 1, "validation_loss": 3.0}]
    first, second = logged(tmp_path, "a", *rows), logged(tmp_path, "b", *rows)
    keys = ["train_loss", "validation_loss"]
    alone = curves_of({"a": first}, keys, 0.9)
    assert [(c.name, c.colour, c.smoothing, c.marked) for c in alone] == [
        ("training", 0, 0.9, False), ("validation", 1, 0.0, True),
    ]  # fmt: skip
    both = curves_of({"a": first, "b": second}, keys)
    assert [(c.name, c.colour) for c in both] == [
        ("a training", 0), ("a validation", 0), ("b training", 1), ("b validation", 1),
    ]  # fmt: skip
    assert [c.name for c in curves_of({"a": first, "b": second}, keys[:1])] == ["a", "b"]
    assert curves_of({"a": first}, ["bleu"]) == []


def test_unknown_metrics_have_labels_too() -> None:
    assert metric_of("bleu_score").title == "Bleu score" and metric_of("\x1b[1m").label == "\\x1b[1m"
    assert metric_of("").title == ""
    assert in_order(["rouge", "validation_loss", "train_loss"]) == ["train_loss", "validation_loss", "rouge"]
    assert charts_of(["train_loss", "rouge", "validation_loss", "learning_rate"]) == [
        ("Loss", ["train_loss", "validation_loss"]), ("Rouge", ["rouge"]), ("Learning rate", ["learning_rate"]),
    ]  # fmt: skip
    assert charts_of(["validation_loss"]) == [("Validation loss", ["validation_loss"])]


# Views.


def ends(view: ChartView) -> tuple[float, float]:
    scale = view.x_scale(HUNDRED)
    return scale.low, scale.high


def test_zooming_keeps_its_centre_in_place_and_stops_at_the_data() -> None:
    view = ChartView().zoomed(HUNDRED, 2, 20)
    assert ends(view) == pytest.approx((10, 60))
    assert ends(view.zoomed(HUNDRED, 2)) == pytest.approx((22.5, 47.5))
    assert ends(view.zoomed(HUNDRED, 0.8, 10)) == pytest.approx((10, 72.5))
    assert view.zoomed(HUNDRED, 0.1) == ChartView()
    for _ in range(100):
        view = view.zoomed(HUNDRED, 3, 30)
    assert ends(view)[1] - ends(view)[0] >= 1, "at least one step wide"


def test_a_single_check_is_at_the_end_of_the_axis() -> None:
    scale = ChartView().x_scale([a_curve([2.0], [500])])
    assert (scale.low, scale.high) == (0, 500)
    assert ChartView().x_scale([a_curve([2.0], [0])]).low == 0


def test_panning_stops_at_the_data() -> None:
    view = ChartView(left=40, right=60)
    assert ends(view.panned(HUNDRED, 0.5)) == pytest.approx((50, 70))
    assert ends(view.panned(HUNDRED, 9)) == pytest.approx((80, 100))
    assert ends(view.panned(HUNDRED, -9)) == pytest.approx((0, 20))
    assert ChartView().panned(HUNDRED, 0.5) == ChartView()


def test_who_follows_sees_the_newest() -> None:
    longer = [a_curve(list(range(201)))]
    view = ChartView(left=20, right=40).toggled_follow(HUNDRED)
    assert view.follow and ends(view) == pytest.approx((80, 100))
    assert view.x_scale(longer).low == pytest.approx(180) and view.x_scale(longer).high == pytest.approx(200)
    closer = view.zoomed(longer, 2, 185)
    assert (closer.x_scale(longer).low, closer.x_scale(longer).high) == pytest.approx((190, 200))
    assert not view.panned(longer, -0.1).follow and view.panned(longer, 0.1).follow
    stopped = view.toggled_follow(longer)
    assert not stopped.follow and ends(stopped) == pytest.approx((180, 200))
    assert ChartView().toggled_follow(HUNDRED) == ChartView(follow=True)
    assert ChartView(follow=True).toggled_follow(HUNDRED) == ChartView()


def test_the_cursor_takes_the_view_along() -> None:
    view = ChartView(left=40, right=60).moved_cursor(HUNDRED, 1, 20)
    assert view.cursor == pytest.approx(50.5)
    assert view.moved_cursor(HUNDRED, -3, 20).cursor == pytest.approx(47.5)
    far = replace(view, cursor=59.5).moved_cursor(HUNDRED, 1, 20)
    assert ends(far) == pytest.approx((41, 61)) and far.cursor == pytest.approx(60.5)
    first = replace(view, cursor=40.5).moved_cursor(HUNDRED, -1, 20)
    assert ends(first) == pytest.approx((39, 59)) and first.cursor == pytest.approx(39.5)
    assert ChartView(cursor=100.0).moved_cursor(HUNDRED, 1, 10).cursor == pytest.approx(95)
    assert first.reset() == ChartView()


def test_turning_to_another_axis_shows_the_same_part() -> None:
    view = ChartView(left=40, right=60, cursor=50).next_axis(HUNDRED)
    assert view == ChartView("seconds", 20, 30, cursor=25)
    assert view.next_axis(HUNDRED) == ChartView("tokens", 4000, 6000, cursor=5000)
    assert view.next_axis(HUNDRED).next_axis(HUNDRED) == ChartView("step", 40, 60, cursor=50)
    assert ChartView(left=1, right=2, cursor=1).next_axis([]) == ChartView("seconds")
    assert convert_x([], 3, "step", "tokens") is None


def test_a_logarithmic_x_axis_begins_above_zero() -> None:
    view = ChartView(log_x=True)
    assert view.x_scale(HUNDRED).low == 1 and view.x_scale(HUNDRED).high == 100
    assert view.zoomed(HUNDRED, 2).x_scale(HUNDRED).low == pytest.approx(10**0.5)
    assert x_range([a_curve([])], "step") == (math.inf, -math.inf)
    assert view.x_scale([a_curve([])]).low == 1


moves = st.lists(
    st.tuples(st.sampled_from(["zoom", "pan", "cursor", "follow", "reset", "turn"]), st.floats(-3, 3)), max_size=20
)


@repeatable
@given(moves, st.lists(st.floats(-1e12, 1e12) | st.integers(0, 9).map(float), max_size=8), st.booleans())
def test_whatever_one_does_there_is_a_view(moves: list[tuple[str, float]], steps: list[float], log_x: bool) -> None:
    curves = [a_curve([1.0] * len(steps), sorted(steps))] if steps else []
    view = ChartView(log_x=log_x)
    for move, size in moves:
        match move:
            case "zoom":
                view = view.zoomed(curves, 1.5**size, view.cursor)
            case "pan":
                view = view.panned(curves, size)
            case "cursor":
                view = view.moved_cursor(curves, round(size), 50)
            case "follow":
                view = view.toggled_follow(curves)
            case "reset":
                view = view.reset()
            case _:
                view = view.next_axis(curves)
        scale = view.x_scale(curves)
        assert scale.low < scale.high
        low, high = x_range(curves, view.axis)
        if view.left is not None and low < high and not log_x:
            slack = 1e-6 * max(abs(low), abs(high))
            assert scale.low >= low - slack and scale.high <= high + slack
