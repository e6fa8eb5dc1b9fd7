"""Dialog with the searches of `rnntui tune`: a table of trials, which follows a search that is under way."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import DataTable, Label, Static

from rnntui.sessions.tuning_watcher import COLUMNS, TrialRow, TuningWatcher, WatchedTuning
from rnntui.text.control_chars import one_line

POLL_SECONDS = 1.0
_NUMBERS = {"loss", "bits/char", "time"}  # columns that are aligned on the right
_WIDTHS = (5, 7, 9, 16, 6)  # cells of all columns but the last
_WIDE = 100  # cells of a screen that has room for the losses in bits
_BORDER = 8  # cells of the dialog beside the table: border, padding, scrollbar
_MIN_SETTINGS = 20  # cells of the last column
_NONE = "No searches yet. rnntui tune corpus.txt --minutes 60 starts one, which is shown here while it goes on."


class TuningScreen(ModalScreen[None]):
    """The trials of one search at a time, updated once a second."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss(None)", "Close", show=False),
        Binding("right_square_bracket", "step(1)", "Next", show=False),
        Binding("left_square_bracket", "step(-1)", "Previous", show=False),
        Binding("o", "sort", "Sort", show=False),
    ]

    def __init__(self, watcher: TuningWatcher) -> None:
        """`watcher` must not be polled by others while the screen is shown."""
        super().__init__()
        self._watcher = watcher
        self._tunings: tuple[WatchedTuning, ...] = ()
        self._name = ""  # of the search that is shown
        self._is_by_loss = False
        self._is_polled = False
        self._columns: list[str] = []
        self._shown: object = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog full"):
            yield Label("", classes="title", markup=False)
            yield Static("", classes="hint", id="tuning-about", markup=False)
            yield DataTable(cursor_type="row", zebra_stripes=True)
            yield Label("", classes="hint", id="tuning-keys", markup=False)

    def on_mount(self) -> None:
        self.query_one(DataTable).focus()
        self._poll()

    def on_resize(self) -> None:
        """Make the columns anew; the last one takes the rest of the width, and its texts are wrapped."""
        if not (tables := self.query(DataTable)):  # of a screen that is being closed
            return
        table = tables.first()
        self._columns = [name for name in COLUMNS if name != "bits/char" or self.app.size.width >= _WIDE]
        widths = [width for name, width in zip(COLUMNS, _WIDTHS, strict=False) if name in self._columns]
        padding = 2 * table.cell_padding * len(self._columns)
        rest = int(0.95 * self.app.size.width) - _BORDER - sum(widths) - padding
        table.clear(columns=True)
        for name, width in zip(self._columns, [*widths, max(_MIN_SETTINGS, rest)], strict=True):
            table.add_column(Text(name, justify="right" if name in _NUMBERS else "left"), width=width, key=name)
        self._shown = None
        self._show()

    @work
    async def _poll(self) -> None:
        while True:
            tunings = await asyncio.to_thread(self._watcher.poll)
            if not self.is_attached:
                return
            self._tunings, self._is_polled = tunings, True
            self._show()
            await asyncio.sleep(POLL_SECONDS)

    @property
    def _index(self) -> int:
        names = [tuning.name for tuning in self._tunings]
        return names.index(self._name) if self._name in names else 0

    def action_step(self, by: int) -> None:
        """Show the next search, or with -1 the previous one."""
        if self._tunings:
            self._name = self._tunings[(self._index + by) % len(self._tunings)].name
            self._show()

    def action_sort(self) -> None:
        """Sort the trials by loss, or by number again."""
        self._is_by_loss = not self._is_by_loss
        self._show()

    def _show(self) -> None:
        if not self._is_polled:
            return
        tuning = self._tunings[self._index] if self._tunings else WatchedTuning("", "", about=_NONE)
        content = tuning, len(self._tunings), self._index, self._is_by_loss
        if content == self._shown:
            return
        self._shown = content
        self._name = tuning.name
        place = f"{self._index + 1} of {len(self._tunings)}: " if len(self._tunings) > 1 else ""
        title = f"Tuning {place}{one_line(tuning.name)} · {one_line(tuning.summary)}" if tuning.name else "Tuning"
        self.query_one(".title", Label).update(title)
        self.query_one("#tuning-about", Static).update(one_line(tuning.about))
        keys = ["arrows scroll", f"o sorts by {'number' if self._is_by_loss else 'loss'}"]
        keys += ["[ ] other searches"] if len(self._tunings) > 1 else []
        self.query_one("#tuning-keys", Label).update(f"{', '.join([*keys, 'Esc closes'])}")
        self._show_rows(sorted(tuning.rows, key=_by_loss) if self._is_by_loss else list(tuning.rows))

    def _show_rows(self, rows: list[TrialRow]) -> None:
        """Show trials; the cursor stays on its trial, and follows the last one if it was there."""
        table = self.query_one(DataTable)
        keys = [str(row.number) for row in rows]
        known = [key.value for key in table.rows]
        was_at = known[table.cursor_row] if 0 <= table.cursor_row < len(known) else None  # -1 at the end of no rows
        was_last = table.cursor_row >= len(known) - 1
        if keys[: len(known)] != known:
            table.clear()
            known = []
        for row in rows[: len(known)]:
            for name, text in self._cells(row).items():
                table.update_cell(str(row.number), name, text)
        for row in rows[len(known) :]:
            table.add_row(*self._cells(row).values(), key=str(row.number), height=None)
        if was_last and not self._is_by_loss and keys:
            table.move_cursor(row=len(keys) - 1)
        elif was_at in keys:
            table.move_cursor(row=keys.index(was_at))

    def _cells(self, row: TrialRow) -> dict[str, Text]:
        """Return what the columns show of a trial."""
        style = "bold" if row.is_best else ""
        return {
            name: Text(one_line(text), style, justify="right" if name in _NUMBERS else "left")
            for name, text in zip(COLUMNS, row.texts, strict=True)
            if name in self._columns
        }


def _by_loss(row: TrialRow) -> tuple[bool, float]:
    return row.loss is None, row.loss or 0.0
