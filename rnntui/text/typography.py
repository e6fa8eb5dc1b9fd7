"""Typographic characters that a model has not learned, written as those that it has: “Hello…” as "Hello..."."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

_PLAIN = {
    **dict.fromkeys("“”„‟«»〝〞＂″", '"'),
    **dict.fromkeys("‘’‚‛′`´ʼ‹›", "'"),
    **dict.fromkeys("‐‑‒–—―−⁃", "-"),
    **dict.fromkeys("¡¿", ""),
    "…": "...",
    "⁄": "/",
    "×": "x",
}
_COMPATIBLE = ("<compat>", "<wide>", "<narrow>")  # ligatures and full-width forms, not ½ or ²


def plain_typography(text: str, is_unknown: Callable[[str], bool]) -> tuple[str, list[int]] | None:
    """Return a text with known characters in place of unknown ones, and for each the offset in `text`; the last offset
    is that of the end. None if nothing changes.

    Args:
        text: a sentence.
        is_unknown: True for a character that the model has not learned.
    """
    if text.isascii():
        return None
    parts: list[str] = []
    offsets: list[int] = []
    for index, character in enumerate(text):
        plain = _plain(character, is_unknown)
        parts.append(plain)
        offsets += [index] * len(plain)
    plain_text = "".join(parts)
    return None if plain_text == text else (plain_text, [*offsets, len(text)])


def has_plain_form(character: str, is_unknown: Callable[[str], bool]) -> bool:
    """Return True if an unknown character can be written by known ones."""
    return _plain(character, is_unknown) != character


def _plain(character: str, is_unknown: Callable[[str], bool]) -> str:
    if character.isascii() or not is_unknown(character):
        return character
    if unicodedata.category(character) == "Cf":
        return ""  # direction marks and other invisible characters
    plain = _PLAIN.get(character)
    if plain is None and unicodedata.decomposition(character).startswith(_COMPATIBLE):
        plain = unicodedata.normalize("NFKC", character)
    return character if plain is None or any(map(is_unknown, plain)) else plain
