"""Grapheme clusters: user-perceived characters, as a terminal shows them, with the width that rich measures.

Textual crops lines by `rich.cells.cell_len`, so that alone determines the width of a text. A cluster is a character
with its marks, joiners and selectors; as long as text is only cut between clusters, their widths add up.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from rich.cells import cell_len

from rnntui.text.control_chars import escape_control_chars, hide_embeddings

BLANKS = frozenset(" \t\u3000")
"""The characters after which a line may break, and which may hang, invisible, over its end."""

SIMPLE = re.compile("[ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u2010-\u2027\u2030-\u205e]*")
"""Matches texts in which every character is a cluster one cell wide, unless marks follow: a fast test for most text."""

_JOINER = "\u200d"
_MARK_BASE = "\u25cc"  # the dotted circle, shown as the base of a mark without a letter
_MAX_LENGTH = 32  # a model can generate any number of marks; no language has more than a few
_FLAGS = ("\U0001f1e6", "\U0001f1ff")  # regional indicators: two of them are a flag
# A line cannot begin with these where text without blanks may break between any two characters.
_NOT_AT_LINE_START = frozenset("、。，．：；？！）」』】》〉…")


class Cluster(NamedTuple):
    """The displayed `text` of one grapheme cluster and its width in terminal `cells`.

    A line break has itself as text, and no width; so has a tab, whose width depends on its column. `breakable`: a line
    may break before and after it, as between Chinese characters. `may_start_line`: a line may begin with it, if the
    cluster before it is breakable.
    """

    text: str
    cells: int
    breakable: bool
    may_start_line: bool


class _Character(NamedTuple):
    alone: Cluster
    plain: bool  # displayed unchanged
    combining: bool  # without width: part of the cluster before it
    invisible: (
        bool  # without width or ink, such as a direction mark: at the start of a line part of the cluster after it
    )
    flag: bool  # half of a flag


class _Characters(dict[str, _Character]):
    """Cache of character properties; a dictionary, because every character of a text is looked up."""

    def __missing__(self, character: str) -> _Character:
        if len(self) > 20_000:
            self.clear()
        text = escape_control_chars(character)
        cells = cell_len(text)
        category = unicodedata.category(character)
        plain = text == character and character not in "\n\t"
        combining = (plain and not cells) or not text
        invisible = combining and category == "Cf"
        if invisible:
            text, cells = " ", 1  # alone in a line: a cursor needs a cell
        elif combining:
            text, cells = _MARK_BASE + (character if category.startswith("M") else ""), 1
        flag = _FLAGS[0] <= character <= _FLAGS[1]
        alone = Cluster(text, cells, cells > 1, character not in _NOT_AT_LINE_START)
        return self.setdefault(character, _Character(alone, plain, combining, invisible, flag))


_characters = _Characters()


def cluster_at(text: str, start: int) -> tuple[int, Cluster]:
    """Return the end offset and the cluster that begins at `start` of a text."""
    first = text[start]
    base = _characters[first]
    end = start + 1
    if base.invisible:  # it would have been part of a cluster before it in the line
        stop = min(len(text), start + _MAX_LENGTH)
        while end < stop and _characters[text[end]].invisible:
            end += 1
        is_alone = end == len(text) or text[end] == "\n" or text[end] in BLANKS or _characters[text[end]].invisible
        if is_alone:
            return end, base.alone
        return cluster_at(text, end)
    if end == len(text) or first == "\n":
        return end, base.alone
    following = _characters[text[end]]
    if not following.combining and not (base.flag and following.flag):
        return end, base.alone
    end = _cluster_end(text, start, end + following.flag, joins=base.plain and not base.combining)
    # By rich's measure, a joiner at the end would swallow the first character of the next cluster.
    marks = hide_embeddings(text[start + 1 : end]).rstrip(_JOINER)
    if not base.plain or base.combining:
        marks = marks.replace(_JOINER, "")
    displayed = base.alone.text + marks
    # The base alone decides about line breaks: it does not change as marks arrive.
    return end, base.alone._replace(text=displayed, cells=cell_len(displayed))


def _cluster_end(text: str, start: int, end: int, joins: bool) -> int:
    stop = min(len(text), start + _MAX_LENGTH)
    while end < stop and _characters[text[end]].combining:
        join = joins and text[end] == _JOINER and end + 1 < len(text) and _characters[text[end + 1]].plain
        end += 2 if join else 1
    return end
