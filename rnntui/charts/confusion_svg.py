"""Confusion matrices as SVG documents."""

from __future__ import annotations

from collections.abc import Iterator

from rnntui.charts.confusion import ConfusionMatrix
from rnntui.charts.confusion_rows import Unit, percent_text
from rnntui.charts.palette import curve_colour
from rnntui.charts.styled_text import cell_width
from rnntui.charts.svg_elements import CHARACTER, GRID, INK, MUTED, svg_document, text_element, title_element, xml_text
from rnntui.text.control_chars import one_line, truncate

_MARGIN = 16
_MIN_WIDTH = 420  # pixels
_CELLS = ((4, 84), (10, 56), (24, 40), (10**9, 24))  # most labels, and pixels of a cell
_MIN_CELL_WITH_NUMBER = 40  # pixels; in a smaller one, a number shows when the pointer is on it
_MAX_NAME = 24  # characters of a label
_DARK = 0.18  # luminance of a background below which white text has the better contrast


def confusion_svg(matrix: ConfusionMatrix, title: str, unit: Unit = "percent") -> str:
    """Return a matrix as a document on a white background.

    Cells are shaded by their share of the true label's texts, blue on the diagonal, orange elsewhere. Each has its
    labels and numbers as a tooltip.

    Args:
        matrix: the matrix; its labels may hold any characters.
        title: the title; it may hold any characters.
        unit: the numbers in the cells.
    """
    height, width = matrix.counts.shape
    cell = next(pixels for most, pixels in _CELLS if width <= most)
    names = [truncate(one_line(label), _MAX_NAME, cell_width) for label in matrix.labels]
    longest = max(map(cell_width, names)) * CHARACTER
    is_upright = max(map(cell_width, names[:width])) * CHARACTER > cell - 4  # labels above narrow columns
    top = 64.0 + (max(map(cell_width, names[:width])) * CHARACTER if is_upright else 16)
    left = _MARGIN + 20 + longest + 8
    totals = left + width * cell + 12
    numbers = "% of the true label's texts" if unit == "percent" else "texts"
    elements = [
        title_element(title, _MARGIN),
        text_element(f"rows: true labels, columns: predicted labels, {numbers}", _MARGIN, 48, colour=MUTED),
    ]
    for column, name in enumerate(names[:width]):
        x = left + (column + 0.5) * cell
        elements.append(
            _upright(name, x + 4, top - 6) if is_upright else text_element(name, x, top - 6, anchor="middle")
        )
    for row, (name, total) in enumerate(zip(names, matrix.totals.tolist(), strict=True)):
        baseline = top + (row + 0.5) * cell + 4
        elements.append(text_element(name, left - 8, baseline, anchor="end"))
        elements.append(text_element(f"{total:,}", totals, baseline, colour=MUTED))
    elements += _cells(matrix, unit, (left, top), cell)
    end = totals + max(len(f"{total:,}") for total in matrix.totals.tolist()) * CHARACTER + _MARGIN
    return svg_document(round(max(end, _MIN_WIDTH)), round(top + height * cell + _MARGIN), elements)


def _cells(matrix: ConfusionMatrix, unit: Unit, corner: tuple[float, float], cell: int) -> Iterator[str]:
    """Yield the cells of a matrix, from a corner in pixels."""
    left, top = corner
    correct, wrong = curve_colour(0, dark=False), curve_colour(1, dark=False)
    shares = matrix.shares
    for row, counts in enumerate(matrix.counts.tolist()):
        for column, count in enumerate(counts):
            share = float(shares[row, column])
            x, y = left + column * cell, top + row * cell
            colour = correct if row == column else wrong
            labels = xml_text(f"{matrix.labels[row]} → {matrix.labels[column]}")
            yield (
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{cell}" height="{cell}" stroke="{GRID}" fill="{colour}"'
                f' fill-opacity="{share:.3f}"><title>{labels}: {count:,} ({percent_text(share)}%)</title></rect>'
            )
            if count and cell >= _MIN_CELL_WITH_NUMBER:
                number = percent_text(share) if unit == "percent" else f"{count:,}"
                ink = "#ffffff" if _luminance(colour, share) < _DARK else INK
                yield text_element(number, x + cell / 2, y + cell / 2 + 4, anchor="middle", colour=ink)


def _luminance(colour: str, opacity: float) -> float:
    """Return the relative luminance, by WCAG 2, of a colour over white."""
    channels = (1 - opacity * (1 - int(colour[start : start + 2], 16) / 255) for start in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _upright(text: str, x: float, y: float) -> str:
    """Return a text that is read from below, beginning at a point."""
    return f'<text transform="translate({x:.1f} {y:.1f}) rotate(-90)">{xml_text(text)}</text>'
