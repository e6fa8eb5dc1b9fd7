"""Reading runs of format 1: what they call settings, weights and progress, and what format 2 calls them.

Format 2 differs in names alone. A run is never rewritten for it: old names are translated whenever a file is read.
"""

from __future__ import annotations

import re
from typing import Any

RENAMED_SETTINGS: dict[str, dict[str, str]] = {
    "training": {
        "reset": "state_reset_prob",
        "clip": "clip_grad_norm",
        "validation": "validation_fraction",
        "pool": "bucket_batches",
        "longest": "max_pair_tokens",
        "select": "selection_metric",
    },
    "tokenizer": {"tokenizer": "type"},
    "corpus": {"turns": "speakers", "longest": "limits"},
}
"""Keys of `config.json` by section."""

RENAMED_PROGRESS = {"best_measures": "best_metrics"}
"""Keys of the progress in `resume/state.safetensors`."""

RENAMED_WEIGHTS = {"encoder.ahead.": "encoder.forward_rnn.", "encoder.back.": "encoder.backward_rnn."}
"""Prefixes of weight names in `model.safetensors`; behind `model.` and `optimizer.` in `resume/state.safetensors`."""

_OLD_WEIGHT = re.compile(rf"(?<![^.])({'|'.join(map(re.escape, RENAMED_WEIGHTS))})")


def upgrade_config(values: dict[str, Any]) -> dict[str, Any]:
    """The object of a `config.json` of format 1 under the names of format 2; what is malformed stays as it is."""
    upgraded = dict(values)
    for section, names in RENAMED_SETTINGS.items():
        upgraded[section] = rename_keys(values.get(section), names)
    return upgraded


def rename_keys(values: Any, names: dict[str, str]) -> Any:
    """An object with its keys renamed, in the same order; anything but an object as it is."""
    return {names.get(key, key): value for key, value in values.items()} if isinstance(values, dict) else values


def upgrade_weight_name(name: str) -> str:
    """The name of an array in a weights or resume file under format 2; names of format 2 stay as they are."""
    return _OLD_WEIGHT.sub(lambda match: RENAMED_WEIGHTS[match[1]], name, count=1)
