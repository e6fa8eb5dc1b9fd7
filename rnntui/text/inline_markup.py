"""Markup in a line of text: tags and character references, taken out so that a model reads words alone.

A model of plain sentences has seen no `<b>` and no `&quot;`, and garbles a word that touches one. Tags of blocks divide
the text. What is inside a sentence is put back by `rnntui.inference.markup_placement`.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html.entities import html5
from itertools import pairwise
from typing import Literal

MarkupKind = Literal["open", "close", "point"]

_MARKUP = re.compile(
    r"<(?P<slash>/?)(?P<name>[A-Za-z][\w:.-]*+)(?:(?=[\s/>])(?:[^<>\"']++|\"[^\"<]*\"|'[^'<]*')*+)?>"
    r"|(?P<comment><!--.{0,1000}?-->)"
    r"|(?P<reference>&(?:[A-Za-z][A-Za-z0-9]{1,31}|\#\d{1,7}|\#[xX][0-9A-Fa-f]{1,6});)"
)
_BLOCKS = re.compile(
    "address|article|aside|blockquote|body|caption|center|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure|footer|"
    "form|h[1-6]|head|header|hgroup|hr|html|legend|li|main|menu|nav|ol|optgroup|option|p|pre|search|section|select|"
    "summary|table|tbody|td|tfoot|th|thead|title|tr|ul"
)
_EMPTY = frozenset(["br", "hr", "img", "input", "wbr"])  # elements without content, which are never closed
_BREAKS = frozenset(["br"])  # end a sentence that is complete
_INLINE = re.compile(
    "a|abbr|acronym|audio|b|bdi|bdo|big|button|cite|code|data|del|dfn|em|font|i|iframe|ins|kbd|label|map|mark|meter|"
    "object|output|picture|progress|q|rp|rt|ruby|s|samp|slot|small|source|span|strike|strong|sub|sup|svg|template|"
    "textarea|time|tt|u|var|video"
)
_SENTENCE_END = re.compile(r"[.!?…:;。！？：；][\"'”’»)\]]*\s*\Z")
_LONGEST_END = 16  # characters in which a sentence's end is looked for
_INVISIBLE = "\u00ad\u200b\u2060\ufeff"  # say where a line may break


@dataclass(frozen=True)
class Markup:
    """A tag, or a reference to a space.

    Args:
        text: as it stands in the text, with a blank beside it where there is one on both sides.
        offset: of the character of the plain text before which it stands.
        kind: `open` or `close` of a pair, or a `point` that has no other half.
        partner: index of the other half of a pair.
        is_space: True if it stands in the place of the blank at `offset`.
        sticks_left: True if it touches what is before it, and not what is behind it.
    """

    text: str
    offset: int
    kind: MarkupKind = "point"
    partner: int = -1
    is_space: bool = False
    sticks_left: bool = False


@dataclass(frozen=True)
class MarkedText:
    """A text and what has been taken out of it.

    Args:
        marked: the text with its markup.
        plain: without markup; a reference such as `&quot;` is the character that it stands for.
        spans: for each character of `plain` the span of `marked` that it stands for.
        markup: in order.
        breaks: offsets in `plain` at which a block begins or ends.
    """

    marked: str
    plain: str
    spans: Sequence[tuple[int, int]]
    markup: Sequence[Markup]
    breaks: Sequence[int]

    def original(self, start: int, end: int) -> str:
        """Return a part of the text as it was, with the markup inside it and without that at its ends."""
        return self.marked[slice(*self.span(start, end))] if start < end else ""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span in `marked` of a part of the plain text."""
        if start < end:
            return self.spans[start][0], self.spans[end - 1][1]
        at = self.spans[start][0] if start < len(self.spans) else len(self.marked)
        return at, at

    def gap(self, start: int, end: int, left_out: Collection[int]) -> str:
        """Return a part of the text as it was, with the markup at its ends but for that of the indices `left_out`."""
        parts: list[str] = []
        position = start
        for index in self._between(start, end):
            each = self.markup[index]
            parts.append(self.original(position, each.offset))
            parts += [] if index in left_out else [each.text]
            position = each.offset + each.is_space
        return "".join([*parts, self.original(position, end)])

    def inside(self, start: int, end: int) -> list[int]:
        """Return the indices of the markup that belongs to a sentence.

        That is what stands within it, and at its ends the halves of pairs whose other half stands within it.
        """
        around = self._between(start, end)
        within = {index for index in around if start < self.markup[index].offset < end}
        return [index for index in around if index in within or self.markup[index].partner in within]

    def part(self, indices: Sequence[int], start: int) -> tuple[Markup, ...]:
        """Return some of the markup by itself: with offsets from `start`, and a partner where both halves are there."""
        places = {index: place for place, index in enumerate(indices)}
        chosen = [self.markup[index] for index in indices]
        return tuple(replace(each, offset=each.offset - start, partner=places.get(each.partner, -1)) for each in chosen)

    def blocks(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the spans between the breaks of a part of the text, without blanks around them."""
        edges = [start, *(offset for offset in self.breaks if start < offset < end), end]
        spans = []
        for first, last in pairwise(edges):
            block = self.plain[first:last]
            if block.strip():
                spans.append((first + len(block) - len(block.lstrip()), last - len(block) + len(block.rstrip())))
        return spans

    def _between(self, start: int, end: int) -> range:
        offsets = self._offsets
        return range(bisect_left(offsets, start), bisect_right(offsets, end))

    @cached_property
    def _offsets(self) -> list[int]:
        return [each.offset for each in self.markup]


def take_out_markup(text: str) -> MarkedText | None:
    """Take tags and character references out of a line; None if there are none.

    A tag is one of HTML, or has a closing half, or a slash at its end. Another name in angle brackets, such as
    `<user name>`, stands for a word and stays.
    """
    if "<" not in text and "&" not in text:
        return None
    matches = [match for match in _MARKUP.finditer(text) if not match["reference"] or _is_read(match["reference"])]
    pairs = _pairs(matches)
    kept = [match for index, match in enumerate(matches) if index in pairs or _is_alone(match)]
    pairs = _pairs(kept)
    reader = _Reader(text)
    for index, match in enumerate(kept):
        reader.read(match, index, pairs.get(index, -1))
    return reader.result() if kept else None


def _is_read(reference: str) -> bool:
    """Return True for a reference to a character of text: those to & and < are copied, as the characters are markup."""
    return _character(reference) not in (*"&<>", "\N{REPLACEMENT CHARACTER}", "")


def _character(reference: str) -> str:
    """Return the character that a reference stands for, or two; empty if it stands for none."""
    # html.unescape also reads &notin as &not;in.
    return html.unescape(reference) if reference.startswith("&#") else html5.get(reference[1:], "")


def _is_alone(match: re.Match[str]) -> bool:
    """Return True for what is markup though it has no other half."""
    if not match["name"] or match[0].endswith("/>"):
        return True
    name = _name(match)
    return name in _EMPTY or bool(_INLINE.fullmatch(name) or _BLOCKS.fullmatch(name))


def _name(match: re.Match[str]) -> str:
    return (match["name"] or "").lower()


def _pairs(matches: Sequence[re.Match[str]]) -> dict[int, int]:
    """Return the index of the other half of each tag that has one; pairs are nested in one another."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    counts = Counter[str]()  # of the names that are open
    for index, match in enumerate(matches):
        name = _name(match)
        if not name or name in _EMPTY or match[0].endswith("/>"):
            continue
        if not match["slash"]:
            opened.append(index)
            counts[name] += 1
        elif counts[name]:
            last = ""
            while last != name:  # what was opened within the pair and not closed there has no other half
                other = opened.pop()
                last = _name(matches[other])
                counts[last] -= 1
            pairs[other], pairs[index] = index, other
    return pairs


class _Reader:
    """Reads a text from one piece of markup to the next."""

    def __init__(self, text: str) -> None:
        self._text, self._position = text, 0
        self._plain: list[str] = []
        self._spans: list[tuple[int, int]] = []
        self._markup: list[Markup] = []
        self._breaks: list[int] = []
        self._indices: dict[int, int] = {}  # of a match in `_markup`

    def read(self, match: re.Match[str], index: int, partner: int) -> None:
        """Read the text before a piece of markup, and that.

        Args:
            match: the markup.
            index: its index among all.
            partner: index of the other half of a pair, or -1.
        """
        self._copy(match.start())
        start, self._position = match.span()
        character = _character(match["reference"]) if match["reference"] else " "
        if character.isspace():
            self._indices[index] = len(self._markup)
            self._add(match, partner)
        elif character not in _INVISIBLE:
            self._append(character, (start, self._position))

    def _add(self, match: re.Match[str], partner: int) -> None:
        name = _name(match)
        kind: MarkupKind = "point" if partner < 0 else "close" if match["slash"] else "open"
        before, behind = self._plain[-1:] in ([], [" "]), self._text[self._position :][:1] in ("", " ")  # blanks
        sticks_left = bool(match["slash"]) or (behind and not before)
        markup = Markup(match[0], len(self._plain), kind, partner, sticks_left=sticks_left)
        is_complete = _SENTENCE_END.search("".join(self._plain[-_LONGEST_END:])) is not None
        if _BLOCKS.fullmatch(name) or (name in _BREAKS and is_complete):
            self._breaks.append(len(self._plain))
        if before and behind:
            self._add_between_blanks(markup)
        elif before or behind or not (_BLOCKS.fullmatch(name) or name in _BREAKS or match["reference"]):
            self._markup.append(markup)
        else:  # it separates two words by itself, as a blank of the plain text
            self._markup.append(replace(markup, is_space=True))
            self._append(" ", match.span())

    def _add_between_blanks(self, markup: Markup) -> None:
        """Add markup of which one of the blanks beside it is a part, so that the plain text has single ones."""
        last = self._markup[-1] if self._markup else None
        if markup.kind == "close" and last is not None and last.offset + last.is_space < len(self._plain):
            self._plain.pop()
            self._spans.pop()
            markup = replace(markup, text=f" {markup.text}", offset=markup.offset - 1)
        elif self._position < len(self._text):
            self._position += 1
            markup = replace(markup, text=f"{markup.text} ")
        self._markup.append(markup)

    def _copy(self, end: int) -> None:
        for at in range(self._position, end):
            self._append(self._text[at], (at, at + 1))
        self._position = end

    def _append(self, characters: str, span: tuple[int, int]) -> None:
        self._plain += characters
        self._spans += [span] * len(characters)

    def result(self) -> MarkedText:
        """Return all that was read."""
        self._copy(len(self._text))
        markup = [
            replace(each, partner=self._indices[each.partner]) if each.partner >= 0 else each for each in self._markup
        ]
        return MarkedText(self._text, "".join(self._plain), self._spans, markup, self._breaks)
