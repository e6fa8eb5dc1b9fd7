"""What a text was before it was cut, to be had back."""

from __future__ import annotations

import time
from collections import deque

from rnntui.sessions.transcript import Transcript

_UNDOABLE = 8  # changes of a text that can be taken back


class UndoHistory:
    """The last texts that were cut, and those that an undo took."""

    def __init__(self) -> None:
        self._before: deque[tuple[float, Transcript]] = deque(maxlen=_UNDOABLE)
        self._after: list[Transcript] = []

    @property
    def undoable(self) -> float | None:
        """When the last change was made that `undo` would take back, by the monotonic clock; None if there is none."""
        return self._before[-1][0] if self._before else None

    def remember(self, transcript: Transcript) -> None:
        """Keep a copy of a text that is about to be cut; what was undone before cannot be redone any more."""
        self._after.clear()
        if len(transcript):
            self._before.append((time.monotonic(), transcript.copy()))

    def undo(self, now: Transcript) -> Transcript | None:
        """The text before the last change, in exchange for the one that stands; None if there is none."""
        if not self._before:
            return None
        self._after.append(now)
        return self._before.pop()[1]

    def redo(self, now: Transcript) -> Transcript | None:
        """The text that the last `undo` took, in exchange for the one that stands; None if there is none."""
        if not self._after:
            return None
        self._before.append((time.monotonic(), now))
        return self._after.pop()

    def clear(self) -> None:
        """Forget all."""
        self._before.clear()
        self._after.clear()
