"""Split of pairs into training and validation that share no sentence."""

from __future__ import annotations

import random

from rnntui.kinds.pair_corpus_info import SplitRule
from rnntui.text.normalization import comparison_key
from rnntui.text.parallel_corpus import Pair

_MIN_TARGETS_PER_SOURCE = 0.5  # distinct targets per distinct source, from which targets are sentences and not labels


def split_rule(rows: list[Pair]) -> SplitRule:
    """Return "both" for a translation corpus, whose targets are about as many as its sources, else "source".

    The measure is the number of distinct targets per distinct source: 1.1 in English to Spanish of Tatoeba, 0.02 in
    150 sentences with 3 tag sequences. Below 0.5, targets are labels or the like: every held-out pair shares its target
    with pairs in training, and should.
    """
    sources, targets = len({pair.source for pair in rows}), len({pair.target for pair in rows})
    return "both" if targets >= _MIN_TARGETS_PER_SOURCE * sources else "source"


def train_validation_split(
    rows: list[Pair], fraction: float, seed: int, rule: SplitRule = "both"
) -> tuple[list[Pair], list[Pair]]:
    """Split pairs into training and validation, about `fraction` of them for validation, both in their original order.

    No sentence of the validation part occurs in training: pairs that share a sentence form a group (transitively), and
    a group is never split. Sentences are compared without case, spaces, punctuation and Unicode composition. A group
    of more than a tenth of the validation part stays in training.

    Args:
        rows: All pairs.
        fraction: The fraction of pairs for validation, 0 to 1.
        seed: The seed of the random choice of groups.
        rule: The sentences that are not shared: those of both columns, or only the sources.
    """
    members: dict[int, list[int]] = {}
    for index, root in enumerate(_groups(rows, rule)):
        members.setdefault(root, []).append(index)
    validation_size = max(1, round(fraction * len(rows)))
    max_group = max(1, validation_size // 10)
    roots = list(members)
    random.Random(seed).shuffle(roots)
    held_out: set[int] = set()
    for root in roots:
        if len(held_out) >= validation_size:
            break
        if len(members[root]) <= max_group:
            held_out.update(members[root])
    training = [pair for index, pair in enumerate(rows) if index not in held_out]
    return training, [rows[index] for index in sorted(held_out)]


def _groups(rows: list[Pair], rule: SplitRule) -> list[int]:
    """Return the index of the first pair of each pair's group: a union-find over the sentences that are not shared."""
    parent = list(range(len(rows)))

    def find_root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first_index: dict[str, int] = {}
    for index, pair in enumerate(rows):
        for text in (pair.source, pair.target) if rule == "both" else (pair.source,):
            same_sentence = first_index.setdefault(comparison_key(text), index)
            smaller, larger = sorted((find_root(same_sentence), find_root(index)))
            parent[larger] = smaller
    return [find_root(index) for index in range(len(rows))]
