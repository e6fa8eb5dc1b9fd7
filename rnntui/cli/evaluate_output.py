"""Output that the evaluations of several kinds of model share: tables of results, saved rows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rnntui.atomic_files import write_user_file
from rnntui.cli.terminal import check_new_file
from rnntui.text.control_chars import one_line

if TYPE_CHECKING:
    from rich.table import Table


def plain_table(*headings: str, has_header: bool = True) -> Table:
    """Return an empty table without lines; all columns but the first are aligned to the right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=has_header)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index else "left", no_wrap=True)
    return table


def save_rows(file: str, rows: Iterable[tuple[str, str, str, int]]) -> None:
    """Write the evaluated rows as a table of two columns; a third names the file and row of each, to find it there.

    Args:
        file: name of the new file; `UsageError` is raised if it exists, or its folder does not.
        rows: pairs or labelled texts: the two columns, the file and the number of its row.
    """
    check_new_file("--save", file)
    lines = (f"{first}\t{second}\t{one_line(name)}, row {row}\n" for first, second, name, row in rows)
    write_user_file(Path(file), "".join(lines).encode("utf-8", "surrogatepass"))
