#!/usr/bin/env bash
# torch 2.13.0 (CPU), its own libgomp, numpy 2.4.6, Python 3.11
#
# Guess: OMP_THREAD_LIMIT=1, OMP_MAX_ACTIVE_LEVELS=0 and OMP_DYNAMIC=true make OpenMP start fewer threads than it is asked
#   for; torch becomes slower, and its results stay the same.
# Seen: an nn.LSTM in float32 is off by 0.3 and more, silently. Its kernel (oneDNN) divides the work among
#   torch.get_num_threads() threads, of which some never start; their part of the result stays uninitialized. The
#   gradients are wrong too. nn.GRU in float32 is right; matrix products in bfloat16 are wrong, where the processor has
#   it. OMP_DYNAMIC starts no more threads than there are idle processors, so whether it is wrong depends on the load.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cat > "$folder/look.py" <<'PYTHON'
import os
import sys

import torch

threads = (os.cpu_count() or 1) + 2


def difference(compute) -> float:
    """Return the largest difference between the results on many threads and on one."""
    results = []
    for count in (threads, 1):  # many first: memory does not hold the right numbers of an earlier call
        torch.set_num_threads(count)
        results.append(compute().float().nan_to_num(1e9))
    return (results[0] - results[1]).abs().max().item()


torch.manual_seed(0)
x, lstm, gru = torch.randn(4, 16, 64), torch.nn.LSTM(64, 64), torch.nn.GRU(64, 64)
a, b = torch.randn(256, 64).bfloat16(), torch.randn(64, 1024).bfloat16()
found = {"LSTM": difference(lambda: lstm(x)[0]), "GRU": difference(lambda: gru(x)[0]), "bf16": difference(lambda: a @ b)}
variable, harmful = sys.argv[1:]
print(f"{variable}, {threads} threads, torch {torch.__version__}: off by", {k: f"{v:.2g}" for k, v in found.items()})
as_described = found["GRU"] < 1e-5 and (found["LSTM"] > 0.05) == bool(harmful)
if torch.cpu._is_avx512_bf16_supported():
    as_described &= (found["bf16"] > 0.5) == bool(harmful)
sys.exit(not (as_described and torch.__version__.startswith("2.13.0")))
PYTHON
for variable in OMP_THREAD_LIMIT=1 OMP_MAX_ACTIVE_LEVELS=0 OMP_DYNAMIC=true; do
    env -u OMP_NUM_THREADS "$variable" "$folder/venv/bin/python" "$folder/look.py" "$variable" yes
done
env -u OMP_NUM_THREADS "$folder/venv/bin/python" "$folder/look.py" "none of them" ""
