"""Confusion matrices: counts by true and predicted label, the largest confusions, keys of labels in little room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.styled_text import CellWidth
from rnntui.text.control_chars import one_line

MAX_LABELS = 60
"""Labels of the largest matrix that a training logs and a history keeps."""

_MAX_COUNT = 2**53

Counts = NDArray[np.int64]


class Confusion(NamedTuple):
    """Texts of one label that were taken for another: their number, and their share of all texts of that label."""

    true: str
    predicted: str
    texts: int
    share: float


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """Counts of texts by true and predicted label.

    Args:
        labels: names of the T labels, of any characters: first the K that can be predicted, then others that are true
            labels only.
        counts: `(T, K)`, rows are true labels.
    """

    labels: tuple[str, ...]
    counts: Counts

    @property
    def width(self) -> int:
        """K, the number of labels that can be predicted."""
        return int(self.counts.shape[1])

    @property
    def totals(self) -> Counts:
        """The number of texts of each true label, `(T,)`."""
        totals: Counts = self.counts.sum(1)
        return totals

    @property
    def shares(self) -> NDArray[np.float64]:
        """The counts as fractions of the texts of the true label, `(T, K)`; 0 for a label without texts."""
        shares: NDArray[np.float64] = self.counts / np.maximum(self.totals, 1)[:, None]
        return shares

    @property
    def accuracy(self) -> float:
        """The fraction of texts on the diagonal; 0 if there are no texts."""
        return float(self.counts.diagonal().sum() / max(1, self.counts.sum()))

    def largest_confusions(self, limit: int) -> list[Confusion]:
        """Return the most frequent confusions, at most `limit`, the largest first."""
        counts = self.counts.copy()
        np.fill_diagonal(counts, 0)
        order = np.argsort(-counts, axis=None, kind="stable")[:limit]
        places = (divmod(int(index), self.width) for index in order)
        shares = self.shares
        return [
            Confusion(self.labels[row], self.labels[column], int(counts[row, column]), float(shares[row, column]))
            for row, column in places
            if counts[row, column]
        ]

    def folded(self, size: int) -> ConfusionMatrix:
        """Return a matrix of the first `size` - 1 labels, and a last one for all others; itself if it has no more."""
        if len(self.labels) <= size:
            return self
        kept = size - 1
        labels = (*self.labels[:kept], f"{len(self.labels) - kept} others")
        counts = np.zeros((size, size), np.int64)
        rows, columns = (np.minimum(np.arange(length), kept) for length in self.counts.shape)
        np.add.at(counts, (rows[:, None], columns[None, :]), self.counts)
        return ConfusionMatrix(labels, counts)


def counts_from_json(value: object) -> Counts | None:
    """Return the counts `(K, K)` of a row of `metrics.jsonl`, which may contain anything; None if they are invalid."""
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_LABELS:
        return None
    for row in value:
        if not isinstance(row, list) or len(row) != len(value):
            return None
        if not all(type(count) is int and 0 <= count < _MAX_COUNT for count in row):
            return None
    return np.array(value, np.int64)


def label_keys(labels: Sequence[str], width: int, measure: CellWidth) -> list[str]:
    """Return a short name for each label: beginnings if they differ, as Ge and Gr, else numbers from 1.

    Of labels with the same beginning, those after the first are called by their first and a later character, as Pr for
    Portuguese beside Polish.

    Args:
        labels: the labels, of any characters.
        width: cells of a key; numbers may be wider.
        measure: returns the width of a text in cells.
    """
    keys: dict[str, None] = {}
    for label in labels:
        name = one_line(label)
        candidates = [_beginning(name, width, measure)]
        if width > 1:
            candidates += [name[:1] + other for other in name[2:] if other.isalnum()]
        key = next((key for key in candidates if key.strip() and key not in keys and measure(key) <= width), None)
        if key is None:
            return [str(index + 1) for index in range(len(labels))]
        keys[key] = None
    return list(keys)


def _beginning(text: str, width: int, measure: CellWidth) -> str:
    """Return as much of the beginning of a text as fits into `width` cells."""
    start = text[: 2 * width]
    while measure(start) > width:
        start = start[:-1]
    return start.rstrip()
