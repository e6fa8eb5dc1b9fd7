"""Parts of a source that a translation copies though no training pair had a placeholder for them.

Variables of programs' messages such as {name} and %(count)d, references such as &amp;, text in a script that the model
does not read, emoji, signed numbers and numbers with a unit, phone numbers, codes such as COVID-19 or v2.0.1, hashtags
and mentions. A model that spells them by itself changes them or loses them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

_MIN_PHONE_DIGITS = 7
_INVISIBLE = "\u200d\ufe0e\ufe0f"  # join and style the signs of an emoji
_VARIABLE_SIGNS = frozenset("%{<&")
_ASCII_SIGNS = frozenset("#$%&*+/<=>@[\\]^_`{|}~")  # other punctuation is left to the model

_VARIABLE = re.compile(
    r"(?P<printf>(?<![\d%])%(?:\(\w+\))?(?:\d+\$)?[-+0#]*\d*(?:\.\d+)?(?:hh?|ll?|[zjt])?(?P<type>[diouxXeEfFgGcrsa@])(?!\w))"
    r"|[$#%]?\{\{ ?[^{}<>]{1,60} ?\}\}|[$#%]?\{[^{}<>\s]{0,60}\}"  # of templates
    r"|<[A-Za-z][\w-]*(?: [\w-]+){0,3}>"  # what a reader is to replace
    r"|&(?:amp|lt|gt|\#0*(?:38|60|62)|\#x0*(?:26|3c|3e));",
    re.IGNORECASE,
)
_CURRENCIES = "€£¥₹₽₩₺₴₫₪₿"
_SIGNS = f"{_CURRENCIES}°‰℃℉"
_AMOUNT = r"\d+(?:[.,:/’'–-]\d+)*"
_PHONE = re.compile(r"(?<![\w.])(?:\+ ?)?\(?\d{1,5}\)?(?:[ .–-]?\(?\d{2,5}\)?){1,5}(?![\w:]|[.,/]\d)")
_THOUSANDS = re.compile(r"(?<![\w.,])\d{1,3}(?: \d{3})+(?!\w| \d)")
_HANDLE = re.compile(r"(?<![\w&/])[#@](?=\w*[^\W\d_])\w+(?:[.-]\w+)*")
_ORDINAL = re.compile(r"(?<![\w.,])(?P<value>\d+(?:,\d{3})*)(?:st|nd|rd|th)(?!\w)", re.IGNORECASE)
_DECADE = re.compile(r"(?<!\w)\d*\d0(?=s(?!\w))")
_CLOCK = re.compile(rf"(?<!\w){_AMOUNT}(?=(?:am|pm|[ap]\.m\.)(?!\w))", re.IGNORECASE)
_CODE = re.compile(r"(?<!\w)(?=\w*\d)(?=\w*[A-Za-z])[A-Za-z0-9]+(?:[.-](?=\w*\d)[A-Za-z0-9]+|[.,]\d+)*(?!\w)")
_HYPHENATED_CODE = re.compile(r"(?<![\w-])[A-Z]+-\d+(?![\w-])")
_MEASURE = re.compile(rf"(?<![\w.)\]])(?:[-+−±]?[{_SIGNS}] ?)?[-+−±]?{_AMOUNT}(?: ?[{_SIGNS}][CFK]?(?!\w))?(?!\w)")
_FOREIGN = re.compile(r"w*R(?:[.,:/’'-]?[wRi])*(?:[ ,/&·・、]{1,3}w*R(?:[.,:/’'-]?[wRi])*)*")


class CopiedSpan(NamedTuple):
    """A part of a source that is copied.

    Args:
        start: its offset.
        end: its end offset.
        is_number: True if the model should see a number in its place, else a name.
        value: what the translation has.
        suffix: what the model sees behind it.
    """

    start: int
    end: int
    is_number: bool
    value: str
    suffix: str = ""


def copied_spans(text: str, is_foreign: Callable[[str], bool]) -> list[CopiedSpan]:
    """Return the parts of a source to copy, in order of precedence; they may overlap.

    Args:
        text: a sentence.
        is_foreign: True for a character that is in no training source.
    """
    spans: list[CopiedSpan] = []
    if not _VARIABLE_SIGNS.isdisjoint(text):
        spans += [_span(match, (match["type"] or "s").lower() in "diouxefg") for match in _VARIABLE.finditer(text)]
    if any(map(str.isdigit, text)):
        spans += [_span(match, True) for match in _PHONE.finditer(text) if _is_phone(match[0])]
        spans += [_span(match, True) for match in _THOUSANDS.finditer(text)]
        # An ordinal is copied as a number, because its ending is of the source's language.
        spans += [_span(match, True)._replace(value=match["value"]) for match in _ORDINAL.finditer(text)]
        spans += [_span(match, True) for match in _DECADE.finditer(text)]
        spans += [_span(match, True)._replace(suffix=" ") for match in _CLOCK.finditer(text)]
        spans += [_span(match, match[0][0].isdigit()) for match in _CODE.finditer(text)]
        spans += [_span(match, False) for match in _HYPHENATED_CODE.finditer(text)]
        for match in _MEASURE.finditer(text):
            if "–" in match[0] or not (match[0][0] + match[0][-1]).isdecimal():
                spans.append(_span(match, not set(match[0]) & set(_CURRENCIES)))
    if "#" in text or "@" in text:
        spans += [_span(match, False) for match in _HANDLE.finditer(text)]
    if not text.isascii() or not _ASCII_SIGNS.isdisjoint(text):
        spans += _foreign_spans(text, is_foreign)
    return spans


def _span(match: re.Match[str], is_number: bool) -> CopiedSpan:
    return CopiedSpan(*match.span(), is_number, match[0])


def _is_phone(text: str) -> bool:
    digits = sum(map(str.isdigit, text))
    return digits >= _MIN_PHONE_DIGITS and digits < len(text) and text.count("(") == text.count(")")


def _foreign_spans(text: str, is_foreign: Callable[[str], bool]) -> list[CopiedSpan]:
    """Return the words with foreign characters, neighbours of one script or several as one."""
    classes = "".join(_class(character, is_foreign) for character in text)
    if "R" not in classes:
        return []
    spans = (match.span() for match in _FOREIGN.finditer(classes))
    return [CopiedSpan(start, end, False, text[start:end]) for start, end in spans]


def _class(character: str, is_foreign: Callable[[str], bool]) -> str:
    """Return R for foreign, w for letters of scripts with spaces between words and digits, i for what joins emoji."""
    if character.isascii():
        is_sign = character in _ASCII_SIGNS and is_foreign(character)
        return "R" if is_sign else "w" if character.isalnum() else character
    if character in _INVISIBLE:
        return "i"
    if not character.isspace() and unicodedata.category(character) != "Cf" and is_foreign(character):
        return "R"
    return "w" if character.islower() or character.isupper() or character.isdecimal() else character
