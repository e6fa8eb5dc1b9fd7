"""The charts of the runs that are shown: one large, previews of others as there is room, and the sample texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Static

from rnntui.charts.curve import Curve, convert_x, curves_of
from rnntui.charts.metrics_history import MetricsHistory, Sample
from rnntui.charts.quantities import LOSS, LOSSES, SMOOTHING, charts_of, heading, in_order, quantity
from rnntui.sessions.run_watcher import WatchedRun
from rnntui.text.control_chars import one_line
from rnntui.tui.train.chart_selector import Selector
from rnntui.tui.train.run_details import About
from rnntui.tui.train.sample_list import Samples
from rnntui.tui.widgets.chart import Chart

WIDE = 110  # columns from which on the list stands beside the charts
_SAMPLES, _ABOUT = "Sample texts", "About"
_PREVIEW = 28  # columns that a preview needs
_ROOM_FOR_PREVIEWS = 24  # rows


@dataclass(frozen=True)
class Shown:
    """A run in the charts; `colour` is None where it is the only one, and its quantities have the colours."""

    name: str
    history: MetricsHistory
    colour: int | None


class Preview(Chart, can_focus=False):
    """A small chart to look at; a click makes it the large one."""

    class Clicked(Message):
        """This one is wanted large."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, number: int) -> None:
        super().__init__(classes="preview")
        self.number = number

    def on_click(self) -> None:
        self.post_message(self.Clicked(self.number))

    # It follows the large one, and is not moved about in by itself.

    def on_mouse_down(self, event: events.MouseDown) -> None:
        event.prevent_default()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.prevent_default()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.prevent_default()


