"""A chart of training curves in braille characters, with zooming, panning and a cursor by keyboard and mouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from rnntui.charts.chart_view import ChartView
from rnntui.charts.curve import Curve, convert_x
from rnntui.charts.metric_charts import Axis
from rnntui.charts.plot import Display, RenderedChart, render_chart
from rnntui.charts.styled_text import ChartPart, Style
from rnntui.tui.widgets.colours import curve_colour

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
)
"""Key bindings: action, keys, description; the id of a binding is `chart.` and the action."""

ZOOM = 1.5  # per key press or notch of the wheel
PAN = 0.2  # per key press, as a fraction of the view's width
_FADING = 0.6  # blending of the values under their average towards the background


class Chart(Widget, can_focus=True):
    """Draws curves over steps, time or tokens; rendered again only when data, view, size or colours change."""

    ALLOW_SELECT = False  # dragging pans the view
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(keys, action, description, id=f"chart.{action}", show=False) for action, keys, description in KEYS
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--title", "chart--label", "chart--value", "chart--axis", "chart--grid", "chart--cursor",
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

    def __init__(
        self, title: str = "", *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._title = title
        self._curves: Sequence[Curve] = ()
        self._allow_log = True
        self._view = ChartView()
        self._rendered: RenderedChart | None = None
        self._rendered_size: Size | None = None
        self._strips: list[Strip] = []
        self._styles: dict[Style, RichStyle] = {}
        self._drag: tuple[int, ChartView] | None = None  # the column and the view where it began
        self._dragged = False

    @property
    def view(self) -> ChartView:
        """The viewport with the cursor."""
        return self._view

    @view.setter
    def view(self, view: ChartView) -> None:
        moved = (view.cursor, view.axis) != (self._view.cursor, self._view.axis)
        if view == self._view:
            return
        self._view = view
        self._invalidate()
        if moved:
            x = view.cursor
            step = None if x is None else convert_x(self._curves, x, view.axis, "step")
            self.post_message(self.CursorMoved(self, view.axis, x, step))

    def show(self, curves: Sequence[Curve], title: str | None = None, *, log: bool = True) -> None:
        """Replace the curves and keep the view.

        Args:
            curves: The curves to draw.
            title: The title; None keeps the present one.
            log: A logarithmic y axis makes sense for these curves.
        """
        self._curves = tuple(curves)
        self._title = self._title if title is None else title
        self._allow_log = log
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
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)

    def notify_style_update(self) -> None:
        """Look up colours again after a change of theme or focus."""
        super().notify_style_update()
        self._styles.clear()
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
        display = Display(max(1, self.size.width), max(1, self.size.height), measure=cell_len)
        title = self._title
        title += " · log" if self._view.log else ""
        title += " · following" if self._view.follow else ""
        self._rendered = render_chart(title, self._curves, self._view, display)
        self._rendered_size = self.size
        rich_style = self._rich_style
        self._strips = [
            Strip([Segment(text, rich_style(style)) for text, style in row if text], display.width)
            for row in self._rendered.rows
        ]

    def _rich_style(self, style: Style) -> RichStyle:
        if style not in self._styles:
            self._styles[style] = self._make_rich_style(style)
        return self._styles[style]

    def _make_rich_style(self, style: Style) -> RichStyle:
        if style.kind not in (ChartPart.RAW, ChartPart.LINE):
            return self.get_component_rich_style(f"chart--{style.kind.name.lower()}")
        background = self.background_colors[1]
        color = Color.parse(curve_colour(style.colour, self.app.current_theme.dark))
        faded = style.kind is ChartPart.RAW
        if background.ansi is not None:  # the terminal's own background colour is unknown
            return RichStyle(color=color.rich_color, dim=faded)
        # The background is set as well, so that a cell of braille hides what lies under the chart.
        blended = color.blend(background, _FADING) if faded else color
        return RichStyle(color=blended.rich_color, bgcolor=background.rich_color)
