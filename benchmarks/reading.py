"""Speed of reading a corpus, in MB of the file per second of CPU: decoding, statistics, ids of characters, pairs.

The text is repeated to the size asked for, as it is, with CR LF line ends, and compressed. Each measurement runs in a
process of its own. `--earlier TREE` adds another version's source tree; the two take turns within each round, and the
last column is the median of the ratios of measurements from the same round.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from common import print_heading, print_table, ratio

ROOT = Path(__file__).resolve().parent.parent
TASKS = ("decoding", "statistics", "ids of characters", "pairs")


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="?", default=str(ROOT / "corpora" / "shakespeare.txt"), help="a text")
    parser.add_argument("--table", default=str(ROOT / "corpora" / "en-es.tsv"), help="a table of pairs")
    parser.add_argument("--megabytes", type=float, default=64, help="size of the text")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--earlier", metavar="TREE", help="source tree of another version, to measure beside this one")
    parser.add_argument("--measure", nargs=2, metavar=("TASK", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure)))
        return
    print_heading("Reading a corpus, MB per second of CPU", "none", megabytes=options.megabytes, rounds=options.rounds)
    with tempfile.TemporaryDirectory(prefix="rnntui-reading-") as folder:
        rows = []
        for label, file, tasks in write_files(options, Path(folder)):
            for task in tasks:
                rows.append([label, task, *compare(task, file, options)])
    columns = ["file", "task", "MB/s", *(["earlier", "this / earlier"] if options.earlier else [])]
    print_table("Medians", columns, rows)


def write_files(options: argparse.Namespace, folder: Path) -> list[tuple[str, Path, tuple[str, ...]]]:
    """Write the files to read; return for each what it is, its path, and what is measured with it."""
    text = Path(options.text).read_bytes()
    copies = max(1, round(options.megabytes * 1e6 / len(text)))
    plain, crlf, packed = folder / "lf.txt", folder / "crlf.txt", folder / "lf.txt.gz"
    plain.write_bytes(text * copies)
    crlf.write_bytes(text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") * copies)
    packed.write_bytes(gzip.compress(text * copies, 6))
    return [
        ("LF", plain, TASKS[:3]),
        ("CR LF", crlf, TASKS[:2]),
        ("LF, .gz", packed, TASKS[:1]),
        ("table", Path(options.table).resolve(), TASKS[3:]),
    ]


def compare(task: str, file: Path, options: argparse.Namespace) -> list[str]:
    """Return the cells of a row: the median speed, and those of the comparison with the other version."""
    trees = [ROOT, *([Path(options.earlier).resolve()] if options.earlier else [])]
    speeds: dict[Path, list[float]] = {tree: [] for tree in trees}
    for _ in range(options.rounds):
        for tree in random.sample(trees, len(trees)):
            done = subprocess.run(
                [sys.executable, __file__, "--measure", task, str(file)], cwd=tree, check=True, capture_output=True,
                env={**os.environ, "PYTHONPATH": str(tree)},
            )  # fmt: skip
            speeds[tree].append(float(json.loads(done.stdout)))
    cells = [f"{statistics.median(values):,.1f}" for values in speeds.values()]
    return cells + ([f"{ratio(speeds[trees[0]], speeds[trees[1]]):.3f}"] if options.earlier else [])


def measure(task: str, file: str) -> float:
    """Return the speed of a task in MB/s, the fastest of three times, by the version that is on the path."""
    from rnntui.text.char_tokenizer import CharTokenizer
    from rnntui.text.corpus import find_corpus
    from rnntui.text.pairs import read_table
    from rnntui.text.token_ids import corpus_stats, write_token_file

    corpus = find_corpus([file])
    tokenizer = CharTokenizer([])
    if task == "ids of characters":
        counts = corpus_stats(corpus).counts
        tokenizer = CharTokenizer([chr(point) for point in counts.nonzero()[0]])
    tasks: dict[str, Callable[[], object]] = {
        "decoding": lambda: sum(map(len, corpus.blocks())),
        "statistics": lambda: corpus_stats(corpus),
        "ids of characters": lambda: write_token_file(corpus, tokenizer, Path(file).with_suffix(".ids")),
        "pairs": lambda: read_table(corpus),
    }
    seconds = []
    for _ in range(3):
        began = time.process_time()
        tasks[task]()
        seconds.append(time.process_time() - began)
    return Path(file).stat().st_size / 1e6 / min(seconds)


if __name__ == "__main__":
    main()
