"""Shared parts of the benchmarks: facts of the machine, alternating rounds of measurements, plain-text tables."""

from __future__ import annotations

import datetime
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

# Nothing here imports numpy or torch: sampling.py sets thread counts before numpy is loaded, and memory.py must stay
# small, for a process counts into the peak memory of the one it starts.

# Taken when a script starts, before it makes a load itself.
LOAD = f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"

Contestant = Callable[[], float]
"""Runs one round and returns a measurement, such as seconds."""


_TUNING = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "VECLIB_", "ONEDNN_")  # variables that change speed


def processor() -> str:
    """Return the name of the processor, from the kernel if possible, else from Python."""
    table = Path("/proc/cpuinfo")
    if table.is_file():
        for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def print_heading(title: str, precision: str, **other_facts: object) -> None:
    """Print what was measured, where, with which versions and when, as numbers mean little without these.

    The load is that of the minute before: if well above 0, something else was running too.
    """
    facts: dict[str, object] = {
        "processor": processor(),
        "cores usable": cores(),
        "load before": LOAD,
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {metadata.version(name)}" for name in ("rnntui", "torch", "numpy")),
        "precision": precision,
        "date": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %z"),
    }
    tuning = [f"{name}={os.environ[name]}" for name in sorted(os.environ) if name.startswith(_TUNING)]
    if tuning:
        facts["environment"] = ", ".join(tuning)
    facts |= {name.replace("_", " "): value for name, value in other_facts.items()}
    print(title)
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"  {name:<{width}}  {value}")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Format a plain-text table: the first column left-aligned, the others right-aligned, None as a dash."""
    lines = [list(columns), *([str("-" if cell is None else cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    lines.insert(1, ["-" * width for width in widths])
    print(f"\n{title}")
    for line in lines:
        first, *others = line
        padded = [first.ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        print("  " + "  ".join(padded).rstrip(), flush=True)


def parts_at_markers(text: str, start: str, end: str) -> tuple[str, str, str]:
    """Return a page's text up to a marker and with it, what is between it and the next end marker, and the rest.

    Raises `ValueError` if a marker is missing.
    """
    before, begin, rest = text.partition(start)
    between, close, after = rest.partition(end)
    if not (begin and close):
        raise ValueError(f"the page has no {end if begin else start}")
    return before + begin, between, close + after


def parted(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split arguments at the first `--`; those after it are for another command."""
    split = arguments.index("--") if "--" in arguments else len(arguments)
    return list(arguments[:split]), list(arguments[split + 1 :])


def alternate(contestants: Mapping[str, Contestant], rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Return the measurements of each contestant in each round, after `warm_up` rounds that are not counted.

    The contestants alternate, and each round begins with another of them, so that other load on the machine and the
    state of its caches affect all alike.
    """
    names = list(contestants)
    measurements: dict[str, list[float]] = {name: [] for name in names}
    for round_index in range(-warm_up, rounds):
        for offset in range(len(names)):
            name = names[(offset + round_index) % len(names)]
            measurement = contestants[name]()
            if round_index >= 0:
                measurements[name].append(measurement)
    return measurements


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Return the median of the ratio of two measurements, each pair taken in the same round."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def verdict(reached: bool) -> str:
    """Return a word that says whether a target was met."""
    return "met" if reached else "MISSED"
