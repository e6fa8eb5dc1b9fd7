"""Split of labelled texts into training and validation parts that share no text and have the same labels."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
from rnntui.text.labelled_corpus import LabelledText, count_labels
from rnntui.text.normalization import comparison_key
from rnntui.text.stored_rows import select_rows, text_hashes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Indices = NDArray[np.int64]

_MAX_SHARE = 10  # a text that fills more than this fraction of a label's validation rows is held out last


def split_labelled(
    rows: Sequence[LabelledText], fraction: float, seed: int
) -> tuple[Sequence[LabelledText], Sequence[LabelledText]]:
    """Split labelled texts into training and validation, about `fraction` for validation, both in their order.

    No text of the validation part occurs in training: rows whose texts are equal but for case, spaces and punctuation
    form a group, and a group is never split. The split is stratified: the number of validation rows is rounded up or
    down for each label, so that their sum is right. A group with several labels counts for the most frequent one of
    its labels. Every label keeps a row in training; one with a single group is not held out.

    Args:
        rows: All labelled texts.
        fraction: The fraction of rows for validation, 0 to 1.
        seed: The seed of the random choice of groups.

    The validation part is empty if no group can be held out.
    """
    label_counts = count_labels(rows)
    groups = _Groups(rows, {label: index for index, label in enumerate(label_counts)})
    left = np.array(list(label_counts.values()), dtype=np.int64)  # rows in training by label
    by_label = [array("q", np.flatnonzero(groups.labels == label).tobytes()) for label in range(len(left))]
    generator = random.Random(seed)
    targets = _targets([int(groups.sizes[candidates].sum()) for candidates in by_label], fraction, generator)
    is_held_out = np.zeros(len(groups.sizes), np.bool_)
    for candidates, target in zip(by_label, targets, strict=True):
        generator.shuffle(candidates)
        missing, max_usual = target, max(1, target // _MAX_SHARE)
        shuffled = np.array(candidates, dtype=np.int64)
        is_usual = groups.sizes[shuffled] <= max_usual
        large = shuffled[~is_usual]
        for group in np.concatenate([shuffled[is_usual], large[np.argsort(groups.sizes[large], kind="stable")]]):
            if not missing:
                break
            if groups.sizes[group] <= missing and groups.take_out(group, left):
                is_held_out[group] = True
                missing -= int(groups.sizes[group])
    if not is_held_out.any() and fraction > 0:
        # Few rows, or many copies of a few texts: the smallest group, of the label with the most of them.
        for candidates in sorted(by_label, key=len, reverse=True):
            shuffled = np.array(candidates, dtype=np.int64)
            by_size = shuffled[np.argsort(groups.sizes[shuffled], kind="stable")]
            smallest = next((group for group in by_size if groups.take_out(group, left)), None)
            if smallest is not None:
                is_held_out[smallest] = True
                break
    held_out = is_held_out[groups.of_rows]
    return select_rows(rows, np.flatnonzero(~held_out)), select_rows(rows, np.flatnonzero(held_out))


class _Groups:
    """Groups of rows with the same text, numbered by their first rows; the arrays of G groups are `(G,)`.

    Args:
        rows: all rows.
        label_ids: the number of each label.
    """

    def __init__(self, rows: Sequence[LabelledText], label_ids: dict[str, int]) -> None:
        hashes = text_hashes(comparison_key(row.text) for row in rows)
        row_labels = np.fromiter((label_ids[row.label] for row in rows), np.int64)
        _, firsts, inverse = np.unique(hashes, return_index=True, return_inverse=True)
        del hashes
        numbers = np.empty(len(firsts), np.int64)
        numbers[np.argsort(firsts)] = np.arange(len(firsts))
        self.of_rows = numbers[inverse]
        """The group of each row."""
        self.sizes = np.bincount(self.of_rows)
        labels = len(label_ids)
        pairs, self._counts = np.unique(self.of_rows * labels + row_labels, return_counts=True)
        groups, self._labels = np.divmod(pairs, labels)
        self._starts = np.searchsorted(groups, np.arange(len(firsts) + 1))  # of the labels of each group
        order = np.lexsort((self._labels, -self._counts, groups))
        self.labels = self._labels[order[self._starts[:-1]]]
        """The most frequent label of each group."""

    def take_out(self, group: int, left: Indices) -> bool:
        """Take a group out of the rows `left` of each label; return False, leaving it, if one would have no other."""
        part = slice(self._starts[group], self._starts[group + 1])
        labels, counts = self._labels[part], self._counts[part]
        if (left[labels] <= counts).any():
            return False
        left[labels] -= counts
        return True


def is_recorded_split(
    info: LabelledCorpusInfo, training: Sequence[LabelledText], held_out: Sequence[LabelledText]
) -> bool:
    """Return True if a repeated split has the numbers of rows and of training labels that a run recorded."""
    counts = count_labels(training)
    return (
        info.rows == (len(training), len(held_out))
        and {label: count for label, count in zip(info.labels, info.label_counts, strict=False) if count} == counts
    )


def _targets(counts: list[int], fraction: float, generator: random.Random) -> list[int]:
    """Return the number of validation rows of each label: rounded so that the sum is that of all rows, at least 1."""
    shares = [fraction * count for count in counts]
    targets = [int(share) for share in shares]
    missing = max(1, round(fraction * sum(counts))) - sum(targets)
    by_remainder = list(range(len(counts)))
    generator.shuffle(by_remainder)  # the order among equal remainders
    by_remainder.sort(key=lambda index: targets[index] - shares[index])
    for index in by_remainder[: max(0, missing)]:
        targets[index] += 1
    return targets
