"""Incremental search in a growing text."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right


class SearchMatches:
    """Offsets of a needle in a text, ignoring case and without overlaps; new text is searched as it arrives.

    An empty needle has no matches. `current` is the index of the selected match, or None.
    """

    def __init__(self, needle: str = "") -> None:
        self.needle = needle
        self.current: int | None = None
        self._pattern = re.compile(re.escape(needle), re.IGNORECASE)
        self._starts = array("Q")
        self._searched = 0

    def __len__(self) -> int:
        """The number of matches."""
        return len(self._starts)

    def extend(self, text: str) -> int | None:
        """Search the new end of a text that became longer; return the offset of the first new match, or None."""
        before = len(self)
        if self.needle:
            # A match may begin in text already searched, and end in new text.
            start = max(0, self._searched - len(self.needle) + 1)
            if before:
                start = max(start, self._starts[-1] + len(self.needle))
            self._starts.extend(match.start() for match in self._pattern.finditer(text, start))
            self._searched = len(text)
        return self._starts[before] if len(self) > before else None

    def truncate(self, length: int) -> None:
        """Drop the matches that are not within the first `length` characters of the text."""
        del self._starts[bisect_right(self._starts, length - len(self.needle)) :]
        self._searched = min(self._searched, length)
        if self.current is not None and self.current >= len(self):
            self.current = None

    def in_range(self, start: int, end: int) -> list[tuple[int, int, bool]]:
        """Return start, end and "is current" of the matches that overlap the text from `start` to `end`."""
        size = len(self.needle)
        first = bisect_right(self._starts, start - size)
        after = bisect_left(self._starts, end)
        return [(self._starts[i], self._starts[i] + size, i == self.current) for i in range(first, after)]

    def step(self, forward: bool, origin: int) -> tuple[int, int] | None:
        """Select the next or the previous match, wrapping around, and return its start and end; None without matches.

        Without a current match, the search begins at the offset `origin`: the first match that starts there or later,
        or the last one before.
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
