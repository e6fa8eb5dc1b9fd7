#!/usr/bin/env bash
# DuckDB 2.0.1 (Python package duckdb), Python 3.11
#
# Guess: read_csv turns a column into dates, truth values or numbers where it looks like such; labels that are words stay
#   text, "infinity" at most becomes the number.
# Seen: the labels "infinity" and "-infinity" become the dates 9999-12-31 and 0001-01-01, and a taxonomy of three levels,
#   1-2-3 and 4-5-6, becomes points in time in the years 1 and 4. "yes" and "no", or "t" and "f", become truth values. A
#   label of another form in the first 20,480 rows leaves all as they are.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check duckdb==2.0.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import datetime
import sys
from pathlib import Path

import duckdb

CASES = {
    ("infinity", "-infinity"): [datetime.date(9999, 12, 31), datetime.date(1, 1, 1)],
    ("1-2-3", "4-5-6"): [datetime.datetime(1, 2, 3), datetime.datetime(4, 5, 6)],
    ("yes", "no"): [True, False],
    ("t", "f"): [True, False],
    ("infinity", "x"): ["infinity", "x"],
}
same = True
for labels, expected in CASES.items():
    Path("reviews.csv").write_text("text,label\n" + "".join(f"some words,{label}\n" for label in labels))
    read = [row[1] for row in duckdb.read_csv("reviews.csv").fetchall()]
    print(f"{labels}: {read}")
    same &= read == expected
sys.exit(not same)
PYTHON
