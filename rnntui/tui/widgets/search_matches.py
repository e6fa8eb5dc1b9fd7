"""The places where a growing text holds what a reader looks for."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right


class Matches:
    """Offsets of a needle in a text, whatever the case, found in new text as it comes; matches do not overlap.

    An empty needle is found nowhere. `current` is the index of the match looked at, or None.
    """

    def __init__(self, needle: str = "") -> None:
        self.needle = needle
        self.current: int | None = None
        self._pattern = re.compile(re.escape(needle), re.IGNORECASE)
        self._starts = array("Q")
        self._searched = 0

    def __len__(self) -> int:
        """How many matches there are."""
        return len(self._starts)

    def grow(self, text: str) -> int | None:
        """Search what is new of a text that got longer, and return the offset of the first new match, or None."""
        before = len(self)
        if self.needle:
            # A match may begin in text already searched, and end in what is new.
            start = max(0, self._searched - len(self.needle) + 1)
            if before:
                start = max(start, self._starts[-1] + len(self.needle))
            self._starts.extend(match.start() for match in self._pattern.finditer(text, start))
            self._searched = len(text)
        return self._starts[before] if len(self) > before else None

    def cut(self, length: int) -> None:
        """Forget what is beyond the first `length` characters of the text."""
        del self._starts[bisect_right(self._starts, length - len(self.needle)) :]
        self._searched = min(self._searched, length)
        if self.current is not None and self.current >= len(self):
            self.current = None

    def between(self, start: int, end: int) -> list[tuple[int, int, bool]]:
        """Matches that touch the text from one offset to another: where they start and end, and which is current."""
        size = len(self.needle)
        first = bisect_right(self._starts, start - size)
        after = bisect_left(self._starts, end)
        return [(self._starts[i], self._starts[i] + size, i == self.current) for i in range(first, after)]

    def step(self, forward: bool, origin: int) -> tuple[int, int] | None:
        """Go to the next or the previous match, round the ends, and return where it starts and ends; None if none.

        With no current match, from the offset `origin`: the first that starts there or later, or the last before.
        """
        if not len(self):
            return None
        if self.current is None:
            index = bisect_left(self._starts, origin) - (not forward)
        else:
            index = self.current + (1 if forward else -1)
        self.current = index % len(self)
        start = self._starts[self.current]
        return start, start + len(self.needle)
