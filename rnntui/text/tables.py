"""Sentence pairs from a table: tab-separated text, or CSV with any delimiter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from rnntui.errors import UsageError
from rnntui.kinds.pair_corpus_info import PairLayout
from rnntui.text.corpus import Corpus
from rnntui.text.delimited_rows import quoted_rows
from rnntui.text.encoding import lines_of
from rnntui.text.parallel_corpus import PairRows, quote
from rnntui.text.table_columns import TATOEBA_COLUMNS, TableColumns, column_numbers
from rnntui.text.table_header import split_header, without_html
from rnntui.text.table_layout import detect_dialect, is_header, used_width

_SAMPLE_LINES = 2000
_SAMPLE_CHARS = 1 << 20
DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe", "|||": "|||"}


class TableText:
    """The lines of a table, whose beginning can be looked at before they are read.

    Args:
        corpus: a corpus of one file.
    """

    def __init__(self, corpus: Corpus) -> None:
        self.name = corpus.display_names[0]
        self._blocks = corpus.blocks()
        self._first = next(self._blocks, "")

    @cached_property
    def beginning(self) -> list[str]:
        """The first lines: complete ones, if there are more."""
        sample = self._first[:_SAMPLE_CHARS]
        lines = sample.split("\n", _SAMPLE_LINES)
        if len(lines) > 1 and (lines[-1] == "" or len(lines) > _SAMPLE_LINES or len(sample) == _SAMPLE_CHARS):
            lines.pop()
        return [line.removesuffix("\r") for line in lines]

    def lines(self) -> Iterator[str]:
        """Yield every line without its line break; only once."""
        return lines_of(chain([self._first], self._blocks))


class DetectedTable(NamedTuple):
    """The layout of a table, and what a user should know about it.

    Args:
        layout: the layout.
        description: the layout in words.
        warning: a problem with its columns; empty if there is none.
    """

    layout: PairLayout
    description: str
    warning: str


def detect_table(text: TableText, columns: tuple[str, str] | None) -> DetectedTable:
    """Detect the layout of a table from its beginning.

    Args:
        text: the table.
        columns: the source's and the target's, by number or name; None for the first two.

    Raises `UsageError` if `columns` are not those of the table, `CorpusError` if it is known to hold no pairs.
    """
    before, lines = split_header(text.beginning)
    dialect = detect_dialect(list(lines), text.name, before.delimiter)
    layout = PairLayout("table", (1, 2), dialect.delimiter, dialect.quoted, width=dialect.width)
    numbered = list(_numbered_rows(iter(text.beginning), layout))
    rows = [cells for _, _, cells in numbered if cells is not None and any(map(str.strip, cells))]
    first = before.names or (rows[0] if rows else [])
    origin = warning = ""
    if columns is not None:
        chosen = column_numbers(columns, first, text.name)
        widest = max(map(len, rows), default=0)
        if max(chosen) > widest > 0:
            raise UsageError(
                f"--columns {','.join(columns)}: {text.name} has {widest} {'column' if widest == 1 else 'columns'}",
                setting="columns",
                hint=f"its first row is {quote(numbered[0][1])}",
            )
        is_named = not before.names and not all(map(str.isdecimal, columns))
        has_header = is_named or _starts_with_header(rows, chosen)
    else:
        texts = [column for column in range(1, dialect.width + 1) if column not in before.other_columns]
        chosen = (texts[0], texts[1]) if len(texts) > 1 else (1, 2)
        has_header = _starts_with_header(rows, chosen)
        table = TableColumns(rows[has_header:], dialect.width)
        table.refuse_tatoeba_lists(text.name)
        if table.is_tatoeba_pairs:
            chosen, origin = TATOEBA_COLUMNS, ", as Tatoeba exports them"
        elif before.other_columns:
            origin = ", as Anki exports them"
        elif labelled := table.labelled_pairs:
            chosen, origin = labelled
        else:
            warning = table.warning(chosen, text.name)
    separated = f"{DELIMITERS.get(dialect.delimiter, dialect.delimiter)}-separated"
    quotes = " with quoted cells" if dialect.quoted and any('"' in line for _, line, _ in numbered) else ""
    quotes = ", quotes are text" if dialect.has_text_quotes else quotes
    of_all = f" of {dialect.width}" if dialect.width > 2 else ""
    header = ", ".join(quote(first[column - 1].strip()) for column in chosen if column <= len(first))
    header = f", header row skipped ({header})" if has_header else ""
    comments = f", {before.count} lines before the rows skipped" if before.count > 1 else ""
    description = f"{separated}{quotes}{comments}, columns {chosen[0]} and {chosen[1]}{of_all}{origin}{header}"
    return DetectedTable(replace(layout, columns=chosen, header=has_header), description, warning)


def read_table_rows(text: TableText, layout: PairLayout, rows: PairRows) -> None:
    """Add the pairs of a table. Blank rows are ignored; rows without both cells are counted as left out.

    Args:
        text: the table.
        layout: its layout.
        rows: collects the pairs.
    """
    source_index, target_index = (int(column) - 1 for column in layout.columns)
    last_index, delimiter, name = max(source_index, target_index), layout.delimiter, text.name
    # In a table separated by tabs, further columns are notes; elsewhere a cell too many is an unquoted delimiter.
    max_width = layout.width if delimiter != "\t" else 0
    header_expected = layout.header
    for number, line, cells in _numbered_rows(text.lines(), layout):
        text_of_row = line.strip() if delimiter == "\t" else line.strip().strip(delimiter)
        if header_expected or not text_of_row:
            header_expected = header_expected and not text_of_row
        elif cells is None:
            rows.dropped.add(f"row {number} of {name}, whose quote is not closed: {quote(line)}")
        elif len(cells) <= last_index:
            rows.dropped.add(f"row {number} of {name}, {_missing_cell(cells, layout)}: {quote(line)}")
        elif max_width and len(cells) > max_width and used_width(cells) > max_width:
            columns = f"{used_width(cells)} columns where others have {max_width}"
            rows.dropped.add(f"row {number} of {name}, which has {columns}: {quote(line)}")
        else:
            rows.add(cells[source_index], cells[target_index], name, number)


def _numbered_rows(lines: Iterator[str], layout: PairLayout) -> Iterator[tuple[int, str, list[str] | None]]:
    """Yield the number of each row, its text and its cells; without the lines before the rows."""
    before, lines = split_header(lines)
    start = before.count + 1
    delimiter = layout.delimiter
    if layout.quoted:
        for row in quoted_rows(lines, delimiter, layout.width):
            cells = row.cells
            if before.is_html and cells is not None:
                cells = [*map(without_html, cells)]
            yield row.number + start - 1, row.text, cells
    else:
        for number, line in enumerate(lines, start):
            cells = line.split(delimiter)
            yield number, line, [*map(without_html, cells)] if before.is_html else cells


def _missing_cell(cells: list[str], layout: PairLayout) -> str:
    if len(cells) == 1:
        return f"which has no {DELIMITERS.get(layout.delimiter, layout.delimiter)}"
    return f"which has only {len(cells)} columns"


def _starts_with_header(rows: list[list[str]], columns: tuple[int, int]) -> bool:
    return bool(rows) and len(rows[0]) >= max(columns) and is_header(rows[0], rows[1:], columns)
