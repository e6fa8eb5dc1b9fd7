"""Untrained runs for the commands that read lines."""

from __future__ import annotations

from pathlib import Path

from classifier_examples import make_classifier_run
from pair_runs import copy_rows, make_pair_run, write_weights
from tiny_runs import make_run


def make_line_runs(folder: Path) -> dict[str, Path]:
    """Return the run of each command."""
    pairs = make_pair_run(folder, copy_rows(), "pairs", steps=5)
    write_weights(pairs)
    language_model = make_run(folder, "text").path
    classifier = make_classifier_run(folder, "labels", ["of text", "line"]).path
    return {"score": language_model, "sample": language_model, "translate": pairs.path, "classify": classifier}
