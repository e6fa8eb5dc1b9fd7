"""Long runs on disk: charts of ten million rows of metrics, a thousand runs in a list, the cost of writing a row.

Times that depend on the machine are given beside the same measurement done the plain way, in the same process: reading
every row for a chart, and reading every file of every run for a list.
"""

from __future__ import annotations

import argparse
import math
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import print_heading, print_table

from rnntui.charts.chart_view import ChartView
from rnntui.charts.curve import curves_of
from rnntui.charts.metrics_history import MetricsHistory
from rnntui.charts.plot import Display, render_chart
from rnntui.runs.folder import RunFolder
from rnntui.runs.listing import list_runs, summarize_run
from rnntui.runs.lookup import find_run, runs_in, shipped_runs
from rnntui.runs.metrics_log import MetricsLog, drop_after
from rnntui.sessions.run_watcher import RunWatcher

_BLOCK = 10_000  # rows written at a time
_PLAIN_ROWS = 400_000  # rows of the plain way, whose time for more rows is proportional
_WIDTHS = (80, 200)
_ROUNDS = 5


def write_long_metrics(path: Path, rows: int) -> None:
    """Write a metrics file as a training of so many rows does, with noise, a spike and evaluations."""
    rng = np.random.default_rng(1)
    with path.open("w", encoding="utf-8") as file:
        for start in range(1, rows + 1, _BLOCK):
            indices = np.arange(start, min(rows + 1, start + _BLOCK))
            losses = 1.4 + 2.5 / np.sqrt(1 + indices / 1000) + rng.normal(0, 0.1, len(indices))
            losses[indices == rows // 3] = 9.75
            lines = []
            for index, loss in zip(indices.tolist(), losses.tolist(), strict=True):
                place = f'{{"step": {index * 10}, "tokens": {index * 40960}, "seconds": {index * 0.6125:.3f}'
                if index % 1000 == 0:
                    text = "To be, or not to be " * 4
                    lines.append(
                        f'{place}, "validation_loss": {loss}, "bits_per_character": {loss}, "sample": "{text}"}}'
                    )
                lines.append(
                    f'{place}, "train_loss": {loss}, "learning_rate": {loss / 1000}, "gradient_norm": {loss / 3}, '
                    f'"clipped_share": {index % 11 / 10}, "tokens_per_second": {70_000 + index % 997 + 0.125}, '
                    f'"threads": 2}}'
                )
            file.write("\n".join(lines) + "\n")


def cpu_seconds() -> float:
    """Return the CPU time of this process and of those that it has started and that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def timed(action: Callable[[], object], rounds: int = _ROUNDS) -> float:
    """Return the median seconds of CPU time of an action and of the processes that it starts.

    CPU time is much the same on a machine that does other work; the files are in the page cache.
    """
    seconds = []
    for _ in range(rounds):
        began = cpu_seconds()
        action()
        seconds.append(cpu_seconds() - began)
    return statistics.median(seconds)


def read(path: Path, max_rows: int | None = None) -> MetricsHistory:
    """Return the metrics of a file, downsampled unless all rows are to be kept."""
    history = MetricsHistory(path) if max_rows is None else MetricsHistory(path, max_rows=max_rows)
    history.read_all()
    return history


def draw(history: MetricsHistory, width: int, log: bool = False) -> list[str]:
    """Return the chart of the losses as lines of text with the styles of their pieces."""
    curves = curves_of({"run": history}, ["train_loss", "validation_loss"], 0.9)
    rendered = render_chart("Loss", curves, ChartView(log=log), Display(width, 24))
    return ["".join(text for text, _ in row) for row in rendered.rows]


def charts(rows: int, folder: Path) -> None:
    """Measure and print the opening of charts."""
    path = folder / "metrics.jsonl"
    write_long_metrics(path, rows)
    size = path.stat().st_size
    plain_rows = min(rows, _PLAIN_ROWS)
    plain_path = folder / "plain.jsonl"
    with path.open("rb") as source, plain_path.open("wb") as target:
        target.write(source.read(size * plain_rows // rows))
    began = cpu_seconds()
    plain = read(plain_path, max_rows=sys.maxsize)
    plain_seconds = (cpu_seconds() - began) * rows / plain_rows
    downsampled = MetricsHistory(plain_path, 0.9 + 1e-12)  # another smoothing is never saved
    downsampled.read_all()
    table = []
    for width in _WIDTHS:
        for log in (False, True):
            pairs = list(zip(draw(plain, width, log), draw(downsampled, width, log), strict=True))
            cells = sum(len(one) for one, _ in pairs)
            same = sum(a == b for one, other in pairs for a, b in zip(one, other, strict=True))
            table.append([f"{width} columns{', logarithmic' if log else ''}", f"{100 * same / cells:.2f}%"])
    print_table(f"cells of a chart of {plain_rows:,} rows that are those of all rows", ["chart", "equal"], table)

    began = cpu_seconds()
    history = read(path)
    first = cpu_seconds() - began
    opened = timed(lambda: draw(read(path), 200))
    cached = path.with_name("curves.safetensors").stat().st_size
    began = cpu_seconds()
    command = [sys.executable, "-m", "rnntui", "curves", str(folder), "--width", "120", "--height", "24"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    command_seconds = cpu_seconds() - began
    highest = float(history.series("train_loss").values.max())
    print_table(
        f"charts of {rows:,} rows, {size / 1e6:,.0f} MB",
        ["", "value", "of all rows"],
        [
            ["reading all rows, as before (from a part), s", f"{plain_seconds:.1f}", "100%"],
            ["first opening, nothing saved, s", f"{first:.1f}", f"{100 * first / plain_seconds:.0f}%"],
            ["opening and drawing, s", f"{opened:.3f}", f"{100 * opened / plain_seconds:.2f}%"],
            ["rnntui curves, all of the command, s", f"{command_seconds:.2f}", f"exit {shown.returncode}"],
            ["rows kept", f"{len(history.series('train_loss').values):,}", ""],
            ["spike of 9.75 is kept", str(math.isclose(highest, 9.75)), ""],
            ["curves.safetensors, MB", f"{cached / 1e6:.1f}", f"{100 * cached / size:.1f}%"],
        ],
    )
    began = cpu_seconds()
    drop_after(path, rows * 10)
    kept = cpu_seconds() - began
    began = cpu_seconds()
    drop_after(path, rows * 10 - 50)
    dropped = cpu_seconds() - began
    table = [["resuming, nothing to drop, s", f"{kept:.1f}"], ["resuming, five rows to drop, s", f"{dropped:.1f}"]]
    began = cpu_seconds()
    log = MetricsLog(path)
    table.append(["opening the file to append, s", f"{cpu_seconds() - began:.1f}"])
    table.append(["writing a row at its end, us", f"{1e6 * row_seconds(log):.1f}"])
    log.close()
    empty = MetricsLog(folder / "empty.jsonl")
    table.append(["writing a row of an empty file, us", f"{1e6 * row_seconds(empty):.1f}"])
    empty.close()
    print_table("writing", ["", "value"], table)


def row_seconds(log: MetricsLog) -> float:
    """Return the seconds to write a row and to compute what a status says of the file."""
    row = {"step": 10**9, "tokens": 10**12, "seconds": 1e6, "train_loss": 1.25, "learning_rate": 0.001}

    def write() -> None:
        for _ in range(1000):
            log.write(row)
            assert log.size
            assert log.checksum

    return timed(write) / 1000


def run_lists(count: int, folder: Path) -> None:
    """Measure and print the list of so many runs."""
    source = next(run for run in shipped_runs() if run.name == "shakespeare")
    names = ("config.json", "status.json", "metrics.jsonl", "tokenizer.json")
    for index in range(count):
        run = folder / f"run-{index}"
        run.mkdir(parents=True)
        for name in names:
            shutil.copy(source.path / name, run / name)
        (run / "lock").touch()
        (run / "model.safetensors").touch()
    plain = timed(lambda: [summarize_run(run) for run in runs_in(folder)], 3)
    watcher = RunWatcher(folder)
    began = cpu_seconds()
    watcher.poll(())
    first_poll = cpu_seconds() - began

    def command(*arguments: str) -> float:
        line = [sys.executable, "-m", "rnntui", *arguments, "--checkpoints", str(folder)]
        return timed(lambda: subprocess.run(line, capture_output=True, check=True), 3)

    last = f"run-{count - 1}"
    print_table(
        f"{count:,} runs",
        ["", "s"],
        [
            ["a summary of each from its files", f"{plain:.3f}"],
            ["list_runs", f"{timed(lambda: list_runs(folder), 3):.3f}"],
            ["the app: first poll", f"{first_poll:.3f}"],
            ["the app: next poll", f"{timed(lambda: watcher.poll(()), 3):.3f}"],
            ["find_run by name", f"{timed(lambda: find_run(last, folder, None)):.4f}"],
            ["find_run, the newest", f"{timed(lambda: find_run(None, folder, None)):.4f}"],
            ["rnntui runs", f"{command('runs'):.2f}"],
            ["rnntui show --run", f"{command('show', last):.2f}"],
        ],
    )  # fmt: skip
    assert RunFolder(folder / last).read_config()


def main() -> None:
    """Run the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the metrics")
    parser.add_argument("--runs", type=int, default=1000, help="runs in the list")
    parser.add_argument("--only", choices=("charts", "runs"))
    arguments = parser.parse_args()
    print_heading("Long runs", "none")
    with tempfile.TemporaryDirectory() as folder:
        if arguments.only != "charts":
            run_lists(arguments.runs, Path(folder) / "runs")
        if arguments.only != "runs":
            run = Path(folder) / "long"
            run.mkdir()
            source = next(run for run in shipped_runs() if run.name == "shakespeare")
            shutil.copy(source.config_file, run)
            charts(arguments.rows, run)


if __name__ == "__main__":
    main()
