"""Drawing and reading speed of the terminal app.

*Charts*: two noisy curves of 10,000 and of 100,000 points each, smoothed, drawn by the app's own widget in an app
without a terminal. *New data* is what a step of a live run costs: curves made anew, smoothed, decimated, drawn and
turned into lines for the screen. *Moved* is the same data in another view, as while panning. The two take
turns.

*Tail*: a metrics file of 200 MB, made in a temporary folder. A fresh process reads it as the app does, a block at a
time; then a row is appended, and read.

*Start*, *typing* and *training*: the app itself in a real pseudo-terminal, see `tui_live.py`. *Training* is typing
while a training wants every core, as the app starts it, and one that does not give way to the app.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from common import alternate, print_heading, print_table, verdict
from textual.app import App, ComposeResult
from tui_live import start, typing, typing_beside_training

from rnntui.charts.chart_view import ChartView
from rnntui.charts.curve import Curve
from rnntui.charts.metrics_history import BLOCK, MetricSeries, MetricsHistory
from rnntui.tui.widgets.chart import Chart

POINTS = (10_000, 100_000)
SIZES = ((100, 30), (140, 40))
TARGETS = {(10_000, (100, 30)): 10.0, (100_000, (100, 30)): 25.0}  # milliseconds, new data
SMOOTHING = 0.99
METRICS_BYTES = 200_000_000


class ChartApp(App[None]):
    """An app with nothing but a chart."""

    def compose(self) -> ComposeResult:
        yield Chart("Training loss")


def series_of(count: int) -> list[MetricSeries]:
    """Return two falling, noisy losses."""
    rng = np.random.default_rng(1)
    steps = np.arange(1.0, count + 1) * 10
    axes = {"step": steps, "seconds": steps * 0.06, "tokens": steps * 4096}
    return [MetricSeries(2 * np.exp(-steps / steps[-1] * 4) + rng.normal(1.4, 0.1, count), axes) for _ in range(2)]


def show(chart: Chart, series: list[MetricSeries]) -> None:
    """Give the chart new curves, as each new row of a run does."""
    chart.show([Curve(f"run {i}", one, i, SMOOTHING) for i, one in enumerate(series)])


def seconds_to_draw(chart: Chart, change: Callable[[], None]) -> float:
    """Return the seconds from a change until every line of the chart is rendered."""
    began = time.perf_counter()
    change()
    for y in range(chart.size.height):
        chart.render_line(y)
    return time.perf_counter() - began


async def chart_times(count: int, size: tuple[int, int], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each drawing."""
    series = series_of(count)
    last = float(series[0].axes["step"][-1])
    async with ChartApp().run_test(size=size) as pilot:
        await pilot.pause()
        chart = pilot.app.query_one(Chart)
        moves = iter(range(10 * rounds))

        def move() -> None:
            chart.view = replace(ChartView(), left=last * 0.001 * (1 + next(moves)), right=last * 0.95)

        def anew() -> float:
            chart.view = ChartView()
            return seconds_to_draw(chart, lambda: show(chart, series))

        return alternate({"new data": anew, "moved": lambda: seconds_to_draw(chart, move)}, rounds, warm_up=2)


def charts(rounds: int) -> None:
    """Measure and print the drawings."""
    rows: list[list[object]] = []
    for count in POINTS:
        for size in SIZES:
            found = asyncio.run(chart_times(count, size, rounds))
            new, moved = (statistics.median(found[name]) * 1000 for name in ("new data", "moved"))
            target = TARGETS.get((count, size))
            rows.append(
                [f"2 x {count:,} points, {size[0]}x{size[1]}", f"{new:.1f}", f"{max(found['new data']) * 1000:.1f}",
                 f"{moved:.1f}", "" if target is None else f"<= {target:g}",
                 "" if target is None else verdict(new <= target)]
            )  # fmt: skip
    columns = ["chart", "new data, ms", "most", "moved, ms", "target", ""]
    print_table(f"charts, medians of {rounds} drawings", columns, rows)


