"""A lock between the thread of the screen and that of a worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class ScreenPriorityLock:
    """A lock between two threads that the worker leaves alone while the screen waits for it.

    A lock that is released and taken again at once starves the other thread, which hardly ever gets it.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.screen_waits = False

    @contextmanager
    def for_screen(self) -> Iterator[None]:
        """Hold the lock in the screen's thread."""
        self.screen_waits = True
        with self.lock:
            self.screen_waits = False
            yield
