"""`rnntui curves`: the metrics of runs, as charts or as data."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from rnntui.charts.metric_charts import AXES, DEFAULT_SMOOTHING, LOSS_KEYS, Axis, chart_heading, charts_of, in_order
from rnntui.cli.chart_output import has_colours, print_rows, save_image
from rnntui.cli.options import checkpoints_option, number_option
from rnntui.cli.run_choice import choose_run_in, existing_checkpoints_folder
from rnntui.cli.terminal import check_new_file, file_argument, print_note, utf8_argument, write_out
from rnntui.errors import RunError, UsageError
from rnntui.kinds.registry import KINDS, all_metrics
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import kind_id_of
from rnntui.runs.metrics_log import MetricsTail
from rnntui.text.control_chars import one_line

if TYPE_CHECKING:
    from rnntui.charts.svg import ChartDrawing

_PIPE_SIZE = os.terminal_size((80, 24))
_MIN_ROWS = 10  # of each of several charts
_MAX_LISTED = 8  # metrics listed in a message
_AXES: dict[str, Axis] = {"step": "step", "time": "seconds", "tokens": "tokens"}
_FORMULA_STARTS = ("=", "+", "-", "@")
_BLOCK = 1 << 20  # bytes of a metrics file read at a time


@dataclass(frozen=True)
class _ChartOptions:
    """The flags of the command that only charts have."""

    over: str
    log: bool
    smoothing: float
    width: int | None
    height: int | None


@click.command("curves")
@click.argument("names", metavar="[RUN]...", nargs=-1, callback=utf8_argument)
@checkpoints_option
@click.option(
    "--metric", "names_of_metrics", metavar="NAME", multiple=True, callback=utf8_argument,
    help="Metric to draw, by its key in metrics.jsonl, such as bits_per_character or learning_rate; for Seq2Seq "
    "models bleu, chrf and exact, for classifiers accuracy and macro_f1; may be repeated [default: the losses].",
)  # fmt: skip
@click.option("--x", "over", type=click.Choice(list(_AXES)), default="step", show_default=True, help="The x axis.")
@click.option("--log/--linear", "log", help="Scale of the y axis.  [default: linear]")
@number_option(
    "--smoothing", bounds=(0.0, 0.999), default=DEFAULT_SMOOTHING, show_default=True,
    help="Weight of the moving average over noisy values; without colours only the average is drawn. 0: no average.",
)  # fmt: skip
@number_option("--width", bounds=(20, 1000), help="Width in columns [default: the terminal's; 80 in a pipe].")
@number_option("--height", bounds=(6, 500), help="Height of a chart in rows [default: the terminal's; 24 in a pipe].")
@click.option(
    "--svg", "svg_file", metavar="FILE", callback=file_argument,
    help="Save the charts as an SVG image instead of drawing them here; - is standard output.",
)  # fmt: skip
@click.option(
    "--png", "png_file", metavar="FILE", callback=file_argument,
    help="Save the charts as a PNG image; - is standard output. Needs: pip install 'rnntui[png]'.",
)  # fmt: skip
@click.option("--csv", "as_csv", is_flag=True, help="Write all rows as CSV, with a column for each metric.")
@click.option("--json", "as_json", is_flag=True, help="Write all rows as JSON lines, each with its run.")
def command(
    names: tuple[str, ...],
    checkpoints: str | None,
    names_of_metrics: tuple[str, ...],
    svg_file: str | None,
    png_file: str | None,
    as_csv: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Draw the metrics of a run, or of several runs in one chart; or write them as data.

    RUN is a name or a path [default: the newest run, else the shipped model]. The legend shows the last value of each
    curve, and ★ marks the evaluation that selected a run's weights.
    """
    image_files = {flag: file for flag, file in (("--svg", svg_file), ("--png", png_file)) if file is not None}
    outputs = [*image_files, *(flag for flag, is_on in (("--csv", as_csv), ("--json", as_json)) if is_on)]
    if len(outputs) > 1:
        raise UsageError(f"{' and '.join(outputs)}: choose one")
    runs = _find_runs(names, checkpoints)
    metrics = list(dict.fromkeys(names_of_metrics))
    if as_csv:
        _write_csv(runs, metrics)
    elif as_json:
        _write_json(runs, metrics)
    else:
        chart_options = _ChartOptions(**options)
        drawings = _drawings(runs, metrics, chart_options)
        if image_files:
            from rnntui.charts.svg import render_svg

            [(flag, file)] = image_files.items()
            check_new_file(flag, file)
            save_image(render_svg(drawings), flag, file)
        else:
            _draw(drawings, chart_options)


def _find_runs(names: tuple[str, ...], checkpoints: str | None) -> dict[str, RunFolder]:
    """Return the runs by label: the run's name or, for a second run of that name, its path."""
    folder = existing_checkpoints_folder(checkpoints)
    runs: dict[str, RunFolder] = {}
    for name in names or (None,):
        run = choose_run_in(folder, name, None)
        if all(run.path.resolve() != other.path.resolve() for other in runs.values()):
            label = run.path.resolve().name
            runs[label if label not in runs else str(run.path)] = run
    return runs


