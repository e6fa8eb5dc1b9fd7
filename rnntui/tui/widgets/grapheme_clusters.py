"""Clusters: what a reader takes for one character, as the terminal shows it and as wide as rich measures it.

Textual crops lines by `rich.cells.cell_len`, so nothing else decides how wide a text is. A cluster is a character with
the marks, joiners and selectors that belong to it; cut text between clusters only, and the widths add up.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from rich.cells import cell_len

from rnntui.text.control_chars import escape_control_chars

BLANKS = frozenset(" \t\u3000")
"""The characters after which a line may break, and which may hang, unseen, over its end."""

SIMPLE = re.compile("[ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u2010-\u2027\u2030-\u205e]*")
"""Texts in which every character is a cluster one cell wide, unless marks follow: most text, and quickly told."""

_JOINER = "\u200d"
_ALONE = "\u25cc"  # the dotted circle, which stands for the letter that a mark lacks
_LONGEST = 32  # a model can write marks without end; no language writes more than a few
_FLAGS = ("\U0001f1e6", "\U0001f1ff")  # regional indicators: two of them are a flag
# A line does not begin with these, where text without blanks may break between any two characters.
_NEVER_FIRST = frozenset("、。，．：；？！）」』】》〉…")


class Cluster(NamedTuple):
    """How one cluster appears: the text `shown` and its width in terminal `cells`.

    A line break is shown as itself, without width; so is a tab, whose width depends on where it stands. `loose`: a line
    may break before and after it, as between Chinese characters. `first`: a line may begin with it, if what stands
    before it is loose.
    """

    shown: str
    cells: int
    loose: bool
    first: bool


class _Character(NamedTuple):
    alone: Cluster
    plain: bool  # shown as it is
    adds: bool  # to the cluster before it: it has no width of its own
    flag: bool  # half of one


class _Characters(dict[str, _Character]):
    """What is known of each character met; a dictionary, since every character of a text is looked up."""

    def __missing__(self, character: str) -> _Character:
        if len(self) > 20_000:
            self.clear()
        shown = escape_control_chars(character)
        cells = cell_len(shown)
        plain = shown == character and character not in "\n\t"
        adds = plain and not cells
        if adds:
            shown, cells = _ALONE + (character if unicodedata.category(character).startswith("M") else ""), 1
        flag = _FLAGS[0] <= character <= _FLAGS[1]
        alone = Cluster(shown, cells, cells > 1, character not in _NEVER_FIRST)
        return self.setdefault(character, _Character(alone, plain, adds, flag))


_characters = _Characters()


def cluster_at(text: str, start: int) -> tuple[int, Cluster]:
    """The cluster that begins at an offset of a text, and the offset behind it."""
    base = text[start]
    known = _characters[base]
    end = start + 1
    if end == len(text) or base == "\n":
        return end, known.alone
    following = _characters[text[end]]
    if not following.adds and not (known.flag and following.flag):
        return end, known.alone
    end = _end(text, start, end + following.flag, joins=known.plain and not known.adds)
    # A joiner with nothing to join would swallow, as rich measures, the first character of the next cluster.
    added = text[start + 1 : end].rstrip(_JOINER)
    if not known.plain or known.adds:
        added = added.replace(_JOINER, "")
    shown = known.alone.shown + added
    # Whether a line may break here is said by the base alone, which does not change as marks arrive.
    return end, known.alone._replace(shown=shown, cells=cell_len(shown))


def _end(text: str, start: int, end: int, joins: bool) -> int:
    stop = min(len(text), start + _LONGEST)
    while end < stop and _characters[text[end]].adds:
        join = joins and text[end] == _JOINER and end + 1 < len(text) and _characters[text[end + 1]].plain
        end += 2 if join else 1
    return end
