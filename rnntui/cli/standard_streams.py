"""The standard streams of a command: what happens where one is closed, full, or its reader has left."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast

from rnntui.errors import RnntuiError, os_error_hint


class OutputClosedError(Exception):
    """The reader of our output has closed it, as `head` does. No OSError, for which click would exit with 1."""


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Have all three standard streams inside the block; what they cannot write is dropped at its end.

    Where stdout is closed, writing to it fails, as it does on a full disk. What is written to a closed stderr goes
    nowhere. `sys.stdin` stays None where it is closed.
    """
    for number in range(3):  # or the next file that is opened would take its place, and be written to by a library
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDONLY if number == 1 else os.O_RDWR), True)
    before = sys.stdout, sys.stderr
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    streams = sys.stdout, sys.stderr
    sys.stdout = cast(TextIO, _Output(sys.stdout))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in streams:
            try:
                stream.flush()
            except (OSError, ValueError):
                _discard(stream)


@contextlib.contextmanager
def output_errors() -> Iterator[None]:
    """Turn the errors of writing to stdout, inside the block, into those that a command ends with.

    Raises `OutputClosedError` if the reader has closed the pipe, `RnntuiError` if stdout cannot be written to.
    """
    try:
        yield
    except BrokenPipeError as error:
        raise OutputClosedError from error
    except OSError as error:
        is_closed = error.errno == errno.EBADF
        reason = "it is not open for writing" if is_closed else error.strerror or error
        hint = "redirect it to a file or a program" if is_closed else os_error_hint(error)
        raise RnntuiError(f"cannot write to standard output: {reason}", hint=hint) from error


class _Output:
    """Stdout as `write_out` has it, for those who write to it themselves, such as click."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with output_errors():
            return self._stream.write(text)

    def flush(self) -> None:
        with output_errors():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _discard(stream: TextIO) -> None:
    """Drop what a stream holds that could not be written: the interpreter would try again, and exit with 120."""
    with contextlib.suppress(OSError, ValueError):  # a stream need not have a file
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