def _drawings(runs: Mapping[str, RunFolder], metrics: list[str], chart_options: _ChartOptions) -> list[ChartDrawing]:
    """Return the charts of the metrics, by default of the losses."""
    from rnntui.charts.chart_view import ChartView
    from rnntui.charts.curve import curves_of
    from rnntui.charts.metrics_history import MetricsHistory
    from rnntui.charts.svg import ChartDrawing

    histories: dict[str, MetricsHistory] = {}
    for name, run in runs.items():
        histories[name] = MetricsHistory(run.metrics_file, chart_options.smoothing or DEFAULT_SMOOTHING)
        histories[name].read_all()
        if not histories[name].metric_keys:
            raise _no_metrics_error(name, run)
    logged = in_order(list(dict.fromkeys(key for history in histories.values() for key in history.metric_keys)))
    _check_metrics(metrics, logged)
    for name, history in histories.items():
        missing = [key for key in metrics if key not in history.metric_keys]
        if missing:
            print_note(f"run {name} has no {', '.join(missing)}")
    best_checks = {name: history.best_check(_selection_order(runs[name])) for name, history in histories.items()}
    view = ChartView(_AXES[chart_options.over], log=chart_options.log)
    kinds = [kind_id_of(run) for run in runs.values()]
    return [
        ChartDrawing(
            chart_heading(title, keys, tuple(runs), kinds),
            curves_of(histories, keys, chart_options.smoothing, best_checks),
            view,
        )
        for title, keys in charts_of(metrics or [key for key in LOSS_KEYS if key in logged] or logged[:1])
    ]


def _selection_order(run: RunFolder) -> tuple[str, ...]:
    """Return the metrics that select the run's weights; none for a run whose config cannot be read."""
    try:
        return run.read_config().training.selection_order
    except RunError:
        return ()


def _draw(drawings: list[ChartDrawing], chart_options: _ChartOptions) -> None:
    from rnntui.charts.plot import Display, render_chart

    terminal = shutil.get_terminal_size(_PIPE_SIZE) if sys.stdout.isatty() else _PIPE_SIZE
    # One row is left for the prompt that follows.
    chart_rows = (terminal.lines - 1) // len(drawings) if sys.stdout.isatty() else terminal.lines
    rows = chart_options.height or max(_MIN_ROWS, chart_rows)
    is_coloured = has_colours()
    display = Display(chart_options.width or terminal.columns, rows, is_coloured)
    for index, drawing in enumerate(drawings):
        chart = render_chart(drawing.heading.full, drawing.curves, drawing.view, display)
        print_rows(chart.rows, is_coloured, blank_line_before=index > 0)


def _check_metrics(metrics: list[str], logged: list[str]) -> None:
    missing = next((key for key in metrics if key not in logged), None)
    if missing is not None:
        rest = f" and {len(logged) - _MAX_LISTED} more" if len(logged) > _MAX_LISTED else ""
        listed = f"{', '.join(logged[:_MAX_LISTED])}{rest}"
        if missing in all_metrics():
            owners = [kind.title for kind in KINDS.values() if missing in {metric.key for metric in kind.metrics}]
            scope = f" (a metric of {' and '.join(owners)}s)" if owners else ""
            raise UsageError(f"--metric {missing}: none of these runs has logged it{scope}; they have {listed}")
        raise UsageError(f"--metric {missing}: no such metric; choose from {listed}")


def _no_metrics_error(name: str, run: RunFolder) -> RunError:
    return RunError(f"run {name} has no metrics in {run.metrics_file}; choose a run whose training has started")


def _row_blocks(run: RunFolder) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of a run's metrics in blocks."""
    tail = MetricsTail(run.metrics_file)
    yield tail.read(_BLOCK)
    while tail.has_more:
        yield tail.read(_BLOCK)


def _logged_metrics(runs: Mapping[str, RunFolder], metrics: list[str]) -> list[str]:
    """Return `metrics`, or all that the runs have logged if it is empty.

    Raises `RunError` for a run without metrics, `UsageError` for a metric that no run has.
    """
    numeric_keys: dict[str, None] = {}
    for name, run in runs.items():
        empty = True
        for rows in _row_blocks(run):
            for row in rows:
                numeric_keys.update(dict.fromkeys(key for key, value in row.items() if _is_number(value)))
                empty = False
        if empty:
            raise _no_metrics_error(name, run)
    logged = in_order([key for key in numeric_keys if key not in AXES])
    _check_metrics(metrics, logged)
    return metrics or logged


def _write_csv(runs: Mapping[str, RunFolder], metrics: list[str]) -> None:
    columns = _logged_metrics(runs, metrics)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", *AXES, *map(_spreadsheet_text, columns)])
    for name, run in runs.items():
        for rows in _row_blocks(run):
            for row in rows:
                if not metrics or any(key in row for key in metrics):
                    values = (row.get(key) for key in (*AXES, *columns))
                    writer.writerow(
                        [_spreadsheet_text(name), *(value if _is_number(value) else "" for value in values)]
                    )
            write_out(text.getvalue())
            text.seek(0)
            text.truncate()


def _spreadsheet_text(text: str) -> str:
    """Return a name as a cell of CSV: on one line, and behind an apostrophe if a spreadsheet took it for a formula."""
    cell = one_line(text)
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def _write_json(runs: Mapping[str, RunFolder], metrics: list[str]) -> None:
    _logged_metrics(runs, metrics)
    for name, run in runs.items():
        for rows in _row_blocks(run):
            selected = [row for row in rows if not metrics or any(key in row for key in metrics)]
            write_out("".join(json.dumps(_record(name, row, metrics)) + "\n" for row in selected))


def _record(name: str, row: dict[str, Any], metrics: list[str]) -> dict[str, Any]:
    """Return a row with its run. NaN and infinities, which JSON does not have, become null."""
    values = {key: value for key, value in row.items() if key != "run" and (not metrics or key in (*AXES, *metrics))}
    return {"run": name, **{key: None if _is_not_finite(value) else value for key, value in values.items()}}


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def _is_not_finite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
