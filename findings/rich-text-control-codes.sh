#!/usr/bin/env bash
# rich 15.0.0, Python 3.11
#
# Guess: Text(text).plain is the text, and stylize(start, end) counts in its characters, so that the offsets of words found
#   in a text can be used to highlight them.
# Seen: bell, backspace, vertical tab, form feed and CR are taken out when a Text is made. All offsets behind one are then
#   too large: in a text with Windows line ends, the highlight slips by a letter with each line.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check rich==15.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import re
import sys

from rich.text import Text

text = "a film of warmth\r\nno warmth\r\nmuch warmth here\r\n"
shaded = Text(text)
for match in re.finditer("warmth", text):
    shaded.stylize("bold", *match.span())
words = [shaded.plain[span.start : span.end] for span in shaded.spans]
print(words)
removed = [code for code in range(32) if not Text(chr(code)).plain]
print(f"removed control codes: {removed}")
sys.exit((words, removed) != (["warmth", "armth\n", "rmth h"], [7, 8, 11, 12, 13]))
PYTHON
