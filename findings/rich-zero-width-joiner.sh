#!/usr/bin/env bash
# rich 15.0.0, Python 3.11
#
# Guess: in rich.cells.cell_len, a zero width joiner (U+200D) between emoji makes them one sign; elsewhere it takes no
#   cells and changes nothing, as in Malayalam or Sinhala, where it shapes letters.
# Seen: whatever follows it counts as nothing, a letter, a Chinese character of two cells or a space. A Malayalam word
#   that ends in a joiner (the usual spelling before Unicode 5.1) swallows the space after it; a text that begins with a
#   joiner loses its first letter's width.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check rich==15.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from rich.cells import cell_len

CASES = {  # text: cells, cells without the joiner
    "👩\u200d💻": (2, 4),
    "x\u200d中": (1, 3),
    "\u200da": (0, 1),
    "അവന്\u200d വന്നു": (6, 7),
    "ශ්\u200dරී": (1, 2),
}
same = True
for text, expected in CASES.items():
    cells = cell_len(text), cell_len(text.replace("\u200d", ""))
    print(f"{ascii(text)}: {cells[0]} cells, without the joiner {cells[1]}")
    same = same and cells == expected
sys.exit(not same)
PYTHON
