"""Charts and matrices on a terminal, in a pipe, and in image files."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rnntui.atomic_files import write_user_file
from rnntui.cli.terminal import print_note, write_out

if TYPE_CHECKING:
    from rnntui.charts.styled_text import Row, Style

# Colours of the terminal's own palette, which are readable on its background.
_COLOURS = ("bright_blue", "red", "green", "magenta", "cyan", "yellow")
# Backgrounds of the 256-colour palette for values above and below a middle, from weak to strong; ink is black on them.
# Blue and orange differ to colour-blind readers too.
_HIGH, _LOW = (189, 153, 117, 75, 33), (223, 222, 216, 215, 208)
_WEAK = 3  # shade of a bar below which it is dim
_LARGE = 2  # shade of an error in a confusion matrix from which it is coloured


def save_image(svg: str, flag: str, file: str) -> None:
    """Write an SVG document, or with the flag `--png` a PNG image of it; - is standard output."""
    from rnntui.charts.svg_elements import render_png

    image = render_png(svg) if flag == "--png" else svg.encode()
    if file == "-":
        write_out(image)
        return
    write_user_file(Path(file), image)
    print_note(f"saved {file}")


def has_colours() -> bool:
    """Return True if stdout is a terminal with colours and its user has not turned them off (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_rows(rows: Sequence[Row], is_coloured: bool, blank_line_before: bool = False) -> None:
    """Write rows to stdout, with or without the colours of a terminal."""
    plain = ["".join(text for text, _ in row).rstrip() for row in rows]
    if not is_coloured:
        write_out("\n" * blank_line_before + "".join(f"{line}\n" for line in plain))
        return
    styled = ["".join(_style_text(text, style) for text, style in row) for row in rows]
    # As bytes, in which `write_out` escapes no colours; names were escaped when the chart was drawn.
    write_out(("\n" * blank_line_before + "".join(f"{line}\n" for line in styled)).encode("utf-8", "backslashreplace"))


def _style_text(text: str, style: Style) -> str:
    from rnntui.charts.styled_text import SHADES, ChartPart

    if style.kind in (ChartPart.HIGH, ChartPart.LOW):
        colours = _HIGH if style.kind is ChartPart.HIGH else _LOW
        step = -(-style.colour * len(colours) // SHADES)
        return click.style(text, fg="black", bg=colours[step - 1]) if step else text
    if not text.strip():
        return text
    match style.kind:
        case ChartPart.HIGH_BAR | ChartPart.LOW_BAR:
            dim = True if style.colour < _WEAK else None
            return click.style(text, fg=(_HIGH if style.kind is ChartPart.HIGH_BAR else _LOW)[-1], dim=dim)
        case ChartPart.LINE | ChartPart.RAW:
            dim = True if style.kind is ChartPart.RAW else None
            return click.style(text, fg=_COLOURS[style.colour % len(_COLOURS)], dim=dim)
        case ChartPart.TITLE:
            return click.style(text, bold=True)
        case ChartPart.AXIS | ChartPart.GRID:
            return click.style(text, dim=True)
        case ChartPart.CORRECT:
            return click.style(text, fg=_COLOURS[0], bold=True)
        case ChartPart.WRONG if style.colour >= _LARGE:
            return click.style(text, fg=_COLOURS[1])
        case _:
            return text
