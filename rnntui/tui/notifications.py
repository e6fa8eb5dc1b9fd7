"""Notices of a tab."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual.containers import Vertical

from rnntui.text.control_chars import one_line

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel


class Telling(Vertical):
    """A tab that tells things, none of them twice at once; `farewell` is what to say once the app has closed."""

    farewell = ""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._told: dict[tuple[str, str], float] = {}  # notices, and until when they are seen

    def tell(self, text: str, *, title: str = "", severity: SeverityLevel = "information", seconds: float = 5) -> None:
        """A notice, with nothing in it that steers a terminal; not a second one while the first is still to be seen."""
        now = time.monotonic()
        if self._told.get((title, text), 0.0) > now:
            return
        self._told = {(title, text): now + seconds, **{old: until for old, until in self._told.items() if until > now}}
        self.notify(one_line(text), title=title, severity=severity, timeout=seconds, markup=False)

    def warn(self, text: str) -> None:
        """A notice that something cannot be done."""
        self.tell(text, severity="warning")
