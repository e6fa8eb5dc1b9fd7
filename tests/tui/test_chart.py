"""The chart widget, used by keyboard and mouse."""

from __future__ import annotations

import numpy as np
import pytest
from rich.segment import Segment
from textual import work
from textual.app import App, ComposeResult
from textual.events import MouseScrollDown, MouseScrollUp
from textual.pilot import Pilot
from textual.widgets import Static
from train_host import WIDE, Host, make_pairs_logged
from waiting import wait_until

from rnntui.charts.curve import Curve
from rnntui.charts.metric_charts import ChartHeading
from rnntui.charts.metrics_history import MetricSeries
from rnntui.charts.palette import DARK, LIGHT
from rnntui.charts.svg import ChartDrawing
from rnntui.tui.train.chart_export import export_chart
from rnntui.tui.widgets import chart as chart_module
from rnntui.tui.widgets.chart import KEYS, Chart


def a_curve(count: int, name: str = "run", colour: int = 0, smoothing: float = 0.0) -> Curve:
    x = np.arange(float(count))
    points = MetricSeries(100 - x + 5 * (x % 2), {"step": x, "seconds": x * 0.5, "tokens": x * 100})
    return Curve(name, points, colour, smoothing)


class Window(App[None]):
    """A chart below a line of text."""

    CSS = "Chart { padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.moves: list[Chart.CursorMoved] = []

    def compose(self) -> ComposeResult:
        yield Static("above")
        yield Chart("Loss", id="chart")

    def on_mount(self) -> None:
        self.chart.show([a_curve(101, smoothing=0.5)])
        self.chart.focus()

    @property
    def chart(self) -> Chart:
        return self.query_one(Chart)

    def on_chart_cursor_moved(self, event: Chart.CursorMoved) -> None:
        self.moves.append(event)

    @work
    async def on_chart_export_requested(self, event: Chart.ExportRequested) -> None:
        await export_chart(self, ChartDrawing(event.chart.heading, event.chart.curves, event.chart.view))


@pytest.fixture
async def pilot():
    async with Window().run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        yield pilot


def chart_of(pilot: Pilot[None]) -> Chart:
    return pilot.app.query_one(Chart)


def ends(chart: Chart) -> tuple[float, float]:
    return round(chart.rendered.x.low, 6), round(chart.rendered.x.high, 6)


def shown(chart: Chart) -> list[str]:
    return [chart.render_line(y).text for y in range(chart.size.height)]


def segments(chart: Chart) -> list[Segment]:
    return [segment for y in range(chart.size.height) for segment in chart.render_line(y)]


async def test_it_fills_its_place_and_fits_a_new_one(pilot) -> None:
    chart = chart_of(pilot)
    assert [len(row) for row in shown(chart)] == [78] * 23
    assert shown(chart)[0].startswith("Loss") and "run" in shown(chart)[0]
    await pilot.resize_terminal(40, 10)
    assert [len(row) for row in shown(chart)] == [38] * 9
    assert chart.render_line(99).cell_length == 38
    await pilot.resize_terminal(5, 3)
    assert [len(row) for row in shown(chart)] == [3] * 2


async def test_the_cursor_by_keys(pilot) -> None:
    chart = chart_of(pilot)
    await pilot.press("right")
    middle = chart.view.cursor
    assert middle == pytest.approx(50, abs=1) and "│" in shown(chart)[2][40:46]
    await pilot.press("left", "left", "right")
    assert chart.view.cursor == pytest.approx(middle - 100 / chart.rendered.width)
    moves = pilot.app.moves
    assert len(moves) == 4 and moves[-1].x == chart.view.cursor and moves[-1].control is chart
    assert moves[-1].step == pytest.approx(chart.view.cursor) and moves[-1].axis == "step"
    await pilot.press("x")
    assert moves[-1].axis == "seconds" and moves[-1].step == pytest.approx(chart.view.cursor * 2)
    await pilot.press("0")
    assert chart.view.cursor is None and (moves[-1].x, moves[-1].step) == (None, None)


async def test_zoom_pan_and_reset_by_keys(pilot) -> None:
    chart = chart_of(pilot)
    await pilot.press("+")
    assert ends(chart) == pytest.approx((100 / 6, 500 / 6))
    await pilot.press("shift+left")
    assert ends(chart) == pytest.approx((100 / 30, 70))
    await pilot.press("shift+right", "shift+right")
    assert ends(chart) == pytest.approx((30, 290 / 3))
    await pilot.press("minus")
    assert ends(chart)[1] - ends(chart)[0] > 66 + 10
    await pilot.press("home")
    assert ends(chart) == (0, 100)
    await pilot.press("right", *["left"] * 20, "=")
    x = chart.view.cursor
    assert (x - ends(chart)[0]) / (ends(chart)[1] - ends(chart)[0]) == pytest.approx(x / 100)


