#!/usr/bin/env bash
# textual 8.2.8, Python 3.11
#
# Guess: with a TextArea in focus, Alt+L (which terminals without the kitty protocol send as Esc and l) runs the app's
#   binding to "alt+l", as pilot.press("alt+l") does in a test; nothing is typed.
# Seen: the parser makes a key "alt+l" whose character is "l". The TextArea takes it as printable and types the letter; the
#   binding does not run. The key that pilot.press makes has no character, so there the binding runs: a test with the
#   pilot passes while the key is dead in a terminal. An Input does the same.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check textual==8.2.8
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import sys

from textual._xterm_parser import XTermParser
from textual.app import App
from textual.events import Key
from textual.widgets import Input, TextArea


def keys_of_a_terminal():
    parser = XTermParser()
    # An escape and a letter that come together; the end of input settles that no longer sequence follows.
    return [event for data in ("\x1bl", "") for event in parser.feed(data) if isinstance(event, Key)]


async def typed(editor, from_terminal):
    class Editor(App):
        BINDINGS = [("alt+l", "count", "count")]
        counted = 0

        def compose(self):
            yield editor()

        def action_count(self):
            self.counted += 1

    app = Editor()
    async with app.run_test() as pilot:
        if from_terminal:
            for key in keys_of_a_terminal():
                app.post_message(key)
        else:
            await pilot.press("alt+l")
        await pilot.pause()
        widget = app.query_one(editor)
        return widget.text if editor is TextArea else widget.value, app.counted


[key] = keys_of_a_terminal()
print("the terminal's key:", key.key, "- its character:", repr(key.character))
seen = {(editor.__name__, source): asyncio.run(typed(editor, source)) for editor in (TextArea, Input) for source in (True, False)}
for (editor, source), (text, counted) in seen.items():
    print(f"{editor}, {'terminal' if source else 'pilot'}: typed {text!r}, actions run: {counted}")
expected = {
    ("TextArea", True): ("l", 0), ("TextArea", False): ("", 1), ("Input", True): ("l", 0), ("Input", False): ("", 1),
}
sys.exit(seen != expected)
PYTHON
