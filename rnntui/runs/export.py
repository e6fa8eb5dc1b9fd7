"""A run made small enough to give away: `python -m rnntui.runs.export RUN FOLDER`.

The copy has float16 weights, which are read back as float32, no state to resume from, and one in ten of the rows of
its metrics beside the checks.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np

from rnntui.atomic_files import atomic_write
from rnntui.errors import RunError
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.weights_file import load_arrays, save_arrays

_KEPT_ROWS = 10


def export_run(run: RunFolder, target: Path) -> None:
    """Write a copy of a run's best weights and of what describes it into `target`, which is made if need be.

    Raises `RunError` if the run is broken or a weight is too large for float16.
    """
    arrays, metadata = load_arrays(run.weights_file)
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is told below
        small = {name: array.astype(np.float16) for name, array in arrays.items()}
    for name, array in small.items():
        if not np.isfinite(array).all():
            raise RunError(f"{run.weights_file}: {name} is too large for float16")
    target.mkdir(parents=True, exist_ok=True)
    copy = RunFolder(target)
    save_arrays(copy.weights_file, small, metadata)
    copy.write_config(run.read_config())
    shutil.copyfile(run.status_file, copy.status_file)
    for tokenizer in run.path.rglob("tokenizer.*"):  # separate vocabularies have folders of their own
        place = target / tokenizer.relative_to(run.path)
        place.parent.mkdir(exist_ok=True)
        shutil.copyfile(tokenizer, place)
    rows = read_metrics(run.metrics_file)
    kept = [row for number, row in enumerate(rows) if "train_loss" not in row or number % _KEPT_ROWS == 0]
    atomic_write(copy.metrics_file, "".join(json.dumps(row) + "\n" for row in kept).encode())


if __name__ == "__main__":
    export_run(RunFolder(Path(sys.argv[1])), Path(sys.argv[2]))
