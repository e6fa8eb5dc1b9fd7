#!/usr/bin/env bash
# DuckDB 2.0.1 (Python package duckdb), Python 3.11
#
# Guess: read_csv tells whether a file has a header, and says no for rows that all look alike, as a text and one of two
#   labels; a table without a header keeps its first row.
# Seen: where all columns are text, the first row is taken for the header whatever it says, and is missing from the rows,
#   without a word. With a column of numbers as labels, the same table keeps it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check duckdb==2.0.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from pathlib import Path

import duckdb

CASES = {("pos", "neg"): 999, (1, 0): 1000}
same = True
for labels, expected in CASES.items():
    Path("reviews.tsv").write_text("".join(f"film {i} is warm and witty\t{labels[i % 2]}\n" for i in range(1000)))
    table = duckdb.read_csv("reviews.tsv")
    print(f"1,000 rows with labels {labels}: {len(table.fetchall())} rows, columns {table.columns}")
    same &= len(table.fetchall()) == expected
sys.exit(not same)
PYTHON
