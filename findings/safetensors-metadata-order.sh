#!/usr/bin/env bash
# safetensors 0.8.0, numpy 2.4.6, Python 3.11
#
# Guess: two files of the same arrays with the same metadata are the same, byte for byte, so that a hash of the file tells
#   whether a model has changed.
# Seen: the keys of the metadata are written in another order at each call, also within a process; arrays have one order.
#   Of 60 equal saves with four keys, about 23 are different files. With one key, or none, all are the same.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy
from safetensors.numpy import save

arrays = {name: numpy.arange(4, dtype="f4") for name in ("a", "b", "c")}


def files(keys):
    metadata = {f"key {i}": "value" for i in range(keys)}
    return len({save(arrays, metadata) for _ in range(60)})


seen = {keys: files(keys) for keys in (0, 1, 4)}
for keys, different in seen.items():
    print(f"{keys} keys of metadata: {different} different files of 60")
sys.exit(not (seen[0] == seen[1] == 1 and seen[4] > 5))
PYTHON
