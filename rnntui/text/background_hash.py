"""SHA-256 in a thread of its own, while the bytes that follow are read."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

_SMALL = 1 << 16  # bytes that take less time than to tell a thread of them


class BackgroundHash:
    """SHA-256 of bytes that come in blocks, computed in a thread; use it with `with`.

    hashlib releases the interpreter's lock for more than two kilobytes. One block waits at most, so memory is bounded.
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._pool = ThreadPoolExecutor(1)
        self._pending: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()

    def update(self, data: bytes) -> None:
        """Add a block."""
        self._wait()
        if len(data) < _SMALL:
            self._digest.update(data)
        else:
            self._pending = self._pool.submit(self._digest.update, data)

    def hexdigest(self) -> str:
        """Return the hash of all blocks, as 64 hexadecimal digits."""
        self._wait()
        return self._digest.hexdigest()

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
