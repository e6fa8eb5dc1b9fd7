"""CPU time and memory of every `rnntui inspect` command, with shipped models and with one of a large text.

The large text is that of `novelty.py`: words drawn by how often each follows another in a corpus. A model is trained on
it for a few steps, which is enough for what the commands do. Each command runs in a process of its own, as a user would
run it; its time is that of all its threads, and its memory the peak that the system counted (`wait4`).

This process stays small on purpose, without numpy: Linux carries the peak of a process over to those it starts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from common import print_heading, print_table

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("shakespeare", "en-es")
_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
_SENTENCE = "The old man never saw such a big house."


def commands(run: str, pairs: Path) -> Iterator[Sequence[str]]:
    """Yield the commands for a run."""
    if run == "en-es":
        yield "attention", run, "--sentence", _SENTENCE
        yield "attention", run, "--pairs", str(pairs)
        yield "context", run, "--text", str(pairs)
        return
    yield "gradients", run
    yield "context", run
    yield "clipping", run
    yield "novelty", run  # builds the index
    yield "novelty", run
    yield "units", run
    yield "step", run, "To be, or not to be"


def run_measured(words: Sequence[str], folder: Path) -> tuple[float, float]:
    """Run `rnntui` in a folder; return its CPU seconds and its peak memory in bytes. Exits if it fails."""
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(folder / "cache")
    }  # fmt: skip
    command = [sys.executable, "-m", "rnntui", *words]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=folder, env=environment
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"inspecting.py: rnntui {' '.join(words)} ended with code {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _UNIT


def write_pairs(path: Path, count: int) -> None:
    """Write pairs from all over a table, which is not read as a whole."""
    source = ROOT / "corpora" / "en-es.tsv"
    with source.open("rb") as file:
        total = sum(1 for _ in file)
    with source.open("rb") as file, path.open("wb") as target:
        target.writelines(islice(file, 0, count * (total // count), total // count))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=100, help="size of the large text [default: 100]")
    parser.add_argument("--pairs", type=int, default=200, help="pairs of en-es that are read [default: 200]")
    options = parser.parse_args()
    print_heading("rnntui inspect", "fp32", megabytes=options.megabytes)
    rows = []
    with tempfile.TemporaryDirectory(prefix="rnntui-inspecting-") as name:
        folder = Path(name)
        for run in SHIPPED:
            shutil.copytree(
                ROOT / "checkpoints" / run, folder / "checkpoints" / run, ignore=shutil.ignore_patterns("novelty")
            )
        (folder / "corpora").mkdir()
        shutil.copy(ROOT / "corpora" / "shakespeare.txt", folder / "corpora")
        pairs = folder / "pairs.tsv"
        write_pairs(pairs, options.pairs)
        large = folder / "large.txt"
        write = [sys.executable, str(ROOT / "benchmarks" / "novelty.py"), str(ROOT / "corpora" / "shakespeare.txt")]
        subprocess.run([*write, "--write", str(large), "--megabytes", str(options.megabytes)], check=True)
        training = ["train", "large.txt", "--name", "large", "--steps", "20", "--evaluations", "1", "--threads", "1"]
        seconds, memory = run_measured([*training, "--ngram-prior", "0", "--sample-length", "0"], folder)
        rows.append([f"(train large.txt: {large.stat().st_size / 1e6:.0f} MB)", seconds, memory])
        for run in (*SHIPPED, "large"):
            for words in commands(run, pairs):
                shown = " ".join(word.removeprefix(f"{folder}/") for word in words if word != "To be, or not to be")
                rows.append([shown.replace(_SENTENCE, "..."), *run_measured(["inspect", *words, "--json"], folder)])
                print(rows[-1], file=sys.stderr, flush=True)
    shown_rows = [[name, f"{seconds:.1f} s", f"{memory / 1e6:.0f} MB"] for name, seconds, memory in rows]
    print_table("One run of each command", ["rnntui inspect", "CPU time", "peak memory"], shown_rows)


if __name__ == "__main__":
    main()
