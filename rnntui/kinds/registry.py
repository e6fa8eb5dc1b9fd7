"""The table of kinds, and the metrics of all of them."""

from __future__ import annotations

from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.metrics import BITS_PER_CHARACTER, LOSSES, OPTIMIZATION, Metric
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.seq2seq import SEQ2SEQ

KINDS: dict[str, ModelKind] = {kind.id: kind for kind in (LANGUAGE_MODEL, SEQ2SEQ)}
"""Every kind of model by its id in `config.json`, in the order in which they are offered."""


def all_metrics() -> dict[str, Metric]:
    """The metrics of all kinds by key, in the order in which charts and tables show them."""
    kinds = (metric for kind in KINDS.values() for metric in kind.metrics)
    return {metric.key: metric for metric in (*LOSSES, BITS_PER_CHARACTER, *kinds, *OPTIMIZATION)}


def title_of(kind: str) -> str:
    """The name of a kind by its id; the id itself where this rnntui does not know the kind."""
    return KINDS[kind].title if kind in KINDS else kind
