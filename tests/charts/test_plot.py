"""Rendered charts."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rnntui.charts.chart_view import ChartView
from rnntui.charts.curve import Curve, curves_of
from rnntui.charts.metric_charts import LOSS_KEYS
from rnntui.charts.metrics_history import MetricSeries, MetricsHistory
from rnntui.charts.plot import Display, RenderedChart, render_chart
from rnntui.charts.styled_text import ChartPart, cell_width

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=120)
SHIPPED = Path(__file__).resolve().parents[2] / "checkpoints" / "shakespeare" / "metrics.jsonl"


def text(chart: RenderedChart) -> list[str]:
    return ["".join(piece for piece, _ in row) for row in chart.rows]


def a_curve(values: list[float], name: str = "run", **more) -> Curve:
    x = np.arange(float(len(values)))
    return Curve(name, MetricSeries(np.array(values, float), {"step": x, "seconds": x * 60, "tokens": x * 100}), **more)


def pieces(chart: RenderedChart, kind: ChartPart) -> list[tuple[str, int]]:
    return [(piece, style.colour) for row in chart.rows for piece, style in row if style.kind is kind]


def braille(chart: RenderedChart) -> int:
    return sum(0x2800 < ord(character) <= 0x28FF for row in text(chart) for character in row)


RISING = [a_curve(list(range(101)))]


def test_a_rising_line_is_a_rising_line() -> None:
    assert text(render_chart("Loss", RISING, ChartView(), Display(40, 12))) == [
        "Loss                         ━ run 100.0",
        "100 ┤   ·   ·   ·   ·   ·   ·   ·   ⣀⡤⠖⠋",
        "    │                           ⣀⡤⠖⠋⠁   ",
        "    │                       ⣀⡤⠖⠋⠁       ",
        "    │                   ⣀⡤⠖⠋⠁           ",
        " 50 ┤   ·   ·   ·   ⢀⣠⠖⠋⠁   ·   ·   ·   ",
        "    │           ⢀⣠⠴⠚⠉                   ",
        "    │       ⢀⣠⠴⠚⠉                       ",
        "    │   ⢀⣠⠴⠚⠉                           ",
        "  0 ┤⣠⠴⠚⠉   ·   ·   ·   ·   ·   ·   ·   ",
        "    └┬────────────────┬────────────────┬",
        "step 0                50             100",
    ]


def test_the_cursor_shows_where_it_is_and_the_values_there() -> None:
    chart = render_chart("Loss", RISING, ChartView("seconds", cursor=3000), Display(40, 12))
    rows = text(chart)
    assert rows[0].endswith("━ run 50.0000") and rows[5][22] == "●"
    assert [row[22] for row in rows[1:5]] == ["│"] * 4 and [row[22] for row in rows[6:10]] == ["│"] * 4
    assert rows[-1] == "time 0              50:00 1h            "
    assert pieces(chart, ChartPart.CURSOR_LABEL) == [(" 50:00 ", 0)], "apart from the label of a tick"
    assert chart.x_at(22) == 3000
    away = render_chart("Loss", RISING, ChartView(left=10, right=20, cursor=50), Display(40, 12))
    assert not pieces(away, ChartPart.CURSOR)
    beyond = render_chart("Loss", [*RISING, a_curve([1.0, 2.0], "short")], ChartView(cursor=50), Display(60, 12))
    assert "short –" in text(beyond)[0]


def test_averages_are_over_the_dimmed_values_and_alone_without_colours() -> None:
    noise = np.random.default_rng(0).normal(size=500)
    curves = [a_curve(list(noise), smoothing=0.99, colour=3)]
    coloured = render_chart("", curves, ChartView(), Display(80, 20))
    plain = render_chart("", curves, ChartView(), Display(80, 20, colours=False))
    assert {colour for _, colour in pieces(coloured, ChartPart.RAW)} == {3}
    assert {colour for _, colour in pieces(coloured, ChartPart.LINE)} == {3}
    assert not pieces(plain, ChartPart.RAW)
    assert coloured.y.high - coloured.y.low > 5
    assert plain.y.high - plain.y.low < 2, "the axis fits what is drawn"


def test_without_colours_each_curve_has_a_sign() -> None:
    curves = [a_curve([float(i)] * 100, f"run {i}", colour=i) for i in range(3)]
    rows = text(render_chart("Loss", curves, ChartView(), Display(80, 20, colours=False)))
    assert "● run 0 0.0000   ▲ run 1 1.0000   ■ run 2 2.0000" in rows[0]
    for sign, row in zip("■▲●", (rows[1], rows[9], rows[17]), strict=True):
        assert row.count(sign) >= 5, row


def test_points_are_marked_where_there_is_room() -> None:
    few, many = a_curve([1.0, 2.0, 1.0, 2.0], marked=True), a_curve([1.0, 2.0] * 50, marked=True)
    for curve, points in ((few, 4), (many, 0), (a_curve([5.0]), 1)):
        rows = text(render_chart("", [curve], ChartView(), Display(60, 15)))
        assert "".join(rows[1:]).count("•") == points


def test_the_later_curve_is_on_top() -> None:
    curves = [a_curve([1.0, 1.0], colour=1), a_curve([1.0, 1.0], colour=2)]
    chart = render_chart("", curves, ChartView(), Display(40, 10))
    plot = {style.colour for row in chart.rows[1:] for piece, style in row if style.kind is ChartPart.LINE}
    assert plot == {2}


def test_a_star_marks_the_best_check() -> None:
    best = a_curve([3.0, 1.0, 2.0], "validation", marked=True, best_step=1.0, colour=4)
    chart = render_chart("Loss", [best], ChartView(), Display(60, 12))
    rows = text(chart)
    assert rows[0].endswith("• validation 2.0000 ★ best 1.0000 at step 1")
    [star] = [(y, row.index("★")) for y, row in enumerate(rows) if y and "★" in row]
    assert star == (9, chart.left + (chart.width - 1) // 2)
    assert text(render_chart("Loss", [best], ChartView(), Display(42, 12)))[0].endswith("2.0000 ★ 1.0000")
    tall = text(render_chart("Loss of a run", [best, *RISING], ChartView(), Display(60, 20)))
    assert tall[1].startswith("• validation 2.0000 ★ best 1.0000 at step 1   ━ run 100.0")
    away = render_chart("Loss", [best], ChartView(left=1.5, right=2), Display(60, 12))
    assert "★" not in "".join(text(away)[1:])
    assert "★" not in "".join(text(render_chart("", [a_curve([3.0], best_step=7.0)], ChartView(), Display(60, 12))))


def test_one_curve_is_not_counted() -> None:
    narrow = [text(render_chart("Learning rate", RISING, ChartView(), Display(width, 8)))[0] for width in (28, 20)]
    assert narrow[0] == "Learning rate        ━ 100.0".rjust(28) and narrow[1].strip() == "Learning rate"


def test_the_title_and_names_are_cut_counted_and_made_visible() -> None:
    long = render_chart("A title that is far too long for it", RISING, ChartView(), Display(24, 8))
    assert text(long)[0].startswith("A title")
    many = [a_curve([1.0], f"run {i}") for i in range(30)]
    rows = text(render_chart("Loss", many, ChartView(), Display(60, 24)))
    assert rows[0].strip() == "Loss" and "more" in "".join(rows[1:4])
    steered = text(render_chart("\x1b[31mtitle\n", [a_curve([1.0], "\x1b[1mrun\u202e")], ChartView(), Display(60, 10)))
    assert "\\x1b[31mtitle⏎" in steered[0] and "\\x1b[1mrun\\u202e" in steered[0]


def test_wide_names_take_the_cells_they_take() -> None:
    curves = [a_curve([1.0, 2.0], "日本語のとても長い名前" * 3), a_curve([1.0, 2.0], "e\u0301" * 30)]
    for width in range(1, 120, 7):
        for row in text(render_chart("損失", curves, ChartView(), Display(width, 12))):
            assert cell_width(row) == width


def test_there_may_be_no_data_yet() -> None:
    for curves in ([], [a_curve([])]):
        assert "no data yet" in "".join(text(render_chart("Loss", curves, ChartView(cursor=3), Display(60, 12))))
    assert braille(render_chart("Loss", [a_curve([math.nan, math.inf])], ChartView(), Display(60, 12))) == 0


def test_a_logarithmic_axis_leaves_out_what_has_no_logarithm() -> None:
    chart = render_chart("", [a_curve([0.0, -5.0, 1.0, 10.0, 1000.0])], ChartView(log=True), Display(60, 15))
    assert (round(chart.y.low, 9), round(chart.y.high, 6)) == (1, 1000)
    labels = " ".join(row[:6].strip(" ┤│└") for row in text(chart)[:-1])
    assert labels.split() == ["1000", "100", "10", "1"]
    assert render_chart("", [a_curve([-1.0])], ChartView(log=True), Display(60, 15)).y.log


def test_a_small_place_gets_what_fits() -> None:
    rows = text(render_chart("Loss", RISING, ChartView(), Display(20, 6)))
    assert (
        rows[0].startswith("Loss")
        and "└" in rows[-2]
        and braille(render_chart("Loss", RISING, ChartView(), Display(20, 6))) > 5
    )
    assert braille(render_chart("Loss", RISING, ChartView(), Display(6, 2))) > 3
    assert [len(row) for row in text(render_chart("Loss", RISING, ChartView(), Display(1, 1)))] == [1]


def test_the_shipped_run_looks_as_it_should() -> None:
    history = MetricsHistory(SHIPPED)
    history.read_all()
    rows = text(render_chart("Loss", curves_of({"shakespeare": history}, LOSS_KEYS, 0.9), ChartView(), Display(80, 24)))
    assert rows[0].startswith("Loss  ") and rows[0].endswith("━ training 1.2342   • validation 1.3738")
    assert [row[:5] for row in rows if "┤" in row] == ["1.6 ┤", "1.5 ┤", "1.4 ┤", "1.3 ┤", "1.2 ┤"]
    assert rows[-1].split() == ["step", "0", "5k", "10k", "15k", "20k", "25k"]


numbers = st.floats() | st.floats(-10, 10) | st.sampled_from([0.0, math.nan, math.inf, 1e308, -1e308, 1e-320])
curves = st.lists(
    st.builds(
        lambda values, name, smoothing, marked: a_curve(values, name, smoothing=smoothing, marked=marked),
        st.lists(numbers, max_size=20), st.text(max_size=8), st.sampled_from([0.0, 0.9]), st.booleans(),
    ),
    max_size=4,
)  # fmt: skip
views = st.builds(
    ChartView, st.sampled_from(["step", "seconds", "tokens"]),
    st.none() | st.floats(-5, 5), st.none() | st.floats(6, 50),
    log=st.booleans(), log_x=st.booleans(), follow=st.booleans(), cursor=st.none() | numbers,
)  # fmt: skip


@repeatable
@given(st.text(max_size=10), curves, views, st.integers(1, 60), st.integers(1, 20), st.booleans())
def test_any_chart_fills_its_place_exactly(
    title: str, curves: list[Curve], view: ChartView, width: int, height: int, colours: bool
) -> None:
    chart = render_chart(title, curves, view, Display(width, height, colours=colours))
    rows = text(chart)
    assert len(rows) == height
    assert [cell_width(row) for row in rows] == [width] * height
    assert all(c.isprintable() for row in rows for c in row if c not in title and not any(c in x.name for x in curves))
    assert chart.top + chart.height <= height and chart.left + chart.width == width
    assert chart.rows == render_chart(title, curves, view, Display(width, height, colours=colours)).rows
