#!/usr/bin/env bash
# torch 2.13.0 (CPU build, x86, oneDNN inside), numpy 2.4.6, Python 3.11; a processor with avx512_bf16
#
# Guess: a product of two bfloat16 matrices leaves nothing behind but its result, so the memory of a training whose batches
#   have many shapes is that of its largest batch; if anything is kept, ONEDNN_PRIMITIVE_CACHE_CAPACITY bounds it.
# Seen: the first product of each new shape leaves about 0.6 MB in memory; 600 shapes take hundreds of MB, in float32 a few.
#   Two caches of 1,024 entries hold them, one of oneDNN and one of torch: the bound on oneDNN's alone, or on that of
#   LRU_CACHE_CAPACITY alone, leaves most of it; both together leave little. Trainings on sentences, whose batches have
#   hundreds of lengths, grow for hours.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cat > "$folder/look.py" <<'PYTHON'
import sys

import torch


def megabytes() -> float:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


if not torch.cpu._is_avx512_bf16_supported():
    sys.exit("this needs a processor with avx512_bf16")
torch.set_num_threads(1)
weights = torch.randn(512, 1024, dtype=getattr(torch, sys.argv[1]))
torch.randn(8, 512, dtype=weights.dtype) @ weights
before = megabytes()
for rows in range(16, 616):
    torch.randn(rows, 512, dtype=weights.dtype) @ weights
print(f"{megabytes() - before:.0f}")
PYTHON
look() {
    env -u ONEDNN_PRIMITIVE_CACHE_CAPACITY -u LRU_CACHE_CAPACITY "${@:2}" "$folder/venv/bin/python" "$folder/look.py" "$1"
}
float32=$(look float32)
default=$(look bfloat16)
onednn=$(look bfloat16 ONEDNN_PRIMITIVE_CACHE_CAPACITY=16)
torch=$(look bfloat16 LRU_CACHE_CAPACITY=16)
both=$(look bfloat16 ONEDNN_PRIMITIVE_CACHE_CAPACITY=16 LRU_CACHE_CAPACITY=16)
echo "MB after 600 shapes: float32 $float32; bfloat16 $default, with oneDNN's cache of 16 $onednn, torch's $torch, both $both"
[ "$float32" -lt 60 ] && [ "$default" -gt 250 ] && [ "$onednn" -gt 120 ] && [ "$torch" -gt 120 ] && [ "$both" -lt 100 ]
