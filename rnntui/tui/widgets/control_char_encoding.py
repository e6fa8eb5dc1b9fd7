"""Text areas and inputs in which a text's control characters do not reach the terminal, and are not lost either."""

from __future__ import annotations

from rnntui.text.control_chars import escape_control_chars

_FIRST = 0xF0000  # a plane for private use: no terminal does anything at these but show a box
_LINE_BREAKS = "\x0b\x0c\r\x1c\x1d\x1e\x85\u2028\u2029"  # those that an editor would make into its own


def encode_control_chars(text: str) -> str:
    """The text with a stand-in for each character that steers a terminal or that an editor would change."""
    # Of a long text each character is looked at once, however often it comes.
    steering = {ord(c): _FIRST + ord(c) for c in set(text) if _steers(c)}
    return text.translate(steering) if steering else text


def decode_control_chars(text: str) -> str:
    """The text that `encode_control_chars` was given."""
    if text.isascii():
        return text
    stand_ins = {ord(c): ord(c) - _FIRST for c in set(text) if _FIRST <= ord(c) < _FIRST + 0x10000 and _is_stand_in(c)}
    return text.translate(stand_ins) if stand_ins else text


def pasted(text: str) -> str:
    """A text from the clipboard, encoded, with the line breaks of an editor."""
    return encode_control_chars(text.replace("\r\n", "\n").replace("\r", "\n"))


def _is_stand_in(character: str) -> bool:
    return _steers(chr(ord(character) - _FIRST))


def _steers(character: str) -> bool:
    return character in _LINE_BREAKS or escape_control_chars(character) != character
