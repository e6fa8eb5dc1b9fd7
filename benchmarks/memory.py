"""Memory that `rnntui train` needs for a large corpus, and time until its first step.

A text of the size asked for is made of the lines of a real one, repeated in shuffled order, and written to a temporary
file. The command trains on it for a few steps in a process of its own; the peak of its resident memory is what the
system counted for that process (`wait4`), with the pages of mapped files that it touched. Times are taken from outside,
at the lines that the command prints.

This process stays small on purpose, without numpy and torch: Linux carries the peak of a process over to those it
starts.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from common import parted, print_heading, print_table, verdict

SOURCE = Path(__file__).resolve().parent.parent / "corpora" / "shakespeare.txt"
TARGET = 1e9  # bytes
_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
_STARTS = re.compile(r"run .* starts: .* on (\S+) in (\S+)$", re.MULTILINE)
_STEP = re.compile(r"step [1-9]")


@dataclass(frozen=True)
class Measured:
    """`read`: seconds until the corpus was read and encoded; `step`: until the first step was done."""

    peak: int
    read: float | None
    step: float | None
    whole: float
    precision: str


def write_text(path: Path, source: Path, size: int, seed: int) -> None:
    """Write `size` bytes, or a line more, of the source's lines in shuffled order, shuffled anew each time round."""
    lines = source.read_bytes().splitlines(keepends=True)
    shuffled = random.Random(seed)
    written = 0
    with path.open("wb") as file:
        while written < size:
            shuffled.shuffle(lines)
            for line in lines:
                written += file.write(line)
                if written >= size:
                    break


def train(corpus: Path, checkpoints: Path, steps: int, extra: list[str]) -> Measured:
    """Run the command on the corpus; its output goes to stderr."""
    command = [sys.executable, "-m", "rnntui", "train", str(corpus), "--name", "run"]
    # Two checks and the final evaluation are enough to show what they need.
    command += ["--checkpoints", str(checkpoints), "--steps", str(steps), "--evaluations", "2", *extra]
    began = time.perf_counter()
    read = step = None
    precision = "unknown"
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
    assert process.stderr is not None
    for line in process.stderr:
        seconds = time.perf_counter() - began
        sys.stderr.write(line)
        if starts := _STARTS.match(line):
            read, precision = seconds, starts[2]
        elif step is None and _STEP.match(line):
            step = seconds
    process.stderr.close()
    _, status, usage = os.wait4(process.pid, 0)  # of this one process, where RUSAGE_CHILDREN would be of all
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"memory.py: {' '.join(command)} ended with code {process.returncode}")
    return Measured(usage.ru_maxrss * _UNIT, read, step, time.perf_counter() - began, precision)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Print the peak memory of `rnntui train` on a large text, and the seconds until its first step.",
        epilog="Further flags of `rnntui train` may follow --, as in: memory.py -- --tokenizer bpe",
    )
    parser.add_argument("--size-mb", type=float, default=200.0, help="size of the text in 10^6 bytes [default: 200]")
    parser.add_argument("--steps", type=int, default=20, help="steps to train for [default: 20]")
    parser.add_argument("--source", type=Path, default=SOURCE, help="text whose lines are used [default: Shakespeare]")
    parser.add_argument("--seed", type=int, default=1, help="seed of the shuffling [default: 1]")
    own, extra = parted(sys.argv[1:])
    arguments = parser.parse_args(own)

    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus.txt"
        write_text(corpus, arguments.source, int(arguments.size_mb * 1e6), arguments.seed)
        size = corpus.stat().st_size
        found = train(corpus, Path(folder) / "runs", arguments.steps, extra)
    floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT

    command = " ".join(["rnntui train corpus.txt", f"--steps {arguments.steps} --evaluations 2", *extra])
    print_heading("memory of training on a large corpus", found.precision, command=command)
    print_table(
        "peak resident memory and times of the whole process",
        ["corpus MB", "peak MB", "target MB", "", "corpus read s", "first step s", "whole s"],
        [
            [
                f"{size / 1e6:,.1f}", f"{found.peak / 1e6:,.0f}", f"{TARGET / 1e6:,.0f}", verdict(found.peak < TARGET),
                _seconds(found.read), _seconds(found.step), _seconds(found.whole),
            ]
        ],
    )  # fmt: skip
    print(f"  MB: 10^6 bytes; no peak can show below {floor / 1e6:,.0f} MB, this script's own")


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"


if __name__ == "__main__":
    main()
