"""The confusion matrix of a classifier's evaluation, in the Train tab."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import work
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from rnntui.charts.confusion_rows import MatrixRows, Unit, natural_width, render_confusion
from rnntui.charts.styled_text import Row
from rnntui.sessions.charted_runs import LoggedConfusions
from rnntui.tui.train.messages import EvaluationChosen
from rnntui.tui.widgets.key_line import key_line
from rnntui.tui.widgets.row_styles import RowStyles

TITLE = "Confusion matrix"
_HINTS = (
    (("step(-1)", "step(1)"), "evaluation"),
    (("unit",), "percent or counts"),
    (("scroll_up", "scroll_down"), "scroll"),
    (("export",), "export"),
    (("newest",), "newest"),
)
_UNFOCUSED_HINT = "Tab here for other evaluations, counts, export"
_MIN_HINT_ROWS = 8


class ConfusionView(ScrollView, can_focus=True):
    """A confusion matrix with its headings, which stay in place when it scrolls, and a line of keys."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Earlier evaluation", id="confusion.earlier", show=False),
        Binding("right", "step(1)", "Later evaluation", id="confusion.later", show=False),
        Binding("0", "newest", "Newest evaluation; of a finished run, its best weights", id="confusion.newest",
                show=False),
        Binding("p", "unit", "Percent or counts", id="confusion.unit", show=False),
        Binding("e", "export", "Save as SVG or PNG", id="confusion.export", show=False),
        Binding("up", "scroll_up", "Scroll up", id="confusion.up", show=False),
        Binding("down", "scroll_down", "Scroll down", id="confusion.down", show=False),
    ]  # fmt: skip
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "confusion--title", "confusion--label", "confusion--value", "confusion--grid", "confusion--key",
        "confusion--hint",
    }  # fmt: skip
    DEFAULT_CSS = """
    ConfusionView {
        scrollbar-size: 1 1;
        & > .confusion--title { text-style: bold; }
        & > .confusion--label { color: $foreground 72%; }
        & > .confusion--value { color: $foreground; }
        & > .confusion--grid { color: $foreground 72%; }
        & > .confusion--key { color: $footer-key-foreground; }
        & > .confusion--hint { color: $foreground 72%; }
        &:focus > .confusion--title { color: $text-primary; text-style: bold; }
    }
    """

    def __init__(self) -> None:
        super().__init__(id="confusion")
        self._confusions: LoggedConfusions | None = None
        self._step: float | None = None
        self._unit: Unit = "percent"
        self._rows = MatrixRows([], [])
        self._styles = RowStyles(self, "confusion")

    def show(self, confusions: LoggedConfusions | None, step: float | None) -> None:
        """Show the matrix of the evaluation nearest to a step; for None, the newest, or the best weights' matrix."""
        self._confusions, self._step = confusions, step
        self._render_rows()

    @property
    def needed_width(self) -> int:
        """Columns in which the matrix has numbers for every label."""
        if self._confusions is None:
            return 0
        matrix = self._confusions.matrix(self._confusions.at(self._step))
        return natural_width(matrix, "percent", cell_len) + self.gutter.width + 1

    def on_resize(self) -> None:
        self._render_rows()

    def action_step(self, by: int) -> None:
        """Show the matrix of the evaluation `by` places later."""
        if self._confusions is not None:
            self.post_message(EvaluationChosen(self._confusions.neighbour(self._step, by)))

    def action_newest(self) -> None:
        """Show the newest matrix, and follow the training."""
        self.post_message(EvaluationChosen(None))

    def action_unit(self) -> None:
        """Show percent instead of counts, or the other way round."""
        self._unit = "counts" if self._unit == "percent" else "percent"
        self._render_rows()

    @work
    async def action_export(self) -> None:
        """Ask for a file name, and save the matrix as it is shown."""
        from rnntui.charts.confusion_svg import confusion_svg
        from rnntui.charts.metric_charts import ChartHeading
        from rnntui.sessions.chart_files import suggested_chart
        from rnntui.tui.train.chart_export import export_image

        confusions, step = self._confusions, self._step
        if confusions is None:
            return
        title = f"{confusions.title(step)} · {confusions.run}"
        svg = confusion_svg(confusions.matrix(confusions.at(step)), title, self._unit)
        await export_image(self.app, svg, suggested_chart(ChartHeading(TITLE, runs=(confusions.run,))))

    def notify_style_update(self) -> None:
        """Look up colours again after a change of theme or focus."""
        super().notify_style_update()
        self._styles.clear()

    # -- painting ------------------------------------------------------------------------------------------------

    def _render_rows(self) -> None:
        width = self.scrollable_content_region.width
        if self._confusions is None or width < 1:
            self._rows = MatrixRows([], [])
        else:
            matrix = self._confusions.matrix(self._confusions.at(self._step))
            titles = (self._confusions.title(self._step, is_short) for is_short in (False, True))
            title = next((title for title in titles if cell_len(title) <= width), TITLE)
            self._rows = render_confusion(matrix, title, self._unit, width, cell_len)
        headings, body = self._rows
        self.virtual_size = Size(width, len(headings) + len(body) + self._has_key_line)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Paint a row of the view: a heading, a row of the matrix, or the keys in the last row."""
        base, width = self.rich_style, self.scrollable_content_region.width
        headings, body = self._rows
        is_last = y == self.scrollable_content_region.height - 1
        if is_last and self._has_key_line:
            return self._keys(width)
        if y < len(headings):
            return self._strip(headings[y], width)
        index = y - len(headings) + self.scroll_offset.y
        return self._strip(body[index], width) if index < len(body) else Strip.blank(width, base)

    @property
    def _has_key_line(self) -> bool:
        return self.size.height >= _MIN_HINT_ROWS

    def _keys(self, width: int) -> Strip:
        key, hint = self._styles.component("key"), self._styles.component("hint")
        return key_line(self, _HINTS if self.has_focus else _UNFOCUSED_HINT, width, key, hint)

    def _strip(self, row: Row, width: int) -> Strip:
        segments = [Segment(text, self._styles.of(style)) for text, style in row if text]
        return Strip(segments).adjust_cell_length(width, self.rich_style)
