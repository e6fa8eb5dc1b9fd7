"""Split of pairs into training and validation that share no sentence.

Sentences are known by hashes of 64 bits, and groups of pairs by arrays, so that 10 million pairs need 0.7 GB.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rnntui.kinds.pair_corpus_info import SplitRule
from rnntui.text.normalization import comparison_key
from rnntui.text.parallel_corpus import Pair
from rnntui.text.stored_rows import Report, TextColumn, count_distinct, reported, select_rows, text_hashes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Indices = NDArray[np.int64]

_MIN_TARGETS_PER_SOURCE = 0.5  # distinct targets per distinct source, from which targets are sentences and not labels


def split_rule(rows: Sequence[Pair]) -> SplitRule:
    """Return "both" for a translation corpus, whose targets are about as many as its sources, else "source".

    The measure is the number of distinct targets per distinct source: 1.1 in English to Spanish of Tatoeba, 0.02 in
    150 sentences with 3 tag sequences. Below 0.5, targets are labels or the like: every held-out pair shares its target
    with pairs in training, and should.
    """
    sources, targets = (count_distinct(TextColumn(rows, column)) for column in (0, 1))
    return "both" if targets >= _MIN_TARGETS_PER_SOURCE * sources else "source"


def train_validation_split(
    rows: Sequence[Pair],
    fraction: float,
    seed: int,
    rule: SplitRule = "both",
    report: Report | None = None,
) -> tuple[Sequence[Pair], Sequence[Pair]]:
    """Split pairs into training and validation, about `fraction` of them for validation, both in their original order.

    No sentence of the validation part occurs in training: pairs that share a sentence form a group (transitively), and
    a group is never split. Sentences are compared without case, spaces, punctuation and Unicode composition. A group
    of more than a tenth of the validation part stays in training.

    Args:
        rows: All pairs.
        fraction: The fraction of pairs for validation, 0 to 1.
        seed: The seed of the random choice of groups.
        rule: The sentences that are not shared: those of both columns, or only the sources.
        report: Receives a message every few seconds.
    """
    groups = _groups(rows, rule, report)
    sizes = np.bincount(groups, minlength=len(rows))  # of each group, by the index of its first pair
    validation_size = max(1, round(fraction * len(rows)))
    max_group = max(1, validation_size // 10)
    roots = array("q", np.flatnonzero(sizes).tobytes())
    random.Random(seed).shuffle(roots)
    is_chosen = np.zeros(len(rows), np.bool_)
    count = 0
    for root in roots:
        if count >= validation_size:
            break
        if sizes[root] <= max_group:
            is_chosen[root] = True
            count += int(sizes[root])
    is_held_out = is_chosen[groups]
    return select_rows(rows, np.flatnonzero(~is_held_out)), select_rows(rows, np.flatnonzero(is_held_out))


def _groups(rows: Sequence[Pair], rule: SplitRule, report: Report | None) -> Indices:
    """Return the index of the first pair of each pair's group; pairs of a group share sentences, transitively."""
    columns = 2 if rule == "both" else 1
    compared = reported(rows, len(rows), "compared pairs for the split", report)
    hashes = text_hashes(_keys(compared, columns))
    order = np.argsort(hashes, kind="stable")
    is_same = hashes[order[1:]] == hashes[order[:-1]]
    first, second = order[:-1][is_same], order[1:][is_same]
    del hashes, order, is_same  # they take more than what follows
    return connected_components(len(rows), first // columns, second // columns)


def _keys(rows: Iterable[Pair], columns: int) -> Iterator[str]:
    for pair in rows:
        yield comparison_key(pair.source)
        if columns == 2:
            yield comparison_key(pair.target)


def connected_components(count: int, first: Indices, second: Indices) -> Indices:
    """Return the smallest index that each index below `count` is connected with, `(count,)`.

    Each round joins every group to the lowest of its neighbours, then points all of its members at its root, so that
    a few rounds are enough (Shiloach and Vishkin 1982, "An O(log n) Parallel Connectivity Algorithm").

    Args:
        count: the number of indices.
        first: one end of each connection, `(E,)`.
        second: the other end, `(E,)`.
    """
    parents = np.arange(count)
    while True:
        first, second = parents[first], parents[second]
        differ = first != second
        first, second = first[differ], second[differ]
        if not len(first):
            return parents
        np.minimum.at(parents, np.maximum(first, second), np.minimum(first, second))
        while not np.array_equal(grandparents := parents[parents], parents):
            parents = grandparents
