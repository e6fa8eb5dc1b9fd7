"""Formatting of numbers on axes and in legends: 12k, 1.2M, 3e-4, 1:30, 2h."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

Unit = Literal["number", "count", "seconds"]
"""The unit of an axis: any number, a whole number such as a step, or seconds."""

_SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_PLAIN = (1e-3, 1e4)  # numbers in this range have neither suffix nor exponent
_MAX_SUFFIXED = 1e15  # larger numbers have an exponent
_DAY = 86_400  # seconds
_MAX_DURATION = 100 * _DAY  # longer ones are numbers of days


def tick_labels(ticks: Sequence[float], unit: Unit = "number", *, log: bool = False) -> list[str]:
    """Return a label for each tick; the labels of a linear axis have the same suffix and number of decimals."""
    if not ticks:
        return []
    size = max(abs(tick) for tick in ticks)
    # A single tick has as many digits as it needs, within reason.
    step = min((b - a for a, b in pairwise(ticks)), default=0.0) or 1e-6 * size
    if unit == "seconds" and step >= 1:
        if size >= _MAX_DURATION:
            days = tick_labels([tick / _DAY for tick in ticks])
            return [label if label == "0" else f"{label}d" for label in days]
        return [format_duration(tick, step) for tick in ticks]
    suffix = "s" if unit == "seconds" else ""
    if log and _is_log_spaced(ticks):
        # Each with an exponent of its own: that of the largest would leave nothing of the smallest.
        return [format_short(tick) + suffix for tick in ticks]
    if size >= _MAX_SUFFIXED or size < _PLAIN[0]:
        return [_scientific(tick, step, size) for tick in ticks]
    divisor, letter = _suffix(size)
    if len(ticks) == 1:
        return [f"{ticks[0] / divisor:.7g}{letter}{suffix}"]
    decimals = _decimals(step / divisor)
    return [(f"{tick / divisor:.{decimals}f}{letter}" if tick else "0") + suffix for tick in ticks]


def format_short(value: float) -> str:
    """Return a number in about three digits: 12k, 1.25M, 0.004, 3e-4."""
    size = abs(value)
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    if size >= _MAX_SUFFIXED or size < _PLAIN[0]:
        return _scientific(value, 0.01 * size, size)
    divisor, letter = _suffix(size)
    return f"{value / divisor:.3g}{letter}" if divisor > 1 else f"{value:.4g}"


def format_exact(value: float, unit: Unit = "number") -> str:
    """Return a number in about five digits, to read a value off: 1.4609, 12,340, 1:02:33."""
    size = abs(value)
    if not math.isfinite(value):
        return "–" if math.isnan(value) else f"{value:g}"
    if unit == "seconds" and size < 1e9:
        return format_duration(value, 1)
    if unit == "count" and size < _MAX_SUFFIXED:
        return f"{value:,.0f}"
    if size >= 1e9 or 0 < size < _PLAIN[0]:
        return _scientific(value, 0.0001 * size, size)
    return f"{value:.4f}" if size < 100 else f"{value:,.1f}"


def format_duration(seconds: float, step: float) -> str:
    """Return a duration on an axis whose ticks are `step` seconds apart: 1:30, 20min, 2h, 1h30, 3d."""
    sign, duration = ("-" if seconds < 0 else ""), abs(seconds)
    if duration >= _MAX_DURATION:
        return f"{format_short(seconds / _DAY)}d"
    minutes, rest = divmod(round(duration), 60)
    hours, minutes = divmod(minutes, 60)
    if step < 60:
        text = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    elif step >= _DAY or (hours >= 48 and hours % 24 == 0 and not minutes):
        text = f"{hours // 24}d"
    elif hours:
        text = f"{hours}h{minutes:02}" if minutes else f"{hours}h"
    else:
        text = f"{minutes}min"
    return "0" if not duration else sign + text


def _is_log_spaced(ticks: Sequence[float]) -> bool:
    """Return True for the ticks of decades, False for even steps."""
    if len(ticks) < 3:
        return len(ticks) == 2 and 0 < 2 * ticks[0] <= ticks[1]
    return not math.isclose(ticks[1] - ticks[0], ticks[-1] - ticks[-2], rel_tol=1e-6)


def _suffix(size: float) -> tuple[float, str]:
    if size >= _PLAIN[1]:
        return next((divisor, letter) for divisor, letter in _SUFFIXES if size >= divisor)
    return 1.0, ""


def _decimals(step: float) -> int:
    """Return the decimals needed to distinguish numbers that are `step` apart."""
    return min(12, max(0, -math.floor(math.log10(step) + 1e-9))) if step > 0 else 0


def _scientific(value: float, step: float, size: float) -> str:
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(size)) if size else 0
    power = float(f"1e{max(exponent, -307)}")
    digits = f"{value / power:.{_decimals(step / power)}f}"
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return f"{digits}e{max(exponent, -307)}"
