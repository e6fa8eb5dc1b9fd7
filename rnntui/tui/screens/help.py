"""Help screen: all keys, from the key table and the bindings of widgets."""

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
"""Keys and what they do."""

_KEY_WIDTH = 18  # cells


class HelpScreen(ModalScreen[None]):
    """All keys in groups, with the present keymap; Esc closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q", "dismiss(None)", "Close", show=False)]

    def __init__(self, keymap: dict[str, str], groups: Iterable[tuple[str, Iterable[Binding]]] = ()) -> None:
        """
        Args:
            keymap: keys by binding id, in place of those of the key table.
            groups: a title and the bindings of each widget whose keys are not in the key table.
        """
        super().__init__()
        self._keymap, self._groups = keymap, groups

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog full"):
            yield Static(self._table())

    def _table(self) -> Table:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), expand=True)
        table.add_column(width=_KEY_WIDTH, style="bold")
        table.add_column(ratio=1)
        for index, (title, rows) in enumerate(self._rows()):
            if index:
                table.add_row("", "")
            table.add_row("", Text(title, style="bold"))
            for keys, help_text in rows:
                table.add_row(Text(keys), Text(help_text))
        return table

    def _rows(self) -> Iterable[tuple[str, list[Row]]]:
        for context, keys in KEYS.items():
            rows = [(self._key_names(key.id, key.keys), key.help) for key in keys if key.help]
            if rows:
                yield title_of(context), rows
        for title, bindings in self._groups:
            yield (
                title,
                [
                    (self._key_names(binding.id or "", binding.key), binding.description)
                    for binding in bindings
                    if binding.description
                ],
            )

    def _key_names(self, binding_id: str, default_keys: str) -> str:
        keys = self._keymap.get(binding_id, default_keys)
        if not keys:
            return "in the palette"
        return ", ".join(self.app.get_key_display(Binding(key, "")) for key in keys.split(","))
