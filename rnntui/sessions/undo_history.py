"""Undo history of a transcript: copies from before each change that cut it."""

from __future__ import annotations

import time
from collections import deque

from rnntui.sessions.transcript import Transcript

_LIMIT = 8  # changes that can be undone


class UndoHistory:
    """Transcripts to return to by undo, and by redo until the next change."""

    def __init__(self) -> None:
        self._before: deque[tuple[float, Transcript]] = deque(maxlen=_LIMIT)
        self._after: list[Transcript] = []

    def copy(self) -> UndoHistory:
        """Return a copy, to restore later."""
        other = UndoHistory()
        other._before.extend(self._before)
        other._after.extend(self._after)
        return other

    def last_change(self, current: Transcript) -> float | None:
        """Return the monotonic time of the change that `undo` would revert, or None if there is none."""
        return next((time for time, before in reversed(self._before) if before.text != current.text), None)

    def record(self, transcript: Transcript) -> None:
        """Keep a copy of a transcript that is about to be cut. Discards what could be redone."""
        self._after.clear()
        if len(transcript):
            self._before.append((time.monotonic(), transcript.copy()))

    def undo(self, current: Transcript) -> Transcript | None:
        """Return the transcript from before the last change, in exchange for the current one; or None."""
        # Going back to a version of a turn may have restored what an earlier change had cut.
        while self._before and self._before[-1][1].text == current.text:
            self._before.pop()
        if not self._before:
            return None
        self._after.append(current)
        return self._before.pop()[1]

    def redo(self, current: Transcript) -> Transcript | None:
        """Return the transcript that the last `undo` replaced, in exchange for the current one; or None."""
        if not self._after:
            return None
        self._before.append((time.monotonic(), current))
        return self._after.pop()

    def clear(self) -> None:
        """Discard everything."""
        self._before.clear()
        self._after.clear()
