"""Memory that training needs for a large corpus, and time until its first step.

A text of the size asked for is made of the lines of a real one, repeated in shuffled order, and written to a temporary
file. The command trains on it for a few steps in a process of its own; the peak of its resident memory is what the
system counted for that process (`wait4`), with the pages of mapped files that it touched. Times are taken from outside,
at the lines that the command prints. Beside them stand the times of `wc -w` on the text and of one pass of encoding it
(`write_token_file`), measured just before: what a text must cost at least.

Pairs and labelled texts (`--kind pairs`, `--kind table`) are made of the rows of a real table with the words of each
text in another order, so that there are as many different ones as are asked for.

This process stays small on purpose, without numpy and torch: Linux carries the peak of a process over to those it
starts.
"""

from __future__ import annotations

import argparse
import operator
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from common import parted, print_heading, print_table, verdict

CORPORA = Path(__file__).resolve().parent.parent / "corpora"
TARGET, TARGET_OF_ROWS = 1e9, 1.5e9  # bytes
_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
_STARTS = re.compile(r"run .* starts: .* on (\S+) in (\S+)$", re.MULTILINE)
_STEP = re.compile(r"step [1-9]")


class Kind(NamedTuple):
    """A kind of corpus.

    Args:
        command: that of `rnntui`.
        source: a file that it is made of.
        permuted: columns of a table whose words are put into another order.
    """

    command: str
    source: Path
    permuted: tuple[int, ...] = ()


KINDS = {
    "text": Kind("train", CORPORA / "shakespeare.txt"),
    "pairs": Kind("train-seq2seq", CORPORA / "en-es.tsv", (0, 1)),
    "table": Kind("train-classifier", CORPORA / "authors.tsv", (0,)),
}


@dataclass(frozen=True)
class Measured:
    """`read`: seconds until the corpus was read and encoded; `step`: until the first step was done.

    `cpu` are the seconds of CPU of the whole process.
    """

    peak: int
    cpu: float
    read: float | None
    step: float | None
    precision: str


def write_text(path: Path, source: Path, size: int, seed: int) -> None:
    """Write `size` bytes, or a line more, of the source's lines in shuffled order, shuffled anew each time round."""
    lines = source.read_bytes().splitlines(keepends=True)
    shuffled = random.Random(seed)
    written = 0
    with path.open("wb") as file:
        while written < size:
            shuffled.shuffle(lines)
            text = b"".join(lines)
            end = text.find(b"\n", size - written - 1) + 1 if written + len(text) > size else 0
            written += file.write(text[: end or len(text)])


def write_rows(path: Path, source: Path, count: int, permuted: tuple[int, ...], seed: int) -> None:
    """Write `count` rows of two columns: those of the source, then again with words in another order each time round.

    Texts of the same number of words get the same order in a round, which is as good and ten times as fast.
    """
    rows = [row.split("\t")[:2] for row in source.read_text(encoding="utf-8").splitlines()]
    orders = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, count, len(rows)):
            part = rows[: count - start]
            file.writelines("\t".join(row) + "\n" for row in (_permuted(part, permuted, orders) if start else part))


def _permuted(rows: list[list[str]], columns: tuple[int, ...], orders: random.Random) -> Iterator[list[str]]:
    chosen: dict[int, operator.itemgetter[tuple[str, ...]]] = {}
    for row in rows:
        cells = list(row)
        for column in columns:
            words = cells[column].split()
            if len(words) > 1:
                if len(words) not in chosen:
                    chosen[len(words)] = operator.itemgetter(*orders.sample(range(len(words)), len(words)))
                cells[column] = " ".join(chosen[len(words)](words))
        yield cells


_ENCODE = """
import sys, time
from pathlib import Path
from rnntui.config import TokenizerConfig
from rnntui.text.corpus import find_corpus
from rnntui.text.text_split import TextSplit
from rnntui.text.token_ids import corpus_stats, write_token_file
from rnntui.text.tokenizer_factory import make_tokenizer
source, text, kind, ids = sys.argv[1:]
source = find_corpus([source])
stats = corpus_stats(source)
tokenizer = make_tokenizer(stats, TokenizerConfig(kind), TextSplit(source, stats, 0.1))
began = time.perf_counter()
write_token_file(find_corpus([text]), tokenizer, Path(ids))
print(time.perf_counter() - began)
"""


def least(source: Path, corpus: Path, kind: str) -> tuple[float, float]:
    """Return the seconds of `wc -w`, and of one pass of encoding with a tokenizer of the source."""
    began = time.perf_counter()
    subprocess.run(["wc", "-w", str(corpus)], check=True, stdout=subprocess.DEVNULL)
    words = time.perf_counter() - began
    ids = corpus.with_suffix(".ids")
    command = [sys.executable, "-c", _ENCODE, str(source), str(corpus), kind, str(ids)]
    encoding = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    ids.unlink()
    return words, encoding


