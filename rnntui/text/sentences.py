"""Sentences of a line, as spans: for models that were trained on single sentences."""

from __future__ import annotations

import re

Span = tuple[int, int]

# A terminator with text behind it, or a wide one that needs no space: all lines without one are single sentences.
_MAY_SPLIT = re.compile(r"[.!?…؟۔।॥։;\u037e‼⁇-⁉።။។][^\w\s]{0,9}\s+\S|[a-z][.!?][A-Z¿¡]|[。！？｡．].")
_ASIDE = re.compile(r"\([^()]+\)\s+[A-Z¿¡]")  # (laughs) That is funny.
_ENCLOSING = {'"': '"', "“": "”", "«": "»", "„": "“", "「": "」", "『": "』", "(": ")", "‘": "’"}


def split_sentences(text: str) -> list[Span]:
    """Return the spans of the sentences of a text, in order and without the blanks around them.

    No letter or digit is outside of a span. Blanks are, and quotation marks or parentheses around several sentences.
    """
    start, end = _strip(text, 0, len(text))
    if start == end:
        return []
    if not _MAY_SPLIT.search(text, start, end) and not _ASIDE.match(text, start, end):
        return [(start, end)]
    from rnntui.text.sentence_boundaries import sentence_boundaries  # takes some milliseconds; most lines need it not

    spans: list[Span] = []
    for piece_start, piece_end in sentence_boundaries(text[start:end]):
        spans += _inside(text, _strip(text, start + piece_start, start + piece_end))
    return spans


def _inside(text: str, span: Span) -> list[Span]:
    """Return the sentences within quotation marks or parentheses that enclose the span, if there are several."""
    start, end = span
    closing = _ENCLOSING.get(text[start])
    if closing is None or text[end - 1] != closing or end - start < 3:
        return [span]
    inner = text[start + 1 : end - 1]
    if closing in inner or text[start] in inner:
        return [span]
    spans = split_sentences(inner)
    return [(start + 1 + a, start + 1 + b) for a, b in spans] if len(spans) > 1 else [span]


def _strip(text: str, start: int, end: int) -> Span:
    stripped = text[start:end].strip()
    start = text.index(stripped, start) if stripped else start
    return start, start + len(stripped)
