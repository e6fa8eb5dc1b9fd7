"""The style of muted text; contrast and blending of colours."""

from __future__ import annotations

from textual.color import Color, Lab, lab_to_rgb, rgb_to_lab

MUTED = "$foreground 72%"
"""The style of less important text."""

_MIN_CONTRAST = 4.5  # between text and background, as WCAG 2 requires


def contrast(first: Color, second: Color) -> float:
    """Return the contrast ratio of two colours by WCAG 2, from 1 to 21."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def blend_lab(start: Color, end: Color, fraction: float) -> Color:
    """Return the colour at a fraction of the way from `start` to `end`, 0 to 1.

    It is blended in CIE Lab, where equal steps look equal; in RGB, steps between dark colours are hardly visible.
    """
    start_lab, end_lab = rgb_to_lab(start), rgb_to_lab(end)
    return lab_to_rgb(Lab(*(a + (b - a) * fraction for a, b in zip(start_lab, end_lab, strict=True))))


def readable_on(background: Color, colour: Color) -> Color:
    """Return the colour, blended towards black or white as far as text in it needs for a readable contrast."""
    limit = max((Color(0, 0, 0), Color(255, 255, 255)), key=lambda ink: contrast(ink, background))
    for step in range(11):
        ink = colour.blend(limit, step / 10)
        if contrast(ink, background) >= _MIN_CONTRAST:
            break
    return ink


def _luminance(colour: Color) -> float:
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
