"""Marks around a sentence that are no part of it: bullets, list numbers, dialogue dashes, notes of music, emoji,
emphasis, parentheses.

A model trained on plain sentences has seen none of them, so the search leaves them out and the translation has them
again.
"""

from __future__ import annotations

import re

from rnntui.text.vocabulary import CharSpan

# An arrow, dingbat, star or pictograph, with its selectors, joiners and tags.
_SIGN = r"(?:[\u2190-\u21ff\u2300-\u2bff\U0001f000-\U0001faff][\ufe0e\ufe0f\u200d\u20e3\U000e0020-\U000e007f]*)"
_LONGEST_SUFFIX = 60  # characters; a family has up to eleven

_PREFIX = re.compile(
    r"(?:[-–—•▪◦‣●○■□►▶➤→✓✔★*>+]\s+"  # bullets and quoted mail
    r"|[-–—](?=[¿¡\"“]?[^\W\d_])"  # dialogue: -Hello.
    r"|[•▪●■►▶➤>](?=\w)"
    r"|\#{1,6}\s+"
    rf"|{_SIGN}\s*"  # notes of music, emoji
    r"|\[[^\[\]]{1,80}\]\s+(?=\S)"  # [sighs] I am tired.
    r"|\(?(?:\d{1,3}[.)]|[A-Za-z]\))\s+(?=[¿¡\"“]?[^\W\d_a-z]))+"  # list numbers
)
_SUFFIX = re.compile(rf"\s*(?:{_SIGN}\s*)+$")
_EMPHASIS = re.compile(r"(\*{1,3}|_{1,3}|~~)(?=[^\s*_~])(?P<inside>[^*_~]*[^\s*_~])\1")
_PARENTHESES = re.compile(r"\(\s*(?P<inside>[^\s()](?:[^()]*[^\s()])?)\s*\)")
_CUE = re.compile(r"\[[^\[\]]*\]|\{[^{}]*\}|(?:</?[A-Za-z!?][^<>]*>\s*)+")


def strip_decorations(text: str, span: CharSpan) -> CharSpan:
    """Return the span within which a text is left when the decorations around it are stripped."""
    start, end = span
    prefix = _PREFIX.match(text, start, end)
    if prefix is not None and prefix.end() < end:
        start = prefix.end()
    suffix = _SUFFIX.search(text, max(start, end - _LONGEST_SUFFIX), end)
    if suffix is not None and suffix.start() > start:
        end = suffix.start()
    enclosed = _EMPHASIS.fullmatch(text, start, end) or _PARENTHESES.fullmatch(text, start, end)
    return (start, end) if enclosed is None else enclosed.span("inside")


def is_cue(text: str) -> bool:
    """Return True if a text is nothing but a cue such as [music], or markup such as <br>."""
    return _CUE.fullmatch(text) is not None