async def test_a_cursor_out_of_view_is_not_zoomed_around(pilot) -> None:
    chart = chart_of(pilot)
    await pilot.press("right", "+", "+", "+", "shift+right", "shift+right", "shift+right", "shift+right")
    low, high = ends(chart)
    assert low > chart.view.cursor
    await pilot.press("+")
    assert low < ends(chart)[0] < ends(chart)[1] < high


async def test_following_shows_the_newest(pilot) -> None:
    chart = chart_of(pilot)
    await pilot.press("+", "f")
    assert ends(chart)[1] == 100 and "following" in shown(chart)[0]
    chart.show([a_curve(201)])
    assert ends(chart) == pytest.approx((200 - 200 / 3, 200))
    await pilot.press("f")
    chart.show([a_curve(301)])
    assert ends(chart)[1] == 200 and "following" not in shown(chart)[0]


async def test_log_where_it_makes_sense_and_the_axes_in_turn(pilot) -> None:
    chart = chart_of(pilot)
    await pilot.press("l")
    assert chart.rendered.y.log and "log" in shown(chart)[0]
    await pilot.press("x")
    assert shown(chart)[-2].split()[0] == "time" and ends(chart) == (0, 50)
    await pilot.press("x")
    assert " tokens " in shown(chart)[-3] and ends(chart) == (0, 10_000)
    await pilot.press("x")
    assert "step" in shown(chart)[-2].split()
    chart.show([a_curve(20, "speed")], ChartHeading("Tokens per second"), log=False)
    assert not chart.rendered.y.log
    await pilot.press("l")
    assert not chart.rendered.y.log
    assert shown(chart)[0].startswith("Tokens per second") and "speed" in shown(chart)[0]


async def test_a_click_puts_the_cursor(pilot) -> None:
    chart = chart_of(pilot)
    rendered = chart.rendered
    # The padding is one cell, and the plot begins after the y axis.
    await pilot.click(Chart, offset=(1 + rendered.left + 10, 8))
    assert chart.view.cursor == pytest.approx(100 * 10.5 / rendered.width)
    before = chart.view
    await pilot.click(Chart, offset=(1, 8))
    assert chart.view == before, "a click on the labels does not move the cursor"


async def test_dragging_pans_and_leaves_the_cursor(pilot) -> None:
    chart = chart_of(pilot)
    await pilot.press("+")
    low, high = ends(chart)
    await pilot.mouse_down(Chart, offset=(40, 8))
    await pilot.hover(Chart, offset=(50, 8))
    moved = (high - low) * 10 / chart.rendered.width
    assert ends(chart) == pytest.approx((low - moved, high - moved), abs=1e-5)
    await pilot.hover(Chart, offset=(40, 8))
    assert ends(chart) == pytest.approx((low, high), abs=1e-5), "back where it began"
    await pilot.mouse_up(Chart, offset=(40, 8))
    assert chart.view.cursor is None
    await pilot.hover(Chart, offset=(20, 8))
    assert ends(chart) == pytest.approx((low, high), abs=1e-5), "the drag is over"


async def test_other_buttons_do_nothing(pilot) -> None:
    chart = chart_of(pilot)
    before = chart.view
    await pilot.click(Chart, offset=(40, 8), button=3)
    assert chart.view == before


async def test_the_wheel_zooms_around_the_pointer(pilot) -> None:
    chart = chart_of(pilot)
    left = chart.rendered.left

    async def turn(kind: type[MouseScrollUp] | type[MouseScrollDown], column: int) -> None:
        await pilot._post_mouse_events([kind], Chart, (1 + column, 8), button=0)
        await pilot.pause()

    x = chart.rendered.x_at(left + 20)
    await turn(MouseScrollUp, left + 20)
    assert chart.rendered.x_at(left + 20) == pytest.approx(x, abs=1.5) and ends(chart)[1] < 90
    await turn(MouseScrollDown, left + 20)
    assert ends(chart) == pytest.approx((0, 100), abs=1)
    await turn(MouseScrollUp, 0)
    assert ends(chart) == pytest.approx((100 / 6, 500 / 6), abs=1), "beside the plot, around the middle"


async def test_it_is_drawn_once_for_each_change(pilot, monkeypatch) -> None:
    drawings = []
    render_chart = chart_module.render_chart

    def counting(*arguments, **options):
        drawings.append(arguments)
        return render_chart(*arguments, **options)

    monkeypatch.setattr(chart_module, "render_chart", counting)
    chart = chart_of(pilot)
    chart.refresh()
    await pilot.pause()
    shown(chart)
    await pilot.press("shift+left")  # at the left end: there is nothing to pan
    assert drawings == []
    await pilot.press("right")
    await pilot.pause()
    shown(chart)
    assert len(drawings) == 1


