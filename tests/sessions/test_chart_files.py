"""Saving a chart as a file: the names that can be typed, and the one that is suggested."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnntui.charts.chart_view import ChartView
from rnntui.charts.curve import Curve
from rnntui.charts.metric_charts import ChartHeading
from rnntui.charts.metrics_history import MetricSeries
from rnntui.charts.svg import ChartDrawing, render_svg
from rnntui.errors import UnconfirmedError, UsageError
from rnntui.sessions.chart_files import save_image, suggested_chart

STEPS = np.arange(3.0)
CURVE = Curve("notes", MetricSeries(3 - STEPS, {"step": STEPS, "seconds": STEPS, "tokens": STEPS}))
CHART = ChartDrawing(ChartHeading("Loss", runs=("notes",)), [CURVE], ChartView())
SVG, SUGGESTED = render_svg([CHART]), suggested_chart(CHART.heading)


@pytest.mark.parametrize(
    ("runs", "name"),
    [
        ((), "loss.svg"), (("notes",), "notes-loss.svg"), (("a", "b", "c"), "a-and-2-more-loss.svg"),
        (("../v1.2 b",), "v1.2-b-loss.svg"), (("x" * 100,), "x" * 75 + "-loss.svg"), (("日記",), "日記-loss.svg"),
    ],
)  # fmt: skip
def test_a_name_is_suggested(runs: tuple[str, ...], name: str) -> None:
    assert suggested_chart(ChartHeading("Loss", runs=runs)) == name


@pytest.mark.parametrize(
    ("typed", "saved", "start"),
    [
        ("chart", "chart.svg", b"<svg"), ("a.SVG", "a.SVG", b"<svg"), ("v1.2-loss", "v1.2-loss.svg", b"<svg"),
        ("", "notes-loss.svg", b"<svg"), ("chart.png", "chart.png", b"\x89PNG\r\n"),
    ],
)  # fmt: skip
def test_a_chart_is_saved_in_the_format_of_its_name(tmp_path: Path, typed: str, saved: str, start: bytes) -> None:
    path = save_image(f"{tmp_path}/{typed}", SVG, SUGGESTED)
    assert path == tmp_path / saved and path.read_bytes().startswith(start)


def test_another_format_is_refused_and_no_file_is_overwritten_unasked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.jpg is neither an \.svg nor a \.png file"):
        save_image(str(tmp_path / "a.jpg"), SVG, SUGGESTED, confirmed=True)
    (tmp_path / "a.svg").write_text("mine")
    with pytest.raises(UnconfirmedError, match="exists already"):
        save_image(str(tmp_path / "a"), SVG, SUGGESTED)
    assert (tmp_path / "a.svg").read_text() == "mine" and len([*tmp_path.iterdir()]) == 1
    assert save_image(str(tmp_path / "a"), SVG, SUGGESTED, confirmed=True).read_bytes().startswith(b"<svg")
