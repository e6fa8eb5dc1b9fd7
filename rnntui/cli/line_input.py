"""Lines to translate or to score: texts of the command line, files, or standard input."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

import click

from rnntui.cli.inputs import decode_arriving_lines, decode_lines
from rnntui.cli.terminal import file_argument, print_note
from rnntui.errors import RnntuiError, UsageError, read_error
from rnntui.formatting import shell_quote
from rnntui.text.encoding import STDIN_NAME

Command = TypeVar("Command", bound=Callable[..., Any])

_PIECE = 1 << 20  # bytes in which line ends are counted at a time
_MIN_BATCH = 16  # lines of a file; few at first, so that the first answers come soon
_BATCH_CHARACTERS = 1 << 22  # from which on a batch ends: what is computed of long lines takes memory, too

MAX_BATCH = 512
"""Lines in a batch at most, where their number hardly matters otherwise."""


class TextReading(NamedTuple):
    """Flags that tell how text is read: its encoding, `strict` or `replace`, `universal` or `keep` line ends."""

    encoding: str
    errors: Any
    newlines: Any


class NumberedLine(NamedTuple):
    """A line of input, and what it is called in warnings, such as `line 3`."""

    label: str
    text: str


@dataclass(frozen=True)
class Lines:
    """Lines of input.

    Args:
        lines: the lines, as they arrive.
        is_interactive: True if a writer may wait for an answer before it sends the next line.
        count: the number of lines, roughly; None if it is not known before they are read.
        arriving: the same lines, in lists of those that arrive together; to be read instead of `lines`.
    """

    lines: Iterable[NumberedLine]
    is_interactive: bool
    count: int | None = None
    arriving: Iterable[list[NumberedLine]] | None = None


def file_option(command: Command) -> Command:
    """Add `--file`, files to read in place of standard input."""
    text = "Read the lines of this file, not of standard input; may be repeated."
    return click.option("--file", "files", multiple=True, metavar="FILE", callback=file_argument, help=text)(command)


def check_texts(texts: Sequence[str], files: Sequence[str], action: str, is_noted: bool = True) -> None:
    """Refuse texts beside files, and note on stderr that a text is the name of a file, or `-`.

    Args:
        texts: texts of the command line.
        files: values of `--file`.
        action: what is done with a text, as in `translated`.
        is_noted: False where a text is meant whatever files there are.
    """
    if texts and files:
        raise UsageError("give texts or --file, not both")
    name = next(filter(is_file_name, texts), None) if is_noted else None
    if name is not None:
        print_note(f"{name} is {action} as a text; for the lines of that file: --file {shell_quote(name)}")
    elif is_noted and list(texts) == ["-"]:
        print_note(f"- is {action} as a text; for standard input, leave it out")


def is_file_name(text: str) -> bool:
    """Return True for the name of a file that exists."""
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name; a null character
        return False


def argument_lines(texts: Sequence[str]) -> Lines:
    """Return the texts of the command line."""
    return Lines([NumberedLine(f"argument {number}", text) for number, text in enumerate(texts, 1)], True, len(texts))


def file_lines(files: Sequence[str], reading: TextReading) -> Lines:
    """Return the lines of files, `-` for standard input. Raises as `open_file` does if one cannot be opened."""
    paths = [Path(name) for name in files if name != "-"]
    for path in paths:  # a wrong name is reported before anything is translated
        if path.is_file() or not path.exists():  # opening a pipe twice would lose what is in it
            open_file(path).close()
    count = _count_lines(paths) if all(map(is_file_name, files)) else None
    return Lines(_lines_of_files(files, reading), is_interactive=False, count=count)


def read_lines(texts: Sequence[str], files: Sequence[str], reading: TextReading) -> Lines:
    """Return the texts of the command line, else the lines of files, else those of standard input as they arrive.

    Raises as `open_file` does if a file cannot be opened.
    """
    if texts:
        return argument_lines(texts)
    if files:
        return file_lines(files, reading)
    stream = standard_input()
    count = remaining_lines(stream)
    arriving = numbered_lists(decode_arriving_lines(stream, *reading))
    return Lines(chain.from_iterable(arriving), is_interactive=True, count=count, arriving=arriving)


def line_batches(source: Lines, most: int = MAX_BATCH) -> Iterator[list[NumberedLine]]:
    """Yield the lines in batches that keep no writer waiting: those of a file many at a time, others as they arrive.

    Lines before one that cannot be decoded are yielded before that error is raised. A batch has at most `most` lines,
    and fewer where they are long.
    """
    size = _MIN_BATCH
    if source.arriving is not None:
        for lines in source.arriving:
            start = 0
            while start < len(lines):
                yield lines[start : start + size]
                start, size = start + size, min(most, 2 * size)
        return
    batch, characters = list[NumberedLine](), 0
    size = 1 if source.is_interactive else size
    try:
        for line in source.lines:
            batch.append(line)
            characters += len(line.text)
            if len(batch) == size or characters >= _BATCH_CHARACTERS:
                yield batch
                batch, characters, size = [], 0, size if source.is_interactive else min(most, 2 * size)
    except RnntuiError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def skip_lines(source: Lines, count: int, check: Callable[[str, str], None]) -> Lines:
    """Return the lines after the first `count`; `Lines.count` still counts all. Raises `UsageError` if there are less.

    That is raised when they are read, as is what `check` raises, which is called with the text and the label of each of
    the first.
    """
    if not count:
        return source
    if source.arriving is None:
        return replace(source, lines=chain.from_iterable(_after(([line] for line in source.lines), count, check)))
    arriving = _after(source.arriving, count, check)
    return replace(source, lines=chain.from_iterable(arriving), arriving=arriving)


def _after(
    lists: Iterable[list[NumberedLine]], count: int, check: Callable[[str, str], None]
) -> Iterator[list[NumberedLine]]:
    skipped = 0
    for lines in lists:
        known = lines[: count - skipped]
        for line in known:
            check(line.text, line.label)
        skipped += len(known)
        if rest := lines[len(known) :]:
            yield rest
    if skipped < count:
        done = "1 line" if count == 1 else f"{count:,} lines"
        raise UsageError(f"the output has {done} already, the input only {skipped:,}", setting="resume")


def stream_lines(stream: BinaryIO | Iterable[bytes], reading: TextReading, name: str = STDIN_NAME) -> Iterator[str]:
    """Yield the lines of a stream as they arrive; see `decode_lines`."""
    return decode_lines(stream, *reading, name)


def numbered(lines: Iterable[str]) -> Iterator[NumberedLine]:
    """Yield lines with their numbers, from 1."""
    return (NumberedLine(f"line {number}", line) for number, line in enumerate(lines, 1))


def numbered_lists(lists: Iterable[list[str]]) -> Iterator[list[NumberedLine]]:
    """Yield lists of lines with their numbers, from 1."""
    number = 0
    for lines in lists:
        yield [NumberedLine(f"line {number}", line) for number, line in enumerate(lines, number + 1)]
        number += len(lines)


def standard_input() -> BinaryIO:
    """Return standard input as bytes; where it is a terminal, say on stderr that it is read, and how it ends.

    Raises `UsageError` if it is closed.
    """
    if sys.stdin is None:
        raise UsageError("standard input is closed", hint="redirect a file or a program into it")
    if sys.stdin.isatty():
        end = "Ctrl-Z and Enter end" if os.name == "nt" else "Ctrl-D ends"
        print_note(f"reading lines from the terminal; {end}")
    return sys.stdin.buffer


def remaining_lines(stream: Any) -> int | None:
    """Return the number of lines that are left in a stream from which nothing was read yet; None if it is no file."""
    if not is_regular_file(stream) or not hasattr(os, "pread"):  # Windows has none
        return None
    descriptor = stream.fileno()
    offset, count = os.lseek(descriptor, 0, os.SEEK_CUR), 0
    while data := os.pread(descriptor, _PIECE, offset):
        offset, count = offset + len(data), count + data.count(b"\n")
    return count


def is_regular_file(stream: Any) -> bool:
    """Return True if a stream is a file, where no writer waits for an answer before it sends the next line."""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (AttributeError, OSError, ValueError):
        return False


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading. Raises `UsageError` if there is none of that name, `CorpusError` if opening it fails."""
    try:
        return path.open("rb")
    except OSError as error:
        raise read_error(path, error) from error


def _lines_of_files(files: Sequence[str], reading: TextReading) -> Iterator[NumberedLine]:
    for name in files:
        prefix = f"{name}, " if len(files) > 1 else ""
        if name == "-":
            yield from (line._replace(label=prefix + line.label) for line in numbered(_standard_lines(reading)))
            continue
        with open_file(Path(name)) as stream:
            for line in numbered(stream_lines(stream, reading, name)):
                yield line._replace(label=prefix + line.label)


def _standard_lines(reading: TextReading) -> Iterator[str]:
    return stream_lines(standard_input(), reading)


def _count_lines(paths: Sequence[Path]) -> int:
    count = 0
    for path in paths:
        with open_file(path) as stream:
            count += remaining_lines(stream) or 0
    return count
