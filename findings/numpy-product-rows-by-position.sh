#!/usr/bin/env bash
# numpy 2.4.6 (its OpenBLAS, kernels for Haswell), Python 3.11
#
# Guess: a row of a matrix product is rounded by the shapes alone: in float32, reordering the 16 rows of the left matrix
#   reorders the rows of the result, bit for bit. Only another number of rows may choose another kernel.
# Seen: the rows of a product of 16 × 512 by 512 × 2048 depend on where they stand among the 16, in the last bits; so do
#   they with 12, 64 and 256 rows. With 1, 2, 4 and 8 rows they do not. So a text's numbers depend on its place in a batch
#   even if every batch has the same size.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6
cat > "$folder/look.py" <<'PYTHON'
import sys

import numpy as np

rng = np.random.default_rng(0)
weights = rng.standard_normal((512, 2048)).astype(np.float32)
seen = {}
for rows in (1, 2, 4, 8, 12, 16, 64, 256):
    inputs = rng.standard_normal((rows, 512)).astype(np.float32)
    product = inputs @ weights
    orders = [np.roll(np.arange(rows), 1), np.arange(rows)[::-1], *(rng.permutation(rows) for _ in range(4))]
    seen[rows] = all(np.array_equal(inputs[order] @ weights, product[order]) for order in orders)
    print(rows, "rows:", "the same in any order" if seen[rows] else "other last bits in another order")
sys.exit([rows for rows, same in seen.items() if same] != [1, 2, 4, 8])
PYTHON
OPENBLAS_CORETYPE=Haswell OPENBLAS_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/look.py"
