"""Places of a source's markup in its translation, by attention.

A pair of tags encloses the words that attend to the words which it enclosed in the source. A tag of its own stands
where the words before it attend as much as possible to those before it in the source, and the words behind it to those
behind it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnntui.inference.cells import Array
from rnntui.text.inline_markup import Markup
from rnntui.text.placeholders import NAMES, NUMBERS, PLACEHOLDERS
from rnntui.text.scripts import is_wide
from rnntui.text.vocabulary import CharSpan

Flags = NDArray[np.bool_]

_UNIT = re.compile(rf"[{NUMBERS[0]}-{NAMES[-1]}]|[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]|_+")
_MAX_DEPTH = 32  # of pairs within one another
_ENCLOSED = 0.5  # share of a word's attention from which on it belongs to a pair of tags


class AlignedText(NamedTuple):
    """A text and the spans of its tokens in it; those of end tokens are empty."""

    text: str
    spans: Sequence[CharSpan]


class Insertion(NamedTuple):
    """Markup to insert into a text.

    Args:
        offset: of the character before which it comes.
        text: the markup.
        is_left: True if it belongs to the character before it.
        is_space: True if it comes in the place of a blank before it.
    """

    offset: int
    text: str
    is_left: bool
    is_space: bool = False


@dataclass
class _Node:
    """A pair of tags with what is between them, or a tag of its own: the index of the first, and of the last half."""

    first: int
    last: int
    children: list[_Node] = field(default_factory=list)

    @property
    def is_pair(self) -> bool:
        return self.last > self.first


def place_markup(
    markup: Sequence[Markup], source: AlignedText, target: AlignedText, attention: Array
) -> list[Insertion]:
    """Return where the markup of a sentence stands in its translation, in order; pairs are nested as in the source.

    Args:
        markup: that of the sentence, with offsets in the text of `source`, and partners within it.
        source: what was translated.
        target: its translation.
        attention: `(T, S)`, from each token of the target to those of the source.
    """
    source_units, target_units = _units(source.text), _units(target.text)
    weights = _shares(target_units, target.spans) @ attention @ _shares(source_units, source.spans).T
    shares = _normalized(weights.astype(np.float32))
    placing = _Placing(markup, source.text, source_units, target.text, target_units, shares)
    placing.place(_tree(markup), 0, len(target_units))
    return sorted(placing.insertions, key=lambda insertion: insertion.offset)


def insert_markup(characters: Sequence[str], insertions: Iterable[Insertion]) -> list[str]:
    """Return what is shown for each character of a text, with the markup.

    Args:
        characters: what is shown for each without it; at least one.
        insertions: of `place_markup`.
    """
    shown = list(characters)
    before = [""] * (len(shown) + 1)
    for offset, text, is_left, is_space in insertions:
        if is_space and offset and shown[offset - 1] == " ":
            shown[offset - 1] = ""
        if is_left and offset and not before[offset]:
            shown[offset - 1] += text
        else:
            before[offset] += text
    shown[-1] += before.pop()
    return [prefix + character for prefix, character in zip(before, shown, strict=True)]


class _Placing:
    """Places the nodes of a tree within a range of a target's units, and collects insertions.

    Args:
        markup: of the sentence.
        source: what was translated.
        source_units: spans of words and signs in it.
        target: the translation.
        target_units: spans of words and signs in it.
        weights: attention from each unit of the target to those of the source, `(T, S)`; rows add up to 1.
    """

    def __init__(
        self,
        markup: Sequence[Markup],
        source: str,
        source_units: Sequence[CharSpan],
        target: str,
        target_units: Sequence[CharSpan],
        weights: Array,
    ) -> None:
        self._markup, self._target, self._units, self._weights = markup, target, target_units, weights
        self._source = np.array(source_units, np.int64).reshape(-1, 2)
        self._middles = self._source.mean(axis=1)
        self._source_is_word = _are_words(source, source_units)
        self._is_word = _are_words(target, target_units)
        self.insertions: list[Insertion] = []

    def place(self, nodes: Sequence[_Node], low: int, high: int) -> None:
        """Place sibling nodes and what is in them within the units from `low` to before `high`."""
        ranges: dict[int, tuple[int, int]] = {}
        taken = np.zeros(len(self._units), bool)
        for node in nodes:
            found = self._enclosed(node, low, high, taken) if node.is_pair else None
            if found is not None:
                ranges[node.first] = found
                taken[slice(*found)] = True
        inside = {at for start, end in ranges.values() for at in range(start + 1, end)}
        for node in nodes:
            if node.first not in ranges:
                markup = self._markup[node.first]
                edges = {low, high} if markup.is_space and high - low > 1 else set()  # a space separates two words
                at = self._division(markup.offset, low, high, inside | edges)
                ranges[node.first] = at, at
        for node in sorted(nodes, key=lambda node: ranges[node.first]):
            start, end = ranges[node.first]
            if start == end:
                self._add_at(node, start)
                continue
            self._insert(self._units[start][0], node.first)
            self.place(node.children, start, end)
            self._insert(self._units[end - 1][1], node.last, is_left=True)

    def _enclosed(self, node: _Node, low: int, high: int, taken: Flags) -> tuple[int, int] | None:
        """Return the range of free units that attend most to what a pair encloses; None if there is nothing or none."""
        start, end = (self._markup[index].offset for index in (node.first, node.last))
        is_inside = (start < self._middles) & (self._middles < end)
        if not is_inside.any():  # a part of a word
            is_inside = (self._source[:, 0] < end) & (self._source[:, 1] > start)
        free = [at for at in range(low, high) if not taken[at]]
        if not is_inside.any() or not free:
            return None
        gains = self._weights[:, is_inside].sum(axis=1) - _ENCLOSED
        words = [at for at in free if self._is_word[at]]
        best, found = -np.inf, (0, 0)
        total, first = 0.0, low
        for at in range(low, high):
            if taken[at]:
                total, first = 0.0, at + 1
                continue
            if total < 0:
                total, first = 0.0, at
            total += float(gains[at])
            if total > best:
                best, found = total, (first, at + 1)
        if not words or not self._source_is_word[is_inside].any():
            return found
        # Tags around words are not put around signs, nor around signs at the ends.
        inside = [at for at in range(*found) if self._is_word[at]] or [max(words, key=lambda at: float(gains[at]))]
        return inside[0], inside[-1] + 1

    def _division(self, offset: int, low: int, high: int, excluded: Collection[int]) -> int:
        """Return before which unit something stands that divides the source at an offset."""
        before = self._weights[:, self._middles < offset].sum(axis=1)[low:high]
        behind = self._weights[:, self._middles > offset].sum(axis=1)[low:high]
        sums = np.concatenate([[0.0], np.cumsum(before)]) + np.concatenate([np.cumsum(behind[::-1])[::-1], [0.0]])
        places = [at for at in range(low, high + 1) if at not in excluded] or [low]
        return max(places, key=lambda at: sums[at - low])

    def _add_at(self, node: _Node, unit: int) -> None:
        """Add a node that encloses nothing before a unit, with all that is in it."""
        first = self._markup[node.first]
        is_left = unit > 0 and first.sticks_left and not first.is_space
        offset = self._units[unit - 1][1] if is_left else self._start_of(unit)
        for index in range(node.first, node.last + 1):
            self._insert(offset, index, is_left)

    def _start_of(self, unit: int) -> int:
        return self._units[unit][0] if unit < len(self._units) else len(self._target)

    def _insert(self, offset: int, index: int, is_left: bool = False) -> None:
        markup = self._markup[index]
        self.insertions.append(Insertion(offset, markup.text, is_left, markup.is_space))


def _tree(markup: Sequence[Markup]) -> list[_Node]:
    """Return the nodes that are in no pair. A half whose partner is not there, or nested too deep, is a node."""
    roots: list[_Node] = []
    around: list[_Node] = []
    for index, each in enumerate(markup):
        if each.kind == "close" and around and around[-1].last == index:
            around.pop()
            continue
        is_pair = each.kind == "open" and each.partner > index and len(around) < _MAX_DEPTH
        node = _Node(index, each.partner if is_pair else index)
        (around[-1].children if around else roots).append(node)
        if node.is_pair:
            around.append(node)
    return roots


def _units(text: str) -> list[CharSpan]:
    """Return the spans of words, placeholders and signs; of scripts without blanks each character is a word."""
    spans: list[CharSpan] = []
    for match in _UNIT.finditer(text):
        start, end = match.span()
        if any(map(is_wide, match[0])):
            spans += [(at, at + 1) for at in range(start, end)]
        else:
            spans.append((start, end))
    return spans


def _are_words(text: str, units: Sequence[CharSpan]) -> Flags:
    """Return for each unit whether it is a word or a placeholder, not a sign."""
    return np.array([text[start].isalnum() or text[start] in PLACEHOLDERS for start, _ in units], bool)


def _shares(units: Sequence[CharSpan], tokens: Sequence[CharSpan]) -> Array:
    """Return which share of the characters of each token is in each unit, `(U, T)`."""
    shares = np.zeros((len(units), len(tokens)), np.float32)
    first = 0
    for column, (start, end) in enumerate(tokens):
        while first < len(units) and units[first][1] <= start:
            first += 1
        row = first
        while row < len(units) and units[row][0] < end:
            shares[row, column] = (min(end, units[row][1]) - max(start, units[row][0])) / (end - start)
            row += 1
    return shares


def _normalized(weights: Array) -> Array:
    """Return rows that add up to 1. One of zeros, as of a model without attention, follows the order of the source."""
    rows, columns = weights.shape
    for row in np.flatnonzero(weights.sum(axis=1) <= 0) if columns else ():
        weights[row, min(columns - 1, round(row * (columns - 1) / max(1, rows - 1)))] = 1
    normalized: Array = weights / weights.sum(axis=1, keepdims=True, dtype=np.float32)
    return normalized
