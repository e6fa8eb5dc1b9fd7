"""Charts as SVG documents and PNG images, and their palette."""

from __future__ import annotations

import itertools
import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from rnntui.charts.chart_view import ChartView
from rnntui.charts.curve import Curve
from rnntui.charts.metric_charts import ChartHeading
from rnntui.charts.metrics_history import MetricSeries
from rnntui.charts.palette import DARK, LIGHT, curve_colour
from rnntui.charts.svg import ChartDrawing, render_svg
from rnntui.charts.svg_elements import render_png
from rnntui.errors import UsageError

SVG = "{http://www.w3.org/2000/svg}"
LOSS, ALL = ChartHeading("Loss"), ChartView()


def a_curve(values: np.ndarray | list[float], name: str = "run", **details) -> Curve:
    x = np.arange(float(len(values)))
    return Curve(name, MetricSeries(np.array(values, float), {"step": x, "seconds": x, "tokens": x * 100}), **details)


def root_of(*curves: Curve, heading: ChartHeading = LOSS, view: ChartView = ALL):
    return ElementTree.fromstring(render_svg([ChartDrawing(heading, curves, view)]))


def texts(root: ElementTree.Element) -> list[str]:
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def test_it_says_what_it_shows() -> None:
    curve = a_curve([4, 3, 2, 2.5], "validation", marked=True, best_step=2.0, colour=1)
    root = root_of(curve, heading=ChartHeading("Loss", "nats a token", ("notes",)), view=ChartView("tokens", log=True))
    shown = texts(root)
    assert shown[0] == "Loss of notes" and shown[1] == "validation 2.5000★ best 2.0000 at step 2"
    assert {"tokens", "nats a token, log scale", "0", "300"} < {*shown}
    colours = {element.get("fill") for element in root.iter(f"{SVG}circle")}
    assert colours == {LIGHT[1]} and len([*root.iter(f"{SVG}circle")]) == 1 + 4
    [star] = [path for path in root.iter(f"{SVG}path") if path.get("fill") == LIGHT[1]]
    [top] = re.findall(r"^M[\d.]+ ([\d.]+)", star.get("d", ""))
    assert float(top) > 350, "the best loss is at the bottom of the plot"


def test_a_view_is_cut_to_its_range_and_raw_values_are_under_their_average() -> None:
    curve = a_curve(np.arange(101.0), smoothing=0.5)
    root = root_of(curve, view=ChartView(left=40, right=60, cursor=50))
    paths = [
        path for path in root.iter(f"{SVG}path") if path.get("stroke") == LIGHT[0] and path.get("stroke-width") != "2"
    ]
    assert [path.get("opacity") for path in paths] == ["0.3", None]
    assert all(20 < len(re.findall("[ML]", path.get("d", ""))) <= 24 for path in paths), "a point more on either side"
    assert texts(root)[1].startswith("run 99"), "the last value, not that at the cursor"


def test_many_points_are_thinned_and_keep_their_extremes() -> None:
    values = np.random.default_rng(0).normal(size=100_000)
    values[50_000] = 99.0
    document = render_svg([ChartDrawing(ChartHeading("Loss"), [a_curve(values)], ChartView())])
    assert len(document) < 60_000
    heights = [float(height) for height in re.findall(r"L[\d.]+ ([\d.]+)", document)]
    assert min(heights) == pytest.approx(44 + 20, abs=1), "the outlier reaches the top of the plot"


def test_gaps_nothing_and_strange_names_are_valid() -> None:
    root = root_of(a_curve([1, np.nan, 2, np.inf, 3, 4]), heading=ChartHeading("<&>\x1b\ufffe", runs=('"run"',)))
    [path] = [p for p in root.iter(f"{SVG}path") if p.get("stroke-width") == "1.75"]
    assert re.sub("[^ML]", "", path.get("d", "")) == "MMML"
    assert texts(root)[0] == '<&>\\x1b\ufffd of "run"'
    for curves in ([], [a_curve([])], [a_curve([np.nan])]):
        assert ElementTree.fromstring(render_svg([ChartDrawing(ChartHeading("Loss"), curves, ChartView())])) is not None
    assert "no data yet" in texts(root_of())


def test_a_long_legend_wraps_within_the_image() -> None:
    root = root_of(*(a_curve([1, 2], f"a run with a rather long name {i}", colour=i, best_step=1.0) for i in range(8)))
    entries = [element for element in root.iter(f"{SVG}text") if "best" in "".join(element.itertext())]
    assert len({element.get("y") for element in entries}) == 8
    assert ElementTree.tostring(root).count(b'class="') == 0


def test_png_is_the_svg_in_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("resvg_py")
    document = render_svg([ChartDrawing(ChartHeading("Loss"), [a_curve([1, 2])], ChartView())])
    image = render_png(document)
    assert image[:8] == b"\x89PNG\r\n\x1a\n" and image[16:24] == (1600).to_bytes(4) + (900).to_bytes(4)
    monkeypatch.setattr("resvg_py.svg_to_bytes", lambda **_: b"no text")
    with pytest.raises(UsageError, match="has none"):
        render_png(document)
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(UsageError, match="pip install 'rnntui\\[png\\]'"):
        render_png(document)


# Machado et al. 2009, severity 1: deuteranopia, protanopia, tritanopia. They apply to linear RGB.
SIMULATIONS = (
    np.eye(3),
    np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
)
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear_rgb(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def cie_lab(rgb: np.ndarray) -> np.ndarray:
    xyz = XYZ @ np.clip(rgb, 0, 1) / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize(("colours", "background"), [(DARK, "#121212"), (LIGHT, "#e0e0e0"), (LIGHT, "#ffffff")])
def test_colours_can_be_told_apart_by_everyone_and_from_the_background(
    colours: tuple[str, ...], background: str
) -> None:
    for matrix in SIMULATIONS:
        labs = [cie_lab(matrix @ linear_rgb(colour)) for colour in colours]
        assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(labs, 2)) >= 20
    for colour in colours:
        low, high = sorted(XYZ[1] @ linear_rgb(c) for c in (colour, background))
        assert (high + 0.05) / (low + 0.05) >= 3, colour


def test_colours_come_again() -> None:
    assert curve_colour(0, dark=True) == curve_colour(8, dark=True) == DARK[0]
    assert len({*DARK, *LIGHT}) == 16
