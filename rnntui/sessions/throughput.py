"""How fast something goes on."""

from __future__ import annotations

import time
from collections import deque

_OVER = 2.0  # seconds over which the speed is taken


class Throughput:
    """The speed of the last two seconds."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()

    def add(self, count: int) -> None:
        """So many more, just now."""
        now = time.monotonic()
        self._counts.append((now, count))
        while now - self._counts[0][0] > _OVER:
            self._counts.popleft()

    @property
    def per_second(self) -> float:
        """The speed; 0 if nothing has come for two seconds."""
        if len(self._counts) < 2 or time.monotonic() - self._counts[-1][0] > _OVER:
            return 0.0
        (first, _), (last, _) = self._counts[0], self._counts[-1]
        return sum(count for _, count in list(self._counts)[1:]) / max(last - first, 1e-3)
