"""The table of kinds, and the metrics of all of them."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping

from rnntui.kinds.metrics import BITS_PER_CHARACTER, LOSSES, OPTIMIZATION, Metric
from rnntui.kinds.model_kind import ModelKind, resolve


class KindRegistry(MutableMapping[str, ModelKind]):
    """Pages by the ids of their kinds; a page is imported when it is first looked at.

    A command that uses one kind of model thus starts without the settings of the others.
    """

    def __init__(self, pages: dict[str, str]) -> None:
        """`pages` names each page as `module:attribute`."""
        self._pages: dict[str, str | ModelKind] = dict(pages)

    def __getitem__(self, kind: str) -> ModelKind:
        page = self._pages[kind]
        if isinstance(page, str):
            page = self._pages[kind] = resolve(page)
        return page

    def __setitem__(self, kind: str, page: ModelKind) -> None:
        self._pages[kind] = page

    def __delitem__(self, kind: str) -> None:
        del self._pages[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pages)

    def __len__(self) -> int:
        return len(self._pages)

    def __contains__(self, kind: object) -> bool:
        return kind in self._pages


KINDS = KindRegistry(
    {
        "language-model": "rnntui.kinds.language_model:LANGUAGE_MODEL",
        "seq2seq": "rnntui.kinds.seq2seq:SEQ2SEQ",
    }
)
"""Every kind of model by its id in `config.json`, in the order in which they are offered."""


def all_metrics() -> dict[str, Metric]:
    """The metrics of all kinds by key, in the order in which charts and tables show them."""
    kinds = (metric for kind in KINDS.values() for metric in kind.metrics)
    return {metric.key: metric for metric in (*LOSSES, BITS_PER_CHARACTER, *kinds, *OPTIMIZATION)}


def title_of(kind: str) -> str:
    """The name of a kind by its id; the id itself where this rnntui does not know the kind."""
    return KINDS[kind].title if kind in KINDS else kind
