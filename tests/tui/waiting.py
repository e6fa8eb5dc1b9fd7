"""Waiting for what a screen will show, without guessing how long it takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

from textual._context import active_app
from textual.pilot import Pilot

LONGEST = 60.0  # seconds: only a test that fails waits so long


async def wait_until(pilot: Pilot[Any], predicate: Callable[[], object]) -> None:
    """Let the app go on until the predicate holds. Fails if it never does."""
    end = time.monotonic() + LONGEST
    while not predicate():
        assert time.monotonic() < end, "what was waited for has not come"
        await pilot.pause(0.02)


async def wait_for_idle(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
    """Return once the app has nothing left to do: no callback, no thread of the pool, no repaint.

    In place of Textual's function of this name, which asks whether the process used little CPU time in the last 20 ms.
    That costs 40 ms for each key, more while a timer polls, and takes a process that gets no core for an idle one.
    """
    loop = cast(Any, asyncio.get_running_loop())
    end = time.monotonic() + max_sleep
    quiet_rounds = 0
    while quiet_rounds < 2 and time.monotonic() < end:
        await asyncio.sleep(0.002)
        is_busy = loop._ready or _pool_is_busy(loop._default_executor) or _repaint_is_due()
        quiet_rounds = 0 if is_busy else quiet_rounds + 1


def _pool_is_busy(pool: Any) -> bool:
    return pool is not None and len(pool._threads) > pool._idle_semaphore._value


def _repaint_is_due() -> bool:
    app = active_app.get()
    if app._exit:  # it is ending, and paints no more
        return False
    if app._resize_timer is not None:
        return True
    return bool(app._screen_stack) and app.screen._update_timer._active.is_set()
