"""A value being typed into a slider: a short line with a caret, and the line that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

_MAX_LENGTH = 12  # characters
_MOTIONS = {"left": -1, "right": 1, "home": -_MAX_LENGTH, "end": _MAX_LENGTH}


@dataclass(frozen=True)
class TypedValue:
    """The text typed so far; the caret is before the character at `caret`."""

    text: str = ""
    caret: int = 0

    def insert(self, text: str) -> TypedValue:
        """Return the value with text inserted at the caret, as far as there is room."""
        text = "".join(c for c in text if c.isprintable())[: _MAX_LENGTH - len(self.text)]
        return TypedValue(self.text[: self.caret] + text + self.text[self.caret :], self.caret + len(text))

    def edit(self, key: str) -> TypedValue | None:
        """Return the value after an editing key; None for any other key."""
        before, after = self.text[: self.caret], self.text[self.caret :]
        if key in _MOTIONS:
            return TypedValue(self.text, min(len(self.text), max(0, self.caret + _MOTIONS[key])))
        if key == "backspace":
            before = before[:-1]
        elif key == "delete":
            after = after[1:]
        elif key == "ctrl+u":
            before = ""
        elif key == "ctrl+k":
            after = ""
        elif key == "ctrl+w":
            before = before.rstrip().rpartition(" ")[0]
        else:
            return None
        return TypedValue(before + after, len(before))

    def visible(self, width: int) -> TypedValue:
        """Return the part around the caret that fits a width in cells; one stays free for a caret at the end."""
        room = max(1, width - 1)
        start = max(0, min(self.caret, len(self.text) - room))
        return TypedValue(self.text[start : start + room], min(room, self.caret - start))


def fitting_hint(forms: Sequence[str], typed: str, width: int) -> str:
    """Return the first form of a hint that fits beside typed text, its caret and a gap; "" if none does."""
    room = width - cell_len(typed) - 2
    return next((form for form in forms if cell_len(form) <= room), "")
