"""Colours that tell curves apart, on dark and on light backgrounds, by hue and by lightness."""

from __future__ import annotations

DARK = ("#58a6ff", "#ffa657", "#56d364", "#ff7b92", "#d2a8ff", "#e3d45b", "#5be0dc", "#c9986b")
LIGHT = ("#0a5cc2", "#bf4b00", "#187a34", "#c01f48", "#7a3fb8", "#806600", "#00737d", "#75462a")

MUTED = "$foreground 60%"
"""The style of what matters less."""


def curve_colour(number: int, dark: bool) -> str:
    """The colour that a number stands for, as #rrggbb; after eight they come again."""
    colours = DARK if dark else LIGHT
    return colours[number % len(colours)]
