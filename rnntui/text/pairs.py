"""Parallel corpora: sentence pairs from a tab-separated table or from two line-aligned files."""

from __future__ import annotations

import hashlib
import random
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import NamedTuple

from rnntui.errors import CorpusError
from rnntui.text.corpus import Corpus
from rnntui.text.normalization import normalize

_MAX_QUOTED = 40  # characters of a row quoted in a message


class Pair(NamedTuple):
    """A normalized source sentence and its target, with their file and row (counted from 1)."""

    source: str
    target: str
    file: str
    row: int


@dataclass
class DroppedRows:
    """Counts the rows that were left out, and keeps the problem of the first one."""

    count: int = 0
    first: str = ""

    def add(self, problem: str) -> None:
        """Count one more row."""
        self.first = self.first or problem
        self.count += 1

    @property
    def message(self) -> str:
        """A one-line message for the user; empty if no row was left out."""
        if not self.count:
            return ""
        return f"left out {self.first}" if self.count == 1 else f"left out {self.count:,} rows, the first {self.first}"


@dataclass(frozen=True)
class ParallelCorpus:
    """Sentence pairs in memory.

    `name` is the default name of a run trained on them, `display_names` are the files as the user named them.
    """

    rows: list[Pair]
    name: str
    display_names: tuple[str, ...]
    dropped: DroppedRows = field(default_factory=DroppedRows)

    def fingerprint(self) -> str:
        """Return the SHA-256 of all pairs, in hexadecimal."""
        digest = hashlib.sha256()
        for pair in self.rows:
            digest.update(f"{pair.source}\t{pair.target}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def read_table(corpus: Corpus) -> ParallelCorpus:
    """Read the rows of tables: source, a tab, target. Further columns and blank rows are ignored.

    Rows with a missing or an empty column are left out and counted. Raises `CorpusError` if no complete row is left.
    """
    rows: list[Pair] = []
    dropped = DroppedRows()
    for file, row, text in _lines(corpus):
        if not text.strip():
            continue
        columns = text.split("\t")
        if len(columns) < 2:
            dropped.add(f"row {row} of {file}, which has no tab: {_quote(text)}")
            continue
        _append_complete(rows, dropped, Pair(normalize(columns[0]), columns[1].strip(), file, row))
    return _require_pairs(
        ParallelCorpus(rows, _name(corpus), corpus.display_names, dropped), "a row is source, a tab, target"
    )


def read_aligned_files(source: Corpus, target: Corpus) -> ParallelCorpus:
    """Read pairs from two files in which line n of one is the translation of line n of the other.

    Pairs with one empty line are left out and counted. Raises `CorpusError` if the files differ in length, or no
    complete pair is left.
    """
    rows: list[Pair] = []
    dropped = DroppedRows()
    source_names, target_names = ", ".join(source.display_names), ", ".join(target.display_names)
    for count, (source_line, target_line) in enumerate(zip_longest(_lines(source), _lines(target))):
        if source_line is None or target_line is None:
            longer, shorter = (target_names, source_names) if source_line is None else (source_names, target_names)
            raise CorpusError(
                f"{shorter} ends after {count:,} lines and {longer} does not; "
                f"each line must be the translation of the same line of the other file"
            )
        if source_line.text.strip() or target_line.text.strip():
            pair = Pair(normalize(source_line.text), target_line.text.strip(), source_line.file, source_line.number)
            _append_complete(rows, dropped, pair)
    corpus = ParallelCorpus(rows, _name(source), source.display_names + target.display_names, dropped)
    return _require_pairs(corpus, "both lines of a pair must have text")


def train_validation_split(rows: list[Pair], fraction: float, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Split pairs into training and validation, about `fraction` of them for validation, both in their original order.

    No sentence of the validation part occurs in training, in either column: pairs that share a sentence form a group
    (transitively), and a group is never split. Sentences are compared without case, spaces, punctuation and Unicode
    composition. A group of more than a tenth of the validation part stays in training.

    Args:
        rows: All pairs.
        fraction: The fraction of pairs for validation, 0 to 1.
        seed: The seed of the random choice of groups.
    """
    members: dict[int, list[int]] = {}
    for index, root in enumerate(_groups(rows)):
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


def count_target_characters(rows: Iterable[Pair]) -> int:
    """Return the number of characters of all targets."""
    return sum(len(pair.target) for pair in rows)


def _groups(rows: list[Pair]) -> list[int]:
    """Return the index of the first pair of each pair's group: a union-find over the sentences of both columns."""
    parent = list(range(len(rows)))

    def find_root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first_index: dict[str, int] = {}
    for index, pair in enumerate(rows):
        for text in (pair.source, pair.target):
            same_sentence = first_index.setdefault(_comparison_key(text), index)
            smaller, larger = sorted((find_root(same_sentence), find_root(index)))
            parent[larger] = smaller
    return [find_root(index) for index in range(len(rows))]


class _LettersAndDigits(dict[int, int | None]):
    """Table for `str.translate` that keeps letters, digits and marks; it caches the category of each character."""

    def __missing__(self, point: int) -> int | None:
        self[point] = point if unicodedata.category(chr(point))[0] in "LNM" else None
        return self[point]


_LETTERS_AND_DIGITS = _LettersAndDigits()


def _comparison_key(text: str) -> str:
    """Return a sentence composed (NFKC), case-folded, and without spaces and punctuation if anything else is left."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return folded.translate(_LETTERS_AND_DIGITS) or folded


def _append_complete(rows: list[Pair], dropped: DroppedRows, pair: Pair) -> None:
    if pair.source and pair.target:
        rows.append(pair)
    else:
        empty = "target" if pair.source else "source"
        dropped.add(f"row {pair.row} of {pair.file}, whose {empty} is empty: {_quote(pair.source or pair.target)}")


class _Line(NamedTuple):
    file: str
    number: int
    text: str


def _lines(corpus: Corpus) -> Iterator[_Line]:
    """Yield every line without its line break; lines are numbered from 1 in each file."""
    for path, name in zip(corpus.files, corpus.display_names, strict=True):
        number, rest = 0, ""
        for block in replace(corpus, files=(path,), display_names=(name,)).blocks():
            *lines, rest = (rest + block).split("\n")
            for line in lines:
                number += 1
                yield _Line(name, number, line.removesuffix("\r"))
        if rest:
            yield _Line(name, number + 1, rest.removesuffix("\r"))


def _name(corpus: Corpus) -> str:
    for suffix in (".tsv", ".tab", ".csv"):
        if corpus.name.endswith(suffix) and corpus.name != suffix:
            return corpus.name.removesuffix(suffix)
    return corpus.name


def _require_pairs(corpus: ParallelCorpus, expected: str) -> ParallelCorpus:
    if corpus.rows:
        return corpus
    names = ", ".join(corpus.display_names)
    if corpus.dropped.count:
        problem = corpus.dropped.message.removeprefix("left out ")
        raise CorpusError(f"{names} has no complete pair: {problem} ({expected})")
    raise CorpusError(f"{names}: no pairs, the file is empty ({expected})")


def _quote(text: str) -> str:
    return repr(text if len(text) <= _MAX_QUOTED else text[:_MAX_QUOTED] + "…")
