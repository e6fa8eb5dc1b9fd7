"""`rnntui show`: everything about a run, or several runs side by side."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.options import checkpoints_option
from rnntui.cli.run_choice import existing_checkpoints_folder
from rnntui.cli.terminal import utf8_argument, write_out, write_table
from rnntui.kinds.samples import sample_to_json
from rnntui.runs.comparison import Comparison, compare_runs
from rnntui.runs.description import COMMANDS, RunDetails, Section, describe_run, last_sample, read_details
from rnntui.runs.lookup import named_run
from rnntui.runs.management import file_sizes
from rnntui.text.control_chars import one_line

if TYPE_CHECKING:
    from rich.table import Table

_MIN_COLUMN = 14  # columns of the terminal for a run in a comparison


@click.command("show")
@click.argument("names", metavar="RUN...", nargs=-1, required=True, callback=utf8_argument)
@checkpoints_option
@click.option("--json", "as_json", is_flag=True, help="Write a JSON line for each run, with its config and status.")
def command(names: tuple[str, ...], checkpoints: str | None, as_json: bool) -> None:
    """Describe a run: progress and metrics, model, training, files, commands that use it, and its last sample.

    Of several runs, show the options in which they differ and their results, side by side. RUN is a name or a path.
    """
    folder = existing_checkpoints_folder(checkpoints)
    runs = [read_details(named_run(name, folder)) for name in dict.fromkeys(names)]
    if as_json:
        for details in runs:
            write_out(json.dumps(_to_json(details)) + "\n")
    elif len(runs) == 1:
        _print_description(runs[0], describe_run(runs[0]))
    else:
        _print_comparison(compare_runs(runs))


def _print_description(details: RunDetails, sections: Sequence[Section]) -> None:
    from rich.table import Table
    from rich.text import Text

    write_out(f"{one_line(details.run.name)}\n")
    width = max(len(fact.label) for section in sections for fact in section.facts)
    for section in sections:
        write_out(f"\n{section.title}\n")
        if section.title == COMMANDS:  # not wrapped, so that they can be copied
            write_out("".join(f"  {fact.label:<{width}}  {one_line(fact.text)}\n" for fact in section.facts))
            continue
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(min_width=width + 2, no_wrap=True)
        table.add_column(overflow="fold")
        for fact in section.facts:
            table.add_row(Text(f"  {one_line(fact.label)}"), Text(one_line(fact.text)))
        write_table(table)


def _print_comparison(comparison: Comparison) -> None:
    """Print the runs side by side, or if a terminal is too narrow for all of them, some after the others."""
    rows = [*comparison.options, *comparison.results]
    label_width = max(len(row.label) for row in rows)
    count = len(comparison.names)
    if sys.stdout.isatty():
        count = max(1, (shutil.get_terminal_size().columns - label_width) // _MIN_COLUMN)
    for start in range(0, len(comparison.names), count):
        if start:
            write_out("\n")
        write_table(_comparison_table(comparison, slice(start, start + count), label_width))


def _comparison_table(comparison: Comparison, runs: slice, label_width: int) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True, min_width=label_width)
    for name in comparison.names[runs]:
        table.add_column(Text(one_line(name)), overflow="fold")
    for rows in (comparison.options, comparison.results):
        for row in rows:
            table.add_row(row.label, *(Text(one_line(text) or "–") for text in row.texts[runs]))
        if rows is comparison.options:
            table.add_row("" if rows else "no option differs")
    return table


def _to_json(details: RunDetails) -> dict[str, Any]:
    header, sample = details.header, last_sample(details.run)
    return {
        **details.summary.to_json(),
        "budget": asdict(details.budget),
        "parameters": header.parameters if header else None,
        "best_step": header.step if header else None,
        "files": file_sizes(details.run),
        "sample": sample_to_json(sample) if sample else None,
        "status": asdict(details.status),
        "config": details.config.to_json(),
    }
