"""Formatting of losses, scores, counts and durations for people."""

from __future__ import annotations


def format_loss(loss: float | None) -> str:
    """Return a loss in nats or bits: 1.4416; empty for None."""
    return "" if loss is None else f"{loss:.4f}"


def format_count(count: int) -> str:
    """Return a count with its unit: 1.2 M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= limit:
            return f"{count / limit:.1f} {unit}"
    return str(count)


def format_bytes(count: float) -> str:
    """Return an amount of memory in its largest unit: 2.4 GB."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB")):
        if count >= limit:
            number = count / limit
            return f"{number:,.0f} {unit}" if number >= 100 else f"{number:.2g} {unit}"
    return f"{count / 1e3:.0f} kB"


def format_duration(seconds: float) -> str:
    """Return a duration in its largest unit: 3 h."""
    if seconds > 1e10:
        return "ages"
    for limit, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= limit:
            return f"{seconds / limit:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
