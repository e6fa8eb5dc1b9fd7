"""`rnntui runs`: a table of all runs."""

from __future__ import annotations

import json
import time

import click

from rnntui.cli.options import checkpoints_option
from rnntui.cli.terminal import print_note, write_out, write_table
from rnntui.formatting import format_count, format_duration, format_loss
from rnntui.kinds.registry import kind_or_default
from rnntui.runs.listing import RunSummary, list_runs, primary_metrics
from rnntui.runs.lookup import checkpoints_folder
from rnntui.text.control_chars import one_line


@click.command("runs")
@checkpoints_option
@click.option("--json", "as_json", is_flag=True, help="Write a JSON line for each run.")
def command(checkpoints: str | None, as_json: bool) -> None:
    """List all runs, the newest first, with their model, their metrics and their state."""
    folder = checkpoints_folder(checkpoints, must_exist=True)
    summaries = list_runs(folder)
    for summary in summaries:
        if summary.problem:
            print_note(summary.problem)
    if as_json:
        for summary in summaries:
            write_out(json.dumps(summary.to_json()) + "\n")
    elif summaries:
        _print_table(summaries)
    else:
        print_note(f"no runs in {folder}; train one with: {kind_or_default(None).first_command}")


def _print_table(summaries: list[RunSummary]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("run", "cell", "size"):
        table.add_column(heading)
    metrics = primary_metrics(summaries)
    for heading in ("tokens", "validation loss", "bits per character", *(metric.label for metric in metrics), "age"):
        table.add_column(heading, justify="right")
    table.add_column("state")
    for row in summaries:
        cells = (
            row.name, row.cell, row.size, format_count(row.tokens), format_loss(row.validation_loss),
            format_loss(row.bits_per_character), *(metric.text(row.metrics.get(metric.key)) for metric in metrics),
            format_duration(time.time() - row.updated) if row.updated else "", _state(row),
        )  # fmt: skip
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    write_table(table)


def _state(row: RunSummary) -> str:
    return f"{row.state}, shipped" if row.shipped else row.state
