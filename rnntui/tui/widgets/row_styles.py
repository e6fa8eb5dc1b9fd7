"""Styles of chart rows in a widget: colours of curves, shades of matrix cells, component styles for the rest."""

from __future__ import annotations

from rich.style import Style as RichStyle
from textual.color import Color
from textual.widget import Widget

from rnntui.charts.palette import curve_colour
from rnntui.charts.styled_text import SHADES, ChartPart, Style
from rnntui.tui.widgets.colours import blend_lab, readable_on

_SHADED = {
    ChartPart.CORRECT, ChartPart.WRONG, ChartPart.HIGH, ChartPart.LOW, ChartPart.HIGH_BAR, ChartPart.LOW_BAR,
}  # fmt: skip
_FADING = 0.6  # blending of the values under their average towards the background
_FULL = 0.75  # of the way from the background to the colour of a cell with the darkest shade
_LEAST_BAR = 0.3  # of the way from the background to its colour, for a bar of the weakest value
_LEAST = 0.12  # of that way, for a cell with the lightest one


class RowStyles:
    """The styles of a widget's rows under its present theme, cached; `clear` after a change of theme or focus.

    Args:
        widget: the widget, which has a component class `{prefix}--title` and so on for each part that has no colour.
        prefix: beginning of the component classes.
    """

    def __init__(self, widget: Widget, prefix: str) -> None:
        self._widget, self._prefix = widget, prefix
        self._styles: dict[Style, RichStyle] = {}

    def clear(self) -> None:
        """Look up all styles again."""
        self._styles.clear()

    def of(self, style: Style) -> RichStyle:
        """Return the style of a piece of a row."""
        if style not in self._styles:
            self._styles[style] = self._make(style)
        return self._styles[style]

    def component(self, name: str) -> RichStyle:
        """Return the style of a component class."""
        return self._widget.get_component_rich_style(f"{self._prefix}--{name}")

    def _make(self, style: Style) -> RichStyle:
        if style.kind in (ChartPart.LINE, ChartPart.RAW):
            return self._curve(style)
        if style.kind in _SHADED:
            return self._cell(style)
        return self.component(style.kind.name.lower().replace("_", "-"))

    @property
    def _background(self) -> Color:
        return self._widget.background_colors[1]

    def _curve(self, style: Style) -> RichStyle:
        background, is_faded = self._background, style.kind is ChartPart.RAW
        color = Color.parse(curve_colour(style.colour, self._widget.app.current_theme.dark))
        if background.ansi is not None:  # the terminal's own background colour is unknown
            return RichStyle(color=color.rich_color, dim=is_faded)
        # The background is set as well, so that a cell of braille hides what lies under the chart.
        blended = color.blend(background, _FADING) if is_faded else color
        return RichStyle(color=blended.rich_color, bgcolor=background.rich_color)

    def _cell(self, style: Style) -> RichStyle:
        is_bar = style.kind in (ChartPart.HIGH_BAR, ChartPart.LOW_BAR)
        if not style.colour and not is_bar:
            return self.component("value")
        background, is_dark = self._background, self._widget.app.current_theme.dark
        is_first = style.kind in (ChartPart.CORRECT, ChartPart.HIGH, ChartPart.HIGH_BAR)
        color = Color.parse(curve_colour(0 if is_first else 1, is_dark))
        if background.ansi is not None:
            return RichStyle(color=color.rich_color, bold=is_first)
        paper = blend_lab(background, color, _LEAST + (_FULL - _LEAST) * style.colour / SHADES)
        if is_bar:  # it stands out from a light shade of its own colour, the more the stronger
            ink = blend_lab(background, color, _LEAST_BAR + (1 - _LEAST_BAR) * style.colour / SHADES)
            return RichStyle(color=ink.rich_color, bgcolor=paper.rich_color)
        ink = readable_on(paper, Color.parse("#ffffff" if is_dark else "#000000"))
        return RichStyle(color=ink.rich_color, bgcolor=paper.rich_color)
