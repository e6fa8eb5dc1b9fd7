"""Speed of a training beside its usual one, and what seems to slow it down."""

from __future__ import annotations

import statistics
import time
from collections import deque
from dataclasses import dataclass

import psutil

_SAMPLE_SECONDS = 1.0
_SAMPLES = 600  # kept for the usual speed
_MIN_SAMPLES = 8  # before anything is said
_RECENT = 4  # samples that make the present speed
_SLOW = 0.7  # fraction of the usual speed
_BUSY = 0.25  # processors that others must use to be the cause
_IDLE = 0.2  # processors that are idle at most then: what is idle could have been ours


@dataclass(frozen=True)
class Slowdown:
    """A training that is slower than usual.

    Args:
        speed: The present speed, as a fraction of the usual one.
        cause: What uses the processors instead, in words; empty if nothing was seen to.
    """

    speed: float
    cause: str

    def __str__(self) -> str:
        return f"{100 * self.speed:.0f}% of its usual speed" + (f": {self.cause}" if self.cause else "")


class SpeedMonitor:
    """Compares the speed of the last seconds with that of the run so far."""

    def __init__(self) -> None:
        self._speeds: deque[float] = deque(maxlen=_SAMPLES)  # tokens per second
        self._seconds, self._tokens = 0.0, 0
        self._processors = _ProcessorTimes()
        self.slowdown: Slowdown | None = None

    def add(self, seconds: float, tokens: int) -> None:
        """Add a step of so many seconds and tokens."""
        self._seconds += seconds
        self._tokens += tokens
        if self._seconds < _SAMPLE_SECONDS:
            return
        self._speeds.append(self._tokens / self._seconds)
        self._seconds, self._tokens = 0.0, 0
        cause = self._processors.cause()
        self.slowdown = None
        if len(self._speeds) < _MIN_SAMPLES:
            return
        usual = statistics.quantiles(self._speeds, n=10)[7]
        present = statistics.fmean(list(self._speeds)[-_RECENT:])
        if present < _SLOW * usual:
            self.slowdown = Slowdown(present / usual, cause)


class _ProcessorTimes:
    """Processor time that this process and all others have used since the last question."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._last = self._read()

    def _read(self) -> tuple[float, float, float, float, float]:
        system, own = psutil.cpu_times(), self._process.cpu_times()
        used = system.user + system.system + getattr(system, "nice", 0.0)
        stolen = getattr(system, "steal", 0.0)  # by the host of a virtual machine; Linux counts it
        return time.monotonic(), used, own.user + own.system, stolen, system.idle

    def cause(self) -> str:
        """Return what used the processors since the last call, in words; empty if no other program did."""
        now = self._read()
        elapsed, used, own, stolen, idle = (after - before for after, before in zip(now, self._last, strict=True))
        self._last = now
        if elapsed <= 0 or used - own + stolen < _BUSY * elapsed or idle > _IDLE * elapsed:
            return ""
        if stolen > used - own:
            return "the host of this virtual machine takes processor time"
        return "another program is using the processor"
