"""Runs the chapters of the walk-through, and writes what their code prints beneath it.

A chapter is a page of Markdown. Its Python blocks run in order in one namespace, in the folder of this file; what a
block prints stands in a block of text beneath it. `python docs/walkthrough.py --write` runs all chapters, or those that
are named, and brings these texts and the pictures up to date; without `--write` it shows what would change.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import os
import re
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
_BLOCK = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n(?P<output>.*?)```\n)?", re.DOTALL)


def chapters() -> list[Path]:
    """Return the pages of the chapters, in order."""
    return sorted(FOLDER.glob("[0-9][0-9]-*.md"))


def run_chapter(page: str, name: str = "chapter") -> str:
    """Run the blocks of a page in the current folder, and return the page with what they print.

    An error is raised as Python does it, at the line of the page.
    """
    namespace: dict[str, Any] = {"__name__": "__chapter__"}
    pieces: list[str] = []
    end = 0
    for block in _BLOCK.finditer(page):
        line = page.count("\n", 0, block.start("code"))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * line + block["code"], name, "exec"), namespace)
        pieces += [page[end : block.start()], f"```python\n{block['code']}```\n"]
        if printed.getvalue():
            pieces.append(f"\n```text\n{printed.getvalue()}```\n")
        end = block.end()
    return "".join([*pieces, page[end:]])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("pages", nargs="*", type=Path, metavar="PAGE", help="chapters [default: all]")
    parser.add_argument("--write", action="store_true", help="write the outputs into the pages, and the pictures")
    arguments = parser.parse_args()
    pages = [page.resolve() for page in arguments.pages] or chapters()
    os.chdir(FOLDER)
    changed = False
    for page in pages:
        old = page.read_text("utf-8")
        new = run_chapter(old, str(page))
        changed |= new != old
        if arguments.write:
            page.write_text(new, "utf-8")
        else:
            sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), page.name, "now"))
    return int(changed and not arguments.write)


if __name__ == "__main__":
    sys.exit(main())
