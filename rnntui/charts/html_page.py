"""Pages for a browser in one file that load nothing: style and script are in the page, which allows no others.

What a page shows may come from anywhere, as a run may be somebody else's: it is escaped, and the page's content
security policy allows the script and the style that it was made with by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable
from pathlib import Path

from rnntui.charts.palette import DARK, LIGHT


def self_contained_page(title: str, style: str, script: str, parts: Iterable[str]) -> str:
    """Return a page.

    Args:
        title: its title; it is escaped.
        style: its style sheet, after the one of all pages.
        script: its script, which runs when the page has been read.
        parts: the elements of its body, as HTML.
    """
    style = _page_style() + style
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{html_text(title)}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            *parts,
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def html_text(text: str) -> str:
    """Return text for an element or an attribute; what UTF-8 cannot encode is replaced."""
    return html.escape(text.encode("utf-8", "replace").decode())


def json_element(data: object, name: str = "") -> str:
    """Return a script element that holds data as JSON, which no text in it can end."""
    attribute = f' id="{html_text(name)}"' if name else ""
    text = json.dumps(data).replace("<", "\\u003c")
    return f'<script type="application/json"{attribute}>{text}</script>'


def _page_style() -> str:
    """Return the style sheet of all pages: colours of a light and a dark theme, among them those of curves."""
    sheet = Path(__file__).with_name("page.css").read_text("utf-8")
    for comment, colours in (("/* curves */", LIGHT), ("/* dark curves */", DARK)):
        variables = " ".join(f"--curve-{index}: {colour};" for index, colour in enumerate(colours))
        sheet = sheet.replace(comment, variables)
    return sheet


def _hash(text: str) -> str:
    """Return the source of a content security policy that allows this text alone."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
