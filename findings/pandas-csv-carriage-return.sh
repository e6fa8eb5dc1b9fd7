#!/usr/bin/env bash
# pandas 3.1.1, Python 3.11
#
# Guess: what to_csv writes, read_csv reads back: a text with a line break of any kind is quoted, as one with LF is.
# Seen: a CR is not quoted, and ends the row when read. A table of two texts comes back as one of three rows, without an
#   error: the first half of the text has lost its label, the second half is a row of its own. Texts with CR LF are
#   quoted. The csv module of Python with its own settings quotes all of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pandas==3.1.1
"$folder/venv/bin/python" - <<'PYTHON'
import csv
import io
import sys

import pandas

CASES = {
    "\n": [("one\ntwo", "pos"), ("three", "neg")],
    "\r\n": [("one\r\ntwo", "pos"), ("three", "neg")],
    "\r": [("one", ""), ("two", "pos"), ("three", "neg")],
}
same = True
for line_break, expected in CASES.items():
    table = pandas.DataFrame({"text": [f"one{line_break}two", "three"], "label": ["pos", "neg"]})
    written = table.to_csv(index=False)
    read = pandas.read_csv(io.StringIO(written, newline=""), keep_default_na=False)
    rows = list(read.itertuples(index=False, name=None))
    print(f"{line_break!r}: {written!r} is read as {rows}")
    same &= rows == expected
file = io.StringIO(newline="")
csv.writer(file).writerow(["one\rtwo", "pos"])
print(f"csv module: {file.getvalue()!r}")
sys.exit(not (same and file.getvalue() == '"one\rtwo",pos\r\n'))
PYTHON
