"""Texts that steer a terminal, reorder a line or show nothing; and checks of what reached a terminal."""

from __future__ import annotations

import io
import json
import re

import pyte

_CONTROLS = {
    **{f"C0 {point:02x}": chr(point) for point in (*range(1, 9), *range(11, 32), 0x7F)},
    **{f"C1 {point:02x}": chr(point) for point in range(0x80, 0xA0)},
}
_COMMANDS = {
    "CSI clear": "\x1b[2J", "CSI home": "\x1b[1;1H", "CSI conceal": "\x1b[5;8m", "CSI alternate screen": "\x1b[?1049h",
    "CSI report": "\x1b[6n", "CSI scroll region": "\x1b[2;3r", "8-bit CSI": "\x9b2J",
    "OSC title": "\x1b]0;owned\x07", "OSC title, ST": "\x1b]2;owned\x1b\\", "OSC clipboard": "\x1b]52;c;b3duZWQ=\x07",
    "OSC hyperlink": "\x1b]8;;http://example.org\x1b\\", "8-bit OSC": "\x9d0;owned\x9c",
    "DCS": "\x1bP$q\x22p\x1b\\", "APC": "\x1b_owned\x1b\\", "PM": "\x1b^owned\x1b\\", "SOS": "\x1bXowned\x1b\\",
    "8-bit DCS": "\x90owned\x9c", "8-bit APC": "\x9fowned\x9c", "RIS": "\x1bc", "charset": "\x1b(0",
}  # fmt: skip
_REORDERING = {f"bidi {point:04x}": chr(point) for point in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_LINES = {"line separator": "\u2028", "paragraph separator": "\u2029"}
_INVISIBLE = {
    **{f"zero-width {point:04x}": chr(point) for point in (0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF)},
    **{f"mark {point:04x}": chr(point) for point in (0x200E, 0x200F, 0x061C)},
    **{f"tag {point:05x}": chr(point) for point in (0xE0001, 0xE0041, 0xE007F)},
}

MARKUP = "[red]<img src=x onerror=alert(1)>&"

ESCAPES = _CONTROLS | _COMMANDS | _REORDERING | _LINES | _INVISIBLE
"""All of them, by name."""
_OTHERS = _CONTROLS | _REORDERING | _LINES | _INVISIBLE
NAMES = ("a" + "".join(_COMMANDS.values()).replace("/", "") + MARKUP, "b" + "".join(_OTHERS.values()))
"""Two names of files or runs with them; a name is of 255 bytes at most, and without a slash."""
TEXT = "".join(f"{escape}." for escape in ESCAPES.values())
"""A text with all of them."""

FORBIDDEN = frozenset((_CONTROLS | _REORDERING | _LINES).values())
"""Characters that must not reach a terminal."""

_NEVER = FORBIDDEN - {*"\a\b\t\r\x0e\x0f\x1b"}
_OF_APPS = {"\x1b[1;1H", "\x1b[?1049h"}  # which an app writes itself
_TITLE = re.compile(r"(?:\x1b\]|\x9d)[012];[^\x07\x1b\x9c]*")
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_PROGRESS = re.compile(r"\x1b\[\?25[lh]|\x1b\[2K|\x1b\[1A|\r(?!\n)")
_OWN_CALLS = {"draw", "linefeed", "carriage_return", "tab", "select_graphic_rendition"}
_BAR_CALLS = {"set_mode", "reset_mode", "erase_in_line", "cursor_up"}


def problems_on_terminal(output: bytes, has_bar: bool = False) -> list[str]:
    """Return what in a terminal's input is not the program's own, by its bytes and by what an emulator does.

    Args:
        output: the bytes that reached the terminal.
        has_bar: True if a progress bar may hide the cursor and draw its line again.
    """
    text = output.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    problems = own_problems(output)
    text = _STYLE.sub("", text)
    text = _PROGRESS.sub("", text) if has_bar else text
    problems += [f"character {character!a}" for character in sorted(FORBIDDEN & set(text))]
    problems += [f"byte {character!a}" for character in sorted(set(text)) if "\udc80" <= character <= "\udcff"]
    allowed = _OWN_CALLS | (_BAR_CALLS if has_bar else set())
    return problems + [f"emulator: {name}" for name in sorted(_emulated(output) - allowed)]


def own_problems(output: bytes) -> list[str]:
    """Return the escapes that are in a terminal's input as they are, and characters that no program writes to it.

    For programs that steer the terminal themselves, such as an app of the whole screen.
    """
    text = output.decode("utf-8", "surrogateescape")
    problems = [f"{name} as it is" for name, escape in _COMMANDS.items() if escape in text and escape not in _OF_APPS]
    problems += [f"character {character!a}" for character in sorted({*text} & _NEVER)]
    return problems + [f"title {title!a}" for title in _TITLE.findall(text)]


def _emulated(output: bytes) -> set[str]:
    """Return the functions of a terminal that output calls, by the names that pyte has for them."""
    calls = io.StringIO()
    pyte.ByteStream(pyte.DebugScreen(to=calls)).feed(output)
    return {json.loads(line)[0] for line in calls.getvalue().splitlines()}


FORMULAS = ("=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1")
"""Texts that a spreadsheet would compute."""
