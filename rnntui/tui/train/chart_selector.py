"""A row of titles, of which one is chosen; by a click, or by whoever sets it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.widgets import Static

from rnntui.tui.train.messages import ChartChosen
from rnntui.tui.widgets.colours import MUTED

_GAP = 2  # cells between titles
_MORE = "…"


class ChartSelector(Static):
    """Titles side by side. Where there is no room for all, those around the chosen one are shown."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id)
        self._titles: Sequence[str] = ()
        self._chosen = ""
        self._shown: list[tuple[str, int]] = []  # titles with the cell at which each begins

    def show(self, titles: Sequence[str], chosen: str) -> None:
        """Show these titles."""
        self._titles, self._chosen = tuple(titles), chosen
        self._rebuild()

    def on_resize(self) -> None:
        self._rebuild()

    def on_click(self, event: events.Click) -> None:
        x = event.get_content_offset_capture(self).x
        for title, begin in self._shown:
            if begin <= x < begin + cell_len(title):
                self.post_message(ChartChosen(title))

    def _rebuild(self) -> None:
        first, last = self._window()
        shown = self._titles[first:last]
        lead = _MORE + " " if first else ""
        begins = accumulate((cell_len(title) + _GAP for title in shown), initial=cell_len(lead))
        self._shown = list(zip(shown, begins, strict=False))
        parts: list[tuple[str, str]] = [(lead, MUTED)]
        for title in shown:
            parts.append((title, "bold $text-primary" if title == self._chosen else MUTED))
            parts.append((" " * _GAP, ""))
        parts.append((_MORE if last < len(self._titles) else "", MUTED))
        self.update(Content.assemble(*parts))

    def _window(self) -> tuple[int, int]:
        """Which of the titles fit, as a range with the chosen one in it."""
        room = self.size.width - 2 * (_GAP + len(_MORE))
        at = self._titles.index(self._chosen) if self._chosen in self._titles else 0
        first, last = at, min(at + 1, len(self._titles))

        def width(begin: int, end: int) -> int:
            return sum(cell_len(title) + _GAP for title in self._titles[begin:end]) - _GAP

        if width(0, len(self._titles)) <= self.size.width:
            return 0, len(self._titles)
        grown = True
        while grown:
            grown = False
            if last < len(self._titles) and width(first, last + 1) <= room:
                last, grown = last + 1, True
            if first > 0 and width(first - 1, last) <= room:
                first, grown = first - 1, True
        return first, last
