"""Split of labelled texts into training and validation parts that share no text and have the same labels."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence

from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
from rnntui.text.labelled_corpus import LabelledText, count_labels
from rnntui.text.normalization import comparison_key

_MAX_SHARE = 10  # a text that fills more than this fraction of a label's validation rows is held out last


def split_labelled(
    rows: Sequence[LabelledText], fraction: float, seed: int
) -> tuple[list[LabelledText], list[LabelledText]]:
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
    groups = _groups(rows)
    left = count_labels(rows)  # rows in training by label
    label_order = {label: index for index, label in enumerate(left)}
    by_label: dict[str, list[list[int]]] = {label: [] for label in left}
    for members in groups:
        counts = Counter(rows[index].label for index in members)
        by_label[min(counts, key=lambda label: (-counts[label], label_order[label]))].append(members)
    generator = random.Random(seed)
    targets = _targets([sum(map(len, members)) for members in by_label.values()], fraction, generator)
    held_out: set[int] = set()
    for candidates, target in zip(by_label.values(), targets, strict=True):
        generator.shuffle(candidates)
        missing, max_usual = target, max(1, target // _MAX_SHARE)
        usual = [members for members in candidates if len(members) <= max_usual]
        large = sorted((members for members in candidates if len(members) > max_usual), key=len)
        for members in [*usual, *large]:
            if len(members) <= missing and _hold_out(members, rows, left):
                held_out.update(members)
                missing -= len(members)
    if not held_out and fraction > 0:
        # Few rows, or many copies of a few texts: the smallest group, of the label with the most of them.
        for candidates in sorted(by_label.values(), key=len, reverse=True):
            smallest = next((members for members in sorted(candidates, key=len) if _hold_out(members, rows, left)), [])
            held_out.update(smallest)
            if smallest:
                break
    training = [row for index, row in enumerate(rows) if index not in held_out]
    return training, [rows[index] for index in sorted(held_out)]


def is_recorded_split(
    info: LabelledCorpusInfo, training: Sequence[LabelledText], held_out: Sequence[LabelledText]
) -> bool:
    """Return True if a repeated split has the numbers of rows and of training labels that a run recorded."""
    counts = count_labels(training)
    return (
        info.rows == (len(training), len(held_out))
        and {label: count for label, count in zip(info.labels, info.label_counts, strict=False) if count} == counts
    )


def _groups(rows: Iterable[LabelledText]) -> list[list[int]]:
    """Return the indexes of the rows of each distinct text, in the order of the first ones."""
    groups: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(comparison_key(row.text), []).append(index)
    return list(groups.values())


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


def _hold_out(members: list[int], rows: Sequence[LabelledText], left: dict[str, int]) -> bool:
    """Take a group out of the training rows; return False, leaving it, if a label would have no other row there."""
    counts = Counter(rows[index].label for index in members)
    if any(left[label] <= count for label, count in counts.items()):
        return False
    for label, count in counts.items():
        left[label] -= count
    return True
