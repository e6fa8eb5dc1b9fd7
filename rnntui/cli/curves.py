"""`rnntui curves`: the curves of a training run, as a chart or as data."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from rnntui.charts.metric_charts import AXES, DEFAULT_SMOOTHING, LOSS_KEYS, Axis, chart_heading, charts_of, in_order
from rnntui.cli.options import checkpoints_option
from rnntui.cli.terminal import note, utf8_argument, write_out
from rnntui.errors import RunError, UsageError
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import checkpoints_folder, find_run
from rnntui.runs.metrics_log import MetricsTail

if TYPE_CHECKING:
    from rnntui.charts.metrics_history import MetricsHistory
    from rnntui.charts.styled_text import Row, Style

_PIPE = os.terminal_size((80, 24))
_LEAST_ROWS = 10  # of each of several charts
_NAMED = 8  # quantities named in a message at most
_AXES: dict[str, Axis] = {"step": "step", "time": "seconds", "tokens": "tokens"}
_BLOCK = 1 << 20  # bytes of a metrics file in memory at a time
# Of the terminal's own colours, which its owner can read on its background.
_COLOURS = ("bright_blue", "red", "green", "magenta", "cyan", "yellow")


def _finite(context: click.Context, parameter: click.Parameter, value: float) -> float:
    """A click callback: a range lets nan pass, which is in none."""
    if math.isnan(value):
        raise click.BadParameter("nan is not in the range 0<=x<=0.999.", context, parameter)
    return value


@click.command("curves")
@click.argument("names", metavar="[RUN]...", nargs=-1, callback=utf8_argument)
@checkpoints_option
@click.option(
    "--metric", "metrics", metavar="NAME", multiple=True, callback=utf8_argument,
    help="What to draw, as it is called in metrics.jsonl: bits_per_character, learning_rate, of Seq2Seq runs bleu and "
    "chrf; can be given several times [default: the losses].",
)  # fmt: skip
@click.option(
    "--x", "over", type=click.Choice(list(_AXES)), default="step", show_default=True, help="What to draw over."
)
@click.option("--log/--linear", "log", help="A logarithmic or an even y axis.  [default: linear]")
@click.option(
    "--smoothing", type=click.FloatRange(0, 0.999), default=DEFAULT_SMOOTHING, show_default=True, callback=_finite,
    help="Weight of the moving average over noisy values, which alone is drawn where there are no colours; 0: none.",
)  # fmt: skip
@click.option("--width", type=click.IntRange(20, 1000), help="Columns  [default: the terminal's; 80 in a pipe]")
@click.option("--height", type=click.IntRange(6, 500), help="Rows of a chart  [default: the terminal's; 24 in a pipe]")
@click.option("--csv", "as_csv", is_flag=True, help="All rows as CSV, with a column for each quantity.")
@click.option("--json", "as_json", is_flag=True, help="All rows as JSON lines, each with its run.")
def command(names: tuple[str, ...], checkpoints: str | None, metrics: tuple[str, ...], **options: Any) -> None:
    """Draw the curves of a run's training, or of several runs in one chart; or write their numbers as data.

    RUN is a name or a path; without any, it is the newest run, else the shipped model. Values at the right of the
    chart's title are the last ones.
    """
    if options["as_csv"] and options["as_json"]:
        raise UsageError("--csv and --json: choose one")
    runs = _runs(names, checkpoints)
    wanted = list(dict.fromkeys(metrics))
    if options["as_csv"]:
        _write_csv(runs, wanted)
    elif options["as_json"]:
        _write_json(runs, wanted)
    else:
        _draw(runs, wanted, **options)


def _runs(names: tuple[str, ...], checkpoints: str | None) -> dict[str, RunFolder]:
    """The runs by what to call them: their name, or where two have the same one, as they were given."""
    folder = checkpoints_folder(checkpoints, must_exist=True)
    runs: dict[str, RunFolder] = {}
    for name in names or (None,):
        run = find_run(name, folder, None)
        if all(run.path.resolve() != other.path.resolve() for other in runs.values()):
            called = run.path.resolve().name
            runs[called if called not in runs else str(run.path)] = run
    return runs


def _draw(
    runs: Mapping[str, RunFolder], wanted: list[str], *, over: str, log: bool, smoothing: float,
    width: int | None, height: int | None, **_: bool,
) -> None:  # fmt: skip
    from rnntui.charts.chart_view import ChartView
    from rnntui.charts.curve import curves_of
    from rnntui.charts.metrics_history import MetricsHistory
    from rnntui.charts.plot import Display, render_chart

    histories: dict[str, MetricsHistory] = {}
    for name, run in runs.items():
        histories[name] = MetricsHistory(run.metrics_file)
        histories[name].read_all()
        if not histories[name].quantities:
            raise _without_metrics(name, run)
    there = in_order(list(dict.fromkeys(key for history in histories.values() for key in history.quantities)))
    _check(wanted, there)
    for name, history in histories.items():
        lacking = [key for key in wanted if key not in history.quantities]
        if lacking:
            note(f"run {name} has no {', '.join(lacking)}")
    charts = charts_of(wanted or [key for key in LOSS_KEYS if key in there] or there[:1])
    terminal = shutil.get_terminal_size(_PIPE) if sys.stdout.isatty() else _PIPE
    # A row is left for the prompt that comes after.
    shared = (terminal.lines - 1) // len(charts) if sys.stdout.isatty() else terminal.lines
    rows = height or max(_LEAST_ROWS, shared)
    colours = _has_colours()
    for number, (title, keys) in enumerate(charts):
        above = chart_heading(title, keys, next(iter(runs)) if len(runs) == 1 else "")
        curves = curves_of(histories, keys, smoothing)
        view = ChartView(_AXES[over], log=log)
        chart = render_chart(above, curves, view, Display(width or terminal.columns, rows, colours))
        _print(chart.rows, colours, apart=number > 0)


def _has_colours() -> bool:
    """Whether stdout is a terminal that shows colours, and its user wants them (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _print(rows: list[Row], colours: bool, apart: bool) -> None:
    plain = ["".join(text for text, _ in row).rstrip() for row in rows]
    if not colours:
        write_out("\n" * apart + "".join(f"{line}\n" for line in plain))
        return
    styled = ["".join(_styled(text, style) for text, style in row) for row in rows]
    # Not by `write_out`, which would escape the colours; names were made visible when the chart was drawn.
    click.echo(("\n" * apart + "".join(f"{line}\n" for line in styled)).encode("utf-8", "backslashreplace"), nl=False)


def _styled(text: str, style: Style) -> str:
    from rnntui.charts.styled_text import ChartPart

    if not text.strip():
        return text
    match style.kind:
        case ChartPart.LINE | ChartPart.RAW:
            dim = True if style.kind is ChartPart.RAW else None
            return click.style(text, fg=_COLOURS[style.colour % len(_COLOURS)], dim=dim)
        case ChartPart.TITLE:
            return click.style(text, bold=True)
        case ChartPart.AXIS | ChartPart.GRID:
            return click.style(text, dim=True)
        case _:
            return text


def _check(wanted: list[str], there: list[str]) -> None:
    missing = next((key for key in wanted if key not in there), None)
    if missing is not None:
        more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
        raise UsageError(
            f"--metric {missing}: there is nothing of that name; there are {', '.join(there[:_NAMED])}{more}"
        )


def _without_metrics(name: str, run: RunFolder) -> RunError:
    return RunError(f"run {name} has no metrics in {run.metrics_file}; choose a run that has begun to train")


def _rows(run: RunFolder) -> Iterator[list[dict[str, Any]]]:
    """The rows as they were logged, some at a time."""
    tail = MetricsTail(run.metrics_file)
    yield tail.read(_BLOCK)
    while tail.more:
        yield tail.read(_BLOCK)


def _logged(runs: Mapping[str, RunFolder], wanted: list[str]) -> list[str]:
    """The quantities that the runs have logged, or those that are wanted. Raises if there are none."""
    there: dict[str, None] = {}
    for name, run in runs.items():
        empty = True
        for rows in _rows(run):
            for row in rows:
                there.update(dict.fromkeys(key for key, value in row.items() if _is_number(value)))
                empty = False
        if empty:
            raise _without_metrics(name, run)
    found = in_order([key for key in there if key not in AXES])
    _check(wanted, found)
    return wanted or found


def _write_csv(runs: Mapping[str, RunFolder], wanted: list[str]) -> None:
    columns = _logged(runs, wanted)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", *AXES, *columns])
    for name, run in runs.items():
        for rows in _rows(run):
            for row in rows:
                if not wanted or any(key in row for key in wanted):
                    values = (row.get(key) for key in (*AXES, *columns))
                    writer.writerow([name, *(value if _is_number(value) else "" for value in values)])
            write_out(text.getvalue())
            text.seek(0)
            text.truncate()


def _write_json(runs: Mapping[str, RunFolder], wanted: list[str]) -> None:
    _logged(runs, wanted)
    for name, run in runs.items():
        for rows in _rows(run):
            chosen = [row for row in rows if not wanted or any(key in row for key in wanted)]
            write_out("".join(json.dumps(_record(name, row, wanted)) + "\n" for row in chosen))


def _record(name: str, row: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
    """A row with its run. NaN and infinities, which JSON does not know, become null."""
    kept = {key: value for key, value in row.items() if key != "run" and (not wanted or key in (*AXES, *wanted))}
    return {"run": name, **{key: None if _is_endless(value) else value for key, value in kept.items()}}


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def _is_endless(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
