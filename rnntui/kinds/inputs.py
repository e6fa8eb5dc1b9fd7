"""The files that a kind of training reads, and which of them go together."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rnntui.errors import UsageError


class InputFiles(NamedTuple):
    """An argument or a flag that names files.

    Args:
        name: the option's name, as in `validation_pairs`; the first of a kind is the command's argument.
        help: help text.
        many: True if several files can be named.
        endings: endings of the file names that a form offers; ("",) offers all.
        group: heading of the form that it stands under; empty for the top.
    """

    name: str
    help: str
    many: bool = False
    endings: tuple[str, ...] = ("",)
    group: str = ""


class InputChoice(NamedTuple):
    """A table, or instead of it two files that are read line by line together.

    Args:
        table: name of the input that holds everything in one file.
        columns: names of the inputs that go together instead of it; empty if there are none.
        missing: the message where none is named; empty if none need be.
    """

    table: str
    columns: tuple[str, ...] = ()
    missing: str = ""

    def check(self, is_named: Callable[[str], bool]) -> None:
        """Raises `UsageError` if the two ways are mixed, or one of the columns is missing."""
        named = [column for column in self.columns if is_named(column)]
        flags = " and ".join("--" + column.replace("_", "-") for column in self.columns)
        if named and len(named) < len(self.columns):
            raise UsageError(f"{flags} go together", setting=named[0], hint="give both")
        if named and is_named(self.table):
            raise UsageError(f"give a table of pairs, or {flags}, not both", setting=named[0])

    def require(self, is_named: Callable[[str], bool]) -> None:
        """Raises `UsageError` if none is named and one must be."""
        if self.missing and not any(map(is_named, (self.table, *self.columns))):
            raise UsageError(self.missing, setting=self.table)
