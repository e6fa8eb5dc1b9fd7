#!/usr/bin/env bash
# polars 2.1.0, Python 3.11
#
# Guess: a key of JSON lines that first occurs after the rows that the types are inferred from (100) becomes a column, or is an
#   error, as a value of an unexpected type is in the same place.
# Seen: the key and its values are left out, in read_ndjson and scan_ndjson, also inside an object. Nothing is said. So
#   of a file whose first 100 rows have no label, the labels are gone. A number that becomes text there is an error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check polars==2.1.0
"$folder/venv/bin/python" - "$folder/rows.jsonl" <<'PYTHON'
import json
import sys
from pathlib import Path

import polars

path = Path(sys.argv[1])
READERS = {
    "read_ndjson": polars.read_ndjson,
    "scan_ndjson": lambda path: polars.scan_ndjson(path).collect(),
    "read_ndjson(infer_schema_length=None)": lambda path: polars.read_ndjson(path, infer_schema_length=None),
}


def write(first, others):
    """Write a hundred equal rows and fifty others."""
    path.write_text("".join(json.dumps(row) + "\n" for row in [first] * 100 + [others] * 50))


same = True
for name, read in READERS.items():
    reads_all = "None" in name
    write({"text": "one"}, {"text": "two", "label": "b"})
    frame = read(path)
    print(f"{name}: {frame.height} rows, columns {frame.columns}")
    same &= frame.height == 150 and frame.columns == (["text", "label"] if reads_all else ["text"])
    write({"text": "one", "meta": {"page": 1}}, {"text": "two", "meta": {"page": 2, "label": "b"}})
    row = read(path).row(-1, named=True)
    print(f"  the last row: {row}")
    same &= ("label" in row["meta"]) == reads_all
    write({"text": "one", "label": 1}, {"text": "two", "label": "b"})
    try:
        labels = read(path)["label"].unique().to_list()
    except polars.exceptions.ComputeError as error:
        print(f"  a number that becomes text: {error}")
        same &= not reads_all
    else:
        same &= reads_all and sorted(labels) == ["1", "b"]
sys.exit(not same)
PYTHON
