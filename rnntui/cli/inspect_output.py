"""Output of `rnntui inspect`: rows and sentences on a terminal, JSON, or an image."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rnntui.cli.chart_output import has_colours, print_rows, save_image
from rnntui.cli.options import number_option
from rnntui.cli.terminal import check_new_file, file_argument, write_out
from rnntui.errors import UsageError

if TYPE_CHECKING:
    from rnntui.inspection.inspection import Inspection

_PIPE_SIZE = os.terminal_size((80, 24))
_MAX_SENTENCE = 100  # columns of the sentences, which longer lines make hard to read

Command = TypeVar("Command", bound=Callable[..., Any])


def text_option(command: Command) -> Command:
    """Add `--text`, a file to look at a model with; `read_text` reads it."""
    text = "Text to measure on [default: the held-out text of the run, else text that it draws]."
    return click.option("--text", "text_file", metavar="FILE", callback=file_argument, help=text)(command)


def read_text(file: str | None) -> str:
    """Return the text of the file of `--text`, "" for None. Raises `UsageError` if it is missing or empty."""
    if file is None:
        return ""
    from rnntui.cli.inputs import open_corpus

    text = "".join(open_corpus([file], "utf-8", "strict", "universal").blocks())
    if not text:
        raise UsageError(f"--text {file}: the file is empty", setting="text", hint="name a file with text")
    return text


def output_options(command: Command) -> Command:
    """Add `--svg`, `--png`, `--json` and `--width`; their arguments make an `InspectionOutput`."""
    for option in reversed(
        (
            click.option(
                "--svg", "svg_file", metavar="FILE", callback=file_argument,
                help="Save the picture as an SVG image instead of drawing it here; - is standard output.",
            ),
            click.option(
                "--png", "png_file", metavar="FILE", callback=file_argument,
                help="Save it as a PNG image; - is standard output. Needs: pip install 'rnntui[png]'.",
            ),
            click.option("--json", "as_json", is_flag=True, help="Write all numbers as one JSON line."),
            number_option(
                "--width", bounds=(20, 1000),
                help="Width in columns [default: the terminal's; 80 in a pipe].",
            ),
        )
    ):  # fmt: skip
        command = option(command)
    return command


@dataclass(frozen=True)
class InspectionOutput:
    """The arguments of `output_options`. Raises `UsageError` if they exclude each other or an image's file exists."""

    svg_file: str | None
    png_file: str | None
    as_json: bool
    width: int | None

    def __post_init__(self) -> None:
        flags = [*self._images, *(["--json"] if self.as_json else [])]
        if len(flags) > 1:
            raise UsageError(f"{' and '.join(flags)}: choose one")
        for flag, file in self._images.items():
            check_new_file(flag, file)

    @property
    def _images(self) -> dict[str, str]:
        return {flag: file for flag, file in (("--svg", self.svg_file), ("--png", self.png_file)) if file is not None}

    def write(self, inspection: Inspection) -> None:
        """Write an inspection in the form that was asked for."""
        if self.as_json:
            write_out(json.dumps(inspection.to_json(), allow_nan=False) + "\n")
            return
        for flag, file in self._images.items():
            save_image(inspection.svg(), flag, file)
            return
        print_inspection(inspection, self.width)


def print_inspection(inspection: Inspection, width: int | None = None) -> None:
    """Draw an inspection, and write its sentences beneath; a width of None is the terminal's, or 80 in a pipe."""
    from rnntui.inspection.inspection import bulleted

    terminal = shutil.get_terminal_size(_PIPE_SIZE) if sys.stdout.isatty() else _PIPE_SIZE
    width = width or terminal.columns
    print_rows(inspection.rows(width), has_colours())
    lines = bulleted(inspection.summary(), min(width, _MAX_SENTENCE))
    write_out("".join(f"\n{line}" for line in lines) + "\n" * bool(lines))
