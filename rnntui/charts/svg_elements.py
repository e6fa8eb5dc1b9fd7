"""Elements of SVG documents: fonts, colours, text; documents as PNG images."""

from __future__ import annotations

import html
import re

from rnntui.errors import UsageError
from rnntui.extras import requirement
from rnntui.text.control_chars import one_line

FONTS = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
FONT_SIZE, TITLE_SIZE = 12, 16
CHARACTER = 7.2
"""Estimated width of a character in pixels: the font of the viewer is unknown."""

PNG_ZOOM = 2.0
"""Image pixels for each pixel of the SVG, as screens of high resolution have."""

INK, MUTED, GRID = "#1f2328", "#57606a", "#d8dee4"
# Characters that XML cannot contain, not even escaped: control characters, surrogates, two noncharacters.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_PROBE = f'<text y="9" font-family="{FONTS}">M</text>'


def svg_document(width: float, height: float, elements: list[str]) -> str:
    """Return a document of elements on a white background."""
    size = f'width="{width:g}" height="{height:g}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width:g} {height:g}"'
            f' font-family="{FONTS}" font-size="{FONT_SIZE}" fill="{INK}">',
            f'<rect {size} fill="#ffffff"/>',
            *elements,
            "</svg>",
            "",
        ]
    )


def text_element(text: str, x: float, y: float, *, anchor: str = "start", colour: str = INK) -> str:
    """Return a line of text at a baseline."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{xml_text(text)}</text>'


def title_element(title: str, x: float) -> str:
    """Return the title of a drawing, at its top."""
    return f'<text x="{x:g}" y="28" font-size="{TITLE_SIZE}" font-weight="bold">{xml_text(title)}</text>'


def xml_text(text: str) -> str:
    """Return the text for an XML document, with control characters made visible."""
    return html.escape(_NOT_XML.sub("\ufffd", one_line(text)), quote=False)


def render_png(svg: str) -> bytes:
    """Return an SVG document as a PNG image.

    Raises `UsageError` if the renderer, an optional dependency, is not installed, or finds no font on this machine.
    """
    try:
        from resvg_py import svg_to_bytes
    except ImportError as error:
        raise UsageError(
            "PNG images need a renderer that is not installed",
            hint=f"name an .svg file, or pip install {requirement('png')}",
        ) from error
    # The renderer leaves out text without a word if the machine has no font.
    samples = [f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{text}</svg>' for text in ("", _PROBE)]
    if svg_to_bytes(svg_string=samples[0]) == svg_to_bytes(svg_string=samples[1]):
        raise UsageError("PNG images need a font, and this machine has none", hint="name an .svg file")
    return bytes(svg_to_bytes(svg_string=svg, zoom=PNG_ZOOM))
