"""`rnntui runs`: a table of the runs there are."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass

import click

from rnntui.cli.options import checkpoints_option
from rnntui.cli.terminal import note, one_line, write_out, write_table
from rnntui.errors import RunError
from rnntui.runs.find import checkpoints_folder, runs_in, shipped_runs
from rnntui.runs.folder import RunFolder


@dataclass(frozen=True)
class _Row:
    """A run in the table; losses in nats a token."""

    name: str
    cell: str
    size: str
    tokens: int
    validation_loss: float | None
    bits_per_character: float | None
    updated: float
    state: str
    shipped: bool
    path: str


@click.command("runs")
@checkpoints_option
@click.option("--json", "as_json", is_flag=True, help="A JSON line for each run.")
def command(checkpoints: str | None, as_json: bool) -> None:
    """List the runs there are, the newest first: what they are, how good, and whether they are running."""
    folder = checkpoints_folder(checkpoints, to_read=True)
    shipped = {run.path.resolve() for run in shipped_runs()}
    found = {run.path.resolve(): run for run in shipped_runs() + runs_in(folder)}
    rows = sorted((_row(run, path in shipped) for path, run in found.items()), key=lambda row: -row.updated)
    if as_json:
        for row in rows:
            write_out(json.dumps(asdict(row)) + "\n")
    elif rows:
        _print(rows)
    else:
        note(f"no runs in {folder}; make one with: rnntui train corpus.txt")


def _row(run: RunFolder, shipped: bool) -> _Row:
    try:
        config, status = run.read_config(), run.read_status()
    except RunError as error:
        note(str(error))
        return _Row(run.name, "", "", 0, None, None, 0.0, "broken", shipped, str(run.path))
    model = config.model
    return _Row(
        name=run.name,
        cell=model.cell if model.cell != "rnn" else f"rnn {model.nonlinearity}",
        size=f"{model.layers}×{model.hidden}",
        tokens=status.tokens,
        validation_loss=status.validation_loss,
        bits_per_character=status.bits_per_character,
        updated=status.updated or config.created,
        state=status.state,
        shipped=shipped,
        path=str(run.path),
    )


def _print(rows: list[_Row]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("run", "cell", "size"):
        table.add_column(heading)
    for heading in ("tokens", "validation loss", "bits per character", "age"):
        table.add_column(heading, justify="right")
    table.add_column("state")
    for row in rows:
        cells = (
            row.name, row.cell, row.size, _count(row.tokens), _number(row.validation_loss),
            _number(row.bits_per_character), _age(time.time() - row.updated) if row.updated else "", _state(row),
        )  # fmt: skip
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    write_table(table)


def _state(row: _Row) -> str:
    return f"{row.state}, shipped" if row.shipped else row.state


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _count(value: int) -> str:
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.1f} {unit}"
    return str(value)


def _age(seconds: float) -> str:
    for limit, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= limit:
            return f"{seconds / limit:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
