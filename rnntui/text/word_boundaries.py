"""Splitting of text into words, punctuation and spaces, without loss: the pieces joined are the text.

The boundaries are those of Unicode Standard Annex #29 (word boundaries), with these differences. Contractions are split
as in the Penn Treebank ("do|n't", "it|'s"), and so are French and Italian elisions ("l'|homme"). A full stop joins only
digits and single letters ("3.14", "U.S."), and an underscore joins nothing. Han and Hiragana are one piece a character,
as in the annex; Thai, Lao, Khmer, Burmese and Tai scripts, which need a dictionary, are one piece a character with its
marks. A run of the same punctuation character is one piece, of four characters at most, and so is an emoji sequence.

A piece begins with the space before it, if there is one: " river", "river" and " ," are three pieces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

# Scripts that are written without spaces; Katakana and Hangul words are runs of characters.
_SINGLE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17d3\u17d7-\u17ff\u1950-\u19df\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf"
    "\u3005-\u3007\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_KATAKANA = "\u30a0-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_UNSPACED = re.compile(f"(?=[^\\W\\d_])[{_SINGLE}{_KATAKANA}]")
# Blocks with combining marks. Looking at all others too would take ten times as long, at each start.
_BLOCKS_WITH_MARKS = (
    (0x0300, 0x3100), (0xA600, 0xAC00), (0xFB00, 0xFE30), (0x101F0, 0x10400), (0x10A00, 0x12000), (0x13430, 0x13460),
    (0x16100, 0x16140), (0x16AF0, 0x16FF8), (0x1BC90, 0x1BCA0), (0x1CF00, 0x1DB00), (0x1E000, 0x1E960),
    (0xE0100, 0xE01F0),
)  # fmt: skip


def words(text: str) -> list[str]:
    """Return the pieces of a text; they are not empty, and joined they are the text."""
    pieces: list[str] = _pattern().findall(text)
    return pieces


def unspaced_share(texts: Iterable[str]) -> float:
    """Return the fraction of the letters of texts that are of scripts without spaces between words."""
    letters = unspaced = 0
    for text in texts:
        letters += sum(map(str.isalpha, text))
        unspaced += len(_UNSPACED.findall(text))
    return unspaced / letters if letters else 0.0


@cache
def _pattern() -> re.Pattern[str]:
    """Return the pattern of a piece.

    It is written for the `re` of the standard library, which finds words three times as fast as the package `regex`.
    """
    letter, alphanumeric = rf"[^\W\d_{_SINGLE}{_KATAKANA}]", rf"[^\W_{_SINGLE}{_KATAKANA}]"
    marks = f"[{_marks()}\u200c\u200d]"  # a zero-width joiner does not end a word
    end = r"(?![^\W_])"  # of a word
    clitic = f"['’](?:s|re|ve|m|ll|d){end}"
    negation = f"n['’]t{end}"
    elision = f"(?:[cdjlmnst]|qu|(?:d|n|s)?[ae]ll|un)(?!{clitic})['’](?=[^\\W\\d_])"
    word = f"{alphanumeric}++(?:{marks}++{alphanumeric}*+)*+"
    runs = "|".join(re.escape(mark) + "{1,4}" for mark in "-.!?=*_~#`")
    return re.compile(
        rf" ?{letter}++(?=[\s,;:!?])"  # most words: all that follows is slower
        rf"|\n| {{1,8}}(?= )| ?(?:"
        rf"{letter}++(?=[.\-])(?!(?<=\b{letter})\.{letter}\.)"
        rf"|[,;:\"()]|''|<unk>|{runs}"
        rf"|(?:{letter}\.){{2,}}"  # U.S.
        rf"|{letter}+(?=(?i:{negation}))|(?i:{negation})"
        rf"|(?i:{elision})"
        rf"|\d++(?:[.,]\d++)*+{end}"
        rf"|{word}(?:(?!(?i:{clitic}))['’]{word})*+"
        rf"|(?i:{clitic})"
        rf"|[{_SINGLE}]{marks}*+|[{_KATAKANA}]++{marks}*+"
        rf"|[\U0001f1e6-\U0001f1ff]{{2}}"  # a flag
        rf"|[^\s\w](?:\u200d[^\s\w]|[\U0001f3fb-\U0001f3ff]|{marks})*+"  # punctuation, emoji and their sequences
        rf")| |\s|{marks}|.",
        re.DOTALL,
    )


@cache
def _marks() -> str:
    """Return the combining marks as ranges of a regular expression's set."""
    ranges: list[list[int]] = []
    for first, end in _BLOCKS_WITH_MARKS:
        for point in range(first, end):
            if unicodedata.category(chr(point)).startswith("M"):
                if ranges and ranges[-1][1] == point - 1:
                    ranges[-1][1] = point
                else:
                    ranges.append([point, point])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
