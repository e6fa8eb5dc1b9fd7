"""Attention matrices as SVG documents."""

from __future__ import annotations

from collections.abc import Sequence

from rnntui.charts.axes import Floats
from rnntui.charts.palette import curve_colour
from rnntui.charts.styled_text import cell_width
from rnntui.charts.svg_elements import CHARACTER, GRID, MUTED, svg_document, text_element, title_element, xml_text
from rnntui.text.control_chars import one_line, truncate

_MARGIN = 16
_CELL = 26  # pixels
_MAX_NAME = 16  # characters of a token


def attention_svg(sources: Sequence[str], targets: Sequence[str], attention: Floats, title: str) -> str:
    """Return a matrix as a document on a white background: the darker a cell, the larger its weight.

    Args:
        sources: the S source tokens; they may hold any characters.
        targets: the T tokens of the translation.
        attention: `(T, S)`, from 0 to 1.
        title: the title; it may hold any characters.
    """
    columns, rows = ([truncate(one_line(text), _MAX_NAME, cell_width) for text in side] for side in (sources, targets))
    left = _MARGIN + max(map(cell_width, rows), default=0) * CHARACTER + 8
    top = 64.0 + max(map(cell_width, columns), default=0) * CHARACTER
    note = text_element("rows: translation, columns: source", _MARGIN, 46, colour=MUTED)
    elements = [title_element(title, _MARGIN), note]
    for index, name in enumerate(columns):
        x = left + (index + 0.5) * _CELL + 4
        elements.append(f'<text transform="translate({x:.1f} {top - 6:.1f}) rotate(-90)">{xml_text(name)}</text>')
    for index, name in enumerate(rows):
        elements.append(text_element(name, left - 8, top + (index + 0.5) * _CELL + 4, anchor="end"))
    colour = curve_colour(0, dark=False)
    for row, weights in enumerate(attention.tolist()):
        for column, weight in enumerate(weights):
            x, y = left + column * _CELL, top + row * _CELL
            pair = xml_text(f"{targets[row]} ← {sources[column]}")
            elements.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{_CELL}" height="{_CELL}" stroke="{GRID}" fill="{colour}"'
                f' fill-opacity="{weight:.3f}"><title>{pair}: {weight:.2f}</title></rect>'
            )
    width = max(left + len(columns) * _CELL, 2 * _MARGIN + cell_width(one_line(title)) * 1.4 * CHARACTER)
    return svg_document(round(width + _MARGIN), round(top + len(rows) * _CELL + _MARGIN), elements)
