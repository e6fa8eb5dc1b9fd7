#!/usr/bin/env bash
# pandas 3.1.1, Python 3.11
#
# Guess: read_json(lines=True) gives strings of JSON as strings: JSON says by its quotes what is a number.
# Seen: a column of strings that all look like numbers becomes one of numbers. "007" is 7, the labels "01" and "1" are the
#   same, an order number of 23 digits loses the last ones, and "1e5" is 100000.0. One string among them that does not look
#   like a number keeps the column as it is, so a part of a file can be read otherwise than the whole.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pandas==3.1.1
"$folder/venv/bin/python" - <<'PYTHON'
import io
import json
import sys

import pandas

CASES = [
    (["007", "008"], [7, 8]),
    (["01", "1"], [1, 1]),
    (["1e5", "2"], [100000.0, 2.0]),
    (["12345678901234567890123", "1"], [1.2345678901234568e22, 1.0]),
    (["007", "x"], ["007", "x"]),
]
same = True
for labels, expected in CASES:
    lines = "".join(json.dumps({"text": "a", "label": label}) + "\n" for label in labels)
    read = pandas.read_json(io.StringIO(lines), lines=True)["label"].tolist()
    print(f"{labels}: {read}")
    same &= read == expected
sys.exit(not same)
PYTHON
