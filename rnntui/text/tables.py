"""Rows of a table: tab-separated text, or CSV with any delimiter; detection of its layout for sentence pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from rnntui.errors import UsageError
from rnntui.kinds.file_layout import FileLayout
from rnntui.kinds.pair_corpus_info import PairLayout
from rnntui.settings import flag_of
from rnntui.text.corpus import Corpus
from rnntui.text.delimited_rows import MAX_CELL_LINES, quoted_rows
from rnntui.text.dropped_rows import RowCollector, quote
from rnntui.text.encoding import lines_of
from rnntui.text.table_columns import TATOEBA_COLUMNS, TableColumns, column_number
from rnntui.text.table_header import split_header, without_html
from rnntui.text.table_layout import detect_dialect, is_header, used_width

_SAMPLE_LINES = 2000
_SAMPLE_CHARS = 1 << 20
DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe", "|||": "|||"}


class TableText:
    """The lines of a table, whose beginning can be looked at before they are read.

    Args:
        corpus: a corpus of one file.
        max_cell_lines: lines of a quoted cell.
    """

    def __init__(self, corpus: Corpus, max_cell_lines: int = MAX_CELL_LINES) -> None:
        self.max_cell_lines = max_cell_lines
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
            lines = _complete_rows(lines, self.max_cell_lines)
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


class TableBeginning:
    """The rows at the beginning of a table, with the form that was detected.

    Args:
        text: the table.
    """

    def __init__(self, text: TableText) -> None:
        self.name = text.name
        self.before, lines = split_header(text.beginning)
        self.dialect = detect_dialect(list(lines), text.name, self.before.delimiter, text.max_cell_lines)
        form = PairLayout("table", (1, 2), self.dialect.delimiter, self.dialect.quoted, width=self.dialect.width)
        numbered = list(_numbered_rows(iter(text.beginning), form, text.max_cell_lines))
        self.rows = [cells for _, _, cells in numbered if cells is not None and any(map(str.strip, cells))]
        self.first = self.before.names or (self.rows[0] if self.rows else [])
        """The names of the columns if the file has any, else the cells of the first row."""
        self._first_line = numbered[0][1] if numbered else ""
        self._has_quotes = any('"' in line for _, line, _ in numbered)

    def numbers(self, columns: Sequence[str], option: str) -> list[int]:
        """Return the numbers (from 1) of columns that a user named by number or by name.

        Raises `UsageError` naming the option if the table lacks one of them.
        """
        numbers = [column_number(column, self.first, self.name, option) for column in columns]
        widest = max(map(len, self.rows), default=0)
        if max(numbers) > widest > 0:
            widest_row = f"{widest} {'column' if widest == 1 else 'columns'}"
            raise UsageError(
                f"{flag_of(option)} {','.join(columns)}: {self.name} has {widest_row}",
                setting=option,
                hint=f"its first row is {quote(self._first_line)}",
            )
        return numbers

    def has_header(self, columns: tuple[int, int], named: Sequence[str] = ()) -> bool:
        """Return True if the first row holds names of columns: they were named by them, or it looks like it."""
        if not self.before.names and not all(map(str.isdecimal, named)):
            return True
        return bool(self.rows) and len(self.rows[0]) >= max(columns) and is_header(self.rows[0], self.rows[1:], columns)

    def describe(self, columns: tuple[int, int], in_words: str, has_header: bool) -> str:
        """Return the layout of the table in words.

        Args:
            columns: the numbers of the columns that are read.
            in_words: the same in words.
            has_header: True if the first row holds the names of the columns.
        """
        dialect = self.dialect
        separated = f"{DELIMITERS.get(dialect.delimiter, dialect.delimiter)}-separated"
        quotes = " with quoted cells" if dialect.quoted and self._has_quotes else ""
        quotes = ", quotes are text" if dialect.has_text_quotes else quotes
        header = ", ".join(quote(self.first[column - 1].strip()) for column in columns if column <= len(self.first))
        header = f", header row skipped ({header})" if has_header else ""
        comments = f", {self.before.count} lines before the rows skipped" if self.before.count > 1 else ""
        return f"{separated}{quotes}{comments}, {in_words}{header}"


def detect_table(text: TableText, columns: tuple[str, str] | None) -> DetectedTable:
    """Detect the layout of a table of pairs from its beginning.

    Args:
        text: the table.
        columns: the source's and the target's, by number or name; None for the first two.

    Raises `UsageError` if `columns` are not those of the table, `CorpusError` if it is known to hold no pairs.
    """
    beginning = TableBeginning(text)
    dialect, before = beginning.dialect, beginning.before
    origin = warning = ""
    if columns is not None:
        source, target = beginning.numbers(columns, "columns")
        if source == target:
            raise UsageError(f"--columns names column {source} of {text.name} twice", setting="columns")
        chosen = source, target
        has_header = beginning.has_header(chosen, columns)
    else:
        texts = [column for column in range(1, dialect.width + 1) if column not in before.other_columns]
        chosen = (texts[0], texts[1]) if len(texts) > 1 else (1, 2)
        has_header = beginning.has_header(chosen)
        table = TableColumns(beginning.rows[has_header:], dialect.width)
        table.refuse_tatoeba_lists(text.name)
        if table.is_tatoeba_pairs:
            chosen, origin = TATOEBA_COLUMNS, ", as Tatoeba exports them"
        elif before.other_columns:
            origin = ", as Anki exports them"
        elif labelled := table.labelled_pairs:
            chosen, origin = labelled
        else:
            warning = table.warning(chosen, text.name)
    of_all = f" of {dialect.width}" if dialect.width > 2 else ""
    in_words = f"columns {chosen[0]} and {chosen[1]}{of_all}{origin}"
    layout = PairLayout("table", chosen, dialect.delimiter, dialect.quoted, has_header, dialect.width)
    return DetectedTable(layout, beginning.describe(chosen, in_words, has_header), warning)


def read_table_rows(text: TableText, layout: FileLayout, rows: RowCollector) -> None:
    """Add the rows of a table. Blank rows are ignored; rows without both cells are counted as left out.

    Args:
        text: the table.
        layout: its layout.
        rows: collects them.
    """
    source_index, target_index = (int(column) - 1 for column in layout.columns)
    last_index, delimiter, name = max(source_index, target_index), layout.delimiter, text.name
    # In a table separated by tabs, further columns are notes; elsewhere a cell too many is an unquoted delimiter.
    max_width = layout.width if delimiter != "\t" else 0
    header_expected = layout.header
    for number, line, cells in _numbered_rows(text.lines(), layout, text.max_cell_lines):
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


def _complete_rows(lines: list[str], max_cell_lines: int) -> list[str]:
    """Return the first lines of a longer file, without the last row if its quoted cell goes on after them."""
    for count, line in enumerate(reversed(lines[-max_cell_lines:]), 1):
        if line.count('"') % 2:
            is_open = sum(line.count('"') for line in lines) % 2
            return lines[:-count] if is_open and count < len(lines) else lines
    return lines


def _numbered_rows(
    lines: Iterator[str], layout: FileLayout, max_cell_lines: int
) -> Iterator[tuple[int, str, list[str] | None]]:
    """Yield the number of each row, its text and its cells; without the lines before the rows."""
    before, lines = split_header(lines)
    start = before.count + 1
    delimiter = layout.delimiter
    if layout.quoted:
        for row in quoted_rows(lines, delimiter, layout.width, max_cell_lines):
            cells = row.cells
            if before.is_html and cells is not None:
                cells = [*map(without_html, cells)]
            yield row.number + start - 1, row.text, cells
    else:
        for number, line in enumerate(lines, start):
            cells = line.split(delimiter)
            yield number, line, [*map(without_html, cells)] if before.is_html else cells


def _missing_cell(cells: list[str], layout: FileLayout) -> str:
    if len(cells) == 1:
        return f"which has no {DELIMITERS.get(layout.delimiter, layout.delimiter)}"
    return f"which has only {len(cells)} columns"
