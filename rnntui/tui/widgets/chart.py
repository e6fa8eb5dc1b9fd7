"""A chart of training curves, drawn in braille, to be moved about in by keyboard and mouse."""

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
from rnntui.charts.curve import Curve, translated
from rnntui.charts.metric_charts import Axis
from rnntui.charts.plot import Picture, draw
from rnntui.charts.style import ChartPart, Style
from rnntui.tui.widgets.palette import curve_colour

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
"""What can be done by a key: the action, its keys, its description; the binding's id is `chart.` and the action."""

ZOOM = 1.5  # a key press or a notch of the wheel
PAN = 0.2  # of the view's width
_FADED = 0.6  # how far values under their average go towards the background


class Chart(Widget, can_focus=True):
    """Curves over steps, time or tokens. It is drawn when its data, its view, its size or its colours changed."""

    ALLOW_SELECT = False  # dragging pans
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
        """The cursor went to `x` of the axis, which is about at `step`; None where there is no cursor any more."""

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
        self._may_be_log = True
        self._view = ChartView()
        self._picture: Picture | None = None
        self._drawn_for: Size | None = None
        self._strips: list[Strip] = []
        self._styles: dict[Style, RichStyle] = {}
        self._drag: tuple[int, ChartView] | None = None
        self._dragged = False

    @property
    def view(self) -> ChartView:
        """What is shown, and the cursor."""
        return self._view

    @view.setter
    def view(self, view: ChartView) -> None:
        moved = (view.cursor, view.axis) != (self._view.cursor, self._view.axis)
        if view == self._view:
            return
        self._view = view
        self._redraw()
        if moved:
            x = view.cursor
            step = None if x is None else translated(self._curves, x, view.axis, "step")
            self.post_message(self.CursorMoved(self, view.axis, x, step))

    def show(self, curves: Sequence[Curve], title: str | None = None, *, log: bool = True) -> None:
        """Show these curves instead, in the same view. `log` says whether a logarithmic axis makes sense for them."""
        self._curves = tuple(curves)
        self._title = self._title if title is None else title
        self._may_be_log = log
        if not log:
            self.view = replace(self._view, log=False)
        self._redraw()

    @property
    def picture(self) -> Picture:
        """The chart as it is drawn now."""
        if self._picture is None or self._drawn_for != self.size:
            self._draw()
        assert self._picture is not None
        return self._picture

    def render_line(self, y: int) -> Strip:
        """A row of the chart."""
        if self._picture is None or self._drawn_for != self.size:
            self._draw()
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)

    def notify_style_update(self) -> None:
        """The theme changed, or the focus: colours must be looked up again."""
        super().notify_style_update()
        self._styles.clear()
        self._picture = None

    def action_cursor_left(self) -> None:
        """Move the cursor a cell to the left."""
        self.view = self._view.moved_cursor(self._curves, -1, self.picture.width)

    def action_cursor_right(self) -> None:
        """Move the cursor a cell to the right."""
        self.view = self._view.moved_cursor(self._curves, 1, self.picture.width)

    def action_zoom_in(self) -> None:
        """Look closer, around the cursor."""
        self._zoom(ZOOM, self._view.cursor)

    def action_zoom_out(self) -> None:
        """See more, around the cursor."""
        self._zoom(1 / ZOOM, self._view.cursor)

    def action_pan_left(self) -> None:
        """Move the view to what was before."""
        self.view = self._view.panned(self._curves, -PAN)

    def action_pan_right(self) -> None:
        """Move the view to what comes after."""
        self.view = self._view.panned(self._curves, PAN)

    def action_reset(self) -> None:
        """Show everything, without a cursor."""
        self.view = self._view.reset()

    def action_follow(self) -> None:
        """Keep the newest data in view, or stop doing so."""
        self.view = self._view.followed(self._curves)

    def action_log(self) -> None:
        """Change between a logarithmic and a linear y axis, where it makes sense."""
        if self._may_be_log:
            self.view = replace(self._view, log=not self._view.log)

    def action_axis(self) -> None:
        """Go on to the next of step, time and tokens."""
        self.view = self._view.turned(self._curves)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A drag may begin."""
        if event.button == 1:
            self._drag, self._dragged = (event.get_content_offset_capture(self).x, self._view), False
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag the view along."""
        if self._drag is None:
            return
        start, view = self._drag
        moved = event.get_content_offset_capture(self).x - start
        if moved or self._dragged:
            self._dragged = True
            self.view = view.panned(self._curves, -moved / max(1, self.picture.width))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """A drag is over; what was none puts the cursor."""
        if self._drag is None:
            return
        self._drag = None
        self.release_mouse()
        if not self._dragged:
            x = self._x_under(event)
            if x is not None:
                self.view = replace(self._view, cursor=x)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Look closer, around the pointer."""
        event.stop()
        self._zoom(ZOOM, self._x_under(event))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """See more, around the pointer."""
        event.stop()
        self._zoom(1 / ZOOM, self._x_under(event))

    def _x_under(self, event: events.MouseEvent) -> float | None:
        """The x under the pointer; None beside the plot."""
        column = event.get_content_offset_capture(self).x
        picture = self.picture
        return picture.x_at(column) if 0 <= column - picture.left < picture.width else None

    def _zoom(self, factor: float, about: float | None) -> None:
        scale = self._view.scale(self._curves)
        seen = about is not None and 0 <= scale.place(about) <= 1
        self.view = self._view.zoomed(self._curves, factor, about if seen else None)

    def _redraw(self) -> None:
        self._picture = None
        self.refresh()

    def _draw(self) -> None:
        width, height = max(1, self.size.width), max(1, self.size.height)
        title = self._title
        title += " · log" if self._view.log else ""
        title += " · following" if self._view.follow else ""
        self._picture = draw(title, self._curves, self._view, width, height, measure=cell_len)
        self._drawn_for = self.size
        styled = self._styled
        self._strips = [
            Strip([Segment(text, styled(style)) for text, style in row if text], width) for row in self._picture.rows
        ]

    def _styled(self, style: Style) -> RichStyle:
        if style not in self._styles:
            self._styles[style] = self._make_style(style)
        return self._styles[style]

    def _make_style(self, style: Style) -> RichStyle:
        if style.kind not in (ChartPart.RAW, ChartPart.LINE):
            return self.get_component_rich_style(f"chart--{style.kind.name.lower()}")
        background = self.background_colors[1]
        color = Color.parse(curve_colour(style.colour, self.app.current_theme.dark))
        faded = style.kind is ChartPart.RAW
        if background.ansi is not None:  # what colour the terminal has there is not known
            return RichStyle(color=color.rich_color, dim=faded)
        # The background is given as well: a cell of braille is to hide what lies under the chart.
        shown = color.blend(background, _FADED) if faded else color
        return RichStyle(color=shown.rich_color, bgcolor=background.rich_color)
