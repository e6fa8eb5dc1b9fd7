"""Marks around a sentence that are no part of it: bullets, list numbers, dialogue dashes, speakers, emoji,
notes of music, emphasis, ellipses, parentheses, quotes.

A model trained on plain sentences has seen none of them, so the search leaves them out and the translation has them
again.
"""

from __future__ import annotations

import re

from rnntui.text.vocabulary import CharSpan

_EMOJI = (
    "[\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\ufe0f\u200d\u20e3\U0001f000-\U0001faff\U000e0020-\U000e007f]"
)
_PREFIX = re.compile(
    rf"(?:{_EMOJI}+\s*"
    r"|[-–—•▪◦‣●○■□►▶➤→✓✔★*>+]\s+"  # bullets and quoted mail
    r"|[-–—](?=[¿¡\"“]?[^\W\d_])"  # dialogue: -Hello.
    r"|[•▪●■►▶➤](?=\w)|>+\s*"
    r"|[A-Z][A-Z0-9 .'’-]{0,30}:\s+(?=\S)"  # speakers: MAN 1: Hello.
    r"|(?:\.{2,}|…)\s*(?=[^\W\d_])"
    r"|\#{1,6}\s+|[♪♫♬]+\s*"
    r"|\[[^\[\]]{1,80}\]\s+(?=\S)"  # [sighs] I am tired.
    r"|\*[a-z][^*]{0,40}\*\s+(?=[A-Z])"  # *sighs* I am tired.
    r"|\(?(?:\d{1,3}[.)]|[A-Za-z]\))\s+(?=[¿¡\"“]?[^\W\d_a-z]))+"  # list numbers
)
# Notes of music are among the emoji.
_SIGNS = rf"\s*{_EMOJI}(?:{_EMOJI}|\s)*\.?"
_SUFFIX = re.compile(rf"(?:(?<=\w)(?:\.{{2,}}|…)(?:{_SIGNS})?|{_SIGNS})\s*$")
_QUOTES = {'"': '"', "“": "”", "„": "“”", "«": "»", "»": "«", "‘": "’", "'": "'", "「": "」", "『": "』"}
_EMPHASIS = re.compile(r"(\*{1,3}|_{1,3}|~~)(?=[^\s*_~])(?P<inside>[^*_~]*[^\s*_~])\1")
_PARENTHESES = re.compile(r"\(\s*(?P<inside>[^\s()](?:[^()]*[^\s()])?)\s*\)")
_CUE = re.compile(r"\[[^\[\]]*\]|\{[^{}]*\}|(?:</?[A-Za-z!?][^<>]*>\s*)+")


def strip_decorations(text: str, span: CharSpan) -> CharSpan:
    """Return the span within which a text is left when the decorations around it are stripped."""
    start, end = span
    prefix = _PREFIX.match(text, start, end)
    if prefix is not None and prefix.end() < end:
        start = prefix.end()
    suffix = _SUFFIX.search(text, max(start, end - 80), end)
    if suffix is not None and suffix.start() > start:
        end = suffix.start()
    enclosed = _EMPHASIS.fullmatch(text, start, end) or _PARENTHESES.fullmatch(text, start, end)
    if enclosed is not None:
        return enclosed.span("inside")
    return (start + 1, end - 1) if _is_quotation(text[start:end]) else (start, end)


def _is_quotation(text: str) -> bool:
    """Return True if a text is in quotes as a whole, which the translation has again."""
    inside = text[1:-1]
    closing = _QUOTES.get(text[0])
    if closing is None or not inside.strip() or inside[0].isspace() or text[-1] not in closing:
        return False
    return text[0] not in inside and (text[-1] not in inside or text[-1] == "’")


def is_cue(text: str) -> bool:
    """Return True if a text is nothing but a cue such as [music], or markup such as <br>."""
    return _CUE.fullmatch(text) is not None
