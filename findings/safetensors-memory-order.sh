#!/usr/bin/env bash
# safetensors 0.8.0 and 0.7.0, numpy 2.4.6, Python 3.11
#
# Guess: save() of a numpy array in Fortran order, such as the transpose of a weight matrix, either writes the numbers
#   in the order that the array has for its user, or refuses it; numpy.save does the former.
# Seen: 0.7.0 does. 0.8.0 writes the memory as it lies, under the shape of the transposed array: what is loaded has the
#   right shape and dtype and the wrong numbers, without an error or a warning. A square matrix comes back as its
#   transpose. np.ascontiguousarray before save() avoids it, and turns a scalar into an array of one dimension;
#   np.asarray(array, order="C") does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/look.py" <<'PYTHON'
import sys
import warnings

import numpy as np
import safetensors
from safetensors.numpy import load, save

warnings.simplefilter("error")
matrix = np.arange(6, dtype=np.float32).reshape(2, 3).T
loaded = load(save({"w": matrix}))["w"]
copied = load(save({"w": np.asarray(matrix, order="C")}))["w"]
print(f"safetensors {safetensors.__version__}: saved {matrix.tolist()}, loaded {loaded.tolist()}")
same, scrambled = np.array_equal(loaded, matrix), np.array_equal(loaded.ravel(), matrix.ravel(order="K"))
expected = (same, scrambled) == ((False, True) if sys.argv[1] == "0.8.0" else (True, False))
sys.exit(not (expected and safetensors.__version__ == sys.argv[1] and np.array_equal(copied, matrix)))
PYTHON
for version in 0.7.0 0.8.0; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install -q --disable-pip-version-check "safetensors==$version" numpy==2.4.6
    "$folder/$version/bin/python" "$folder/look.py" "$version"
done
