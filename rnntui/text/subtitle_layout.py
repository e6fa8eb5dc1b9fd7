"""Layout of a subtitle: tags such as <i> around its text or in it, and the wrapping of a text over lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rnntui.text.scripts import is_wide

_TAG = re.compile(r"</?[A-Za-z0-9][^<>\n]*>|\{\\[^{}\n]*\}")
_LEADING = re.compile(rf"(?:\s*(?:{_TAG.pattern}|[-‐–—]+(?!\d)|[♪♫]+))*\s*")
_TRAILING = re.compile(rf"\s*(?:(?:{_TAG.pattern}|[♪♫]+)\s*)*\Z")
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class InnerTag:
    """A tag within a text, at an offset of the plain text. If `content` is not empty, it is what the tag encloses."""

    tag: str
    offset: int
    content: str


@dataclass(frozen=True)
class TaggedText:
    """A text of several lines.

    Args:
        plain: the text in a single line, without tags.
        prefixes: what stands before the text of each line: tags and blanks.
        suffixes: what stands behind it.
        inner_tags: all other tags, in order.
    """

    plain: str
    prefixes: tuple[str, ...]
    suffixes: tuple[str, ...]
    inner_tags: tuple[InnerTag, ...]

    def replaced(self, translation: str) -> list[str]:
        """Return the lines with a translation in the place of the text; fewer lines if it has fewer words.

        A tag within the text encloses the same words where the translation has them too, such as a name. Others are
        put between words, as far into the translation as they were into the text.
        """
        wrapped = wrap(translation, len(self.prefixes))
        insertions = sorted(self._insertions(wrapped), key=lambda insertion: insertion[0])
        for offset, tag in reversed(insertions):
            wrapped = wrapped[:offset] + tag + wrapped[offset:]
        lines = wrapped.split("\n")
        last = len(lines) - 1
        prefixes = self.prefixes[: last + 1]
        suffixes = [*self.suffixes[:last], self.suffixes[-1]]
        return [prefix + line + suffix for prefix, line, suffix in zip(prefixes, lines, suffixes, strict=True)]

    def _insertions(self, wrapped: str) -> list[tuple[int, str]]:
        """Return offsets in the wrapped translation, each with the tag to insert there."""
        words = [match.span() for match in _WORD.finditer(wrapped)] or [(0, 0)]
        flat = wrapped.replace("\n", " ")
        insertions = []
        for inner in self.inner_tags:
            is_closing = inner.tag.startswith("</")
            at = flat.find(inner.content) if inner.content else -1
            if at >= 0:
                insertions.append((at + len(inner.content) if is_closing else at, inner.tag))
                continue
            before = len(_WORD.findall(self.plain[: inner.offset]))
            total = max(1, len(_WORD.findall(self.plain)))
            count = round(before / total * len(words))  # of words before the tag
            if is_closing:
                insertions.append((words[max(count, 1) - 1][1], inner.tag))
            else:
                insertions.append((words[count][0] if count < len(words) else len(wrapped), inner.tag))
        return insertions


def tagged_text(lines: Sequence[str]) -> TaggedText:
    """Take tags and text apart. Tags that are not around the whole text or around each line become inner tags."""
    parts = [_around(line) for line in lines]
    prefixes, texts, suffixes = ([part[index] for part in parts] for index in range(3))
    if len(lines) > 1:
        around = {(_tags(prefix), _tags(suffix)) for prefix, suffix in zip(prefixes, suffixes, strict=True)}
        if len(around) > 1:  # only the first line's prefix and the last one's suffix are around the whole text
            texts = [
                (prefix.lstrip() if index else "") + text + (suffix.rstrip() if index < len(lines) - 1 else "")
                for index, (prefix, text, suffix) in enumerate(parts)
            ]
            prefixes = [prefixes[0], *[""] * (len(lines) - 1)]
            suffixes = [*[""] * (len(lines) - 1), suffixes[-1]]
    joined = texts[0]
    for text in texts[1:]:
        adjoins = bool(joined and text) and is_wide(joined[-1]) and is_wide(text[0])
        joined += ("" if adjoins else " ") + text
    plain, tags = "", []
    end = 0
    for match in _TAG.finditer(joined):
        plain += joined[end : match.start()]
        tags.append((match[0], len(plain)))
        end = match.end()
    plain += joined[end:]
    return TaggedText(plain, tuple(prefixes), tuple(suffixes), tuple(_with_contents(tags, plain)))


def wrap(text: str, lines: int) -> str:
    """Return a text with as many lines as given, or fewer, the widest as narrow as possible.

    Line breaks replace blanks. A text without blanks, as in Chinese, is broken between its characters.
    """
    if lines == 1 or len(text) < 2:
        return text
    if " " not in text:
        return _wrap_wide(text, lines) if is_wide(text[0]) else text
    for width in range(-(-len(text) // lines), len(text)):
        breaks = _breaks(text, width)
        if len(breaks) < lines:
            return "".join("\n" if at in breaks else character for at, character in enumerate(text))
    return text


def _breaks(text: str, width: int) -> set[int]:
    """Return the offsets of the blanks at which lines end; only a line of a single word is wider than `width`."""
    breaks = set()
    start = 0
    while len(text) - start > width:
        at = text.rfind(" ", start + 1, start + width + 1)
        at = text.find(" ", start + 1) if at < 0 else at
        if at < 0:
            break
        breaks.add(at)
        start = at + 1
    return breaks


def _wrap_wide(text: str, lines: int) -> str:
    width = -(-len(text) // lines)
    return "\n".join(text[start : start + width] for start in range(0, len(text), width))


def _around(line: str) -> tuple[str, str, str]:
    """Return what is before the text of a line, its text, and what is behind it."""
    leading = _LEADING.match(line)
    start = leading.end() if leading else 0
    trailing = _TRAILING.search(line, start)
    end = trailing.start() if trailing else len(line)
    # A tag that is closed within the text belongs to it, and so does one that is opened there.
    opened = _unmatched(line[start:end], closing=False)
    closed = _unmatched(line[start:end], closing=True)
    starts = [tag.start() for tag in _TAG.finditer(line, 0, start) if _name(tag[0]) in closed]
    ends = [tag.end() for tag in _TAG.finditer(line, end) if tag[0].startswith("</") and _name(tag[0]) in opened]
    start, end = starts[-1] if starts else start, ends[0] if ends else end
    return line[:start], line[start:end], line[end:]


def _unmatched(text: str, closing: bool) -> set[str]:
    """Return the names of the tags that are closed more often than opened in a text, or the other way round."""
    depths: Counter[str] = Counter()
    for tag in _TAG.findall(text):
        if not tag.startswith("{"):
            depths[_name(tag)] += 1 if tag.startswith("</") == closing else -1
    return {name for name, depth in depths.items() if depth > 0}


def _name(tag: str) -> str:
    return re.split(r"[\s.>]", tag.lstrip("</"), maxsplit=1)[0]


def _tags(text: str) -> str:
    return "".join(_TAG.findall(text))


def _with_contents(tags: Sequence[tuple[str, int]], plain: str) -> list[InnerTag]:
    """Return tags with what is between an opening one and the closing one right behind it."""
    inner = [InnerTag(tag, offset, "") for tag, offset in tags]
    for index, ((tag, start), (closing, end)) in enumerate(pairwise(tags)):
        if closing.startswith("</") and not tag.startswith(("</", "{")):
            content = plain[start:end].strip()
            inner[index] = InnerTag(tag, start, content)
            inner[index + 1] = InnerTag(closing, end, content)
    return inner
