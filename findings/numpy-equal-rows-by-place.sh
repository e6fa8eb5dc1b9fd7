#!/usr/bin/env bash
# numpy 2.4.6 (wheel for Linux x86-64, its OpenBLAS with the kernels for AVX2), Python 3.11
#
# Guess: a matrix product of equal rows has equal rows; how many rows there are may change how they are rounded, as a single
#   row is another routine's, but a row's place among the others does not.
# Seen: of 12 equal float32 rows times a matrix of 512×64, rows 0 to 5 have one result and rows 6 to 11 another, and so on
#   in every block of 12; rows that are left over go with either, or are a third. Up to 8 rows are all equal. With the
#   kernels for AVX-512 all rows are equal. So a text in a batch gets other probabilities at place 7 than at place 1.
#   OPENBLAS_CORETYPE chooses the kernels; a processor with AVX2 and without AVX-512 has these by default.
set -euo pipefail
grep -qw avx2 /proc/cpuinfo || { echo "this processor has no AVX2"; exit 0; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6
env -u OPENBLAS_L2_SIZE OPENBLAS_CORETYPE=Haswell OPENBLAS_NUM_THREADS=1 "$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy


def places(rows):
    rng = numpy.random.default_rng(0)
    matrix, row = (rng.standard_normal(shape).astype("f4") for shape in ((512, 64), (1, 512)))
    product = numpy.repeat(row, rows, 0) @ matrix
    return [int(numpy.flatnonzero((product == one).all(1))[0]) for one in product]


for rows in (2, 8, 12, 16):
    print(f"{rows} equal rows: each is equal to row {places(rows)}")
sys.exit(not (set(places(8)) == {0} and places(12) == [0] * 6 + [6] * 6 and len(set(places(16))) > 1))
PYTHON
