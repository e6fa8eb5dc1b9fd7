"""Training speed while other programs use the processors: the number of threads that adapts, beside fixed numbers.

Each measurement is a whole training by the command in a process of its own, with one evaluation at its start and one at
its end: tokens between the first and the last row of steps in its `metrics.jsonl`, divided by the seconds between them.
*Auto* is the default, which adapts while it trains; its first seconds, in which it finds the number, are measured too.
The others are fixed by `--threads`. `--earlier TREE` adds the training of another version's source tree with its own
default. They take turns within each round while 0, 1 or 2 loops of Python are busy beside them; the table has medians
over the rounds, and ratios of measurements from the same round.

`--budget` instead trains with a budget of minutes and the command's own evaluations, while two busy loops come and go
every ten seconds, and prints when it ended, and the learning rate of its last step.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from common import cores, print_heading, print_table

AUTO, EARLIER = "auto", "earlier"


@dataclass(frozen=True)
class Work:
    """A training to measure: its command with all flags that shape it."""

    name: str
    command: str
    flags: tuple[str, ...]


def trainings(text: str, pairs: str) -> list[Work]:
    """Return the trainings, by the names that `--only` takes."""
    return [
        Work("lstm", "train", (text,)),
        Work("gru", "train", (text, "--cell", "gru")),
        Work("small", "train", (text, "--hidden", "64")),
        Work("seq2seq", "train-seq2seq", (pairs, "--bleu-pairs", "2")),
    ]


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="?", default="corpora/shakespeare.txt", help="a text to train on")
    parser.add_argument("--pairs", default="corpora/en-es.tsv", help="pairs to train on")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30.0, help="length of a training")
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1, 2], help="numbers of busy processes beside")
    parser.add_argument("--earlier", metavar="TREE", help="source tree of another version, to measure beside this one")
    parser.add_argument("--only", nargs="+", help="names of trainings")
    parser.add_argument("--budget", type=float, nargs="+", metavar="MINUTES", help="try these budgets instead")
    options = parser.parse_args()
    tree = Path(__file__).resolve().parent.parent
    print_heading("Training beside busy processes, tokens/s", "auto", seconds_of_a_training=options.seconds)
    if options.budget:
        rows = [budget_row(options.text, minutes) for minutes in options.budget]
        columns = ["minutes", "asked", "ended", "last rate / peak", "steps", "changes of threads"]
        print_table("Budgets while two busy loops come and go, seconds", columns, rows)
        return
    fixed = [str(count) for count in sorted({1, cores()})]
    ways = [AUTO, *fixed, *([EARLIER] if options.earlier else [])]
    for work in trainings(str(Path(options.text).resolve()), str(Path(options.pairs).resolve())):
        if options.only and work.name not in options.only:
            continue
        rows = []
        for busy in options.busy:
            speeds: dict[str, list[float]] = {way: [] for way in ways}
            with busy_processes(busy):
                for _ in range(options.rounds):
                    for way in random.sample(ways, len(ways)):
                        source = Path(options.earlier) if way == EARLIER else tree
                        speeds[way].append(speed(work, way, source, options.seconds))
            rows.append([busy, *cells(speeds, fixed)])
        columns = ["busy", "auto", *(f"--threads {count}" for count in fixed), "auto / best fixed"]
        columns += ["earlier", "auto / earlier"] if options.earlier else []
        print_table(f"{work.name}: rnntui {work.command} {' '.join(work.flags[1:])}", columns, rows)


def cells(speeds: dict[str, list[float]], fixed: list[str]) -> list[str]:
    """Return a row: medians, and medians of the ratios of each round."""
    median = {way: f"{statistics.median(values):,.0f}" for way, values in speeds.items()}
    best = max(fixed, key=lambda count: statistics.median(speeds[count]))
    row = [median[AUTO], *(median[count] for count in fixed), ratio(speeds[AUTO], speeds[best])]
    return row + ([median[EARLIER], ratio(speeds[AUTO], speeds[EARLIER])] if EARLIER in speeds else [])


def ratio(ours: list[float], theirs: list[float]) -> str:
    """Return the median of the ratios of each round."""
    return f"{statistics.median(one / other for one, other in zip(ours, theirs, strict=True)):.2f}"


@contextlib.contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep processors busy inside with so many loops of Python."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def budget_row(text: str, minutes: float) -> list[str]:
    """Train for so many minutes while busy loops come and go."""
    with tempfile.TemporaryDirectory(prefix="rnntui-contention-") as folder:
        training = subprocess.Popen(
            [
                sys.executable, "-m", "rnntui", "train", text, "--name", "run", "--checkpoints", folder,
                "--minutes", str(minutes),
            ],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while training.poll() is None:
            time.sleep(10)
            with busy_processes(2), contextlib.suppress(subprocess.TimeoutExpired):
                training.wait(10)
        run = Path(folder) / "run"
        rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
        status = json.loads((run / "status.json").read_text(encoding="utf-8"))
    rates = [row["learning_rate"] for row in rows if "learning_rate" in row]
    threads = [row["threads"] for row in rows if "threads" in row]
    changes = sum(before != after for before, after in pairwise(threads))
    return [f"{minutes:g}", f"{60 * minutes:.0f}", f"{status['seconds']:.1f}", f"{rates[-1] / max(rates):.4f}",
            f"{status['step']:,}", f"{changes}"]  # fmt: skip


def speed(work: Work, way: str, source: Path, seconds: float) -> float:
    """Train for so many seconds by the version in `source`, and return the tokens per second."""
    threads = ["--threads", way] if way not in (AUTO, EARLIER) else []
    with tempfile.TemporaryDirectory(prefix="rnntui-contention-") as folder:
        subprocess.run(
            [
                sys.executable, "-m", "rnntui", work.command, *work.flags, *threads, "--name", "run",
                "--checkpoints", folder, "--minutes", f"{seconds / 60:.4f}", "--evaluations", "1",
                "--eval-tokens", "256", "--sample-length", "0",
            ],
            cwd=source, env={**os.environ, "PYTHONPATH": str(source)}, stderr=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        lines = (Path(folder) / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if "train_loss" in row]
    first, last = rows[0], rows[-1]
    return float((last["tokens"] - first["tokens"]) / (last["seconds"] - first["seconds"]))


if __name__ == "__main__":
    main()
