"""Inputs that are far larger than they look, or large in one way only: memory, time and disk that a command takes.

    python benchmarks/bombs.py --json bombs.jsonl
    python benchmarks/bombs.py --only gz-file tar-xz
    python benchmarks/bombs.py table bombs.jsonl

Each case is one command in a process of its own, whose address space is limited (RLIMIT_AS, 4 GiB) and whose temporary
files lie in a folder that is watched. Peak memory is what the system counted for the process (`wait4`), seconds are of
the processor, and disk is the largest size that the folder had, without the input. A case is bounded if the command has
trained, or has ended with exit code 1 or 2 and one line that says why, within the limits.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import lzma
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ADDRESS_SPACE = 4 << 30
SECONDS = 300  # of the processor, for one command
MEGABYTE = 1 << 20
LIMITED = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({ADDRESS_SPACE}, {ADDRESS_SPACE}))
resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS}, {SECONDS}))
from rnntui.cli.main import run
sys.exit(run())
"""
FOX = "the quick brown fox jumps over the lazy dog\n"
LINE = (FOX.replace("\n", " ") * 23_832).encode()[: 1 << 20]  # a megabyte without a line break
QUICK = ("--hidden", "16", "--embedding", "8", "--eval-tokens", "512", "--steps", "5", "--threads", "1")
TRAIN = ("train", *QUICK)


@dataclass(frozen=True)
class Case:
    """An input and the command that reads it; `write` returns the file, of `scale` times its full size."""

    what: str
    write: Callable[[Path, float], Path]
    command: tuple[str, ...] = TRAIN


@dataclass(frozen=True)
class Result:
    """What a command did: memory and disk in MiB, `line` is the last of stderr."""

    case: str
    what: str
    input_mb: float
    code: int
    memory_mb: float
    disk_mb: float
    seconds: float
    line: str

    @property
    def is_bounded(self) -> bool:
        return self.code in (0, 1, 2) and "unexpected" not in self.line


def repeated(size: int, block: bytes) -> Iterator[bytes]:
    """Yield blocks of `size` bytes in all."""
    while size > 0:
        yield block[:size]
        size -= len(block)


def spread(compress: Callable[[bytes], bytes], suffix: str) -> Callable[[Path, float], Path]:
    """Return the writer of 4 GB of one line: a compressed part of 40 MB over and over."""

    def write(folder: Path, scale: float) -> Path:
        path = folder / f"text.txt{suffix}"
        part = compress(LINE * 40)
        path.write_bytes(part * max(1, int(100 * scale)))
        return path

    return write


def zipped(folder: Path, scale: float) -> Path:
    path = folder / "texts.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(4):
            with archive.open(f"{number}.txt", "w") as member:
                for block in repeated(int(300e6 * scale), LINE):
                    member.write(block)
    return path


def tarred(folder: Path, scale: float) -> Path:
    """Write one file of 4 GB."""
    path, blocks = folder / "texts.tar.xz", max(1, int(100 * scale))
    member, block = tarfile.TarInfo("text.txt"), LINE[: 1 << 20] * 40
    member.size = len(block) * blocks
    parts = [lzma.compress(member.tobuf()), lzma.compress(block, preset=0) * blocks, lzma.compress(bytes(10_240))]
    path.write_bytes(b"".join(parts))
    return path


def many_members(folder: Path, scale: float) -> Path:
    """Write a thousand empty files over and over."""
    path = folder / "texts.tar.xz"
    headers = b"".join(tarfile.TarInfo(f"{number}.txt").tobuf() for number in range(1000))
    path.write_bytes(lzma.compress(headers, preset=0) * int(1001 * scale) + lzma.compress(bytes(10_240)))
    return path


def many_streams(folder: Path, scale: float) -> Path:
    path = folder / "text.txt.gz"
    empty = gzip.compress(b"", mtime=0)
    path.write_bytes(empty * int(1e6 * scale) + gzip.compress(FOX.encode() * 500))
    return path


def odt(folder: Path, scale: float) -> Path:
    path = folder / "text.odt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        with archive.open("content.xml", "w") as member:
            member.write(b"<a><body>")
            for block in repeated(int(200 * MEGABYTE * scale) // 10 * 10, b"<p>fox</p>" * 100_000):
                member.write(block)
            member.write(b"</body></a>")
    return path


def mimetype(folder: Path, scale: float) -> Path:
    path = folder / "text.odt"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("mimetype", "w") as member,
    ):
        for block in repeated(int(500e6 * scale), bytes(MEGABYTE)):
            member.write(block)
    return path


