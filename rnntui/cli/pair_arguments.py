"""Pairs of text as a command line names them: tables, or a file of sources and one of targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rnntui.kinds.inputs import InputChoice

if TYPE_CHECKING:
    from rnntui.text.pairs import ParallelCorpus

NamedPairs = tuple[tuple[str, ...], str | None, str | None]
"""Tables, or a file of sources and one of targets, as the command line names them."""


def read_pairs(named: NamedPairs, choice: InputChoice, encoding: str, errors: Any) -> ParallelCorpus | None:
    """Read pairs from tables or from two files; None if nothing is named. `choice` says what the flags are called.

    Raises `UsageError` if both ways are mixed, `CorpusError` if there are no pairs.
    """
    from rnntui.text.corpus import find_corpus
    from rnntui.text.pairs import read_aligned_files, read_table

    tables, source, target = named
    is_named = dict(zip((choice.table, *choice.columns), map(bool, named), strict=True))
    choice.check(is_named.__getitem__)
    if source is not None and target is not None:
        return read_aligned_files(find_corpus([source], encoding, errors), find_corpus([target], encoding, errors))
    return read_table(find_corpus(list(tables), encoding, errors)) if tables else None
