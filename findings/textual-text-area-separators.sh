#!/usr/bin/env bash
# textual 8.2.8, Python 3.11
#
# Guess: a TextArea gives back the text that was loaded into it, perhaps with all line ends alike.
# Seen: every separator that str.splitlines knows is a line end to it. Form feeds between pages, the line and paragraph
#   separators U+2028 and U+2029 of exports, U+0085, vertical tabs and the four ASCII separators of old data files all
#   come back as a newline, and nothing says so. One CR LF anywhere turns all line ends into CR LF, wherever it stands. So
#   load and save, with no edit in between, change a file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check textual==8.2.8
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import sys

from textual.app import App
from textual.widgets import TextArea

CASES = {
    "page one\x0cpage two": "page one\npage two",
    "first\u2028second\u2029third": "first\nsecond\nthird",
    "a\x0bb\x1cc\x1dd\x1ee\x85f": "a\nb\nc\nd\ne\nf",
    "dos\r\nunix\nmac\rend": "dos\r\nunix\r\nmac\r\nend",
    "unix\nunix\ndos\r\nend": "unix\r\nunix\r\ndos\r\nend",
}


class Editor(App):
    def compose(self):
        yield TextArea()


async def main():
    same = True
    app = Editor()
    async with app.run_test():
        area = app.query_one(TextArea)
        for text, expected in CASES.items():
            area.load_text(text)
            print(f"{ascii(text)} -> {ascii(area.text)}")
            same = same and area.text == expected
    return same


sys.exit(not asyncio.run(main()))
PYTHON
