"""The row of chart titles above the chart, with the selected one highlighted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.widgets import Static

from rnntui.tui.train.messages import ChartSelected
from rnntui.tui.widgets.colours import MUTED

_GAP = 2  # cells between titles
_ELLIPSIS = "…"


class ChartSelector(Static):
    """Titles side by side. Where there is no room for all, those around the selected one are shown."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id)
        self._titles: Sequence[str] = ()
        self._selected = ""
        self._visible: list[tuple[str, int]] = []  # titles with the x at which each begins

    def show(self, titles: Sequence[str], selected: str) -> None:
        """Show titles, with one of them highlighted."""
        self._titles, self._selected = tuple(titles), selected
        self._rebuild()

    def on_resize(self) -> None:
        self._rebuild()

    def on_click(self, event: events.Click) -> None:
        x = event.get_content_offset_capture(self).x
        for title, begin in self._visible:
            if begin <= x < begin + cell_len(title):
                self.post_message(ChartSelected(title))

    def _rebuild(self) -> None:
        first, end = self._visible_range()
        titles = self._titles[first:end]
        prefix = _ELLIPSIS + " " if first else ""
        begins = accumulate((cell_len(title) + _GAP for title in titles), initial=cell_len(prefix))
        self._visible = list(zip(titles, begins, strict=False))
        parts: list[tuple[str, str]] = [(prefix, MUTED)]
        for title in titles:
            parts.append((title, "bold $text-primary" if title == self._selected else MUTED))
            parts.append((" " * _GAP, ""))
        parts.append((_ELLIPSIS if end < len(self._titles) else "", MUTED))
        self.update(Content.assemble(*parts))

    def _visible_range(self) -> tuple[int, int]:
        """Return the range of the titles that fit, as first and end index; the selected one is among them."""

        def width(first: int, end: int) -> int:
            return sum(cell_len(title) + _GAP for title in self._titles[first:end]) - _GAP

        if width(0, len(self._titles)) <= self.size.width:
            return 0, len(self._titles)
        available = self.size.width - 2 * (_GAP + len(_ELLIPSIS))
        first = self._titles.index(self._selected) if self._selected in self._titles else 0
        end = min(first + 1, len(self._titles))
        has_grown = True
        while has_grown:
            has_grown = False
            if end < len(self._titles) and width(first, end + 1) <= available:
                end, has_grown = end + 1, True
            if first > 0 and width(first - 1, end) <= available:
                first, has_grown = first - 1, True
        return first, end
