#!/usr/bin/env bash
# textual 8.2.8, Python 3.11
#
# Guess: while an Input has the focus, Screen.active_bindings (from which footers are drawn) leaves out every key that the
#   Input takes as text, letters and punctuation alike: a binding of the screen to "/" or "+" cannot run then.
# Seen: letters are left out, and so are comma and full stop. Slash, plus, minus, at, backslash and underscore stay: their
#   key names are not the names that Unicode gives the characters (SOLIDUS, PLUS SIGN). A footer thus offers keys that
#   only type.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check textual==8.2.8
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import sys

from textual.app import App
from textual.binding import Binding
from textual.widgets import Input

KEYS = ["n", "comma", "full_stop", "slash", "plus", "minus", "at", "backslash", "underscore"]


class Form(App):
    BINDINGS = [Binding(key, "count", key) for key in KEYS]
    counted = 0

    def compose(self):
        yield Input()

    def action_count(self):
        self.counted += 1


async def main():
    app = Form()
    async with app.run_test() as pilot:
        offered = [key for key in KEYS if key in app.screen.active_bindings]
        await pilot.press(*KEYS)
        print("offered while the input has the focus:", *offered)
        print("the input has:", app.query_one(Input).value, "- actions run:", app.counted)
        return offered == KEYS[3:] and app.query_one(Input).value == "n,./+-@\\_" and app.counted == 0


sys.exit(not asyncio.run(main()))
PYTHON
