#!/usr/bin/env bash
# pyte 0.8.2, Python 3.11
#
# Guess: an emulated terminal shows what a terminal shows: of a control string (DCS, APC, PM, SOS; ECMA-48, 5.6) nothing up
#   to its end, and text with a curly underline (CSI 4:3 m) as that text.
# Seen: the content of such strings is drawn as text, and of CSI 4:3 m the end "3m". Hyperlinks (OSC 8) are swallowed as they
#   should be. A test that compares pyte's screen with the text that a program wrote fails on output that a terminal shows
#   well.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pyte==0.8.2 wcwidth==0.9.4
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import pyte

SEQUENCES = {
    "DCS": '\x1bP$q"p\x1b\\',
    "APC": "\x1b_note\x1b\\",
    "PM": "\x1b^note\x1b\\",
    "SOS": "\x1bXnote\x1b\\",
    "OSC 8": "\x1b]8;;http://example.org\x1b\\",
    "curly underline": "\x1b[4:3m",
}
shown = {}
for name, sequence in SEQUENCES.items():
    screen = pyte.Screen(40, 1)
    pyte.Stream(screen).feed(f"a{sequence}b")
    shown[name] = screen.display[0].rstrip()
    print(f"{name}: {shown[name]}")
seen = {"DCS": 'a$q"pb', "APC": "anoteb", "PM": "anoteb", "SOS": "anoteb", "OSC 8": "ab", "curly underline": "a3mb"}
sys.exit(shown != seen)
PYTHON
