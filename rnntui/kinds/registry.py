"""Registry of the kinds of models, and the metrics of all kinds."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping

from rnntui.kinds.metrics import BITS_PER_CHARACTER, LOSSES, OPTIMIZATION, Metric
from rnntui.kinds.model_kind import ModelKind, resolve

_DEFAULT = "language-model"


class KindRegistry(MutableMapping[str, ModelKind]):
    """Kinds by id; the module of a kind is imported on first access.

    A command that uses one kind of model thus starts without importing the settings of the others.
    """

    def __init__(self, references: dict[str, str]) -> None:
        """Register the `ModelKind` of each id by its reference, `module:attribute`."""
        self._kinds: dict[str, str | ModelKind] = dict(references)

    def __getitem__(self, kind_id: str) -> ModelKind:
        kind = self._kinds[kind_id]
        if isinstance(kind, str):
            kind = self._kinds[kind_id] = resolve(kind)
        return kind

    def __setitem__(self, kind_id: str, kind: ModelKind) -> None:
        self._kinds[kind_id] = kind

    def __delitem__(self, kind_id: str) -> None:
        del self._kinds[kind_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    def __contains__(self, kind_id: object) -> bool:
        return kind_id in self._kinds


KINDS = KindRegistry(
    {
        _DEFAULT: "rnntui.kinds.language_model:LANGUAGE_MODEL",
        "seq2seq": "rnntui.kinds.seq2seq:SEQ2SEQ",
        "classifier": "rnntui.kinds.classifier:CLASSIFIER",
    }
)
"""The kinds of models by their id in `config.json`, in the order in which the form lists them."""


def all_metrics() -> dict[str, Metric]:
    """Return the metrics of all kinds by key, in the order in which charts and tables show them."""
    kinds = (metric for kind in KINDS.values() for metric in kind.metrics)
    return {metric.key: metric for metric in (*LOSSES, BITS_PER_CHARACTER, *kinds, *OPTIMIZATION)}


def kind_or_default(kind_id: str | None) -> ModelKind:
    """Return the kind with an id; for None or an unknown id, as of a broken run, that of language models."""
    return KINDS[kind_id] if kind_id is not None and kind_id in KINDS else KINDS[_DEFAULT]


def title_of(kind_id: str) -> str:
    """Return the title of a kind; for an unknown kind, its id."""
    return KINDS[kind_id].title if kind_id in KINDS else kind_id
