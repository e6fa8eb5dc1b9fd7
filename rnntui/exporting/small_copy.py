"""Export of a run as a small copy for distribution: `rnntui export RUN --copy FOLDER`.

The copy has float16 weights, which are read back as float32, the vocabularies, the licence of a shipped model, no
resume state, and of the metrics all rows of evaluations and one in ten of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnntui.atomic_files import atomic_folder
from rnntui.errors import RunError
from rnntui.inference.run_ngrams import read_ngram_model
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.runs.checksums import read_checked_config, write_checksums
from rnntui.runs.folder import RunFolder, tokenizer_files
from rnntui.runs.integrity import write_status_of_metrics
from rnntui.runs.metrics_log import rewrite_rows
from rnntui.runs.weights_file import load_arrays, save_arrays
from rnntui.untrusted_files import copy_regular

_ROW_INTERVAL = 10  # one in this many training rows is kept


def export_run(run: RunFolder, target: Path, ngram_minimum: int = 1) -> None:
    """Write the best weights of a run, its config, status, tokenizer, metrics and licence to the folder `target`.

    Of the n-gram prior of a language model, contexts of two tokens or more that were seen fewer than `ngram_minimum`
    times are left out.

    The folder appears with all of them. Raises `UsageError` if it exists, `RunError` if the run is broken or a weight
    is too large for float16.
    """
    arrays, metadata = load_arrays(run.weights_file)
    half_arrays = half_precision(arrays, run.weights_file)
    with atomic_folder(target) as folder:
        _write_copy(run, RunFolder(folder), half_arrays, metadata, ngram_minimum)


def _write_copy(
    run: RunFolder, copy: RunFolder, arrays: Mapping[str, NDArray[Any]], metadata: dict[str, str], ngram_minimum: int
) -> None:
    """Write a copy of a run with other weights to an empty folder."""
    save_arrays(copy.weights_file, arrays, metadata)
    config = read_checked_config(run)
    copy.write_config(config)
    for tokenizer in tokenizer_files(run):
        copied_file = copy.path / tokenizer.relative_to(run.path)
        copied_file.parent.mkdir(exist_ok=True)
        copy_regular(tokenizer, copied_file)
    for name in (run.known_words_file.name, run.ngrams_file.name, run.license_file.name):
        if (run.path / name).exists():
            copy_regular(run.path / name, copy.path / name)
    if ngram_minimum > 1 and config.kind == LANGUAGE_MODEL.id and (prior := read_ngram_model(run, config)) is not None:
        save_arrays(copy.ngrams_file, prior.without_rare(ngram_minimum).to_arrays(), {})
    rewrite_rows(
        copy.metrics_file, run.metrics_file, lambda row, index: "train_loss" not in row or index % _ROW_INTERVAL == 0
    )
    write_status_of_metrics(copy, run.read_status())
    write_checksums(copy)


def half_precision(arrays: Mapping[str, NDArray[Any]], file: Path) -> dict[str, NDArray[np.float16]]:
    """Return weights in float16. Raises `RunError`, which names their file, if one is too large."""
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            raise RunError(f"{file}: {name!r:.80} holds {array.dtype}, where weights are floating-point numbers")
    with np.errstate(over="ignore"):  # overflow becomes infinity, which is reported below
        half_arrays = {name: array.astype(np.float16) for name, array in arrays.items()}
    for name, array in half_arrays.items():
        if not np.isfinite(array).all():
            raise RunError(f"{file}: {name} is too large for float16")
    return half_arrays
