#!/usr/bin/env bash
# gguf 0.19.0 with numpy 2.4.6, Python 3.11
#
# Guess: a tensor that GGUFReader returns has one shape, that of the array that was written.
# Seen: it has two. Its `shape` is the other way round, columns before rows, as the file stores it; its `data` has the
#   shape that was written. Weights reshaped by the first have the right size and wrong rows.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check gguf==0.19.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder/weights.gguf" <<'PYTHON'
import sys

import gguf
import numpy as np

weights = np.arange(6, dtype=np.float32).reshape(2, 3)
writer = gguf.GGUFWriter(sys.argv[1], "lstm")
writer.add_tensor("weights", weights)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
[tensor] = gguf.GGUFReader(sys.argv[1]).tensors
shape = tuple(int(size) for size in tensor.shape)
print(f"written {weights.shape}, read: shape {shape}, data {tensor.data.shape}")
sys.exit(not (shape == (3, 2) and tensor.data.shape == (2, 3) and (tensor.data == weights).all()))
PYTHON
