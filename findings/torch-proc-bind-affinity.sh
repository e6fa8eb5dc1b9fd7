#!/usr/bin/env bash
# torch 2.13.0 (CPU), its own libgomp, Python 3.11, Linux with two processors or more
#
# Guess: with OMP_PROC_BIND=true, torch ties the threads that it starts to processors; the program's own thread may run
#   anywhere as before, and os.sched_getaffinity still counts the processors that the program may use.
# Seen: "import torch" alone ties the main thread to one processor. os.sched_getaffinity(0) has one entry from then on,
#   so a count of usable processors must be made before the import, and child processes inherit the single processor.
#   torch.get_num_threads() is not affected.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
env -u OMP_NUM_THREADS -u OMP_PLACES -u GOMP_CPU_AFFINITY OMP_PROC_BIND=true "$folder/venv/bin/python" - <<'PYTHON'
import os
import subprocess
import sys

before = len(os.sched_getaffinity(0))
if before < 2:
    sys.exit("this needs two processors")
import torch

after = len(os.sched_getaffinity(0))
code = "import os; print(len(os.sched_getaffinity(0)))"
child = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
print(f"torch {torch.__version__}: processors before {before}, after {after}, in a child {child};",
      f"torch's threads {torch.get_num_threads()}")
sys.exit(not (after == 1 and child == 1 and torch.get_num_threads() > 1 and torch.__version__.startswith("2.13.0")))
PYTHON
