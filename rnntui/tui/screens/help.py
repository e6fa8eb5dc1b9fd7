"""Help screen: all keys, from the key table and the bindings of widgets, with a search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from rnntui.tui.command_palette import match_score
from rnntui.tui.keys import KEYS, key_names, title_of
from rnntui.tui.widgets.editors import ClusterInput

_KEY_WIDTH = 18  # cells


@dataclass(frozen=True)
class HelpRow:
    """Keys, the short name of their command, which may be "", and what it does."""

    keys: str
    label: str
    help: str


@dataclass(frozen=True)
class HelpSection:
    """The keys of one part of the app."""

    title: str
    rows: Sequence[HelpRow]


def help_sections(
    keymap: dict[str, str], widget_keys: Iterable[tuple[str, Iterable[Binding]]], focus: Iterable[Iterable[str]] = ()
) -> list[HelpSection]:
    """Return the sections of the help screen, those of the focus first.

    Args:
        keymap: keys by binding id, in place of those of the key table.
        widget_keys: a title and the bindings of each widget whose keys are not in the key table.
        focus: binding ids of the focused widget, then of each of its ancestors.
    """
    sections: list[tuple[set[str], HelpSection]] = []
    for context, keys in KEYS.items():
        rows = [HelpRow(_keys(keymap, key.id, key.keys), key.label, key.help) for key in keys if key.help]
        sections.append(({key.id for key in keys}, HelpSection(title_of(context), rows)))
    for title, bindings in widget_keys:
        shown = [binding for binding in bindings if binding.description]
        rows = [HelpRow(_keys(keymap, binding.id or "", binding.key), "", binding.description) for binding in shown]
        sections.append(({binding.id for binding in shown if binding.id}, HelpSection(title, rows)))
    places = [set(ids) for ids in focus]

    def distance(ids: set[str]) -> int:
        return next((place for place, focused in enumerate(places) if focused & ids), len(places))

    ordered = sorted(sections, key=lambda section: distance(section[0]))
    return [section for _, section in ordered if section.rows]


def matching_sections(sections: Iterable[HelpSection], query: str) -> list[HelpSection]:
    """Return the sections with only the rows that have every word of the query in title, keys, name or help."""
    if not query.strip():
        return list(sections)
    filtered = (
        HelpSection(
            section.title,
            [row for row in section.rows if match_score(query, row.label, (row.keys, row.help, section.title))],
        )
        for section in sections
    )
    return [section for section in filtered if section.rows]


def _keys(keymap: dict[str, str], binding_id: str, default_keys: str) -> str:
    return key_names(keymap.get(binding_id, default_keys)) or "in the palette"


class HelpScreen(ModalScreen[None]):
    """All keys in sections, with the present keymap: typing filters them, Esc closes the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1", "dismiss(None)", "Close", show=False),
        Binding("up", "scroll('up')", "Up", show=False),
        Binding("down", "scroll('down')", "Down", show=False),
        Binding("pageup", "scroll('page_up')", "Page up", show=False),
        Binding("pagedown", "scroll('page_down')", "Page down", show=False),
        Binding("ctrl+home", "scroll('home')", "Start", show=False, priority=True),
        Binding("ctrl+end", "scroll('end')", "End", show=False, priority=True),
    ]

    def __init__(self, sections: Sequence[HelpSection]) -> None:
        """`sections`: as of `help_sections`."""
        super().__init__()
        self.sections = sections

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog full", id="help"):
            yield ClusterInput(placeholder="Type to search the keys", compact=True, id="help-search")
            with VerticalScroll(id="help-rows", can_focus=False):
                yield Static(_table(self.sections))
            yield Label("Type to search · ↑ ↓ PgUp PgDn scroll · Esc closes", classes="hint")

    def on_input_changed(self, event: Input.Changed) -> None:
        sections = matching_sections(self.sections, event.value)
        rows = self.query_one("#help-rows", VerticalScroll)
        rows.query_one(Static).update(_table(sections) if sections else Text("No key matches."))
        rows.scroll_home(animate=False)

    def action_scroll(self, direction: str) -> None:
        """Scroll the keys `up`, `down`, `page_up`, `page_down`, `home` or `end`."""
        rows = self.query_one("#help-rows", VerticalScroll)
        getattr(rows, f"scroll_{direction}")(animate=False)


def _table(sections: Sequence[HelpSection]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), expand=True)
    table.add_column(width=_KEY_WIDTH, style="bold")
    table.add_column(ratio=1)
    for index, section in enumerate(sections):
        if index:
            table.add_row("", "")
        table.add_row("", Text(section.title, style="bold"))
        for row in section.rows:
            table.add_row(Text(row.keys), Text(row.help))
    return table
