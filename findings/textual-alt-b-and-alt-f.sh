#!/usr/bin/env bash
# textual 8.2.8, Python 3.11
#
# Guess: any Alt+letter can be bound: a terminal without the kitty protocol sends Esc and the letter, which is the key
#   "alt+b" as it is "alt+c".
# Seen: Alt+B and Alt+F are the two exceptions. They arrive as Ctrl+Left and Ctrl+Right, which some terminals send in this
#   way, so a binding to "alt+b" never runs, and an editor moves its cursor by a word instead. A test that presses
#   "alt+b" with the pilot passes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check textual==8.2.8
"$folder/venv/bin/python" - <<'PYTHON'
import string
import sys

from textual._xterm_parser import XTermParser
from textual.events import Key


def key_of_a_terminal(letter):
    parser = XTermParser()
    # The end of input settles that no longer sequence follows.
    [key] = [event for data in (f"\x1b{letter}", "") for event in parser.feed(data) if isinstance(event, Key)]
    return key.key


keys = {letter: key_of_a_terminal(letter) for letter in string.ascii_lowercase}
others = {letter: key for letter, key in keys.items() if key != f"alt+{letter}"}
print(f"Alt with {len(keys) - len(others)} letters is alt+letter; the others:", others)
sys.exit(others != {"b": "ctrl+left", "f": "ctrl+right"})
PYTHON
