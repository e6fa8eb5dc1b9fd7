"""Boundaries of grapheme clusters (Unicode Standard Annex 29) and of words, for cursors in editable text.

`grapheme_clusters.py` groups characters for display, as rich measures them; here, one key press passes or removes what
a reader sees as one character: a flag, a family, a Hangul syllable, a Devanagari conjunct.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import regex

_MAX_SEARCH = 1000  # characters; a key press in a line of a megabyte must not read all of it
# Direction marks and other characters that show nothing. By the annex each is a cluster of its own, so a key press
# would do nothing visible; here they belong to the cluster before them, or at the start of a line to the one after.
_INVISIBLE = "\u061c\u180e\u200b\u200e\u200f\u2060-\u2064\ufeff"
_INVISIBLE += "\U000e01ea-\U000e01ec"  # bidirectional embeddings, as `encode_control_chars` encodes them


def cluster_bounds(text: str, offset: int) -> tuple[int, int]:
    """Return the start and end of the cluster that the character at `offset` belongs to.

    Raises `IndexError` if there is no character at `offset`.
    """
    if _is_simple(text[offset]) and _is_simple(text[offset + 1 : offset + 2]):
        before = text[offset - 1 : offset]
        if not before or _is_simple(before):
            return offset, offset + 1
    begin = offset
    while begin > 0 and offset - begin < _MAX_SEARCH and not _is_simple(text[begin - 1 : begin + 1]):
        begin -= 1
    for start, end in _clusters(text, begin):
        if end > offset:
            return start, end
    return offset, len(text)


def boundary_before(text: str, offset: int) -> int:
    """Return the last boundary before `offset`; 0 at the start."""
    return cluster_bounds(text, offset - 1)[0] if offset else 0


def boundary_after(text: str, offset: int) -> int:
    """Return the first boundary after `offset`; the length of the text at its end."""
    return cluster_bounds(text, offset)[1] if offset < len(text) else len(text)


def boundary_at(text: str, offset: int, forward: bool = False) -> int:
    """Return `offset` if it is a boundary, else the start of the cluster around it, or with `forward` its end."""
    if not 0 < offset < len(text):
        return offset
    start, end = cluster_bounds(text, offset)
    return offset if offset == start else end if forward else start


def word_start_before(text: str, offset: int) -> int:
    """Return the start of the word, or of the run of other signs, that ends before `offset`, blanks skipped."""
    begin = boundary_at(text, max(0, offset - _MAX_SEARCH))
    clusters = [(start, _sign_class(text[start:end])) for start, end in _clusters(text[:offset], begin)]
    while clusters and clusters[-1][1] == "blank":
        clusters.pop()
    position, sign_class = clusters[-1] if clusters else (begin, "")
    while clusters and clusters[-1][1] == sign_class:
        position, _ = clusters.pop()
    return position


def word_end_after(text: str, offset: int) -> int:
    """Return the end of the word, or of the run of other signs, that begins at `offset` or after blanks there."""
    position, sign_class = offset, "blank"
    for start, end in _clusters(text[: offset + _MAX_SEARCH], offset):
        current = _sign_class(text[start:end])
        if sign_class not in ("blank", current):
            break
        position, sign_class = end, current
    return position


def _sign_class(cluster: str) -> str:
    if cluster.isspace():
        return "blank"
    return "word" if any(character.isalnum() or character == "_" for character in cluster) else "other"


def _is_simple(text: str) -> bool:
    """Return True for printable ASCII, in which every character is a cluster."""
    return text.isascii() and text.isprintable()


def _clusters(text: str, start: int) -> Iterator[tuple[int, int]]:
    return (match.span() for match in _pattern().finditer(text, start))


@cache
def _pattern() -> regex.Pattern[str]:
    import regex  # takes 40 ms, and plain text never needs it

    return regex.compile(rf"[{_INVISIBLE}]*\X[{_INVISIBLE}]*")
