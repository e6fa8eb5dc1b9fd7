"""The dashboard of the Train tab: a large chart, previews of the other charts, sample texts and run details."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from rnntui.charts.curve import Curve, convert_x, curves_of
from rnntui.charts.metric_charts import DEFAULT_SMOOTHING, LOSS_KEYS, chart_heading, charts_of, in_order, metric_of
from rnntui.charts.metrics_history import LoggedSample
from rnntui.charts.zoom import AllRows, RowsWanted, ZoomedRows, read_all_rows
from rnntui.kinds.metrics import LOSS_CHART, OPTIMIZATION
from rnntui.kinds.registry import KINDS
from rnntui.kinds.samples import TEXT_FIELDS, SampleField
from rnntui.runs.folder import RunFolder
from rnntui.sessions.charted_runs import ChartedRun, DashboardData, LoggedConfusions, loss_note
from rnntui.text.control_chars import one_line
from rnntui.tui.train.chart_selector import ChartSelector
from rnntui.tui.train.confusion_view import TITLE as CONFUSION_TITLE
from rnntui.tui.train.confusion_view import ConfusionView
from rnntui.tui.train.messages import ChartSelected, EvaluationChosen, PreviewClicked
from rnntui.tui.train.run_details import RunDetailsView
from rnntui.tui.train.sample_list import SampleList
from rnntui.tui.widgets.chart import Chart

WIDE = 110  # columns from which the list stands beside the charts
_SAMPLES_TITLE, _DETAILS_TITLE = "Sample texts", "About"
_ZOOM_PAUSE = 0.15  # seconds in which the view stands still, before rows are read for it
_PREVIEW_WIDTH = 28  # columns that a preview needs
_MIN_HEIGHT_FOR_PREVIEWS = 24  # rows
_MIN_CHART_WIDTH, _MIN_CONFUSION_WIDTH = 44, 37  # columns of a chart and a confusion matrix side by side
_OPTIMIZATION_KEYS = {metric.key for metric in OPTIMIZATION}


class Preview(Chart, can_focus=False):
    """A small chart without a cursor of its own; a click on it makes it the large one."""

    has_key_line = False

    def __init__(self, index: int) -> None:
        super().__init__(classes="preview")
        self.index = index

    def on_click(self) -> None:
        self.post_message(PreviewClicked(self.index))

    # A preview follows the large chart: it ignores dragging and scrolling.

    def on_mouse_down(self, event: events.MouseDown) -> None:
        event.prevent_default()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.prevent_default()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.prevent_default()


class Dashboard(Vertical):
    """The charts, samples and details of the selected runs. `full` shows only what is selected."""

    def __init__(self) -> None:
        super().__init__(id="dashboard")
        self._confusion = ConfusionView()  # of the parts, the last one to be mounted
        self._charts: list[tuple[str, list[str]]] = [(LOSS_CHART, list(LOSS_KEYS))]
        self._selected = LOSS_CHART
        self._kept_curves: dict[str, list[Curve]] = {}  # as the histories have them
        self._curves: dict[str, list[Curve]] = {}  # as they are drawn, with all rows of the part that is zoomed in on
        self._zoomed_rows = ZoomedRows()
        self._zoom_timer: Timer | None = None
        self._run_names: tuple[str, ...] = ()
        self._run_kinds: set[str] = set()
        self._confusions: LoggedConfusions | None = None
        self._chart_notes: dict[str, str] = {}  # by chart title: which runs are missing or cannot be compared
        self._log_titles: set[str] = set()  # charts with a logarithmic axis
        self._samples: list[LoggedSample] = []
        self._sample_fields: tuple[SampleField, ...] = TEXT_FIELDS
        self._wide = False
        self._full = False

    def compose(self) -> ComposeResult:
        yield ChartSelector(id="selector")
        yield Static("", id="chart-note", markup=False)
        with Horizontal(id="charts"):
            yield Chart(id="chart")
            yield self._confusion
        with Horizontal(id="previews"):
            for index in range(4):
                yield Preview(index)
        yield SampleList(id="samples")
        yield RunDetailsView(is_beside_list=False, id="about-run")

    @property
    def is_composed(self) -> bool:
        """True while it is mounted with all its parts, and not being removed. Asked for every key of the footer."""
        return self._confusion.is_attached

    @property
    def chart(self) -> Chart:
        """The large chart."""
        return self.query_one("#chart", Chart)

    @property
    def full(self) -> bool:
        """True if only what is selected is shown."""
        return self._full

    @full.setter
    def full(self, full: bool) -> None:
        self._full = full
        self._update_layout()

    @property
    def main(self) -> Widget:
        """The widget of the selected title, which takes the keys when `full`: a chart, the samples or the details."""
        ids = {_SAMPLES_TITLE: "#samples", _DETAILS_TITLE: "#about-run", CONFUSION_TITLE: "#confusion"}
        return self.query_one(ids.get(self.selected, "#chart"))

    @property
    def titles(self) -> list[str]:
        """Titles that can be selected: charts and, where they have no room beside the chart, samples and details."""
        charts = [title for title, _ in self._charts]
        if self._confusions is not None:  # before the charts of the optimization
            is_result = [not _OPTIMIZATION_KEYS.issuperset(keys) for _, keys in self._charts]
            charts.insert(sum(is_result), CONFUSION_TITLE)
        return charts if self._wide else [*charts, _SAMPLES_TITLE, _DETAILS_TITLE]

    def show(self, data: DashboardData) -> None:
        """Show the charts of some runs, and samples and details of the current one. Copies the histories."""
        runs = data.runs
        keys = in_order(list(dict.fromkeys(key for run in runs for key in run.history.metric_keys)))
        # Until there are metrics, the loss chart says that there are none.
        self._charts = charts_of(keys) or [(LOSS_CHART, list(LOSS_KEYS))]
        self._kept_curves = {title: _curves(runs, keys) for title, keys in self._charts}
        self._zoomed_rows.files = {
            run.name: RunFolder(Path(run.run.path)).metrics_file for run in runs if run.history.is_downsampled
        }
        self._curves = self._zoomed_rows.put_into(self._kept_curves)
        self._run_names = tuple(run.name for run in runs)
        self._run_kinds = {run.run.summary.kind for run in runs}
        self._confusions = data.confusions
        self._chart_notes = {title: _chart_note(title, keys, runs) for title, keys in self._charts}
        self._samples = list(data.samples)
        kind = KINDS.get(data.current.summary.kind) if data.current else None
        self._sample_fields = kind.sample_fields if kind else TEXT_FIELDS
        self.query_one(RunDetailsView).show(data.current)
        self._update_layout()

    @property
    def selected(self) -> str:
        """Title of what is shown large: the last one selected, or the first if these runs do not have that."""
        titles = self.titles
        return self._selected if self._selected in titles else titles[0]

    def select(self, title: str) -> None:
        """Show a chart, the samples or the details large."""
        view = self.chart.view
        if view.log:
            self._log_titles.add(self.selected)
        else:
            self._log_titles.discard(self.selected)
        self._selected = title
        self.chart.view = replace(view, log=title in self._log_titles)
        self._update_layout()

    def step(self, by: int) -> None:
        """Select the title `by` positions further on."""
        titles = self.titles
        self.select(titles[(titles.index(self.selected) + by) % len(titles)])

    def on_resize(self) -> None:
        self._wide = self.app.size.width >= WIDE
        self._update_layout()

    def on_chart_selected(self, event: ChartSelected) -> None:
        self.select(event.title)

    def on_preview_clicked(self, event: PreviewClicked) -> None:
        charts = self._preview_charts()
        if event.index < len(charts):
            self.select(charts[event.index][0])

    def on_chart_cursor_moved(self, event: Chart.CursorMoved) -> None:
        if event.chart.id == "chart":
            self._sync_previews()
            self._show_evaluation()

    def on_chart_range_changed(self, event: Chart.RangeChanged) -> None:
        """Read all rows of the part that is zoomed in on, once the view stands still."""
        if event.chart.id == "chart" and self._zoomed_rows.files:
            if self._zoom_timer is not None:
                self._zoom_timer.stop()
            self._zoom_timer = self.set_timer(_ZOOM_PAUSE, self._read_zoomed_rows)

    def _read_zoomed_rows(self) -> None:
        curves = self._kept_curves.get(self.selected, [])
        wanted = self._zoomed_rows.missing(self.chart.view, curves, self._kept_curves)
        if wanted:
            self._read_rows(wanted)

    @work(thread=True, exclusive=True, group="zoom")
    def _read_rows(self, wanted: Sequence[RowsWanted]) -> None:
        self.app.call_from_thread(self._show_rows, wanted, [read_all_rows(each) for each in wanted])

    def _show_rows(self, wanted: Sequence[RowsWanted], rows: Sequence[AllRows | None]) -> None:
        self._zoomed_rows.store(wanted, rows)
        self._curves = self._zoomed_rows.put_into(self._kept_curves)
        if self.is_composed:
            self._update_layout()

    def on_evaluation_chosen(self, event: EvaluationChosen) -> None:
        """Put the cursor of the charts on an evaluation."""
        view = self.chart.view
        cursor = None if event.step is None else convert_x(self._all_curves, event.step, "step", view.axis)
        self.chart.view = replace(view, cursor=cursor)
        self._show_evaluation()

    @work
    async def on_chart_export_requested(self, event: Chart.ExportRequested) -> None:
        """Ask for a file name, and save the chart."""
        from rnntui.charts.svg import ChartDrawing
        from rnntui.tui.train.chart_export import export_chart

        chart = event.chart
        await export_chart(self.app, ChartDrawing(chart.heading, chart.curves, chart.view))

    def _preview_charts(self) -> list[tuple[str, list[str]]]:
        """Return the charts after the large one, then those before it."""
        titles = [title for title, _ in self._charts]
        index = titles.index(self.selected) if self.selected in titles else 0
        return self._charts[index + 1 :] + self._charts[:index]

    def _update_layout(self) -> None:
        """Update all widgets, and display those that have room."""
        selected, focused = self.selected, self.screen.focused
        self.query_one(ChartSelector).show(self.titles, selected)
        chart = self.chart
        chart.display = selected not in (_SAMPLES_TITLE, _DETAILS_TITLE, CONFUSION_TITLE)
        if chart.display:
            keys = dict(self._charts)[selected]
            heading = chart_heading(selected, keys, self._run_names, self._run_kinds)
            log = all(metric_of(key).log_scale for key in keys)
            chart.show(self._curves.get(selected, []), heading, log=log)
        self._show_chart_note()
        previews = self.query(Preview)
        preview_count = 0
        if chart.display and not self._full and self.size.height >= _MIN_HEIGHT_FOR_PREVIEWS:
            preview_count = min(len(previews), self.size.width // _PREVIEW_WIDTH)
        preview_charts = self._preview_charts()[:preview_count]
        self.query_one("#previews").display = bool(preview_charts)
        for preview in previews:
            preview.display = preview.index < len(preview_charts)
            if preview.display:
                title, keys = preview_charts[preview.index]
                preview.show(self._curves.get(title, []), chart_heading(title, keys, kinds=self._run_kinds))
        self._sync_previews()
        samples = self.query_one(SampleList)
        samples.display = selected == _SAMPLES_TITLE or (self._wide and not self._full)
        samples.set_class(selected == _SAMPLES_TITLE, "-alone")
        self.query_one("#about-run").display = selected == _DETAILS_TITLE
        self._show_confusion()
        # A hidden widget would keep the focus, and with it no key of the tab would work.
        if focused in self._focusable and not focused.display:
            self.main.focus()
        self._show_evaluation()

    @property
    def _focusable(self) -> list[Widget]:
        """The widgets that can have the focus."""
        return [self.chart, self._confusion, self.query_one(SampleList), self.query_one(RunDetailsView)]

    def _show_chart_note(self) -> None:
        """Say which runs are missing in the large chart, or why its curves cannot be compared."""
        note = self._chart_notes.get(self.selected, "") if self.chart.display else ""
        line = self.query_one("#chart-note", Static)
        line.display = bool(note)
        line.update(one_line(note))

    def _sync_previews(self) -> None:
        """Make the previews show the same part of the training as the large chart."""
        for preview in self.query(Preview):
            if preview.display:
                preview.view = replace(self.chart.view, log=False)

    def _show_confusion(self) -> None:
        """Display the confusion matrix: alone where it is selected, beside a chart where there is room for both."""
        confusion, is_selected = self._confusion, self.selected == CONFUSION_TITLE
        confusion.show(self._confusions, self._cursor_step)
        width = max(confusion.needed_width, _MIN_CONFUSION_WIDTH)
        has_room = self.size.width - width >= _MIN_CHART_WIDTH
        confusion.display = is_selected or (self._confusions is not None and self.chart.display and has_room)
        confusion.styles.width = "1fr" if is_selected else width
        self.query_one("#charts").display = self.chart.display or is_selected

    def _show_evaluation(self) -> None:
        """Show samples and confusion matrix of the evaluations up to the cursor."""
        step = self._cursor_step
        self._confusion.show(self._confusions, step)
        samples = self.query_one(SampleList)
        if samples.display:
            samples.show(self._samples, self._sample_fields, step)

    @property
    def _cursor_step(self) -> float | None:
        """The training step at the cursor of the charts; None without one, or where neither chart nor matrix is."""
        view, selected = self.chart.view, self.selected
        if view.cursor is None or selected in (_SAMPLES_TITLE, _DETAILS_TITLE):
            return None
        curves = self._curves.get(selected) or self._all_curves
        return convert_x(curves, view.cursor, view.axis, "step")

    @property
    def _all_curves(self) -> list[Curve]:
        return [curve for curves in self._curves.values() for curve in curves]


def _chart_note(title: str, keys: Sequence[str], runs: Sequence[ChartedRun]) -> str:
    """Return which runs do not log the metrics of a chart, and whether losses of the others do not compare."""
    names = [run.name for run in runs if run.history.metric_keys and not {*keys} & {*run.history.metric_keys}]
    missing = f"no {title}: {', '.join(names)}" if names else ""
    is_loss = not {*keys}.isdisjoint(LOSS_KEYS)
    return "; ".join(filter(None, (missing, loss_note(runs) if is_loss else "")))


def _curves(runs: Sequence[ChartedRun], keys: Sequence[str]) -> list[Curve]:
    """Return the curves of some quantities, coloured by quantity for a single run, by run for several."""
    curves: list[Curve] = []
    for run in runs:
        for curve in curves_of({run.name: run.history}, keys, DEFAULT_SMOOTHING, {run.name: run.best}):
            if run.colour is None:
                curves.append(curve)
            else:
                name = run.name if len(keys) == 1 else f"{run.name} {curve.name}"
                curves.append(replace(curve, name=name, colour=run.colour))
    return curves
