"""Footer: the keys of the focused widget and its tab, as many as there is room for, in one line.

Textual's footer lets keys fall off its right end, F1 and Ctrl+Q first, and mounts a widget for each key whenever the
focus moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

from rich.cells import cell_len
from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.widget import Widget

from rnntui.tui.keys import KEYS, key_name
from rnntui.tui.tabs import TABS

_GAP = 2  # cells between two keys
_TAB_KEYS = frozenset(f"app.{tab}" for tab in TABS)
_TABLE = {key.id: (context, place, key) for context, keys in KEYS.items() for place, key in enumerate(keys)}


@dataclass(frozen=True)
class FooterItem:
    """A key in the footer. `key` is the key to press if it is clicked."""

    key: str
    label: str
    pinned: bool = False
    enabled: bool = True
    extra: bool = False  # shown only where the others leave room

    @property
    def name(self) -> str:
        """The key as it is written in the footer."""
        return key_name(self.key, compact=True)

    @property
    def width(self) -> int:
        """The width in cells."""
        return cell_len(self.name) + 1 + cell_len(self.label)


class ShownBinding(NamedTuple):
    """A binding that works now. `depth` is 0 at the focused widget, 1 at its parent, and so on.

    A `label` replaces that of the key table.
    """

    depth: int
    binding: Binding
    enabled: bool
    label: str = ""


@runtime_checkable
class HasKeyLabels(Protocol):
    """A widget with keys whose labels depend on its state; it calls `refresh_bindings` when they change."""

    @property
    def key_labels(self) -> Mapping[str, str]:
        """The labels by the ids of the key table."""


def footer_items(active: Iterable[ShownBinding]) -> list[FooterItem]:
    """Return the keys for the footer, the most important first.

    Bindings to be shown come first, from the focused widget outwards; then the rest of the key table, those of the tab
    before those of the app and of single widgets. All are in the order of the table. Of an action with several keys,
    one is shown; the keys of tabs are in the tab bar.
    """
    ranked: list[tuple[bool, int, int, FooterItem]] = []
    actions: set[str] = set()
    for depth, binding, enabled, present_label in active:
        context, place, row = _TABLE.get(binding.id or "", ("", -1, None))
        is_shown = bool(row.label) if row else binding.show
        if not is_shown or binding.id in _TAB_KEYS or binding.action in actions:
            continue
        actions.add(binding.action)
        label = present_label or (row.label if row else binding.description)
        item = FooterItem(binding.key, label, bool(row and row.pinned), enabled, not binding.show)
        group = depth if binding.show else 0 if context in TABS else 1 if context == "app" else 2
        ranked.append((not binding.show, group, place, item))
    return [item for *_, item in sorted(ranked, key=lambda entry: entry[:3])]


def fit_items(items: Iterable[FooterItem], width: int) -> list[FooterItem]:
    """Return the items that fit a width in cells: the pinned ones, which come last, and before them the first others.

    It stops at the first item that has no room, for a shorter one after it is less important, and would come and go. Of
    the extra items, it takes any that fit.
    """
    items = list(items)
    pinned = [item for item in items if item.pinned]
    room = width - sum(item.width + _GAP for item in pinned)
    fitting: list[FooterItem] = []
    for item in items:
        needed = item.width + (_GAP if fitting else 0)
        if item.pinned:
            continue
        if needed <= room:
            fitting.append(item)
            room -= needed
        elif not item.extra:
            break
    return [*fitting, *pinned]


class KeyFooter(Widget):
    """One line of keys; a click presses one."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-footer--key", "key-footer--label"}
    DEFAULT_CSS = """
    KeyFooter {
        dock: bottom;
        height: 1;
        background: $footer-background;
        & > .key-footer--key { color: $footer-key-foreground; text-style: bold; }
        & > .key-footer--label { color: $footer-foreground; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._places: list[tuple[int, int, FooterItem]] = []  # start and end in cells

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda screen: self.refresh())

    def render(self) -> Content:
        """Return the line of keys, the pinned ones at its right end."""
        items = fit_items(footer_items(self._active_bindings()), self.size.width)
        key_style, label_style = (self.get_visual_style(f"key-footer--{part}") for part in ("key", "label"))
        parts: list[Content] = []
        column = 0
        self._places = []
        slack = max(0, self.size.width - sum(item.width for item in items) - _GAP * (len(items) - 1))
        for index, item in enumerate(items):
            is_first_pinned = item.pinned and (index == 0 or not items[index - 1].pinned)
            gap = (_GAP if index else 0) + (slack if is_first_pinned else 0)
            column += gap
            label = Content.styled(f" {item.label}", label_style)
            parts += [
                Content(" " * gap),
                Content.styled(item.name, key_style),
                label if item.enabled else label.stylize("dim"),
            ]
            self._places.append((column, column + item.width, item))
            column += item.width
        return Content("").join(parts)

    def _active_bindings(self) -> Iterator[ShownBinding]:
        focused = self.screen.focused
        depths = {node: depth for depth, node in enumerate(focused.ancestors_with_self if focused is not None else ())}
        for node, binding, enabled, _ in self.screen.active_bindings.values():
            labels = node.key_labels if isinstance(node, HasKeyLabels) else {}
            yield ShownBinding(depths.get(node, len(depths)), binding, enabled, labels.get(binding.id or "", ""))

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        for start, end, item in self._places:
            if start <= event.x < end:
                self.app.simulate_key(item.key)
