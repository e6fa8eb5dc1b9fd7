"""Notifications of a tab: safe for a terminal, and never the same one twice on the screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rnntui.text.control_chars import one_line

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel


class Notifications:
    """Shows texts by a widget's `notify`: control characters escaped, markup off, without duplicates."""

    def __init__(self, notify: Callable[..., None]) -> None:
        self._notify = notify
        self._visible_until: dict[tuple[str, str], float] = {}  # by title and text, on the monotonic clock

    def show(self, text: str, *, title: str = "", severity: SeverityLevel = "information", seconds: float = 5) -> None:
        """Show a text for some seconds, unless it is still visible under that title."""
        now = time.monotonic()
        if self._visible_until.get((title, text), 0.0) > now:
            return
        visible = {notification: until for notification, until in self._visible_until.items() if until > now}
        self._visible_until = {**visible, (title, text): now + seconds}
        self._notify(one_line(text), title=title, severity=severity, timeout=seconds, markup=False)

    def info(self, text: str, *, title: str = "", seconds: float = 5) -> None:
        """Show something that went well, or a hint."""
        self.show(text, title=title, seconds=seconds)

    def warn(self, text: str, *, title: str = "", seconds: float = 5) -> None:
        """Show that something cannot be done."""
        self.show(text, title=title, severity="warning", seconds=seconds)

    def error(self, text: str, *, title: str = "", seconds: float = 5) -> None:
        """Show that something failed."""
        self.show(text, title=title, severity="error", seconds=seconds)
