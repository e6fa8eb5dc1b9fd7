"""A text whose tokens are shaded by a value of each, as rows and as SVG; a bar under each character says it again.

Values are levels from -1 to 1. Above and below 0 they have two colours; the bars can be read without any.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rnntui.charts.palette import LIGHT
from rnntui.charts.styled_text import LABEL, SHADES, CellWidth, ChartPart, Row, Style, cell_width
from rnntui.charts.svg_elements import INK, MUTED, svg_document, text_element, title_element, xml_text
from rnntui.text.control_chars import one_line

BARS = "▁▂▃▄▅▆▇█"
"""Bars for levels from -1 to 1."""

_BREAK = one_line("\n")
_SVG_COLUMNS = 88
_SVG_CELL, _SVG_LINE = 8.4, 26.0  # pixels of a character and of a line
_MONOSPACED = "'DejaVu Sans Mono', Menlo, Consolas, monospace"
_TOP, _MARGIN = 76.0, 24.0


class ShadedToken(NamedTuple):
    """A token's text and its level, -1 to 1."""

    text: str
    level: float


Line = list[ShadedToken]
"""A wrapped line: pieces of text, each with its level."""


def level_style(level: float) -> Style:
    """Return the style of a level, -1 to 1."""
    return Style(ChartPart.HIGH if level > 0 else ChartPart.LOW, round(min(abs(level), 1.0) * SHADES))


def bar_style(level: float) -> Style:
    """Return the style of the bar of a level, -1 to 1."""
    return Style(ChartPart.HIGH_BAR if level > 0 else ChartPart.LOW_BAR, level_style(level).colour)


def bar(level: float) -> str:
    """Return the bar of a level, -1 to 1."""
    return BARS[min(len(BARS) - 1, int((min(max(level, -1.0), 1.0) + 1) / 2 * len(BARS)))]


def shaded_rows(tokens: Iterable[ShadedToken], width: int, measure: CellWidth = cell_width) -> list[Row]:
    """Return a text in rows of at most `width` cells, each line with its bars below."""
    rows: list[Row] = []
    for line in wrap_tokens(tokens, width, measure):
        rows.append([(piece.text, level_style(piece.level)) for piece in line])
        rows.append([("".join(bar(piece.level) * measure(piece.text) for piece in line), LABEL)])
    return rows


def wrap_tokens(tokens: Iterable[ShadedToken], width: int, measure: CellWidth = cell_width) -> list[Line]:
    """Wrap a text behind line breaks, which are shown, and where a line is full: behind a blank, if there is one."""
    lines: list[Line] = []
    current: Line = []
    used = 0
    for token in tokens:
        for character in token.text:
            text = one_line(character)
            if current and current[-1].text == _BREAK and text != _BREAK:
                lines.append(_joined(current))
                current, used = [], 0
            if current and used + measure(text) > width:
                rest = _behind_last_blank(current)
                lines.append(_joined(current[: len(current) - len(rest)]))
                current, used = rest, sum(measure(piece.text) for piece in rest)
            current.append(ShadedToken(text, token.level))
            used += measure(text)
    return [*lines, _joined(current)] if current else lines


def _behind_last_blank(pieces: Line) -> Line:
    """Return what belongs on the next line; nothing if a line has no blank in its second half."""
    for index in range(len(pieces) - 1, len(pieces) // 2, -1):
        if pieces[index].text == " ":
            return pieces[index + 1 :]
    return []


def _joined(pieces: Sequence[ShadedToken]) -> Line:
    """Join neighbours of the same level."""
    joined: Line = []
    for piece in pieces:
        if joined and joined[-1].level == piece.level:
            joined[-1] = ShadedToken(joined[-1].text + piece.text, piece.level)
        else:
            joined.append(piece)
    return joined


def shaded_svg(tokens: Iterable[ShadedToken], title: str, legend: str) -> str:
    """Return a text as an SVG document, with a title, and a legend that says what the colours are."""
    elements = [title_element(title, _MARGIN), text_element(legend, _MARGIN, 50, colour=MUTED)]
    lines = wrap_tokens(tokens, _SVG_COLUMNS)
    elements.append(f'<g font-family="{_MONOSPACED}" font-size="14" xml:space="preserve">')
    for row, line in enumerate(lines):
        y, column = _TOP + row * _SVG_LINE, 0
        for piece in line:
            x, width = _MARGIN + column * _SVG_CELL, cell_width(piece.text) * _SVG_CELL
            colour, opacity = LIGHT[0 if piece.level > 0 else 1], 0.55 * min(abs(piece.level), 1.0)
            elements.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="20" fill="{colour}" '
                f'fill-opacity="{opacity:.2f}"><title>{piece.level:+.2f}</title></rect>'
            )
            if piece.text.strip():
                elements.append(
                    f'<text x="{x:.1f}" y="{y + 15:.1f}" textLength="{width:.1f}" '
                    f'lengthAdjust="spacingAndGlyphs" fill="{INK}">{xml_text(piece.text)}</text>'
                )
            column += cell_width(piece.text)
    elements.append("</g>")
    return svg_document(2 * _MARGIN + _SVG_COLUMNS * _SVG_CELL, _TOP + len(lines) * _SVG_LINE + _MARGIN, elements)
