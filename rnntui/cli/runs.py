"""`rnntui runs`: a table of all runs."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import click

from rnntui.cli.options import checkpoints_option
from rnntui.cli.run_choice import existing_checkpoints_folder
from rnntui.cli.terminal import print_note, utf8_argument, write_out
from rnntui.formatting import format_count, format_duration, format_loss
from rnntui.kinds.registry import KINDS, kind_or_default
from rnntui.runs.listing import SORT_KEYS, RunSummary, filter_runs, list_runs, primary_metrics, sort_runs
from rnntui.text.control_chars import one_line

_GAP = 2  # columns of the terminal between columns of the table
_MIN_NAME = 20  # columns for names, however many others there are


@click.command("runs")
@click.argument("words", nargs=-1, callback=utf8_argument)
@click.option(
    "--sort", "order", type=click.Choice(list(SORT_KEYS)), default="age", show_default=True,
    help="Order of the runs: newest, best or largest first; score: bits per character, or the metric that selects the "
    "weights of a Seq2Seq model or a classifier.",
)  # fmt: skip
@click.option("--reverse", is_flag=True, help="Reverse the order.")
@click.option(
    "--kind", "kind_name", type=click.Choice([kind.abbreviation for kind in KINDS.values()], case_sensitive=False),
    help=f"Only runs of this kind: {', '.join(f'{kind.title}s ({kind.abbreviation})' for kind in KINDS.values())}.",
)  # fmt: skip
@checkpoints_option
@click.option("--json", "as_json", is_flag=True, help="Write a JSON line for each run.")
def command(
    words: tuple[str, ...], order: str, reverse: bool, kind_name: str | None, checkpoints: str | None, as_json: bool
) -> None:
    """List all runs, the newest first, with their model, their metrics and their state.

    With WORDS, only the runs that match all of them: by name, note, kind, cell or state, or by "shipped" and "own".

    Runs of language models can be compared by bits per character. Their losses, in nats a token, can be compared only
    where the tokens are the same; those of classifiers, in nats a text, where the texts are. A narrow terminal shows
    fewer columns; a pipe and --json show all.
    """
    folder = existing_checkpoints_folder(checkpoints)
    all_runs = list_runs(folder)
    kind = next((kind.id for kind in KINDS.values() if kind.abbreviation == kind_name), None)
    summaries = sort_runs(filter_runs(all_runs, " ".join(words), kind), order)
    if reverse:
        summaries.reverse()
    for summary in summaries:
        if summary.problem:
            print_note(summary.problem)
    if as_json:
        for summary in summaries:
            write_out(json.dumps(summary.to_json()) + "\n")
    elif summaries:
        _print_table(summaries)
    elif all_runs:
        print_note(f"none of the {len(all_runs)} runs matches")
    else:
        print_note(f"no runs in {folder}; train one with: {kind_or_default(None).first_command}")


@dataclass(frozen=True)
class Column:
    """A column of the table: its cells, and how important it is; those of priority 0 are always there."""

    heading: str
    cells: list[str]
    priority: int = 0
    is_number: bool = False

    @cached_property
    def width(self) -> int:
        """Columns of the terminal that it takes."""
        from rich.cells import cell_len

        return max(cell_len(text) for text in (self.heading, *self.cells))


def _print_table(summaries: list[RunSummary]) -> None:
    name, *others = _columns(summaries)
    notes = Column("note", [one_line(_note(run)) for run in summaries])
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    lines = table_lines(name, others, notes, width)
    write_out("".join(f"{line}\n" for line in lines))


def table_lines(names: Column, others: list[Column], notes: Column, width: int | None) -> Iterator[str]:
    """Yield the lines of a table.

    Names are never cut: the least important columns are left out if there is no room for them, and a name that even so
    is too long takes several lines. Notes that do not fit into a column have a line of their own below the run's.

    Args:
        names: the first column.
        others: the other columns.
        notes: a note for each row, or an empty text.
        width: columns of the terminal; None for no limit.
    """
    from rich.cells import cell_len, chop_cells, set_cell_size

    from rnntui.text.control_chars import truncate

    columns = _fitting(names, others, width)
    name_width = names.width
    if width is not None:
        name_width = min(name_width, max(_MIN_NAME, width - sum(_GAP + column.width for column in columns)))
    has_notes = any(notes.cells)
    table_width = name_width + sum(_GAP + column.width for column in columns)
    in_column = has_notes and (width is None or table_width + _GAP + notes.width <= width)
    rows = [[column.heading for column in (names, *columns)], *zip(*(c.cells for c in (names, *columns)), strict=True)]
    for row, note in zip(rows, (notes.heading if in_column else "", *notes.cells), strict=True):
        first, *rest = chop_cells(row[0], name_width) or [""]
        cells = [set_cell_size(first, name_width)]
        for column, text in zip(columns, row[1:], strict=True):
            padded = set_cell_size(text, column.width)
            cells.append(padded[len(text) :] + text if column.is_number else padded)
        yield (" " * _GAP).join([*cells, *([note] if in_column else [])]).rstrip()
        yield from rest
        if note and not in_column:
            yield f"  {truncate(note, (width or 80) - 2, cell_len)}"


def _fitting(names: Column, columns: list[Column], width: int | None) -> list[Column]:
    """Return the columns for which there is room beside the names; the least important ones are left out first."""
    columns = list(columns)
    while columns and width is not None:
        least = max(columns, key=lambda column: column.priority)
        if least.priority == 0 or sum(_GAP + column.width for column in columns) + names.width <= width:
            break
        columns.remove(least)
    return columns


def _columns(summaries: list[RunSummary]) -> list[Column]:
    """Return the columns, the names first; those without any value are left out."""
    now = time.time()
    scores = [
        Column(metric.short or metric.label, [metric.text(run.metrics.get(metric.key)) for run in summaries], 0, True)
        for metric in primary_metrics(summaries)
    ]
    columns = [
        Column("kind", [_kind_text(run) for run in summaries]),
        Column("model", [f"{run.cell} {run.size}".strip() for run in summaries], 2),
        Column("tokens", [format_count(run.tokens) if run.kind else "" for run in summaries], 3, True),
        Column("validation loss", [format_loss(run.validation_loss) for run in summaries], 4, True),
        Column("bits/char", [format_loss(run.bits_per_character) for run in summaries], 0, True),
        *scores,
        Column("age", [format_duration(now - run.updated) if run.updated else "" for run in summaries], 1, True),
        Column("state", [_state(run) for run in summaries]),
    ]
    filled = [column for column in columns if any(column.cells)]
    return [
        Column(column.heading, [one_line(cell) for cell in column.cells], column.priority, column.is_number)
        for column in (Column("run", [run.name for run in summaries]), *filled)
    ]


def _kind_text(run: RunSummary) -> str:
    return KINDS[run.kind].abbreviation if run.kind in KINDS else run.kind


def _state(run: RunSummary) -> str:
    state = run.state
    if run.state in ("running", "stopped", "failed") and run.steps:
        state = f"{run.state} {100 * run.step // run.steps}%"
    elif run.state == "stopped" and run.step == 0 and not run.problem:
        state = "untrained"
    return f"{state}, shipped" if run.shipped else state


def _note(run: RunSummary) -> str:
    hides = f"hides the shipped {run.name}" if run.hides_shipped else ""
    return "; ".join(filter(None, (hides, run.note)))