def plain(name: str, blocks: Callable[[float], Iterator[bytes]]) -> Callable[[Path, float], Path]:
    """Return the writer of a file that is not compressed."""

    def write(folder: Path, scale: float) -> Path:
        path = folder / name
        with path.open("wb") as file:
            for block in blocks(scale):
                file.write(block)
        return path

    return write


def one_line(scale: float) -> Iterator[bytes]:
    return repeated(int(500e6 * scale), LINE)


def one_row(scale: float) -> Iterator[bytes]:
    yield LABELS
    yield from repeated(int(500e6 * scale), LINE)
    yield b"\tgood\n"


def distinct(scale: float) -> Iterator[bytes]:
    points = [point for point in range(0x20, 0x110000) if not 0xD800 <= point < 0xE000][: int(100_000 * scale)]
    for _ in range(5):
        yield "".join(map(chr, points)).encode()


def one_character(scale: float) -> Iterator[bytes]:
    return repeated(int(20e6 * scale), b"a" * MEGABYTE)


def use(command: str, run: str) -> tuple[str, ...]:
    """Return the arguments of a command that reads lines with a shipped model."""
    return command, "--run", run, "--file"


def rows(row: bytes, real: bytes) -> Callable[[float], Iterator[bytes]]:
    def blocks(scale: float) -> Iterator[bytes]:
        yield real
        yield row * int(1e6 * scale)

    return blocks


LABELS = b"".join(b"good text %d\tgood\nbad text %d\tbad\n" % (number, number) for number in range(100))
PAIRS = b"".join(b"go %d\tva %d\n" % (number, number) for number in range(200))
PAIR_TRAINING = ("train-seq2seq", *QUICK, "--tokenizer", "char", "--attention", "none")
LABEL_TRAINING = ("train-classifier", *QUICK)

EMPTY_ROW = b"\t\n"
WORDS, SUBWORDS = ("--tokenizer", "word"), ("--tokenizer", "bpe", "--vocab-size", "300")
ROWS = "labelled texts and a million empty rows"

CASES = {
    "gz-file": Case("4 GB of one line in a .gz file", spread(gzip.compress, ".gz")),
    "xz-file": Case("the same in .xz", spread(lambda data: lzma.compress(data, preset=0), ".xz")),
    "bz2-file": Case("the same in .bz2", spread(bz2.compress, ".bz2")),
    "zip": Case("4 files of 300 MB in a .zip archive", zipped),
    "tar-xz": Case("a file of 4 GB in a .tar.xz archive", tarred),
    "tar-members": Case("a million empty files in a .tar.xz archive", many_members),
    "gz-members": Case("a million empty members in a .gz file", many_streams),
    "odt": Case("a document with 200 MiB of paragraphs", odt),
    "odt-mimetype": Case("a document that says its type in 500 MB", mimetype),
    "line": Case("one line of 500 MB", plain("line.txt", one_line)),
    "line-words": Case("the same, in words", plain("line.txt", one_line), (*TRAIN, *WORDS)),
    "line-bpe": Case("the same, in subwords", plain("line.txt", one_line), (*TRAIN, *SUBWORDS)),
    "line-labelled": Case("labelled texts, one of 500 MB", plain("texts.tsv", one_row), LABEL_TRAINING),
    "line-classify": Case("a line of 500 MB to classify", plain("line.txt", one_line), use("classify", "authors")),
    "line-translate": Case("a line of 500 MB to translate", plain("line.txt", one_line), use("translate", "en-es")),
    "line-score": Case("a line of 500 MB to score", plain("line.txt", one_line), use("score", "shakespeare")),
    "one-character": Case("one character, 20 million times", plain("text.txt", one_character)),
    "characters": Case("100,000 different characters, five times", plain("text.txt", distinct)),
    "empty-rows": Case(ROWS, plain("texts.tsv", rows(EMPTY_ROW, LABELS)), LABEL_TRAINING),
    "empty-pairs": Case("pairs and a million empty rows", plain("pairs.tsv", rows(EMPTY_ROW, PAIRS)), PAIR_TRAINING),
    "only-empty-rows": Case("a million empty rows alone", plain("texts.tsv", rows(EMPTY_ROW, b"")), LABEL_TRAINING),
    "only-empty-pairs": Case("a million empty pairs alone", plain("pairs.tsv", rows(EMPTY_ROW, b"")), PAIR_TRAINING),
    "documents": Case(
        "a million documents of one character",
        plain("texts.txt", rows(b"a\n\nb\n\n", b"")),
        (*TRAIN, "--documents", "blank"),
    ),
    "document-lines": Case(
        "two million lines of one character, each a document",
        plain("texts.txt", rows(b"a\nb\n", b"")),
        (*TRAIN, "--documents", "line"),
    ),
}


