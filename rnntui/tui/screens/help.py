"""The help screen: every key, drawn from the key table and the widgets' own bindings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from rnntui.tui.keys import KEYS, title_of

Row = tuple[str, str]
_KEYS = 18  # columns


class HelpScreen(ModalScreen[None]):
    """All keys in groups, as they are mapped now; Esc closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q", "dismiss(None)", "Close", show=False)]

    def __init__(self, keymap: dict[str, str], groups: Iterable[tuple[str, Iterable[Binding]]] = ()) -> None:
        """`groups` are titles with the bindings of widgets that bring their own."""
        super().__init__()
        self._keymap, self._groups = keymap, groups

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog full"):
            yield Static(self._table())

    def _table(self) -> Table:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), expand=True)
        table.add_column(width=_KEYS, style="bold")
        table.add_column(ratio=1)
        for number, (title, rows) in enumerate(self._rows()):
            if number:
                table.add_row("", "")
            table.add_row("", Text(title, style="bold"))
            for keys, text in rows:
                table.add_row(Text(keys), Text(text))
        return table

    def _rows(self) -> Iterable[tuple[str, list[Row]]]:
        for place, keys in KEYS.items():
            rows = [(self._shown(key.id, key.keys), key.help) for key in keys if key.help]
            if rows:
                yield title_of(place), rows
        for title, bindings in self._groups:
            yield title, [(self._shown(b.id or "", b.key), b.description) for b in bindings if b.description]

    def _shown(self, name: str, keys: str) -> str:
        keys = self._keymap.get(name, keys)
        if not keys:
            return "in the palette"
        return ", ".join(self.app.get_key_display(Binding(key, "")) for key in keys.split(","))
