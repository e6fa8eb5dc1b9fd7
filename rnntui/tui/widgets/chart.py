"""A chart of training curves in braille characters, with zooming, panning and a cursor by keyboard and mouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from rnntui.charts.chart_view import ChartView
from rnntui.charts.curve import Curve, convert_x
from rnntui.charts.metric_charts import Axis, ChartHeading
from rnntui.charts.plot import Display, RenderedChart, render_chart
from rnntui.tui.widgets.key_line import key_line
from rnntui.tui.widgets.row_styles import RowStyles

KEYS = (
    ("cursor_left", "left", "Cursor left"),
    ("cursor_right", "right", "Cursor right"),
    ("zoom_in", "plus,equals_sign", "Zoom in"),
    ("zoom_out", "minus", "Zoom out"),
    ("pan_left", "shift+left", "Pan left"),
    ("pan_right", "shift+right", "Pan right"),
    ("reset", "0,home", "Show all"),
    ("follow", "f", "Follow the newest"),
    ("log", "l", "Log or linear"),
    ("axis", "x", "Step, time or tokens"),
    ("export", "e", "Save as SVG or PNG"),
)
"""Key bindings: action, keys, description; the id of a binding is `chart.` and the action."""

_HINTS = (
    (("cursor_left", "cursor_right"), "cursor"),
    (("zoom_in", "zoom_out"), "zoom"),
    (("pan_left", "pan_right"), "pan"),
    (("reset",), "all"),
    (("log",), "log"),
    (("axis",), "axis"),
    (("export",), "export"),
    (("follow",), "follow"),
)
"""The line of keys at the bottom of a chart: actions and their label; where there is little room, the first ones."""
_UNFOCUSED_HINT = "Tab here for cursor, zoom, log axis, export"
_MIN_HINT_ROWS = 8  # of a chart with the focus: the line of keys leaves four to the plot
_MIN_HINT_ROWS_UNFOCUSED = 16  # rows

ZOOM = 1.5  # per key press or notch of the wheel
PAN = 0.2  # per key press, as a fraction of the view's width


class Chart(Widget, can_focus=True):
    """Draws curves over steps, time or tokens; rendered again only when data, view, size or colours change."""

    ALLOW_SELECT = False  # dragging pans the view
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(keys, action, description, id=f"chart.{action}", show=False) for action, keys, description in KEYS
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--title", "chart--label", "chart--value", "chart--axis", "chart--grid", "chart--cursor",
        "chart--cursor-label", "chart--key", "chart--hint",
    }  # fmt: skip
    DEFAULT_CSS = """
    Chart {
        height: 1fr;
        & > .chart--title { text-style: bold; }
        & > .chart--label { color: $foreground 70%; }
        & > .chart--value { color: $foreground; }
        & > .chart--axis { color: $foreground 35%; }
        & > .chart--grid { color: $foreground 20%; }
        & > .chart--cursor { color: $foreground 80%; }
        & > .chart--cursor-label { color: $background; background: $foreground 80%; }
        & > .chart--key { color: $footer-key-foreground; }
        & > .chart--hint { color: $foreground 60%; }
        &:focus > .chart--title { color: $primary; text-style: bold; }
    }
    """

    class CursorMoved(Message):
        """The cursor moved to `x` of the axis, about at training step `step`; both are None if it was removed."""

        def __init__(self, chart: Chart, axis: Axis, x: float | None, step: float | None) -> None:
            super().__init__()
            self.chart, self.axis, self.x, self.step = chart, axis, x, step

        @property
        def control(self) -> Chart:
            return self.chart

    class RangeChanged(Message):
        """Another part of the x axis is shown."""

        def __init__(self, chart: Chart) -> None:
            super().__init__()
            self.chart = chart

        @property
        def control(self) -> Chart:
            return self.chart

    class ExportRequested(Message):
        """The chart is to be saved as it is shown."""

        def __init__(self, chart: Chart) -> None:
            super().__init__()
            self.chart = chart

        @property
        def control(self) -> Chart:
            return self.chart

    has_key_line: ClassVar[bool] = True
    """True if the keys are named below the chart where there is room."""

    def __init__(
        self, title: str = "", *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._heading = ChartHeading(title)
        self._curves: Sequence[Curve] = ()
        self._allow_log = True
        self._view = ChartView()
        self._rendered: RenderedChart | None = None
        self._rendered_size: Size | None = None
        self._strips: list[Strip] = []
        self._styles = RowStyles(self, "chart")
        self._drag: tuple[int, ChartView] | None = None  # the column and the view where it began
        self._dragged = False
        self._key_line: Strip | None = None  # cached for the present size, focus, theme and keymap

    def on_mount(self) -> None:
        """Show other keys after a change of the keymap."""
        self.screen.bindings_updated_signal.subscribe(self, self._update_key_line)

    @property
    def view(self) -> ChartView:
        """The viewport with the cursor."""
        return self._view

    @view.setter
    def view(self, view: ChartView) -> None:
        moved = (view.cursor, view.axis) != (self._view.cursor, self._view.axis)
        has_other_range = (view.left, view.right, view.axis) != (self._view.left, self._view.right, self._view.axis)
        if view == self._view:
            return
        self._view = view
        self._invalidate()
        if has_other_range:
            self.post_message(self.RangeChanged(self))
        if moved:
            x = view.cursor
            step = None if x is None else convert_x(self._curves, x, view.axis, "step")
            self.post_message(self.CursorMoved(self, view.axis, x, step))

    def show(self, curves: Sequence[Curve], heading: ChartHeading | None = None, *, log: bool = True) -> None:
        """Replace the curves and keep the view.

        Args:
            curves: The curves to draw.
            heading: The title, the unit, and the runs, which only a saved chart names; None keeps the present one.
            log: A logarithmic y axis makes sense for these curves.
        """
        self._curves = tuple(curves)
        self._heading = self._heading if heading is None else heading
        if log != self._allow_log:
            self._allow_log = log
            self._update_key_line()
        if not log:
            self.view = replace(self._view, log=False)
        self._invalidate()

    @property
    def rendered(self) -> RenderedChart:
        """The chart rendered for the present size."""
        if self._rendered is None or self._rendered_size != self.size:
            self._render_chart()
        assert self._rendered is not None
        return self._rendered

    def render_line(self, y: int) -> Strip:
        """Return a row of the chart."""
        if self._rendered is None or self._rendered_size != self.size:
            self._render_chart()
        if y < len(self._strips):
            return self._strips[y]
        has_key_line = y == len(self._strips) and y < self.size.height
        return self._keys_shown() if has_key_line else Strip.blank(self.size.width)

    def notify_style_update(self) -> None:
        """Look up colours again after a change of theme or focus."""
        super().notify_style_update()
        self._styles.clear()
        self._key_line = None
        self._rendered = None

    def action_cursor_left(self) -> None:
        """Move the cursor one cell left."""
        self.view = self._view.moved_cursor(self._curves, -1, self.rendered.width)

    def action_cursor_right(self) -> None:
        """Move the cursor one cell right."""
        self.view = self._view.moved_cursor(self._curves, 1, self.rendered.width)

    def action_zoom_in(self) -> None:
        """Zoom in around the cursor."""
        self._zoom(ZOOM, self._view.cursor)

    def action_zoom_out(self) -> None:
        """Zoom out around the cursor."""
        self._zoom(1 / ZOOM, self._view.cursor)

    def action_pan_left(self) -> None:
        """Move the view left."""
        self.view = self._view.panned(self._curves, -PAN)

    def action_pan_right(self) -> None:
        """Move the view right."""
        self.view = self._view.panned(self._curves, PAN)

    def action_reset(self) -> None:
        """Show all data, without a cursor."""
        self.view = self._view.reset()

    def action_follow(self) -> None:
        """Start or stop following the newest data."""
        self.view = self._view.toggled_follow(self._curves)

    def action_log(self) -> None:
        """Toggle a logarithmic y axis, where it makes sense."""
        if self._allow_log:
            self.view = replace(self._view, log=not self._view.log)

    def action_axis(self) -> None:
        """Switch to the next of the axes step, time and tokens."""
        self.view = self._view.next_axis(self._curves)

    def action_export(self) -> None:
        """Ask for the chart to be saved as it is shown."""
        self.post_message(self.ExportRequested(self))

    @property
    def heading(self) -> ChartHeading:
        """The title, the unit, and the runs."""
        return self._heading

    @property
    def curves(self) -> Sequence[Curve]:
        """The curves shown."""
        return self._curves

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Start a drag."""
        if event.button == 1:
            self._drag, self._dragged = (event.get_content_offset_capture(self).x, self._view), False
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Pan the view with the drag."""
        if self._drag is None:
            return
        start, view = self._drag
        moved = event.get_content_offset_capture(self).x - start
        if moved or self._dragged:
            self._dragged = True
            self.view = view.panned(self._curves, -moved / max(1, self.rendered.width))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """End a drag; a click without movement sets the cursor."""
        if self._drag is None:
            return
        self._drag = None
        self.release_mouse()
        if not self._dragged:
            x = self._x_under(event)
            if x is not None:
                self.view = replace(self._view, cursor=x)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zoom in around the pointer."""
        event.stop()
        self._zoom(ZOOM, self._x_under(event))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zoom out around the pointer."""
        event.stop()
        self._zoom(1 / ZOOM, self._x_under(event))

    def _x_under(self, event: events.MouseEvent) -> float | None:
        """Return the x under the pointer; None outside the plot."""
        column = event.get_content_offset_capture(self).x
        chart = self.rendered
        return chart.x_at(column) if 0 <= column - chart.left < chart.width else None

    def _zoom(self, factor: float, about: float | None) -> None:
        scale = self._view.x_scale(self._curves)
        visible = about is not None and 0 <= scale.position(about) <= 1
        self.view = self._view.zoomed(self._curves, factor, about if visible else None)

    def _invalidate(self) -> None:
        self._rendered = None
        self.refresh()

    def _render_chart(self) -> None:
        rows = max(1, self.size.height - self._has_key_line)
        display = Display(max(1, self.size.width), rows, measure=cell_len)
        title = self._heading.short
        title += " · log" if self._view.log else ""
        title += " · following" if self._view.follow else ""
        self._rendered = render_chart(title, self._curves, self._view, display)
        self._rendered_size = self.size
        rich_style = self._styles.of
        self._strips = [
            Strip([Segment(text, rich_style(style)) for text, style in row if text], display.width)
            for row in self._rendered.rows
        ]

    @property
    def _has_key_line(self) -> bool:
        min_rows = _MIN_HINT_ROWS if self.has_focus else _MIN_HINT_ROWS_UNFOCUSED
        return self.has_key_line and self.size.height >= min_rows

    def _update_key_line(self, _: object = None) -> None:
        self._key_line = None
        if self._has_key_line:
            self.refresh(Region(0, self.size.height - 1, self.size.width, 1))

    def _keys_shown(self) -> Strip:
        """Return the line of keys; without the focus, how to get to them."""
        if self._key_line is None or self._key_line.cell_length != self.size.width:
            key_style, style = self._styles.component("key"), self._styles.component("hint")
            hints = [(actions, label) for actions, label in _HINTS if self._allow_log or actions != ("log",)]
            text_or_hints = hints if self.has_focus else _UNFOCUSED_HINT
            self._key_line = key_line(self, text_or_hints, self.size.width, key_style, style)
        return self._key_line
