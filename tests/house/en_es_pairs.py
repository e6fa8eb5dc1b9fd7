"""The English-Spanish pairs, read and split once for all tests of a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from rnntui.text.corpus import find_corpus
from rnntui.text.pair_split import train_validation_split
from rnntui.text.pairs import read_table
from rnntui.text.parallel_corpus import Pair, ParallelCorpus

CORPORA = Path(__file__).resolve().parents[2] / "corpora"


@cache
def read_pairs() -> ParallelCorpus:
    """Return all pairs of `corpora/en-es.tsv`."""
    return read_table(find_corpus([str(CORPORA / "en-es.tsv")]))


@cache
def split_pairs(validation_fraction: float, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Return the pairs for training and those for validation."""
    return train_validation_split(read_pairs().rows, validation_fraction, seed)
