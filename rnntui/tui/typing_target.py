"""Typing reaches a tab's editor from anywhere in the tab.

A printable key or a paste that the focused widget does not handle first moves the focus to the tab's editor, and then
arrives there. This happens in the app, before the key is forwarded to a widget, so that fast typing stays in order:
keys handed on by a widget would arrive after later ones that went to the editor directly.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from textual import events

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.widget import Widget

_MAX_TURNS = 100  # of the event loop, to let the focused widget handle earlier keys


@runtime_checkable
class HasTypingTarget(Protocol):
    """A tab with an editor that typing goes to."""

    @property
    def typing_target(self) -> Widget | None:
        """The editor, or None while it cannot be typed into."""


async def focus_typing_target(screen: Screen[object], tab: object, event: events.Event) -> None:
    """Focus the editor of a tab if `event` is typing that the focused widget of the screen does not want.

    Called with every key and paste before it is forwarded to the focused widget. A widget wants a printable key that
    is bound to one of its actions, or that it consumes (`check_consume_key`); it wants a paste if it consumes letters.
    """
    if not isinstance(tab, HasTypingTarget) or not _is_typing(event):
        return
    target, focused = tab.typing_target, screen.focused
    if target is None or focused is target or not target.focusable:
        return
    if focused is not None:
        # An earlier key, still in its queue, may decide what it does with this one.
        for _ in range(_MAX_TURNS):
            if not focused.message_queue_size:
                break
            await asyncio.sleep(0)
        if _is_wanted(screen, focused, event):
            return
    screen.set_focus(target)


def _is_typing(event: events.Event) -> bool:
    if isinstance(event, events.Key):
        from rnntui.tui.widgets.editors import unprintable_text

        has_modifier = event.key.startswith(("alt+", "ctrl+", "super+", "meta+", "hyper+"))
        return not has_modifier and bool(event.is_printable or unprintable_text(event))
    return isinstance(event, events.Paste) and bool(event.text)


def _is_wanted(screen: Screen[object], focused: Widget, event: events.Event) -> bool:
    if not isinstance(event, events.Key):
        return focused.check_consume_key("x", "x")
    if focused.check_consume_key(event.key, event.character):
        return True
    active = screen.active_bindings.get(event.key)
    return active is not None and active.enabled
