"""Layout of a file of rows with two columns that are read, as `config.json` records it."""

from __future__ import annotations

from typing import Self, TypeVar, get_args

from rnntui.kinds.corpus_info import read_count
from rnntui.settings import Record, record, type_hints

Layout = TypeVar("Layout", bound="FileLayout")


@record
class FileLayout(Record):
    """Layout of a file: enough to read it again in the same way. Each kind of corpus has a class with its formats.

    Args:
        format: the format of the file; with `table`, `columns` are numbers, else texts.
        columns: the two columns that are read.
        delimiter: separates the cells of a table.
        quoted: True if the cells of a table may stand in quotes, as in CSV; False if a quote is text like any other.
        header: True if the first row holds the names of the columns.
        width: number of columns of most rows. With a delimiter other than a tab, rows with more are left out.
    """

    format: str
    columns: tuple[int | str, int | str]
    delimiter: str = ""
    quoted: bool = False
    header: bool = False
    width: int = 0

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """Return None if the value is not a valid layout."""
        if not isinstance(value, dict) or not {"format", "columns"} <= set(value) <= set(type_hints(cls)):
            return None
        layout = cls(**{**value, "columns": tuple(value["columns"])} if isinstance(value["columns"], list) else value)
        return layout if layout._is_valid() else None

    def _is_valid(self) -> bool:
        of_column = int if self.format == "table" else str
        return (
            self.format in get_args(type_hints(type(self))["format"])
            and isinstance(self.columns, tuple)
            and len(self.columns) == 2
            and all(type(column) is of_column and column not in (0, "") for column in self.columns)
            and isinstance(self.delimiter, str)
            and (self.format != "table" or bool(self.delimiter))
            and type(self.quoted) is type(self.header) is bool
            and read_count(self.width) is not None
        )


def read_layouts(layout_class: type[Layout], value: object) -> tuple[Layout, ...] | None:
    """Return the layouts of a list in `config.json`; None if it is not a list of valid ones."""
    layouts = [layout_class.from_json(item) for item in value] if isinstance(value, list | tuple) else []
    return tuple(layout for layout in layouts if layout is not None) if layouts and None not in layouts else None