async def test_colours_follow_the_theme_and_cells_are_opaque(pilot) -> None:
    chart = chart_of(pilot)
    found = {}
    for theme in ("textual-dark", "textual-light"):
        pilot.app.theme = theme
        await pilot.pause()
        styles = [s.style for s in segments(chart) if any(0x2800 < ord(c) <= 0x28FF for c in s.text)]
        assert styles and all(style and style.bgcolor is not None for style in styles)
        found[theme] = {style.color.name for style in styles if style and style.color}
        assert len(found[theme]) == 2, "values and their average differ in colour"
    assert DARK[0] in found["textual-dark"] and LIGHT[0] in found["textual-light"]
    pilot.app.theme = "textual-ansi" if "textual-ansi" in pilot.app.available_themes else "ansi-dark"
    await pilot.pause()
    faded = {s.style.dim for s in segments(chart) if any(0x2800 < ord(c) <= 0x28FF for c in s.text) and s.style}
    assert True in faded


async def test_every_action_has_a_key_and_can_have_another(pilot) -> None:
    chart = chart_of(pilot)
    ids = {binding.id for binding in Chart.BINDINGS}
    assert ids == {f"chart.{action}" for action, _, _ in KEYS}
    for action, keys, description in KEYS:
        assert callable(getattr(chart, f"action_{action}")) and keys and description
    pilot.app.set_keymap({"chart.zoom_in": "z"})
    await pilot.press("plus")
    assert ends(chart) == (0, 100)
    await pilot.press("z")
    assert ends(chart) != (0, 100)


async def test_without_data_it_says_so_and_nothing_breaks(pilot) -> None:
    chart = chart_of(pilot)
    chart.show([])
    await pilot.press(*(keys.split(",")[0] for _, keys, _ in KEYS))
    assert [notice.message for notice in pilot.app._notifications] == ["There is nothing to save yet."]
    await pilot.click(Chart, offset=(30, 8))
    assert any("no data yet" in row for row in shown(chart))


async def test_the_keys_are_shown_where_they_work(pilot) -> None:
    chart = chart_of(pilot)
    assert shown(chart)[-1].rstrip() == ("←→ cursor  +- zoom  shift+←→ pan  0 all  l log  x axis  e export  f follow")
    pilot.app.set_keymap({"chart.log": "g", "chart.zoom_in": "f11"})
    await pilot.pause()
    assert "f11 - zoom" in shown(chart)[-1] and "g log" in shown(chart)[-1]
    chart.show([a_curve(20)], ChartHeading("Tokens per second"), log=False)
    pilot.app.screen.set_focus(None)
    await pilot.pause()
    assert shown(chart)[-1].startswith("Tab here for cursor, zoom")
    chart.focus()
    await pilot.resize_terminal(40, 9)
    await pilot.pause()
    assert shown(chart)[-1].split()[:3] == ["←→", "cursor", "f11"] and "log" not in shown(chart)[-1]
    await pilot.resize_terminal(40, 8)
    assert "cursor" not in "".join(shown(chart)), "the plot needs the rows"


async def test_export_writes_what_is_shown_and_overwrites_only_when_asked_twice(pilot, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    chart = chart_of(pilot)
    chart.show([a_curve(101)], ChartHeading("Loss", "nats a token", ("my run",)))
    await pilot.press("+", "l", "e", "enter")
    await pilot.pause()
    saved = tmp_path / "my-run-loss.svg"
    document = saved.read_text()
    assert "Loss of my run" in document and "log scale" in document and ">20</text>" in document
    assert ">100</text>" not in document, "the part that is in view"
    assert [notice.message for notice in pilot.app._notifications] == ["my-run-loss.svg"]
    saved.write_text("mine")
    await pilot.press("e", "enter")
    await pilot.pause()
    assert saved.read_text() == "mine" and "exists already" in str(pilot.app.screen.query_one(".problem").render())
    await pilot.press("enter")
    await pilot.pause()
    assert saved.read_text() == document and pilot.app.focused is chart
    await pilot.press("e", "end", *["backspace"] * 3, *"pdf", "enter")
    await pilot.pause()
    assert "neither an .svg nor a .png" in str(pilot.app.screen.query_one(".problem").render())
    await pilot.press("escape")
    assert [path.name for path in tmp_path.iterdir()] == ["my-run-loss.svg"]


async def test_the_train_tab_saves_the_chart_of_a_run(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_pairs_logged(tmp_path / "runs", "dates", selection_metric="bleu")
    app = Host(tmp_path / "runs")
    async with app.run_test(size=WIDE) as pilot:
        chart = app.tab.dashboard.chart
        await wait_until(pilot, lambda: chart.curves)
        app.tab.dashboard.select("BLEU")
        await pilot.press("tab", "e", "enter")
        await wait_until(pilot, (tmp_path / "dates-bleu.svg").exists)
        assert "best 30.0000 at step 50" in (tmp_path / "dates-bleu.svg").read_text()
        assert app.notices == ["Chart saved: dates-bleu.svg"]
        assert "cursor" in app.text("#chart") and "cursor" not in app.text("#previews")
