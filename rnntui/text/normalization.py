"""Unicode normalization of source sentences: text that looks the same is the same to a model.

Text from other programs contains decomposed accents (macOS), no-break spaces (web pages, PDF) or soft hyphens. To a
model these are different tokens, often ones that it has hardly seen in training: one no-break space in each sentence
of Multi30k cost 9 BLEU.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))  # soft hyphen, zero-width space, word joiner, BOM
"""A table for `str.translate` that removes characters which only say where a line may break."""
_WHITESPACE = re.compile(r"\s")


def normalize(text: str) -> str:
    """Return the text composed (NFC), with plain spaces, without invisible characters, and stripped."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return _WHITESPACE.sub(" ", unicodedata.normalize("NFC", text.translate(INVISIBLE))).strip()


def lower_case(text: str) -> str:
    """Return the text in lower case, with as many characters: those without such a form, as U+0130, stay."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(lower if len(lower := character.lower()) == 1 else character for character in text)


def offset_map(text: str) -> list[int]:
    """Return for each character of `normalize(text)` its offset in `text`, and last the offset where the text ends.

    The result has `len(normalize(text)) + 1` elements.
    """
    offsets: list[int] = []
    end = 0
    for start, cluster in _clusters(text):
        normalized = _WHITESPACE.sub(" ", unicodedata.normalize("NFC", cluster.translate(INVISIBLE)))
        if normalized != " " or offsets:
            offsets += [start] * len(normalized)
        if normalized.strip():
            end = start + len(cluster)
    return [*offsets[: len(normalize(text))], end]


def _clusters(text: str) -> list[tuple[int, str]]:
    """Return the offset and the text of each character with the marks that NFC may compose with it."""
    starts = [i for i, character in enumerate(text) if not i or text[i - 1].isspace() or not _joins(character)]
    return [(start, text[start:end]) for start, end in pairwise([*starts, len(text)])]


def _joins(character: str) -> bool:
    joining = unicodedata.category(character).startswith("M") or "\u1160" <= character <= "\u11ff"  # Hangul vowels
    return joining or ord(character) in INVISIBLE


class _LettersAndDigits(dict[int, int | None]):
    """Table for `str.translate` that keeps letters, digits and marks; it caches the category of each character."""

    def __missing__(self, point: int) -> int | None:
        self[point] = point if unicodedata.category(chr(point))[0] in "LNM" else None
        return self[point]


_LETTERS_AND_DIGITS = _LettersAndDigits()


def comparison_key(text: str) -> str:
    """Return a text composed (NFKC), case-folded, and without spaces and punctuation if anything else is left."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return folded.translate(_LETTERS_AND_DIGITS) or folded


def lowercase(text: str) -> str:
    """Return the text in lower case, with every character where it was: those whose lower case is longer stay."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
