"""Attention matrices as SVG documents, several of them side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnntui.charts.attention_grid import AttentionTable
from rnntui.charts.palette import curve_colour
from rnntui.charts.styled_text import cell_width
from rnntui.charts.svg_elements import CHARACTER, GRID, MUTED, svg_document, text_element, title_element, xml_text
from rnntui.text.control_chars import one_line, truncate

_MARGIN = 16
_CELL = 26  # pixels
_MAX_NAME = 16  # characters of a token
_MAX_WIDTH = 1200  # pixels of several matrices side by side
_UNSEEN_COLOUR = curve_colour(1, dark=False)
_NOTE = "rows: translation, columns: source"


def attention_svg(tables: Sequence[AttentionTable]) -> str:
    """Return matrices as a document on a white background: the darker a cell, the larger its weight.

    Entropies, where a table has them, are to the right of its rows; source tokens that no row looks at are orange.
    """
    left = top = row_height = width = 0.0
    elements: list[str] = []
    for table in tables:
        table_width, table_height = _size(table)
        if left and left + table_width > _MAX_WIDTH:
            left, top, row_height = 0.0, top + row_height, 0.0
        if left or top:
            elements.append(f'<g transform="translate({left:.0f} {top:.0f})">')
        elements += _matrix(table)
        if left or top:
            elements.append("</g>")
        left, row_height = left + table_width, max(row_height, table_height)
        width = max(width, left)
    return svg_document(round(width), round(top + row_height), elements)


def _names(table: AttentionTable) -> tuple[list[str], list[str]]:
    """Return the labels of the columns and of the rows."""
    columns, rows = ([truncate(one_line(text), _MAX_NAME, cell_width) for text in side] for side in
                     (table.sources, table.targets))  # fmt: skip
    return columns, rows


def _corner(table: AttentionTable) -> tuple[float, float]:
    """Return the position of the first cell."""
    columns, rows = _names(table)
    left = _MARGIN + max(map(cell_width, rows), default=0) * CHARACTER + 8
    return left, 64.0 + max(map(cell_width, columns), default=0) * CHARACTER


def _size(table: AttentionTable) -> tuple[float, float]:
    left, top = _corner(table)
    numbers = 5 * CHARACTER + 8 if len(table.entropies) else 0
    titles = max(cell_width(one_line(table.title)) * 1.4, len(_NOTE)) * CHARACTER
    width = max(left + len(table.sources) * _CELL + numbers, 2 * _MARGIN + titles)
    return width + _MARGIN, top + len(table.targets) * _CELL + _MARGIN


def _matrix(table: AttentionTable) -> Iterator[str]:
    left, top = _corner(table)
    columns, rows = _names(table)
    yield title_element(table.title, _MARGIN)
    yield text_element(_NOTE, _MARGIN, 46, colour=MUTED)
    for index, (name, is_unseen) in enumerate(zip(columns, table.unseen, strict=True)):
        x = left + (index + 0.5) * _CELL + 4
        fill = f' fill="{_UNSEEN_COLOUR}"' if is_unseen else ""
        yield f'<text transform="translate({x:.1f} {top - 6:.1f}) rotate(-90)"{fill}>{xml_text(name)}</text>'
    colour, end = curve_colour(0, dark=False), left + len(columns) * _CELL
    if len(table.entropies):
        yield text_element("bits", end + 8, top - 6, colour=MUTED)
    for row, (name, weights) in enumerate(zip(rows, table.weights.tolist(), strict=True)):
        baseline = top + (row + 0.5) * _CELL + 4
        yield text_element(name, left - 8, baseline, anchor="end")
        for column, weight in enumerate(weights):
            pair = xml_text(f"{table.targets[row]} ← {table.sources[column]}")
            yield (
                f'<rect x="{left + column * _CELL:.1f}" y="{top + row * _CELL:.1f}" width="{_CELL}" height="{_CELL}"'
                f' stroke="{GRID}" fill="{colour}" fill-opacity="{weight:.3f}"><title>{pair}: {weight:.2f}</title>'
                f"</rect>"
            )
        if len(table.entropies):
            yield text_element(f"{table.entropies[row]:.2f}", end + 8, baseline, colour=MUTED)