def train(name: str, corpus: Path, checkpoints: Path, steps: int, extra: list[str]) -> Measured:
    """Run a command on the corpus; its output goes to stderr."""
    command = [sys.executable, "-m", "rnntui", name, str(corpus), "--name", "run"]
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
    return Measured(usage.ru_maxrss * _UNIT, usage.ru_utime + usage.ru_stime, read, step, precision)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Print the peak memory of training on a large corpus, and the seconds until its first step.",
        epilog="Further flags of the training command may follow --, as in: memory.py -- --tokenizer bpe",
    )
    parser.add_argument(
        "--kind", choices=list(KINDS), default="text", help="a text, pairs, or labelled texts [default: text]"
    )
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[100_000], help="numbers of rows, but of a text [default: 100000]"
    )
    parser.add_argument(
        "--size-mb", type=float, nargs="+", default=[200.0], help="sizes of the text in 10^6 bytes [default: 200]"
    )
    parser.add_argument("--folder", help="where the texts and runs are written [default: that of temporary files]")
    parser.add_argument("--steps", type=int, default=20, help="steps to train for [default: 20]")
    parser.add_argument("--source", type=Path, help="text or table that is used [default: one of corpora]")
    parser.add_argument("--seed", type=int, default=1, help="seed of the shuffling [default: 1]")
    own, extra = parted(sys.argv[1:])
    arguments = parser.parse_args(own)
    if arguments.kind != "text":
        measure_rows(arguments, extra)
        return

    source = arguments.source or KINDS["text"].source
    kind = extra[extra.index("--tokenizer") + 1] if "--tokenizer" in extra else "char"
    rows: list[list[object]] = []
    for megabytes in arguments.size_mb:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            corpus = Path(folder) / "corpus.txt"
            write_text(corpus, source, int(megabytes * 1e6), arguments.seed)
            size = corpus.stat().st_size
            words, encoding = least(source, corpus, kind)
            found = train("train", corpus, Path(folder) / "runs", arguments.steps, extra)
        ratio = None if found.step is None else f"{found.step / (words + encoding):.2f}"
        rows.append(
            [
                f"{size / 1e6:,.1f}", f"{found.peak / 1e6:,.0f}", f"{TARGET / 1e6:,.0f}", verdict(found.peak < TARGET),
                _seconds(words), _seconds(encoding), _seconds(found.read), _seconds(found.step), ratio,
            ]
        )  # fmt: skip
    floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT

    command = " ".join(["rnntui train corpus.txt", f"--steps {arguments.steps} --evaluations 2", *extra])
    print_heading("memory of training on a large corpus", found.precision, command=command)
    print_table(
        "peak resident memory of the whole process, and seconds",
        [
            "corpus MB", "peak MB", "target MB", "", "wc -w", "encoding", "corpus read", "first step",
            "first step / (wc + encoding)",
        ],
        rows,
    )  # fmt: skip
    print(f"  MB: 10^6 bytes; no peak can show below {floor / 1e6:,.0f} MB, this script's own")


def measure_rows(arguments: argparse.Namespace, extra: list[str]) -> None:
    """Print the table of pairs or labelled texts."""
    kind = KINDS[arguments.kind]
    rows: list[list[object]] = []
    for count in arguments.rows:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            corpus = Path(folder) / "corpus.tsv"
            write_rows(corpus, arguments.source or kind.source, count, kind.permuted, arguments.seed)
            size = corpus.stat().st_size
            found = train(kind.command, corpus, Path(folder) / "runs", arguments.steps, extra)
        rows.append(
            [
                f"{count:,}", f"{size / 1e6:,.1f}", f"{found.peak / 1e6:,.0f}", f"{TARGET_OF_ROWS / 1e6:,.0f}",
                verdict(found.peak < TARGET_OF_ROWS), _seconds(found.cpu), _seconds(found.read), _seconds(found.step),
            ]
        )  # fmt: skip
    command = " ".join([f"rnntui {kind.command} corpus.tsv", f"--steps {arguments.steps} --evaluations 2", *extra])
    print_heading("memory of training on many rows", found.precision, command=command)
    print_table(
        "peak resident memory of the whole process, its seconds of CPU, and seconds by the clock",
        ["rows", "MB", "peak MB", "target MB", "", "CPU", "corpus read", "first step"],
        rows,
    )
    print("  MB: 10^6 bytes")


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"


if __name__ == "__main__":
    main()
