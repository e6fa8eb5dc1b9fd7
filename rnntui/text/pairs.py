"""Parallel text: rows of a table, or lines of two files, as pairs of source and target."""

from __future__ import annotations

import hashlib
import random
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import NamedTuple

from rnntui.errors import CorpusError, UsageError
from rnntui.text.corpus import Corpus
from rnntui.text.normalization import normalize

_SHOWN = 40  # characters of a row shown in a message


class Pair(NamedTuple):
    """A source, evened, and its target, and in which row of which file they stand, counted from 1."""

    source: str
    target: str
    file: str
    row: int


@dataclass
class Dropped:
    """Rows that are left out: how many, and what is wrong with the first."""

    count: int = 0
    first: str = ""

    def add(self, what: str) -> None:
        """One more."""
        self.first = self.first or what
        self.count += 1

    @property
    def message(self) -> str:
        """One line for the user; empty if nothing is left out."""
        if not self.count:
            return ""
        return f"left out {self.first}" if self.count == 1 else f"left out {self.count:,} rows, the first {self.first}"


@dataclass(frozen=True)
class Pairs:
    """Pairs read; `name` is what a run on them is called by default, `shown` the files as the user named them."""

    rows: list[Pair]
    name: str
    shown: tuple[str, ...]
    dropped: Dropped = field(default_factory=Dropped)

    def fingerprint(self) -> str:
        """A hash of all the text."""
        digest = hashlib.sha256()
        for pair in self.rows:
            digest.update(f"{pair.source}\t{pair.target}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def check_named(table: bool, source: bool, target: bool, flags: tuple[str, str]) -> None:
    """What is named must be nothing, tables, or a file of sources and one of targets; `flags` name those two.

    Raises `UsageError` if ways are mixed or one of two files is missing.
    """
    if source != target:
        raise UsageError(f"{flags[0]} and {flags[1]} go together; give both")
    if table and source:
        raise UsageError(f"give a table of pairs, or {flags[0]} and {flags[1]}, not both")


def read_table(corpus: Corpus) -> Pairs:
    """The rows of tables: source, a tab, target; what stands after another tab is ignored, and so are blank rows.

    Rows that lack a column or have an empty one are left out and counted. Raises `CorpusError` if none is whole.
    """
    rows: list[Pair] = []
    dropped = Dropped()
    for file, row, line in _lines(corpus):
        if not line.strip():
            continue
        columns = line.split("\t")
        if len(columns) < 2:
            dropped.add(f"row {row} of {file}, which has no tab: {_shown(line)}")
            continue
        _keep(rows, dropped, Pair(normalize(columns[0]), columns[1].strip(), file, row))
    return _some(Pairs(rows, _name(corpus), corpus.shown, dropped), "a row is source, a tab, target")


def read_columns(source: Corpus, target: Corpus) -> Pairs:
    """The lines of two files, one beside the other; pairs with an empty line on one side are left out and counted.

    Raises `CorpusError` if they differ in length, or no pair is whole.
    """
    rows: list[Pair] = []
    dropped = Dropped()
    ours, theirs = ", ".join(source.shown), ", ".join(target.shown)
    for count, (one, other) in enumerate(zip_longest(_lines(source), _lines(target))):
        if one is None or other is None:
            longer, shorter = (theirs, ours) if one is None else (ours, theirs)
            raise CorpusError(
                f"{shorter} ends after {count:,} lines and {longer} does not; line by line they must be each other's"
            )
        if one[2].strip() or other[2].strip():
            _keep(rows, dropped, Pair(normalize(one[2]), other[2].strip(), one[0], one[1]))
    found = Pairs(rows, _name(source), source.shown + target.shown, dropped)
    return _some(found, "two lines that belong together must not be empty")


def hold_out(rows: list[Pair], share: float, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Pairs for training and pairs for validation, about `share` of them, in the order they came.

    No sentence of the validation part occurs in training, in either column: pairs that share a sentence, and pairs
    that share one with these, stay together. Case, spaces and punctuation make no difference, nor does it whether an
    accent is a character of its own. A group so large that it would be much of the validation part stays in training.
    """
    group = _groups(rows)
    members: dict[int, list[int]] = {}
    for number, root in enumerate(group):
        members.setdefault(root, []).append(number)
    wanted = max(1, round(share * len(rows)))
    largest = max(1, wanted // 10)
    roots = list(members)
    random.Random(seed).shuffle(roots)
    held: set[int] = set()
    for root in roots:
        if len(held) >= wanted:
            break
        if len(members[root]) <= largest:
            held.update(members[root])
    training = [pair for number, pair in enumerate(rows) if number not in held]
    return training, [rows[number] for number in sorted(held)]


def target_characters(rows: Iterable[Pair]) -> int:
    """How many characters the targets have."""
    return sum(len(pair.target) for pair in rows)


def _groups(rows: list[Pair]) -> list[int]:
    """For each pair the number of its group's first pair: a union-find over the sentences of both columns."""
    parent = list(range(len(rows)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    first: dict[str, int] = {}
    for number, pair in enumerate(rows):
        for text in (pair.source, pair.target):
            known = first.setdefault(_plain(text), number)
            one, other = sorted((root(known), root(number)))
            parent[other] = one
    return [root(number) for number in range(len(rows))]


class _Kept(dict[int, int | None]):
    """For `str.translate`: letters, digits and the marks on them stay, all else goes; looked up once a character."""

    def __missing__(self, character: int) -> int | None:
        kept = character if unicodedata.category(chr(character))[0] in "LNM" else None
        self[character] = kept
        return kept


_KEPT = _Kept()


def _plain(text: str) -> str:
    """A sentence without what makes no other of it."""
    normalize = unicodedata.normalize("NFKC", text).casefold()
    return normalize.translate(_KEPT) or normalize


def _keep(rows: list[Pair], dropped: Dropped, pair: Pair) -> None:
    if pair.source and pair.target:
        rows.append(pair)
    else:
        empty = "target" if pair.source else "source"
        dropped.add(f"row {pair.row} of {pair.file}, whose {empty} is empty: {_shown(pair.source or pair.target)}")


def _lines(corpus: Corpus) -> Iterator[tuple[str, int, str]]:
    """Every line with its file and number, without its end."""
    for path, shown in zip(corpus.files, corpus.shown, strict=True):
        number, held = 0, ""
        for block in replace(corpus, files=(path,), shown=(shown,)).blocks():
            *lines, held = (held + block).split("\n")
            for line in lines:
                number += 1
                yield shown, number, line.removesuffix("\r")
        if held:
            yield shown, number + 1, held.removesuffix("\r")


def _name(corpus: Corpus) -> str:
    for suffix in (".tsv", ".tab", ".csv"):
        if corpus.name.endswith(suffix) and corpus.name != suffix:
            return corpus.name.removesuffix(suffix)
    return corpus.name


def _some(found: Pairs, expected: str) -> Pairs:
    if found.rows:
        return found
    shown = ", ".join(found.shown)
    if found.dropped.count:
        raise CorpusError(f"{shown} has no whole pair: {found.dropped.message.removeprefix('left out ')} ({expected})")
    raise CorpusError(f"{shown}: no pairs, the file is empty ({expected})")


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
