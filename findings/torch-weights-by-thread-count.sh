#!/usr/bin/env bash
# torch 2.13.0 (CPU build, x86, oneMKL inside), numpy 2.4.6, Python 3.11
#
# Guess: the number of threads changes how fast a product of two float32 matrices is computed, hardly its rounding; the
#   weights that torch.nn.init.orthogonal_ draws depend on the seed alone; MKL_CBWR=AUTO,STRICT, which promises the same
#   bits on any number of threads, costs a good part of the speed.
# Seen: products differ between 1, 2 and 4 threads for many shapes, and so do the "random" orthogonal weights of one seed
#   (a QR decomposition makes them): the same script starts from other weights on another machine. With
#   MKL_CBWR=AUTO,STRICT the products are equal, in about the same time. The orthogonal weights still differ.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cat > "$folder/look.py" <<'PYTHON'
import os
import sys
import time

import torch


def distinct(compute) -> int:
    """Return how many different results 1, 2 and 4 threads have."""
    results = []
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        result = compute()
        if not any(torch.equal(result, other) for other in results):
            results.append(result)
    return len(results)


shapes = [(rows, inner, columns) for rows in (7, 350, 512) for inner in (300, 512, 2000) for columns in (300, 1200, 2048)]
products = sum(distinct(lambda s=shape: torch.randn(s[0], s[1]) @ torch.randn(s[1], s[2])) > 1 for shape in shapes)
orthogonal = distinct(lambda: torch.nn.init.orthogonal_(torch.empty(512, 512)))
torch.set_num_threads(1)
a, b = torch.randn(512, 512), torch.randn(512, 2048)
times = []
for _ in range(40):
    began = time.perf_counter()
    a @ b
    times.append(time.perf_counter() - began)
print(f"MKL_CBWR={os.environ.get('MKL_CBWR')}: products that depend on the number of threads: {products} of {len(shapes)};",
      f"different orthogonal weights of one seed: {orthogonal}; a product takes {1e3 * sorted(times)[20]:.2f} ms")
sys.exit(not ((products == 0) == ("MKL_CBWR" in os.environ) and orthogonal > 1 and torch.__version__.startswith("2.13.0")))
PYTHON
env -u MKL_CBWR "$folder/venv/bin/python" "$folder/look.py"
MKL_CBWR=AUTO,STRICT "$folder/venv/bin/python" "$folder/look.py"
