"""Pairs as a command line names them: tables, or a file of sources and one of targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnntui.text.pairs import ParallelCorpus


def read_pairs(
    tables: tuple[str, ...], source: str | None, target: str | None, flags: tuple[str, str], encoding: str, errors: Any
) -> ParallelCorpus | None:
    """Pairs from tables or from two files; None if nothing is named. `flags` are what the two files are named by.

    Raises `UsageError` if both ways are mixed, `CorpusError` if there are no pairs.
    """
    from rnntui.text.corpus import find_corpus
    from rnntui.text.pairs import check_pair_sources, read_aligned_files, read_table

    check_pair_sources(bool(tables), source is not None, target is not None, flags)
    if source is not None and target is not None:
        return read_aligned_files(find_corpus([source], encoding, errors), find_corpus([target], encoding, errors))
    return read_table(find_corpus(list(tables), encoding, errors)) if tables else None
