#!/usr/bin/env bash
# tablib 3.10.0, PyYAML 6.0.4, Python 3.11
#
# Guess: a Dataset of JSON objects has each value in the column of its name; in which order an object names its members means
#   nothing (RFC 8259, section 4).
# Seen: the names are those of the first object, and of all others the values are taken in the order in which they are
#   written. In a table of labelled texts whose second object begins with its label, text and label change places, and what
#   is exported as CSV has the text in the column "label". So do objects of YAML and Dataset.dict. Nothing is said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check tablib==3.10.0 PyYAML==6.0.4
"$folder/venv/bin/python" - <<'PYTHON'
import json
import sys

import tablib

rows = [{"text": "What a film!", "label": "positive"}, {"label": "negative", "text": "I fell asleep."}]
tables = {kind: tablib.Dataset().load(json.dumps(rows), format=kind) for kind in ("json", "yaml")}
tables["dict"] = tablib.Dataset()
tables["dict"].dict = rows
expected = "text,label\r\nWhat a film!,positive\r\nnegative,I fell asleep.\r\n"
for name, table in tables.items():
    print(f"{name}: {table.export('csv')!r}")
sys.exit(any(table.export("csv") != expected for table in tables.values()))
PYTHON
