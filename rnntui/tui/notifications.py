"""Notifications of a tab, safe for a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rnntui.text.control_chars import one_line

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel


class Notifications:
    """Shows texts by a widget's `notify`: control characters escaped, markup off. The app drops duplicates."""

    def __init__(self, notify: Callable[..., None]) -> None:
        self._notify = notify

    def show(self, text: str, *, title: str = "", severity: SeverityLevel = "information", seconds: float = 5) -> None:
        """Show a text for some seconds."""
        self._notify(one_line(text), title=title, severity=severity, timeout=seconds, markup=False)

    def info(self, text: str, *, title: str = "", seconds: float = 5) -> None:
        """Show that something succeeded, or a hint."""
        self.show(text, title=title, seconds=seconds)

    def warn(self, text: str, *, title: str = "", seconds: float = 5) -> None:
        """Show that something cannot be done."""
        self.show(text, title=title, severity="warning", seconds=seconds)

    def error(self, text: str, *, title: str = "", seconds: float = 5) -> None:
        """Show that something failed."""
        self.show(text, title=title, severity="error", seconds=seconds)
