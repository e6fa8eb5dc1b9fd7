"""Text areas and inputs in which a text's control characters do not reach the terminal, and are not lost either."""

from __future__ import annotations

from rnntui.text.visible import visible

_FIRST = 0xF0000  # a plane for private use: no terminal does anything at these but show a box
_LINE_BREAKS = "\x0b\x0c\r\x1c\x1d\x1e\x85\u2028\u2029"  # those that an editor would make into its own


def harmless(text: str) -> str:
    """The text with a stand-in for each character that steers a terminal or that an editor would change."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(chr(_FIRST + ord(c)) if _steers(c) else c for c in text)


def original(text: str) -> str:
    """The text that `harmless` was given."""
    if text.isascii():
        return text
    return "".join(chr(ord(c) - _FIRST) if _FIRST <= ord(c) < _FIRST + 0x10000 and _is_stand_in(c) else c for c in text)


def _is_stand_in(character: str) -> bool:
    return _steers(chr(ord(character) - _FIRST))


def _steers(character: str) -> bool:
    return character in _LINE_BREAKS or visible(character) != character
