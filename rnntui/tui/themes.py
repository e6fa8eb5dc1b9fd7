"""The app's dark and light themes: Textual's own, with colours in which every text is readable.

In Textual's `textual-light`, grey text on grey has a contrast of 2.6 to 4, and WCAG 2 asks for 4.5. The themes keep
their names, so that saved preferences stay valid.
"""

from __future__ import annotations

from dataclasses import replace

from textual.theme import BUILTIN_THEMES, Theme

DARK, LIGHT = "textual-dark", "textual-light"

_TEXT = {"text-muted": "auto 72%", "text-disabled": "auto 62%"}


def readable_themes() -> list[Theme]:
    """Return the dark and the light theme."""
    dark, light = BUILTIN_THEMES[DARK], BUILTIN_THEMES[LIGHT]
    return [
        replace(dark, variables={**dark.variables, **_TEXT, "block-cursor-background": "#0063b1"}),
        replace(
            light, background="#fafafa", surface="#f0f0f0", panel="#e6e6e6", accent="#00666b", warning="#a85000",
            success="#1b7a3a", error="#b0304f",
            variables={**light.variables, **_TEXT, "footer-key-foreground": "#005a9e"},
        ),
    ]  # fmt: skip
