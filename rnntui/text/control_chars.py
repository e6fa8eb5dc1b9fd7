r"""Untrusted texts for display: control characters escaped, or encoded for editors; lines cut to a width.

Text from a model, a corpus or a user can hold any character, terminal escape sequences among them. For display,
`escape_control_chars` writes them as `\x1b`. A text area must also return the text unchanged, so
`encode_control_chars` replaces them by private-use characters, and `decode_control_chars` restores them.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Sequence

_ALLOWED = {"\n", "\t"}
# Left-to-right and right-to-left embedding, and the end of one: Hebrew and Arabic subtitles have them in every line.
# They are left out, because a display must not be reordered by them and an escape in every line hides the text.
_EMBEDDINGS = "\u202a\u202b\u202c"
_WITHOUT_EMBEDDINGS = str.maketrans("", "", _EMBEDDINGS)
_JOINER = "\u200d"
_MAX_CELL = 8  # characters shown in a cell: one with its marks; more of them are cut, too
_FIRST_LINE = re.compile(r"\S.{0,199}")
_PRIVATE_USE = 0xF0000  # start of a plane for private use: terminals show its characters as a box
_UNUSED_SELECTORS = 0xE01EA - ord(_EMBEDDINGS[0])  # variation selectors, which show nothing and reorder nothing
_EDITOR_LINE_BREAKS = "\x0b\x0c\r\x1c\x1d\x1e\x85\u2028\u2029"  # an editor would replace these by its own line break


def escape_control_chars(text: str) -> str:
    r"""Return the text with control characters written as escapes such as `\x1b`.

    So are bidirectional overrides and isolates, which reorder text to deceive; embeddings are left out. Direction marks
    and joiners, which show nothing and move only the characters beside them, stay.
    """
    if text.isascii() and text.isprintable():
        return text
    text = hide_embeddings(text)
    return "".join(c if c in _ALLOWED or not _is_control(c) else _escape(c) for c in text)


def hide_embeddings(text: str) -> str:
    """Return the text without bidirectional embeddings."""
    return text.translate(_WITHOUT_EMBEDDINGS)


def one_line(text: str) -> str:
    """Return the text on one line: control characters escaped, line breaks as ⏎ and tabs as spaces."""
    return escape_control_chars(text).replace("\n", "⏎").replace("\t", " ")


def first_line(text: str) -> str:
    """Return the title of a text: its first line that is not blank, cut, and as `one_line` shows it; or ""."""
    line = _FIRST_LINE.search(text)
    return one_line(line.group().rstrip()) if line else ""


def truncate(text: str, width: int, measure: Callable[[str], int]) -> str:
    """Return the text cut to at most `width` cells; a cut text ends with …

    `measure` returns the width of a text in cells.
    """
    if measure(text) <= width:
        return text
    if width < 1:
        return ""
    lengths = range(min(len(text), width * _MAX_CELL) + 1)
    length = bisect_right(lengths, width - 1, key=lambda length: measure(text[:length])) - 1
    # A joiner would join the ellipsis to the character before it.
    return text[:length].rstrip(_JOINER).rstrip() + "…"


def unknown_characters_message(characters: Sequence[str]) -> str:
    """Return a message that names the characters missing from a vocabulary, ten at most."""
    names = ", ".join(f"{c!r}" for c in characters[:10])
    rest = f" and {len(characters) - 10} more" if len(characters) > 10 else ""
    return f"{names}{rest} not in the vocabulary, read as <unk>"


def encode_control_chars(text: str) -> str:
    """Return the text with a private-use character for each control character and for line breaks an editor changes.

    A bidirectional embedding becomes a variation selector instead, which shows nothing.
    """
    # Each distinct character is tested once, however long the text is.
    table = {ord(c): ord(c) + _distance(c) for c in set(text) if _needs_encoding(c)}
    return text.translate(table) if table else text


def decode_control_chars(text: str) -> str:
    """Return the text that was passed to `encode_control_chars`."""
    if text.isascii():
        return text
    table = {ord(c): original for c in set(text) if (original := _original(c))}
    return text.translate(table) if table else text


def encode_pasted_text(text: str) -> str:
    """Return a text from the clipboard, encoded, with line feeds as line breaks."""
    return encode_control_chars(text.replace("\r\n", "\n").replace("\r", "\n"))


def _distance(character: str) -> int:
    return _UNUSED_SELECTORS if character in _EMBEDDINGS else _PRIVATE_USE


def _original(character: str) -> str:
    """Return the character that an encoded one stands for; empty if it is not encoded."""
    for distance in (_PRIVATE_USE, _UNUSED_SELECTORS):
        point = ord(character) - distance
        if 0 <= point < 0x10000 and _needs_encoding(chr(point)) and _distance(chr(point)) == distance:
            return chr(point)
    return ""


def _needs_encoding(character: str) -> bool:
    return character in _EDITOR_LINE_BREAKS or escape_control_chars(character) != character


def _is_control(character: str) -> bool:
    # Cc: control. Cs: lone surrogates. Zl, Zp: line breaks to some terminals. Bidirectional overrides and isolates
    # reorder the text that follows.
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(character) in (
        "LRO", "RLO", "LRI", "RLI", "FSI", "PDI",
    )  # fmt: skip


def _escape(character: str) -> str:
    point = ord(character)
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"
