"""Scripts of letters, such as LATIN or CYRILLIC: tells text that a model can read from text that it cannot.

The name is the first word of a letter's Unicode name, which for letters is their script. The Unicode property itself
is not in the standard library.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

_ALIASES = {"CJK": "HAN", "IDEOGRAPHIC": "HAN", "KANGXI": "HAN"}
_WIDTH = re.compile("(?:FULL|HALF)WIDTH ")
_NO_SCRIPT = {"MODIFIER", "FEMININE", "MASCULINE", "MICRO"}  # marks that are written in any script


@lru_cache(maxsize=4096)
def script_of(character: str) -> str:
    """Return the script of a letter, such as "LATIN", "HAN" or "ARABIC"; "" for everything that is not a letter."""
    if not character.isalpha():
        return ""
    first = re.split("[ -]", _WIDTH.sub("", unicodedata.name(character, "")))[0]
    return "" if first in _NO_SCRIPT else _ALIASES.get(first, first)


def script_counts(text: str) -> Counter[str]:
    """Return how many letters of each script a text has."""
    counts: Counter[str] = Counter()
    for character, count in Counter(text).items():
        script = script_of(character)
        if script:
            counts[script] += count
    return counts


def is_wide(character: str) -> bool:
    """Return True for characters that are written without blanks between words and sentences, as in Chinese."""
    return unicodedata.east_asian_width(character) in "WF"
