"""Waiting for what a screen will show, without guessing how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

LONGEST = 60.0  # seconds: only a test that fails waits so long


async def wait_until(pilot: Pilot[Any], predicate: Callable[[], object]) -> None:
    """Let the app go on until the predicate holds. Fails if it never does."""
    end = time.monotonic() + LONGEST
    while not predicate():
        assert time.monotonic() < end, "what was waited for has not come"
        await pilot.pause(0.02)
