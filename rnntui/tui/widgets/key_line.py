"""A line that names the keys of a focused widget, or says how to get there."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

Hints = Sequence[tuple[Sequence[str], str]]
"""Actions that share a label, with that label; the most important ones first."""


def key_line(widget: Widget, hints: Hints | str, width: int, key_style: Style, style: Style) -> Strip:
    """Return a line of `width` cells with the keys of the present keymap, as many as fit.

    Args:
        widget: the widget whose keys are named.
        hints: its actions; or a text, while it has no focus.
        width: cells of the line.
        key_style: style of the keys.
        style: style of the labels.
    """
    segments, room = [], width
    for key, label in [("", hints)] if isinstance(hints, str) else _key_hints(widget, hints):
        cells = cell_len(key + label)
        if cells <= room:
            segments += [Segment(key, key_style), Segment(f"{label}  ", style)]
            room -= cells + 2
    return Strip(segments).adjust_cell_length(width, style)


def _key_hints(widget: Widget, hints: Hints) -> list[tuple[str, str]]:
    """Return the keys of the present keymap with their labels."""
    keys: dict[str, str] = {}
    for active in widget.screen.active_bindings.values():
        if active.node is widget and active.binding.action not in keys:
            keys[active.binding.action] = widget.app.get_key_display(active.binding)
    return [
        (_joined([keys[action] for action in actions if action in keys]), f" {label}")
        for actions, label in hints
        if keys.keys() & {*actions}
    ]


def _joined(keys: list[str]) -> str:
    """Return keys side by side, with modifiers that they share once: shift+←→."""
    modifiers = {key[: key.rfind("+", 0, -1) + 1] for key in keys}
    shared = modifiers.pop() if len(modifiers) == 1 else ""
    names = [key.removeprefix(shared) for key in keys]
    return shared + ("" if max(map(len, names)) == 1 else " ").join(names)