class Board(Vertical):
    """What is seen of the chosen runs. `full` gives all its room to what is chosen."""

    def __init__(self) -> None:
        super().__init__(id="board")
        self._charts: list[tuple[str, list[str]]] = [(LOSS, list(LOSSES))]
        self._chosen = LOSS
        self._curves: dict[str, list[Curve]] = {}
        self._without: dict[str, list[str]] = {}  # by the chart's title, the runs that have nothing in it
        self._log: set[str] = set()  # titles of the charts that have a logarithmic axis
        self._samples: list[Sample] = []
        self._wide = False
        self._full = False

    def compose(self) -> ComposeResult:
        yield Selector(id="selector")
        yield Static("", id="without", markup=False)
        yield Chart(id="chart")
        with Horizontal(id="previews"):
            for number in range(4):
                yield Preview(number)
        yield Samples(id="samples")
        yield About(id="about-run")

    @property
    def chart(self) -> Chart:
        """The large chart."""
        return self.query_one("#chart", Chart)

    @property
    def full(self) -> bool:
        """Whether only what is chosen is shown."""
        return self._full

    @full.setter
    def full(self, full: bool) -> None:
        self._full = full
        self._arrange()

    @property
    def titles(self) -> list[str]:
        """What can be chosen."""
        charts = [title for title, _ in self._charts]
        return charts if self._wide else [*charts, _SAMPLES, _ABOUT]

    def show(self, runs: Sequence[Shown], current: WatchedRun | None, samples: Sequence[Sample]) -> None:
        """Show these runs in the charts, and of the current one the texts and settings. Copies what it keeps."""
        keys = in_order(list(dict.fromkeys(key for run in runs for key in run.history.quantities)))
        # Until there are numbers, the chart says that there are none.
        self._charts = charts_of(keys) or [(LOSS, list(LOSSES))]
        self._curves = {title: _curves(runs, keys) for title, keys in self._charts}
        self._without = {
            title: [run.name for run in runs if run.history.quantities and not {*keys} & {*run.history.quantities}]
            for title, keys in self._charts
        }
        self._samples = list(samples)
        self.query_one(About).show(current)
        self._arrange()

    @property
    def chosen(self) -> str:
        """What is shown large: what was chosen last, unless these runs have nothing of the kind."""
        titles = self.titles
        return self._chosen if self._chosen in titles else titles[0]

    def choose(self, title: str) -> None:
        """Show this large."""
        view = self.chart.view
        if view.log:
            self._log.add(self.chosen)
        else:
            self._log.discard(self.chosen)
        self._chosen = title
        self.chart.view = replace(view, log=title in self._log)
        self._arrange()

    def step(self, by: int) -> None:
        """Go so many titles on."""
        titles = self.titles
        self.choose(titles[(titles.index(self.chosen) + by) % len(titles)])

    def on_resize(self) -> None:
        self._wide = self.app.size.width >= WIDE
        self._arrange()

    def on_selector_chosen(self, event: Selector.Chosen) -> None:
        self.choose(event.title)

    def on_preview_clicked(self, event: Preview.Clicked) -> None:
        others = self._others()
        if event.number < len(others):
            self.choose(others[event.number][0])

    def on_chart_cursor_moved(self, event: Chart.CursorMoved) -> None:
        if event.chart.id == "chart":
            self._follow()
            self._show_samples()

    def _others(self) -> list[tuple[str, list[str]]]:
        """The charts after the large one, round and round."""
        titles = [title for title, _ in self._charts]
        at = titles.index(self.chosen) if self.chosen in titles else 0
        return self._charts[at + 1 :] + self._charts[:at]

    def _arrange(self) -> None:
        """Fill the widgets, and show those that there is room for."""
        chosen = self.chosen
        texts, about = chosen == _SAMPLES, chosen == _ABOUT
        self.query_one(Selector).show(self.titles, chosen)
        chart = self.chart
        chart.display = not texts and not about
        if chart.display:
            keys = dict(self._charts)[chosen]
            above, log = heading(chosen, keys), all(quantity(key).log for key in keys)
            chart.show(self._curves.get(chosen, []), above, log=log)
        self._tell_without()
        previews = self.query(Preview)
        room = 0
        if chart.display and not self._full and self.size.height >= _ROOM_FOR_PREVIEWS:
            room = min(len(previews), self.size.width // _PREVIEW)
        others = self._others()[:room]
        self.query_one("#previews").display = bool(others)
        for preview in previews:
            preview.display = preview.number < len(others)
            if preview.display:
                title, keys = others[preview.number]
                preview.show(self._curves.get(title, []), heading(title, keys))
        self._follow()
        samples = self.query_one(Samples)
        samples.display = texts or (self._wide and not self._full)
        samples.set_class(texts, "-alone")
        self.query_one("#about-run").display = about
        self._show_samples()

    def _tell_without(self) -> None:
        """Say which of the runs are not in the large chart, as theirs is another kind of training."""
        names = self._without.get(self.chosen, []) if self.chart.display else []
        line = self.query_one("#without", Static)
        line.display = bool(names)
        line.update(f"no {self.chosen}: {', '.join(map(one_line, names))}")

    def _follow(self) -> None:
        """Let the previews show the same part of the training as the large chart."""
        for preview in self.query(Preview):
            if preview.display:
                preview.view = replace(self.chart.view, log=False)

    def _show_samples(self) -> None:
        samples, chart = self.query_one(Samples), self.chart
        if not samples.display:
            return
        cursor = chart.view.cursor if chart.display else None
        step = None
        if cursor is not None:
            step = convert_x(self._curves.get(self.chosen, []), cursor, chart.view.axis, "step")
        samples.show(self._samples, step)


def _curves(runs: Sequence[Shown], keys: Sequence[str]) -> list[Curve]:
    """The curves of some quantities: of one run each in its colour, of several all in the colour of their run."""
    found: list[Curve] = []
    for run in runs:
        for curve in curves_of({run.name: run.history}, keys, SMOOTHING):
            if run.colour is None:
                found.append(curve)
            else:
                name = run.name if len(keys) == 1 else f"{run.name} {curve.name}"
                found.append(replace(curve, name=name, colour=run.colour))
    return found
