"""Samples of a long session: memory, descriptors, threads and children of processes, and slopes over time."""

from __future__ import annotations

import contextlib
import json
import math
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import psutil

MEGABYTE = 1e6
LOG_EVERY = 10  # steps to a row of metrics.jsonl, as `rnntui.training.metrics_and_status` has it


def process_facts(process: psutil.Process) -> dict[str, float]:
    """Return memory in megabytes, descriptors, threads and children of a process; nothing if it has ended."""
    try:
        with process.oneshot():
            memory = process.memory_full_info()
            return {
                "rss_mb": memory.rss / MEGABYTE,
                "pss_mb": memory.pss / MEGABYTE,
                "uss_mb": memory.uss / MEGABYTE,
                "anonymous_mb": _anonymous_memory(process.pid) / MEGABYTE,
                "descriptors": process.num_fds(),
                "threads": process.num_threads(),
                "children": len(process.children(recursive=True)),
            }
    except psutil.Error:
        return {}


def _anonymous_memory(pid: int) -> int:
    """Return the bytes of a process's memory that are of no file; 0 where that cannot be read."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Anonymous:")), 0)


def with_probe(command: Sequence[str], probe: Path | None) -> list[str]:
    """Return a command of `python -m rnntui` with `soak_probe.py` around it, if there is a file to write to."""
    python, *rest = command
    if probe is None:
        return [python, *rest]
    return [python, str(Path(__file__).with_name("soak_probe.py")), str(probe.resolve()), *rest[2:]]


class Sampler:
    """Writes a JSON line every few seconds, in a thread: facts of processes, and what `extra` adds."""

    def __init__(self, path: Path, extra: Callable[[], dict[str, Any]], seconds: float = 10.0) -> None:
        self.path = path
        self.processes: dict[str, psutil.Process] = {}
        self._file: TextIO = path.open("a", encoding="utf-8")
        self._extra, self._seconds = extra, seconds
        self._began = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler")

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._began

    def write(self, **values: Any) -> None:
        """Write a line of its own, such as the session's facts."""
        print(json.dumps({"seconds": round(self.elapsed, 1), **values}), file=self._file, flush=True)

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            processes = {name: process_facts(process) for name, process in list(self.processes.items())}
            self.write(event="sample", processes=processes, **self._extra())

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Sample inside."""
        self._thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            self._thread.join()


class Times:
    """Times that one thread measures and another takes, in milliseconds."""

    def __init__(self) -> None:
        self._values: list[float] = []
        self._lock = threading.Lock()

    def add(self, milliseconds: float) -> None:
        with self._lock:
            self._values.append(round(milliseconds, 1))

    def take(self) -> list[float]:
        """Return the values since the last call."""
        with self._lock:
            values, self._values = self._values, []
        return values


def metric_rows(path: Path) -> dict[str, int]:
    """Return what `metrics.jsonl` of a training says: its rows, the last step, and what is lost.

    A row is written at the latest every ten steps, so `missing` counts each row that a longer way between two rows
    lacks; `broken` counts whole lines that are not JSON objects, and `backwards` rows whose step is not after the last.
    """
    rows = last = missing = broken = backwards = 0
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            try:
                row = json.loads(line)
            except ValueError:
                broken += 1
                continue
            if "train_loss" in row:
                rows += 1
                missing += max(0, math.ceil((row["step"] - last) / LOG_EVERY) - 1)
                backwards += row["step"] <= last
                last = row["step"]
    return {"rows": rows, "last_step": last, "missing": missing, "broken": broken, "backwards": backwards}


@dataclass(frozen=True)
class Slope:
    """A robust slope an hour, with its 95% interval, and the median."""

    slope: float
    low: float
    high: float
    median: float


def fitted_slope(seconds: Sequence[float], values: Sequence[float], block: float = 60.0) -> Slope | None:
    """Return the Theil–Sen slope of values over time; None with less than three blocks.

    The values are first reduced to medians of blocks, as neighbouring ones are correlated. The interval is Sen's
    (1968), by the normal approximation of Kendall's statistic, doi.org/10.1080/01621459.1968.10480934.
    """
    blocks: dict[int, list[tuple[float, float]]] = {}
    for second, value in zip(seconds, values, strict=True):
        blocks.setdefault(int(second // block), []).append((second, value))
    if len(blocks) < 3:
        return None
    x = np.array([statistics.median(second for second, _ in rows) for rows in blocks.values()]) / 3600
    y = np.array([statistics.median(value for _, value in rows) for rows in blocks.values()])
    first, second = np.triu_indices(len(x), 1)
    slopes = np.sort((y[second] - y[first]) / (x[second] - x[first]))
    n = len(x)
    spread = 1.96 * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low = max(0, int((len(slopes) - spread) / 2) - 1)
    high = min(len(slopes) - 1, math.ceil((len(slopes) + spread) / 2))
    return Slope(float(np.median(slopes)), float(slopes[low]), float(slopes[high]), float(np.median(y)))


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile of values that are not empty."""
    return float(np.quantile(np.array(values), share))


def facts_of(rows: Sequence[Mapping[str, Any]], process: str, fact: str) -> tuple[list[float], list[float]]:
    """Return the times and values of a fact of a process, where it was running."""
    found = [
        (row["seconds"], row["processes"][process][fact]) for row in rows if row["processes"].get(process, {}).get(fact)
    ]
    return [second for second, _ in found], [value for _, value in found]
