"""Colours of curves, on dark and on light backgrounds.

Blue and orange are the first two, because most charts have no more. The others were chosen greedily, each as far as
possible from those before it for normal and for colour-blind vision (deuteranopia, protanopia and tritanopia, simulated
by the matrices of Machado et al. 2009, "A Physiologically-based Model for Simulation of Color Vision Deficiency"). Any
two are at least 20 apart in CIE Lab for all of them; red, green and brown as a third or fourth colour were 4 apart.
Each has a contrast of 3 to its background at least, as WCAG 2 requires of graphics.
"""

from __future__ import annotations

DARK = ("#58a6ff", "#ffa657", "#f0307a", "#f5f03c", "#3ef5e6", "#7468ff", "#d02ab6", "#c8ffb8")
LIGHT = ("#0a5cc2", "#bf4b00", "#52002a", "#7a14f0", "#c0568f", "#5f7d4f", "#00008f", "#3c2d00")


def curve_colour(index: int, dark: bool) -> str:
    """Return the colour of a curve as #rrggbb; after eight they repeat."""
    colours = DARK if dark else LIGHT
    return colours[index % len(colours)]
