"""Reading runs of format 1: the names of settings, weights and progress that format 2 has renamed.

Format 2 differs only in names. Files are not rewritten: old names are translated whenever a file is read.
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
"""Keys of `config.json`, by section."""

RENAMED_PROGRESS = {"best_measures": "best_metrics"}
"""Keys of the progress in `resume/state.safetensors`."""

RENAMED_WEIGHTS = {"encoder.ahead.": "encoder.forward_rnn.", "encoder.back.": "encoder.backward_rnn."}
"""Prefixes of weight names in `model.safetensors`; in `resume/state.safetensors` after `model.` and `optimizer.`."""

_OLD_WEIGHT = re.compile(rf"(?<![^.])({'|'.join(map(re.escape, RENAMED_WEIGHTS))})")


def upgrade_config(values: dict[str, Any]) -> dict[str, Any]:
    """Return a `config.json` object of format 1 with the names of format 2; malformed sections are left unchanged."""
    upgraded = dict(values)
    for section, names in RENAMED_SETTINGS.items():
        upgraded[section] = rename_keys(values.get(section), names)
    return upgraded


def rename_keys(values: Any, names: dict[str, str]) -> Any:
    """Return an object with its keys renamed, in the same order; anything else unchanged."""
    return {names.get(key, key): value for key, value in values.items()} if isinstance(values, dict) else values


def upgrade_weight_name(name: str) -> str:
    """Return the format 2 name of an array in a weights or resume file; format 2 names are unchanged."""
    return _OLD_WEIGHT.sub(lambda match: RENAMED_WEIGHTS[match[1]], name, count=1)
