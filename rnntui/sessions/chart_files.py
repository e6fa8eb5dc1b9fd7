"""Saving a chart as an SVG or PNG file, by a name as typed."""

from __future__ import annotations

import re
from pathlib import Path

from rnntui.atomic_files import write_user_file
from rnntui.charts.metric_charts import ChartHeading
from rnntui.charts.svg_elements import render_png
from rnntui.errors import UsageError
from rnntui.sessions.text_files import path_to_save

_SUFFIXES = (".svg", ".png")
_IS_SUFFIX = re.compile(r"\.[A-Za-z]{1,5}")  # that of v1.2-loss is none
_MAX_STEM = 80  # characters of a suggested name


def suggested_chart(heading: ChartHeading) -> str:
    """Return a file name for a chart: `notes-loss.svg`; for several runs `notes-and-2-more-loss.svg`."""
    runs = heading.runs[:1] if len(heading.runs) < 2 else (f"{heading.runs[0]}-and-{len(heading.runs) - 1}-more",)
    stem = re.sub(r"[^\w.-]+", "-", "-".join((*runs, heading.title.lower()))).strip("-.")
    return f"{stem[-_MAX_STEM:] or 'chart'}.svg"


def save_image(name: str, svg: str, suggested: str, *, confirmed: bool = False) -> Path:
    """Write an SVG document, or a PNG image of it if the name ends in .png, and return the path.

    Args:
        name: the path as typed; `.svg` is appended if it has no suffix.
        svg: the document.
        suggested: name of the file if the path is a folder.
        confirmed: the user has agreed to overwrite the file, or to create its folder.

    Raises `UnconfirmedError` where the user has to agree, `RnntuiError` if the file cannot be written.
    """

    def complete(path: Path) -> Path:
        if path.suffix.lower() in _SUFFIXES:
            return path
        if _IS_SUFFIX.fullmatch(path.suffix):
            raise UsageError(f"{path.name} is neither an .svg nor a .png file", hint="name one of these")
        return path.with_name(f"{path.name}.svg")

    path = path_to_save(name, complete, lambda folder: folder / suggested, confirmed)
    write_user_file(path, render_png(svg) if path.suffix.lower() == ".png" else svg.encode())
    return path
