"""`rnntui runs`: a table of the runs there are."""

from __future__ import annotations

import json
import time

import click

from rnntui.cli.options import checkpoints_option
from rnntui.cli.terminal import note, write_out, write_table
from rnntui.formatting import age, count, number
from rnntui.runs.listing import RunSummary, list_runs, primary_metrics
from rnntui.runs.lookup import checkpoints_folder
from rnntui.text.control_chars import one_line


@click.command("runs")
@checkpoints_option
@click.option("--json", "as_json", is_flag=True, help="A JSON line for each run.")
def command(checkpoints: str | None, as_json: bool) -> None:
    """List the runs there are, the newest first: what they are, how good, and whether they are running."""
    folder = checkpoints_folder(checkpoints, must_exist=True)
    rows = list_runs(folder)
    for row in rows:
        if row.problem:
            note(row.problem)
    if as_json:
        for row in rows:
            write_out(json.dumps(row.to_json()) + "\n")
    elif rows:
        _print(rows)
    else:
        note(f"no runs in {folder}; make one with: rnntui train corpus.txt")


def _print(rows: list[RunSummary]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("run", "cell", "size"):
        table.add_column(heading)
    metrics = [metric for metric in primary_metrics() if any(metric.key in row.metrics for row in rows)]
    for heading in ("tokens", "validation loss", "bits per character", *(metric.label for metric in metrics), "age"):
        table.add_column(heading, justify="right")
    table.add_column("state")
    for row in rows:
        cells = (
            row.name, row.cell, row.size, count(row.tokens), number(row.validation_loss),
            number(row.bits_per_character), *(metric.text(row.metrics.get(metric.key)) for metric in metrics),
            age(time.time() - row.updated) if row.updated else "", _state(row),
        )  # fmt: skip
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    write_table(table)


def _state(row: RunSummary) -> str:
    return f"{row.state}, shipped" if row.shipped else row.state
