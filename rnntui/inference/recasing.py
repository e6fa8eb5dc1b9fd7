"""Case of sentences, for models that read their sources in lower case: the translation is written as the source was."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Literal

from rnntui.text.placeholders import PLACEHOLDERS

Casing = Literal["model", "capitals", "upper", "lower"]
"""Case of a translation: as the model wrote it, all in capitals, or its first letter a capital or a small one."""

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_MAX_ABBREVIATION = 2  # letters: "OK" and "TV" alone are no shouting


def is_shouted(text: str) -> bool:
    """Return True if a text is in capitals, and more than an abbreviation."""
    return text.isupper() and sum(map(str.isalpha, text)) > _MAX_ABBREVIATION


def casing_of(sentence: str, in_shouted_line: bool) -> Casing:
    """Return the case that the translation of a sentence should have.

    Args:
        sentence: with placeholders in place of numbers, addresses and names, whose case means nothing.
        in_shouted_line: True if the line that it is in `is_shouted`.
    """
    if in_shouted_line or is_shouted(sentence):
        return "capitals"
    first = next((character for character in sentence if character.isalnum() or _is_placeholder(character)), "")
    if first.islower() and not _is_mixed(sentence):
        return "lower"
    return "upper" if first.islower() or first.isupper() else "model"


def recase(translation: str, casing: Casing, source: str) -> list[str]:
    """Return the characters of a translation in a case; a character may become several, as ß becomes SS.

    Args:
        translation: as the model wrote it.
        casing: of `casing_of`.
        source: as typed; a word that has its capital letter there too is a name, and keeps it.
    """
    if casing == "capitals":
        return [character.upper() for character in translation]
    characters = list(translation)
    word = _WORD.search(translation)
    if casing == "model" or word is None:
        return characters
    if any(character.isalnum() or _is_placeholder(character) for character in translation[: word.start()]):
        return characters
    first = word[0][0]
    if casing == "upper":
        characters[word.start()] = first.title() if word[0].islower() else first
    elif not _keeps_capital(word[0], source):
        characters[word.start()] = first.lower()
    return characters


def _keeps_capital(word: str, source: str) -> bool:
    if word.isupper() and len(word) > 1:
        return True  # an abbreviation
    return re.split("['’]", word)[0] == "I" or word in _WORD.findall(source)


def _is_placeholder(character: str) -> bool:
    return character in PLACEHOLDERS


def _is_mixed(sentence: str) -> bool:
    """Return True for capitals behind small letters in half of the words, or twice in one, as in "wHeRe iS"."""
    words = _WORD.findall(sentence)
    rises = [sum(a.islower() and b.isupper() for a, b in pairwise(word)) for word in words]
    return max(rises, default=0) > 1 or 2 * sum(map(bool, rises)) >= len(words) > 0
