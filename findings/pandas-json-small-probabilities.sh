#!/usr/bin/env bash
# pandas 3.1.1, Python 3.11
#
# Guess: to_json writes numbers so that read_json gives them back, as json.dumps does; a probability of 1e-12 stays one.
# Seen: it rounds to ten decimals: 1e-12 becomes 0.0, and its log loss infinite, but the smaller 1e-20 is written with its
#   exponent and stays. Two lines of the same file thus rank the wrong way round.
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

probabilities = [1e-12, 1e-20, 0.123456789012345]
written = pandas.DataFrame({"p": probabilities}).to_json(orient="records", lines=True)
read = pandas.read_json(io.StringIO(written), lines=True)["p"].tolist()
print(f"{probabilities} as {written.split()}, read as {read}; json: {json.dumps(probabilities)}")
sys.exit([read[0], read[1], round(read[2], 12)] != [0.0, 1e-20, 0.123456789])
PYTHON
