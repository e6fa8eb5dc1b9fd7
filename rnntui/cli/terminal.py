"""Text that comes from a model, a corpus or a user, made fit for a terminal."""

from __future__ import annotations

import io
import os
import sys
from typing import IO, TYPE_CHECKING, Any

import click

from rnntui.errors import RnntuiError, UsageError
from rnntui.text.control_chars import escape_control_chars, one_line, unknown_characters_message

if TYPE_CHECKING:
    from rich.table import Table


def for_stream(text: str, stream: IO[str]) -> str:
    """`visible` if the stream is a terminal; a pipe gets the text as it is."""
    return escape_control_chars(text) if stream.isatty() else text


class OutputClosedError(Exception):
    """Whoever read our output has gone, as `head` does: a quiet end. No OSError, for which click exits with 1."""


def write_out(text: str) -> None:
    """Write to stdout at once: escaped on a terminal, exact UTF-8 in a pipe, whatever the locale.

    Raises `OutputClosedError` if nobody reads any more.
    """
    try:
        sys.stdout.buffer.write(for_stream(text, sys.stdout).encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        raise OutputClosedError from error
    except OSError as error:
        raise RnntuiError(f"cannot write to standard output: {error.strerror or error}") from error


def write_table(table: Table) -> None:
    """Write a table to stdout: as wide as the terminal, and cut off nowhere in a pipe."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 1000
    console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
    with console.capture() as captured:
        console.print(table)
    lines = captured.get().splitlines()
    write_out("".join(f"{line.rstrip()}\n" for line in lines))


def utf8_argument(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """A click callback: text on the command line is UTF-8, whatever the locale took it for.

    Raises `UsageError` if it is not.
    """
    if value is None or isinstance(value, tuple):
        return value and tuple(utf8_argument(context, parameter, text) for text in value)
    try:
        return os.fsencode(value).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{parameter.opts[0]} is not UTF-8 at byte {error.start}") from error


def note(text: str) -> None:
    """A line on stderr."""
    print(f"rnntui: {one_line(text)}", file=sys.stderr, flush=True)


def tell_unknown(characters: list[str], where: str) -> None:
    """Say on stderr which characters of an input the vocabulary lacks."""
    if characters:
        note(f"{where}: {unknown_characters_message(characters)}")