def write_metrics(path: Path, size: int) -> int:
    """Write a metrics file of about so many bytes, as a long run would; return its number of rows."""
    rows = 0
    rng = np.random.default_rng(1)
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < size:
            rows += 1
            place = {"step": rows * 10, "tokens": rows * 40_960, "seconds": round(rows * 0.61, 3)}
            loss = 1.4 + float(rng.normal(0, 0.1))
            file.write(json.dumps({**place, "train_loss": loss, "learning_rate": loss / 1000, "gradient_norm": loss / 3,
                                   "tokens_per_second": 70_000 * loss}) + "\n")  # fmt: skip
            if rows % 100 == 0:
                file.write(json.dumps({**place, "validation_loss": loss, "sample": "To be, or not " * 6}) + "\n")
    return rows


def follow(path: str, answers: multiprocessing.queues.Queue[dict[str, float]]) -> None:
    """Read the file as the app does, in a process of its own, as memory is counted by process."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    history, blocks = MetricsHistory(Path(path)), []
    more = True
    while more:
        began = time.perf_counter()
        history.read()
        blocks.append(time.perf_counter() - began)
        more = history.has_more
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Path(path).open("a", encoding="utf-8") as file:
        row = json.dumps({"step": 10**9, "train_loss": 1.0}) + "\n"
        file.write(row)
    counting = -bytes_read() + bytes_read()  # what it takes to ask is counted itself
    read = bytes_read()
    began = time.perf_counter()
    history.read()
    seconds = time.perf_counter() - began
    read = bytes_read() - read - counting
    unit = 1024 if sys.platform != "darwin" else 1024**2
    answers.put(
        {
            "first read": sum(blocks), "a block": statistics.median(blocks), "longest block": max(blocks),
            "peak": peak / unit, "imports": before / unit, "points": float(len(history.series("train_loss").values)),
            "row": float(len(row)), "bytes": read, "follow": seconds,
        }
    )  # fmt: skip


def bytes_read() -> float:
    """Return the bytes that this process has read, as counted by the kernel; NaN where that is unknown."""
    counts = Path("/proc/self/io")
    if not counts.is_file():
        return float("nan")
    return float(counts.read_text(encoding="ascii").split("rchar:")[1].split()[0])


def tail(size: int) -> None:
    """Measure and print the reading of a large metrics file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "metrics.jsonl"
        rows = write_metrics(path, size)
        context = multiprocessing.get_context("spawn")
        answers: multiprocessing.queues.Queue[dict[str, float]] = context.Queue()
        process = context.Process(target=follow, args=(str(path), answers))
        process.start()
        found = answers.get()
        process.join()
        file_size = os.path.getsize(path)  # noqa: PTH202
    table = [
        ["first read, all of it, s", f"{found['first read']:.1f}"],
        [f"a block of {BLOCK // 1024} KiB, ms: median", f"{found['a block'] * 1000:.1f}"],
        ["the slowest block, ms", f"{found['longest block'] * 1000:.1f}"],
        ["peak memory of the process, MB", f"{found['peak']:.0f}"],
        ["of that before reading, MB", f"{found['imports']:.0f}"],
        [f"bytes read after a row of {found['row']:.0f} bytes was appended", f"{found['bytes']:.0f}"],
        ["and how long that took, ms", f"{found['follow'] * 1000:.2f}"],
    ]
    print_table(f"a metrics file of {file_size / 1e6:.0f} MB, {rows:,} rows", ["tail", ""], table)


def main() -> None:
    parser = argparse.ArgumentParser(description="Print how fast the terminal app draws charts and follows a run.")
    parser.add_argument("--rounds", type=int, default=30, help="drawings of each chart [default: 30]")
    parser.add_argument("--bytes", type=int, default=METRICS_BYTES, help="size of the metrics file [default: 200 MB]")
    parser.add_argument("--starts", type=int, default=7, help="starts of the app [default: 7]")
    parser.add_argument("--seconds", type=float, default=60, help="seconds of typing [default: 60]")
    parser.add_argument(
        "--characters", type=int, default=200_000, help="length of the text typed at [default: 200,000]"
    )
    parser.add_argument("--only", choices=["charts", "tail", "start", "typing", "training"], help="only one part")
    arguments = parser.parse_args()
    print_heading("terminal app", "fp64")
    if arguments.only in (None, "charts"):
        charts(arguments.rounds)
    if arguments.only in (None, "tail"):
        tail(arguments.bytes)
    if arguments.only in (None, "start"):
        start(arguments.starts)
    if arguments.only in (None, "typing"):
        typing(arguments.seconds, arguments.characters)
    if arguments.only in (None, "training"):
        typing_beside_training(rounds=3, keys=int(arguments.seconds))


if __name__ == "__main__":
    main()
