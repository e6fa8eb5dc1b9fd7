"""The charts of the runs that are shown: one large, previews of others as there is room, and the sample texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from rnntui.charts.curve import Curve, convert_x, curves_of
from rnntui.charts.metric_charts import DEFAULT_SMOOTHING, LOSS_KEYS, chart_heading, charts_of, in_order, metric_of
from rnntui.charts.metrics_history import LoggedSample, MetricsHistory
from rnntui.kinds.metrics import LOSS_CHART
from rnntui.kinds.registry import KINDS
from rnntui.kinds.samples import TEXT_FIELDS, SampleField
from rnntui.sessions.run_watcher import WatchedRun
from rnntui.text.control_chars import one_line
from rnntui.tui.train.chart_selector import ChartSelector
from rnntui.tui.train.messages import ChartChosen, PreviewClicked
from rnntui.tui.train.run_details import RunDetails
from rnntui.tui.train.sample_list import SampleList
from rnntui.tui.widgets.chart import Chart

WIDE = 110  # columns from which on the list stands beside the charts
_SAMPLES, _ABOUT = "Sample texts", "About"
_PREVIEW = 28  # columns that a preview needs
_ROOM_FOR_PREVIEWS = 24  # rows


@dataclass(frozen=True)
class ShownRun:
    """A run in the charts; `colour` is None where it is the only one, and its quantities have the colours."""

    name: str
    history: MetricsHistory
    colour: int | None


class Preview(Chart, can_focus=False):
    """A small chart to look at; a click makes it the large one."""

    def __init__(self, index: int) -> None:
        super().__init__(classes="preview")
        self.index = index

    def on_click(self) -> None:
        self.post_message(PreviewClicked(self.index))

    # It follows the large one, and is not moved about in by itself.

    def on_mouse_down(self, event: events.MouseDown) -> None:
        event.prevent_default()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.prevent_default()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.prevent_default()


class Dashboard(Vertical):
    """What is seen of the chosen runs. `full` gives all its room to what is chosen."""

    def __init__(self) -> None:
        super().__init__(id="dashboard")
        self._charts: list[tuple[str, list[str]]] = [(LOSS_CHART, list(LOSS_KEYS))]
        self._chosen = LOSS_CHART
        self._curves: dict[str, list[Curve]] = {}
        self._without: dict[str, list[str]] = {}  # by the chart's title, the runs that have nothing in it
        self._log: set[str] = set()  # titles of the charts that have a logarithmic axis
        self._samples: list[LoggedSample] = []
        self._sample_fields: tuple[SampleField, ...] = TEXT_FIELDS
        self._wide = False
        self._full = False

    def compose(self) -> ComposeResult:
        yield ChartSelector(id="selector")
        yield Static("", id="without", markup=False)
        yield Chart(id="chart")
        with Horizontal(id="previews"):
            for index in range(4):
                yield Preview(index)
        yield SampleList(id="samples")
        yield RunDetails(id="about-run")

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

    def show(self, runs: Sequence[ShownRun], current: WatchedRun | None, samples: Sequence[LoggedSample]) -> None:
        """Show these runs in the charts, and of the current one the texts and settings. Copies what it keeps."""
        keys = in_order(list(dict.fromkeys(key for run in runs for key in run.history.quantities)))
        # Until there are numbers, the chart says that there are none.
        self._charts = charts_of(keys) or [(LOSS_CHART, list(LOSS_KEYS))]
        self._curves = {title: _curves(runs, keys) for title, keys in self._charts}
        self._without = {
            title: [run.name for run in runs if run.history.quantities and not {*keys} & {*run.history.quantities}]
            for title, keys in self._charts
        }
        self._samples = list(samples)
        kind = KINDS.get(current.summary.kind) if current else None
        self._sample_fields = kind.sample_fields if kind else TEXT_FIELDS
        self.query_one(RunDetails).show(current)
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

    def on_chart_chosen(self, event: ChartChosen) -> None:
        self.choose(event.title)

    def on_preview_clicked(self, event: PreviewClicked) -> None:
        others = self._others()
        if event.index < len(others):
            self.choose(others[event.index][0])

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
        self.query_one(ChartSelector).show(self.titles, chosen)
        chart = self.chart
        chart.display = not texts and not about
        if chart.display:
            keys = dict(self._charts)[chosen]
            above, log = chart_heading(chosen, keys), all(metric_of(key).log_scale for key in keys)
            chart.show(self._curves.get(chosen, []), above, log=log)
        self._tell_without()
        previews = self.query(Preview)
        room = 0
        if chart.display and not self._full and self.size.height >= _ROOM_FOR_PREVIEWS:
            room = min(len(previews), self.size.width // _PREVIEW)
        others = self._others()[:room]
        self.query_one("#previews").display = bool(others)
        for preview in previews:
            preview.display = preview.index < len(others)
            if preview.display:
                title, keys = others[preview.index]
                preview.show(self._curves.get(title, []), chart_heading(title, keys))
        self._follow()
        samples = self.query_one(SampleList)
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
        samples, chart = self.query_one(SampleList), self.chart
        if not samples.display:
            return
        cursor = chart.view.cursor if chart.display else None
        step = None
        if cursor is not None:
            step = convert_x(self._curves.get(self.chosen, []), cursor, chart.view.axis, "step")
        samples.show(self._samples, self._sample_fields, step)


def _curves(runs: Sequence[ShownRun], keys: Sequence[str]) -> list[Curve]:
    """The curves of some quantities: of one run each in its colour, of several all in the colour of their run."""
    found: list[Curve] = []
    for run in runs:
        for curve in curves_of({run.name: run.history}, keys, DEFAULT_SMOOTHING):
            if run.colour is None:
                found.append(curve)
            else:
                name = run.name if len(keys) == 1 else f"{run.name} {curve.name}"
                found.append(replace(curve, name=name, colour=run.colour))
    return found
