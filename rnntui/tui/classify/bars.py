"""Bars of block characters."""

from __future__ import annotations


def bar(fraction: float, width: int) -> str:
    """Return a bar for a fraction, 0 to 1, of a width in cells, in steps of half a cell."""
    halves = max(0, min(2 * width, round(2 * width * fraction)))
    return ("█" * (halves // 2) + "▌" * (halves % 2)).ljust(width)
