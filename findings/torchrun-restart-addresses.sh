#!/usr/bin/env bash
# torch 2.13.0 (CPU), Python 3.11
#
# Guess: after one of two processes was killed, torchrun --max-restarts 1 starts both again, and init_process_group
#   connects them as it did the first time.
# Seen: without --standalone or --rdzv-backend, all restarts share one store of torchrun, and no prefix tells them apart.
#   The new processes find the addresses of the earlier ones there: in five of seven tries they failed to connect in ten
#   seconds, or waited for the timeout of init_process_group. With the prefix TORCHELASTIC_RESTART_COUNT in the store they
#   connect at once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cat > "$folder/work.py" <<'PYTHON'
import datetime
import os
import signal
import sys

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

attempt, timeout = os.environ["TORCHELASTIC_RESTART_COUNT"], datetime.timedelta(seconds=20)
store, rank, size = next(rendezvous("env://", timeout=timeout))
shared = store.check([f"seen-{rank}"])
store.set(f"seen-{rank}", "1")
prefix = f"attempt-{attempt}" if sys.argv[1] == "prefix" else "same"
dist.init_process_group("gloo", store=PrefixStore(prefix, store), rank=rank, world_size=size, timeout=timeout)
total = torch.ones(1)
dist.all_reduce(total)
print(f"attempt {attempt}, rank {rank}: connected to {int(total)}, the store is that of an earlier attempt: {shared}", flush=True)
if attempt == "0":
    if rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()
PYTHON
export OMP_NUM_THREADS=1
torchrun() { timeout 90 "$folder/venv/bin/torchrun" --nproc-per-node 2 --max-restarts 1 "$@" 2>"$folder/errors" || true; }
echo "with a prefix for each attempt:"
torchrun "$folder/work.py" prefix | tee "$folder/prefix"
echo "as init_process_group does:"
torchrun "$folder/work.py" none | tee "$folder/none"
grep -c "failed to connect" "$folder/errors" || true
# The addresses of both attempts have the same names in the store, so a process may also find a new one by chance.
grep -q "attempt 1, rank 0: connected to 2, the store is that of an earlier attempt: True" "$folder/prefix"
