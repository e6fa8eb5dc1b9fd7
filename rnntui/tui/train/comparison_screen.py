"""Dialog with runs side by side: their results, and the options in which they differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import DataTable, Label

from rnntui.runs.comparison import Comparison, ComparisonRow
from rnntui.text.control_chars import one_line, truncate

_MIN_WIDTH, _MAX_WIDTH = 16, 30  # cells of a column; longer texts are wrapped
_BORDER = 8  # cells of the dialog beside the table: border, padding, scrollbar


class ComparisonScreen(ModalScreen[None]):
    """A table with a column for each run; arrow keys scroll it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "dismiss(None)", "Close", show=False)]

    def __init__(self, comparison: Comparison) -> None:
        super().__init__()
        self._comparison = comparison

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog full"):
            yield Label("Results, and the options that differ", classes="title")
            yield DataTable(fixed_columns=1, cursor_type="row", zebra_stripes=True)
            yield Label("Arrows scroll, Esc closes", classes="hint")

    def on_mount(self) -> None:
        comparison = self._comparison
        no_difference = ComparisonRow("no option differs", ("",) * len(comparison.names))
        options = comparison.options or (no_difference,)
        rows = (*comparison.results, ComparisonRow("", ("",) * len(comparison.names)), *options)
        names = tuple(one_line(name) for name in comparison.names)
        titles = [truncate(name, _MAX_WIDTH, cell_len) for name in names]
        if any(title != name for title, name in zip(titles, names, strict=True)):
            rows = (ComparisonRow("run", names), *rows)  # a text is wrapped, a title is not
        table = self.query_one(DataTable)
        columns = zip(*(row.texts for row in rows), strict=True)
        label_width = _width(row.label for row in rows)
        padding = 2 * table.cell_padding
        room = int(0.95 * self.app.size.width) - _BORDER - label_width - padding
        share = max(_MIN_WIDTH, room // len(comparison.names) - padding)
        table.add_column(" ", width=label_width)
        for title, texts in zip(titles, columns, strict=True):
            table.add_column(Text(title), width=max(cell_len(title), min(share, _width(texts))))
        for row in rows:
            table.add_row(Text(row.label, "dim"), *(Text(one_line(text)) for text in row.texts), height=None)
        table.focus()


def _width(texts: Iterable[str]) -> int:
    return min(_MAX_WIDTH, max(cell_len(one_line(text)) for text in texts))
