#!/usr/bin/env bash
# torch 2.13.0 (CPU build), numpy 2.4.6, Python 3.11
#
# Guess: torch.set_flush_denormal(True) holds for torch's computations on the CPU from then on; AdamW's mean of a row
#   whose gradient stays zero fades to zero, so that unused rows cost nothing special.
# Seen: once several threads have computed something, it reaches only the part of a tensor that the calling thread
#   computes; called before, all threads inherit it. The mean does not fade: it stops at a denormal number, which rounding
#   keeps, for ever, and a step over such numbers takes many times as long as over ordinary ones or zeros.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cat > "$folder/look.py" <<'PYTHON'
import sys
import time

import numpy as np
import torch

torch.set_num_threads(2)
tiny, order = torch.from_numpy(np.full(1_000_000, 1e-40, np.float32)), sys.argv[1]
if order == "pool first":
    tiny.clone().add_(1.0)  # starts the second thread
torch.set_flush_denormal(True)
left = int((tiny * 1.0).count_nonzero())
torch.set_flush_denormal(False)
print(f"{order}: {left:,} of 1,000,000 denormal numbers are not flushed")
as_described = left == (500_000 if order == "pool first" else 0)
if order == "pool first":
    torch.set_num_threads(1)
    weight = torch.nn.Parameter(torch.zeros(2_000_000))
    weight.grad = torch.ones(2_000_000)
    optimizer = torch.optim.AdamW([weight], fused=True)
    optimizer.step()
    weight.grad.zero_()

    def step_seconds() -> float:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            optimizer.step()
            times.append(time.perf_counter() - began)
        return sorted(times)[2]

    mean, ordinary = optimizer.state[weight]["exp_avg"], step_seconds()
    mean.fill_(1e-42)
    for _ in range(150):
        optimizer.step()
    stuck, slow = mean[0].item(), step_seconds()
    print(f"AdamW's mean after 150 more steps without a gradient: {stuck:.2g}; such a step takes {slow / ordinary:.1f} times as long")
    as_described &= 0 < stuck < 1e-43 and slow > 2 * ordinary
sys.exit(not (as_described and torch.__version__.startswith("2.13.0")))
PYTHON
for order in "flush first" "pool first"; do
    env -u OMP_NUM_THREADS "$folder/venv/bin/python" "$folder/look.py" "$order"
done
