#!/usr/bin/env bash
# scikit-learn 1.9.1, numpy 2.4.6, Python 3.11
#
# Guess: log_loss of the same probabilities in float64 and float32 differs in the last digits only; a probability of zero
#   is infinite, or clipped at a fixed value.
# Seen: a probability of zero counts as the type's machine epsilon. A classifier that is right in 99 of 100 rows and sure
#   of a wrong label in one has a log loss of 0.36 in float64, 0.16 in float32 and 0.07 in float16: the same answers look
#   five times as good if they were stored in half precision, and a model in float32 is not comparable to one in float64.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
from sklearn.metrics import log_loss

labels = [0] * 50 + [1] * 50
probabilities = np.eye(2)[labels]
probabilities[0] = [0, 1]  # sure and wrong
EXPECTED = {"float64": 0.36, "float32": 0.16, "float16": 0.07}
same = True
for dtype, expected in EXPECTED.items():
    loss = float(log_loss(labels, probabilities.astype(dtype)))
    print(f"{dtype}: {loss:.4f}")
    same &= abs(loss - expected) < 0.005
halves = [float(log_loss([0, 1], np.full((2, 2), 0.5, dtype))) for dtype in EXPECTED]
print(f"all answers 1/2: {halves}")
sys.exit(not (same and max(halves) - min(halves) < 0.001))
PYTHON
