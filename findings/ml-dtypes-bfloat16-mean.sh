#!/usr/bin/env bash
# ml_dtypes 0.6.0, numpy 2.4.6, Python 3.11
#
# Guess: the mean of a numpy array in bfloat16 is right to the two or three digits that the type has, as it is for float16.
# Seen: sum, mean, var and cumsum add one number after another and round each sum to bfloat16, so that it stops growing
#   when the next number is half of its last digit or less. 1,000 ones add up to 256, their mean and their variance are
#   0.256; the mean of a million numbers between 0 and 1 is 0.0003. Nothing is said. Products of arrays are right, and so is
#   the mean after astype(float32).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check ml_dtypes==0.6.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import ml_dtypes
import numpy as np

warnings.simplefilter("error")
seen = {}
for dtype in (np.float16, ml_dtypes.bfloat16):
    ones = np.ones(1000, dtype)
    drawn = np.random.default_rng(1).random(1_000_000, np.float32).astype(dtype)
    values = ones.sum(), ones.mean(), ones.var(), np.cumsum(ones)[-1], drawn.mean(), ones @ ones
    seen[np.dtype(dtype).name] = values = [round(float(value), 4) for value in values]
    names = "sum", "mean", "variance", "last of cumsum", "mean of a million", "product"
    print(f"{np.dtype(dtype).name}:", ", ".join(f"{name} {value}" for name, value in zip(names, values)))
print(f"bfloat16, mean of a million as float32: {drawn.astype(np.float32).mean():.4f}")
right, wrong = seen.values()
expected = right[:4] == [1000, 1, 0, 1000] and abs(right[4] - 0.5) < 0.001 and right[5] == 1000
expected &= wrong[0] == wrong[3] == 256 and wrong[1] < 0.26 and wrong[2] > 0.2 and wrong[4] < 0.001 and wrong[5] == 1000
sys.exit(not expected)
PYTHON