def measure(name: str, scale: float) -> Result:
    """Write the input of a case, run its command, and return what it took."""
    case = CASES[name]
    with tempfile.TemporaryDirectory(prefix="bombs-") as scratch:
        folder = Path(scratch)
        for part in ("input", "temporary", "runs", "cache"):
            (folder / part).mkdir()
        source = case.write(folder / "input", scale)
        flags = ["--checkpoints", str(folder / "runs")]
        watched = [folder / part for part in ("temporary", "runs", "cache")]
        environment = {**os.environ, "TMPDIR": str(folder / "temporary"), "XDG_CACHE_HOME": str(folder / "cache")}
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        command = [sys.executable, "-c", LIMITED, *case.command, str(source), *flags]
        with (folder / "stderr").open("wb") as errors:
            process = subprocess.Popen(
                command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=errors,
            )  # fmt: skip
            is_over, sizes = threading.Event(), [0]
            watcher = threading.Thread(target=_watch, args=(watched, is_over, sizes))
            watcher.start()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            is_over.set()
            watcher.join()
        lines = (folder / "stderr").read_text("utf-8", "replace").strip().splitlines() or [""]
        line = lines[-1].replace(str(folder / "input") + "/", "").replace(scratch, "")
        unit = 1 if sys.platform == "darwin" else 1024
        return Result(
            name, case.what, round(source.stat().st_size / MEGABYTE, 2), process.returncode,
            round(usage.ru_maxrss * unit / MEGABYTE), round(sizes[0] / MEGABYTE),
            round(usage.ru_utime + usage.ru_stime, 1), line,
        )  # fmt: skip


def _watch(folders: list[Path], is_over: threading.Event, sizes: list[int]) -> None:
    while not is_over.wait(0.5):
        sizes[0] = max(sizes[0], sum(map(_size, folders)))


def _size(folder: Path) -> int:
    """Return the bytes of a folder on disk; its files may go meanwhile."""
    total = 0
    for parent, _, files in os.walk(folder):
        for file in files[:2000]:
            try:
                total += (Path(parent) / file).lstat().st_blocks * 512
            except OSError:
                continue
    return total


def print_results(results: list[Result]) -> None:
    """Print a row for each case."""
    print("| case | input, MiB | memory, MiB | disk, MiB | CPU, s | exit code | what happened |")
    print("|---|---|---|---|---|---|---|")
    for result in results:
        happened = "trained or answered" if result.code == 0 else result.line.removeprefix("rnntui: ")
        print(
            f"| {result.what} | {result.input_mb:,} | {result.memory_mb:,.0f} | {result.disk_mb:,.0f} | "
            f"{result.seconds:,} | {result.code} | {happened} |"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", nargs="*", help="table FILE: print the table of results")
    parser.add_argument("--only", choices=CASES, nargs="+", default=list(CASES))
    parser.add_argument("--scale", type=float, default=1.0, help="size of the inputs")
    parser.add_argument("--json", type=Path, help="append results to this file")
    arguments = parser.parse_args()
    if arguments.table:
        lines = Path(arguments.table[1]).read_text().splitlines()
        print_results(list({row["case"]: Result(**row) for row in map(json.loads, lines)}.values()))
        return 0
    results = []
    for name in arguments.only:
        began = time.monotonic()
        result = measure(name, arguments.scale)
        results.append(result)
        print(f"{name}: {result} ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
        if arguments.json is not None:
            with arguments.json.open("a") as file:
                file.write(json.dumps(asdict(result)) + "\n")
    print_results(results)
    return 0 if all(result.is_bounded for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
