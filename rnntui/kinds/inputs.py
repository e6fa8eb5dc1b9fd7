"""Input files of a kind of training, the rules for combining them, and flags for reading them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rnntui.errors import UsageError
from rnntui.settings import shown_value


class InputFiles(NamedTuple):
    """An argument or flag whose value is one or more files.

    Args:
        name: the option's name, as in `validation_pairs`; the first of a kind is the command's argument.
        help: help text.
        many: True if it takes several files.
        endings: endings of the file names that the form suggests; ("",) suggests all.
        heading: its heading in the form; empty for the top.
    """

    name: str
    help: str
    many: bool = False
    endings: tuple[str, ...] = ("",)
    heading: str = ""


class ReadingOption(NamedTuple):
    """A flag whose text tells how input files are read.

    Args:
        name: the option's name.
        help: help text.
        metavar: stands for the value in the command's help.
        check: raises `UsageError` for a value that is wrong whatever the files hold.
    """

    name: str
    help: str
    metavar: str
    check: Callable[[str], object]


class InputChoice(NamedTuple):
    """A table, or instead of it two line-aligned files.

    Args:
        table: name of the input that is a table.
        columns: names of the inputs with one column each; empty if there are none.
        missing: error message if no input is given; empty if none is required.
    """

    table: str
    columns: tuple[str, ...] = ()
    missing: str = ""

    def check(self, is_named: Callable[[str], bool]) -> None:
        """Raise `UsageError` if table and columns are both given, or only one of the columns."""
        named = [column for column in self.columns if is_named(column)]
        flags = " and ".join("--" + column.replace("_", "-") for column in self.columns)
        if named and len(named) < len(self.columns):
            raise UsageError(f"{flags} go together", setting=named[0], hint="give both")
        if named and is_named(self.table):
            raise UsageError(f"give a table of pairs, or {flags}, not both", setting=named[0])

    def require(self, is_named: Callable[[str], bool]) -> None:
        """Raise `UsageError` if an input is required and none is given."""
        if self.missing and not any(map(is_named, (self.table, *self.columns))):
            raise UsageError(self.missing, setting=self.table)


def parse_columns(text: str) -> tuple[str, str] | None:
    """Return the two columns that `--columns` names, as numbers or names; None if it is empty.

    A name with a comma stands in quotes. Raises `UsageError` if there are not two different ones.
    """
    import csv  # late: every command imports this module

    if not text.strip():
        return None
    try:
        names = [name.strip() for name in next(csv.reader([text.strip()], skipinitialspace=True))]
    except csv.Error:  # a line break outside of quotes
        names = []
    if len(names) != 2 or not all(names) or names[0] == names[1] or "0" in names:
        raise UsageError(
            f"--columns {shown_value(text)} must name two columns, the source's and the target's",
            setting="columns",
            hint="give their numbers, as in 2,3, or their names, as in source,target",
        )
    return names[0], names[1]
