"""Renders an attention matrix as rows of styled text; where it is too wide, in bands of columns below one another."""

from __future__ import annotations

from collections.abc import Iterator

from rnntui.charts.attention_grid import AttentionTable, Grid, grid_layout, scale_legend, shade
from rnntui.charts.styled_text import LABEL, TITLE, VALUE, CellWidth, ChartPart, Row, Style, cell_width
from rnntui.text.control_chars import one_line, truncate

_WEIGHT, _UNSEEN = Style(ChartPart.LINE, 0), Style(ChartPart.LINE, 1)
_HEADING = "bits"  # above the entropies
_GAP = 2  # cells between labels and the first column
_UNSEEN_MARK = "×"
_LEGEND = "↓ target, → source"


def attention_rows(table: AttentionTable, width: int, measure: CellWidth = cell_width) -> list[Row]:
    """Render a matrix in rows of at most `width` cells, each target token with its entropy in bits.

    A cross below a column marks a source token that no target token looks at.
    """
    grid = grid_layout(table.sources, table.targets, measure)
    has_entropies = len(table.entropies) > 0
    margin = grid.margin + (len(_HEADING) + 2 if has_entropies else 0) + _GAP
    rows: list[Row] = [[(truncate(one_line(table.title), width, measure), TITLE)]]
    legend = f"{_LEGEND}   {scale_legend()}"
    rows += [[(part, LABEL)] for part in ([legend] if len(legend) <= width else [_LEGEND, scale_legend()])]
    for band in _bands(grid, max(1, width - margin)):
        rows += _band_rows(table, grid, band, margin)
        rows.append([("", LABEL)])
    return rows[:-1] if grid.columns else rows


def _bands(grid: Grid, room: int) -> Iterator[slice]:
    """Yield the columns of each band; one column at least, however little room there is."""
    start = 0
    for index, (at, width) in enumerate(grid.columns):
        if index > start and at + width - grid.columns[start][0] > room:
            yield slice(start, index)
            start = index
    if grid.columns:
        yield slice(start, len(grid.columns))


def _band_rows(table: AttentionTable, grid: Grid, band: slice, margin: int) -> Iterator[Row]:
    unseen, has_entropies = table.unseen[band], len(table.entropies) > 0
    heading = f"{_HEADING:>{margin - _GAP}}" if has_entropies else " " * (margin - _GAP)
    columns: Row = [(heading + " " * _GAP, LABEL)]
    for label, is_unseen in zip(grid.column_labels[band], unseen, strict=True):
        columns += [(label, _UNSEEN if is_unseen else VALUE), (" ", LABEL)]
    yield columns
    widths = [width for _, width in grid.columns[band]]
    for index, label in enumerate(grid.row_labels):
        row: Row = [(label, VALUE)]
        if has_entropies:
            row.append((f"{table.entropies[index]:>{len(_HEADING) + 2}.2f}", LABEL))
        row.append((" " * _GAP, LABEL))
        for weight, width in zip(table.weights[index, band].tolist(), widths, strict=True):
            row += [(shade(weight) * width, _WEIGHT), (" ", LABEL)]
        yield row
    if any(unseen):
        label = f"{'unseen':>{margin - _GAP}}"[: margin - _GAP] + " " * _GAP
        marks = [(_UNSEEN_MARK if is_unseen else "").ljust(width + 1) for is_unseen, width in
                 zip(unseen, widths, strict=True)]  # fmt: skip
        yield [(label, LABEL), ("".join(marks), _UNSEEN)]
