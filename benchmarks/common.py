"""What the benchmarks share: facts of the machine, rounds in which rivals take turns, and plain-text tables."""

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

Rival = Callable[[], float]
"""Does one round of its work and gives a measurement, such as seconds."""


_TUNING = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "VECLIB_", "ONEDNN_")  # variables that change speed


def processor() -> str:
    """The processor's name, from the kernel where it tells, else from Python."""
    table = Path("/proc/cpuinfo")
    if table.is_file():
        for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def print_heading(title: str, precision: str, **more: object) -> None:
    """Say what was measured, where, with which versions and when; numbers without these mean little.

    The load is that of the minute before: well above 0, something else was running too.
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
    chosen = [f"{name}={os.environ[name]}" for name in sorted(os.environ) if name.startswith(_TUNING)]
    if chosen:
        facts["environment"] = ", ".join(chosen)
    facts |= {name.replace("_", " "): value for name, value in more.items()}
    print(title)
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"  {name:<{width}}  {value}")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table in plain text: the first column to the left, the others to the right, None as a dash."""
    lines = [list(columns), *([str("-" if cell is None else cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    lines.insert(1, ["-" * width for width in widths])
    print(f"\n{title}")
    for line in lines:
        first, *others = line
        padded = [first.ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        print("  " + "  ".join(padded).rstrip(), flush=True)


def parted(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Arguments before the first `--`, and those after it, which are for another command."""
    split = arguments.index("--") if "--" in arguments else len(arguments)
    return list(arguments[:split]), list(arguments[split + 1 :])


def alternate(rivals: Mapping[str, Rival], rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """What each rival measured in each of so many rounds, after `warm_up` rounds that are not counted.

    The rivals take turns, and each round begins with another of them: whatever else the machine does, and whatever
    one leaves behind in its caches, falls on all alike.
    """
    names = list(rivals)
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-warm_up, rounds):
        for place in range(len(names)):
            name = names[(place + number) % len(names)]
            measured = rivals[name]()
            if number >= 0:
                found[name].append(measured)
    return found


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median over the rounds of one measurement over the other, each pair taken in the same round."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def verdict(reached: bool) -> str:
    """A word for a target."""
    return "met" if reached else "MISSED"
