"""The split of pairs by arrays of hashes: that of a union-find over the sentences themselves."""

from __future__ import annotations

import random

import numpy as np
import pytest

from rnntui.kinds.pair_corpus_info import SplitRule
from rnntui.text.normalization import comparison_key
from rnntui.text.pair_split import connected_components, split_rule, train_validation_split
from rnntui.text.parallel_corpus import Pair
from rnntui.text.stored_rows import StoredRows


def random_pairs(seed: int) -> list[Pair]:
    """Pairs in which sentences recur, some of them in both columns, so that groups are long chains."""
    choose = random.Random(seed)
    different = choose.choice([30, 300, 3000])
    count = choose.randint(1, 600)
    texts = [(choose.randint(1, different), choose.randint(1, different)) for _ in range(count)]
    return [Pair(f"Text {source}.", f"text, {target}", "t.tsv", row) for row, (source, target) in enumerate(texts, 1)]


def split_by_sentences(pairs: list[Pair], fraction: float, seed: int, rule: SplitRule) -> set[int]:
    """Return the rows that are held out: the same choice of groups, with a dictionary of sentences."""
    parent = list(range(len(pairs)))

    def root_of(index: int) -> int:
        while parent[index] != index:
            index = parent[index]
        return index

    first: dict[str, int] = {}
    for index, pair in enumerate(pairs):
        for text in (pair.source, pair.target) if rule == "both" else (pair.source,):
            smaller, larger = sorted((root_of(first.setdefault(comparison_key(text), index)), root_of(index)))
            parent[larger] = smaller
    members: dict[int, list[int]] = {}
    for index in range(len(pairs)):
        members.setdefault(root_of(index), []).append(index)
    size = max(1, round(fraction * len(pairs)))
    roots = list(members)
    random.Random(seed).shuffle(roots)
    held_out: set[int] = set()
    for root in roots:
        if len(held_out) < size and len(members[root]) <= max(1, size // 10):
            held_out.update(members[root])
    return {pairs[index].row for index in held_out}


@pytest.mark.parametrize("rule", ["both", "source"])
@pytest.mark.parametrize("seed", range(30))
def test_the_groups_are_those_of_the_sentences(seed: int, rule: SplitRule) -> None:
    pairs, fraction = random_pairs(seed), random.Random(seed).choice([0.01, 0.1, 0.4])
    training, held_out = train_validation_split(pairs, fraction, seed, rule)
    assert {pair.row for pair in held_out} == split_by_sentences(pairs, fraction, seed, rule)
    assert sorted([*training, *held_out], key=lambda pair: pair.row) == pairs
    stored = StoredRows(Pair)
    for pair in pairs:
        stored.add(*pair)
    assert train_validation_split(stored, fraction, seed, rule) == (training, held_out)
    assert split_rule(stored) == split_rule(pairs)


def test_a_sentence_that_is_a_source_here_and_a_target_there_is_on_one_side() -> None:
    pairs = [Pair(f"word {n}", f"Word {n + 1}!", "t.tsv", n) for n in range(20)] + [
        Pair(f"other {n}", f"another {n}", "t.tsv", 20 + n) for n in range(200)
    ]
    for seed in range(10):
        training, held_out = train_validation_split(pairs, 0.2, seed)
        sides = [{comparison_key(text) for pair in part for text in pair[:2]} for part in (training, held_out)]
        assert sides[1] and not sides[0] & sides[1]


@pytest.mark.parametrize("seed", range(20))
def test_components_of_long_chains_stars_and_random_graphs(seed: int) -> None:
    choose = np.random.default_rng(seed)
    count = int(choose.integers(1, 2000))
    shuffled = choose.permutation(count)
    chain = shuffled[:-1], shuffled[1:]
    assert not connected_components(count, *chain).any()
    star = np.full(count, shuffled[0]), shuffled
    assert not connected_components(count, *star).any()
    first, second = choose.integers(0, count, (2, count // 2))
    found = connected_components(count, first, second)
    assert (found[first] == found[second]).all() and (found <= np.arange(count)).all()
    assert (found[found] == found).all()
    groups = {index: {index} for index in range(count)}
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        joined = groups[one] | groups[other]
        for index in joined:
            groups[index] = joined
    assert found.tolist() == [min(groups[index]) for index in range(count)]
