"""Alt with a letter or a digit, which most terminals send as Esc and the character, as one key.

Textual 8 waits a tenth of a second for the end of such a sequence. If another one begins before that, such as a
function key, Alt again or a report of the mouse, it types `^` and the letter instead. No sequence of a terminal is
longer and begins with Esc and a small letter or a digit, so there is nothing to wait for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser
from textual.events import Key

_ALT_CHARACTER = re.compile("\x1b[a-z0-9]")

_textual_key_events = XTermParser._sequence_to_key_events


def install() -> None:
    """Let Textual's parser of terminal input take Esc and a character for a key; a second call changes nothing."""
    XTermParser._sequence_to_key_events = _key_events  # type: ignore[method-assign, assignment]


def _key_events(parser: XTermParser, sequence: str, alt: bool = False) -> Iterable[Key]:
    if _ALT_CHARACTER.fullmatch(sequence) and sequence not in ANSI_SEQUENCES_KEYS:
        return [Key(f"alt+{sequence[1]}", None)]
    return _textual_key_events(parser, sequence, alt)
