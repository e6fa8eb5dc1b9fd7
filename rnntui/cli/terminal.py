"""Terminal output: control characters escaped, UTF-8 in pipes, notes and warnings on stderr."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.standard_streams import output_errors
from rnntui.errors import UsageError
from rnntui.text.control_chars import escape_control_chars, one_line, unknown_characters_message

if TYPE_CHECKING:
    from rich.table import Table

COMPLETION_VARIABLE = "_RNNTUI_COMPLETE"
"""Environment variable by which a shell asks for the completions of a command line."""

_ESCAPE = re.compile(r"\\(n|r|t|\\|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}


def write_out(output: str | bytes) -> None:
    """Write to stdout and flush: control characters escaped on a terminal, exact UTF-8 in a pipe, whatever the locale.

    Bytes are written as they are. Raises as `output_errors` does.
    """
    if isinstance(output, str):
        text = escape_control_chars(output) if sys.stdout.isatty() else output
        output = text.encode("utf-8", "backslashreplace")
    with output_errors():
        sys.stdout.buffer.write(output)
        sys.stdout.buffer.flush()


def write_table(table: Table) -> None:
    """Write a table to stdout: fitted to a terminal's width, uncut in a pipe."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 1000
    console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
    with console.capture() as captured:
        console.print(table)
    lines = captured.get().splitlines()
    write_out("".join(f"{line.rstrip()}\n" for line in lines))


def utf8_argument(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Decode text on the command line as UTF-8, whatever the locale. A click callback.

    Raises `UsageError` if it is not UTF-8.
    """
    if value is None or isinstance(value, tuple):
        return value and tuple(utf8_argument(context, parameter, text) for text in value)
    try:
        return os.fsencode(value).decode("utf-8")
    except UnicodeDecodeError as error:
        name = parameter.opts[0] if isinstance(parameter, click.Option) else parameter.human_readable_name
        raise UsageError(f"{name} is not UTF-8 at byte {error.start}") from error


def file_argument(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Return names of files, of any bytes, as they are. A click callback. Raises `UsageError` if one is empty."""
    if value == "" or (isinstance(value, tuple) and "" in value):
        raise UsageError(f"{parameter.opts[0]}: the name of the file is empty")
    return value


def new_file_argument(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Return the name of a file or folder to write as it is. A click callback.

    Raises `UsageError` for an empty name, and for -, which elsewhere is standard output; ./- is a file of that name.
    """
    if value == "-":
        raise UsageError(f"{parameter.opts[0]} - : this is not written to standard output", hint="name a file")
    return file_argument(context, parameter, value)


def check_new_file(flag: str, file: str) -> None:
    """Raise `UsageError` if a new file cannot be put there, or a PNG image would go to the terminal."""
    setting = flag.removeprefix("--").replace("-", "_")
    if file == "-":
        if flag == "--png" and sys.stdout.isatty():
            raise UsageError("--png - writes binary data; redirect it to a file or a pipe", setting=setting)
        return
    from rnntui.atomic_files import check_can_be_written  # not every command writes a file

    path = Path(file)
    try:
        check_can_be_written(path)
    except UsageError as error:
        raise UsageError(f"{flag}: {error.problem}", setting=setting, hint=error.hint) from error
    if path.exists():
        raise UsageError(
            f"{flag} {file}: the file exists and is not replaced", setting=setting, hint="name another one"
        )


def escaped_argument(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Decode text on the command line as UTF-8, then replace its escapes. A click callback."""
    value = utf8_argument(context, parameter, value)
    return tuple(map(_unescape, value)) if isinstance(value, tuple) else value and _unescape(value)


def _unescape(text: str) -> str:
    r"""Return the text with \n, \r, \t, \xNN, \uNNNN and \\ replaced; another backslash stands for itself."""
    characters = _ESCAPE.sub(lambda match: _ESCAPED.get(match[1]) or chr(int(match[1][1:], 16)), text)
    # Two \u escapes can be the surrogates of one character, as in JSON.
    return characters.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def print_note(text: str) -> None:
    """Write a line to stderr, if it can be written to."""
    write_note(f"rnntui: {one_line(text)}\n")


def write_note(text: str) -> None:
    """Write to stderr. A command whose notes are lost, on a full disk or as their reader has left, does its work."""
    with contextlib.suppress(OSError):
        print(text, end="", file=sys.stderr, flush=True)


def warn_unknown_characters(characters: list[str], source: str) -> None:
    """Warn on stderr of the characters of an input that the vocabulary lacks; `source` names the input."""
    if characters:
        print_note(f"{source}: {unknown_characters_message(characters)}")
