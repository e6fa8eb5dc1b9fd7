"""Prompts of `rnntui sample`: a text of the command line, a file, standard input, or each line of one of these."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from rnntui.cli.inputs import read_text
from rnntui.cli.line_input import (
    TextReading,
    is_file_name,
    open_file,
    remaining_lines,
    standard_input,
    stream_lines,
)
from rnntui.cli.sample_output import SamplePrompt
from rnntui.cli.terminal import print_note
from rnntui.errors import UsageError
from rnntui.formatting import shell_quote
from rnntui.text.encoding import STDIN_NAME


def check_prompt(prompt: str | None, prompt_file: str | None, each_line: bool) -> None:
    """Raise `UsageError` if the flags of the prompt exclude each other; note a prompt that is the name of a file."""
    if prompt is None:
        return
    if each_line:
        raise UsageError("--each-line continues the lines of a file or of standard input", hint="leave out --prompt")
    if prompt_file is not None:
        raise UsageError("give --prompt or --prompt-file, not both")
    if is_file_name(prompt):
        print_note(f"{prompt} is the prompt itself; for the text of that file: --prompt-file {shell_quote(prompt)}")


def read_prompts(
    prompt: str | None, prompt_file: str | None, each_line: bool, reading: TextReading
) -> tuple[Iterable[SamplePrompt], int | None]:
    """Return the prompts and their number, None if it is not known.

    Args:
        prompt: the text of `--prompt`; None if it is not given.
        prompt_file: the file of `--prompt-file`; None for standard input.
        each_line: each line is a prompt.
        reading: how text is read.

    Raises as `open_file` does if the file cannot be opened.
    """
    if prompt is not None:
        data = io.BytesIO(prompt.encode())
        return [SamplePrompt(read_text(data, "utf-8", reading.errors, reading.newlines))], 1
    if each_line:
        return _prompts_of_lines(prompt_file, reading)
    return [SamplePrompt(_prompt_text(prompt_file, reading))], 1


def _prompts_of_lines(path: str | None, reading: TextReading) -> tuple[Iterator[SamplePrompt], int | None]:
    """Return the lines of a file as prompts, None for standard input, and their number where it is known."""
    stream: Any = standard_input() if path is None else open_file(Path(path))
    if path is not None:  # at the end of the command: it may fail before it reads a line
        click.get_current_context().call_on_close(stream.close)
    lines = stream_lines(stream, reading, path or STDIN_NAME)
    return (SamplePrompt(line, number) for number, line in enumerate(lines, 1)), remaining_lines(stream)


def _prompt_text(path: str | None, reading: TextReading) -> str:
    """Return the text of a file; None for standard input, from which nothing is read where it is a terminal."""
    if path is not None:
        with open_file(Path(path)) as file:
            return read_text(file, *reading, path)
    has_input = sys.stdin is not None and not sys.stdin.isatty()
    return read_text(sys.stdin.buffer, *reading) if has_input else ""
