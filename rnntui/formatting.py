"""Numbers as people read them: counts, ages, losses, scores."""

from __future__ import annotations


def number(value: float | None) -> str:
    """A loss: 1.4416; empty for None."""
    return "" if value is None else f"{value:.4f}"


def score(value: float | None) -> str:
    """A score of 0 to 100, such as BLEU: 31.42; empty for None."""
    return "" if value is None else f"{value:.2f}"


def count(value: int) -> str:
    """A count: 1.2 M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.1f} {unit}"
    return str(value)


def age(seconds: float) -> str:
    """A span of time in its largest unit: 3 h."""
    if seconds > 1e10:
        return "ages"
    for limit, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= limit:
            return f"{seconds / limit:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
