"""Text that comes from a model, a corpus or a user, with nothing left in it that steers a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_HARMLESS = {"\n", "\t"}


def escape_control_chars(text: str) -> str:
    r"""The text with control characters, and those that reorder a line, written as escapes such as `\x1b`.

    Generated text can hold any character of its corpus, terminal escapes among them.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in _HARMLESS or not _is_control(c) else _escaped(c) for c in text)


def one_line(text: str) -> str:
    """`visible`, with line breaks as ⏎ and tabs as spaces."""
    return escape_control_chars(text).replace("\n", "⏎").replace("\t", " ")


def unknown_characters(characters: Sequence[str]) -> str:
    """What to tell of characters that a vocabulary lacks."""
    shown = ", ".join(f"{c!r}" for c in characters[:10])
    more = f" and {len(characters) - 10} more" if len(characters) > 10 else ""
    return f"{shown}{more} not in the vocabulary, read as <unk>"


def _is_control(character: str) -> bool:
    # Cc: control. Cs: lone surrogates. Zl, Zp: what some terminals take for line breaks. Bidirectional overrides and
    # isolates turn what follows round.
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(character) in (
        "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
    )  # fmt: skip


def _escaped(character: str) -> str:
    point = ord(character)
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"
