"""Classes of tokens that are hard to predict for different reasons: word starts, letters inside a word, spaces, …"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnntui.inference.numpy_language_model import Ids
from rnntui.text.tokenizer import END, UNKNOWN, Tokenizer

_FREQUENT = 0.5  # share of a text that its frequent words make up

CHARACTER_CLASSES = ("word starts", "in words", "spaces", "line breaks", "punctuation", "digits")
SUBWORD_CLASSES = ("word starts", "later pieces", "line breaks", "punctuation", "digits")
WORD_CLASSES = ("frequent words", "rarer words", "line breaks", "punctuation", "digits", "unknown words")
_END_CLASS = "ends"  # of documents


def token_classes(tokenizer: Tokenizer, before: Ids, tokens: Ids) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the names of the classes of a tokenizer's tokens, and the index of each token's class, `(N,)`.

    Args:
        tokenizer: its kind decides about the classes.
        before: the token before each, `(N,)`: a letter is the start of a word if no letter is before it.
        tokens: the tokens, `(N,)`.
    """
    names = {"char": CHARACTER_CLASSES, "word": WORD_CLASSES}.get(tokenizer.kind, SUBWORD_CLASSES)
    names = (*names, _END_CLASS)
    distinct = np.unique(np.concatenate([before, tokens]))
    texts = {int(token): tokenizer.token_text(int(token)) for token in distinct}
    frequent = _frequent(tokens) if tokenizer.kind == "word" else set()
    indexes = []
    for previous, token in zip(before.tolist(), tokens.tolist(), strict=True):
        text, ends_in_word = texts[token], texts[previous][-1:].isalpha() and texts[previous] not in (END, UNKNOWN)
        indexes.append(names.index(_class_of(text, tokenizer.kind, ends_in_word, token in frequent)))
    return names, np.array(indexes, dtype=np.int64)


def _class_of(text: str, kind: str, follows_letter: bool, is_frequent: bool) -> str:
    if text == END:
        return _END_CLASS
    if text == UNKNOWN and kind == "word":
        return "unknown words"
    visible = text.strip()
    if not visible:
        return "line breaks" if "\n" in text or kind != "char" else "spaces"
    if any(character.isdigit() for character in visible):
        return "digits"
    if not any(character.isalpha() for character in visible):
        return "punctuation"
    if kind == "word":
        return "frequent words" if is_frequent else "rarer words"
    if text[0].isspace() or not follows_letter:
        return "word starts"
    return "in words" if kind == "char" else "later pieces"


def _frequent(tokens: Ids) -> set[int]:
    """Return the most frequent tokens that make up half of the tokens."""
    distinct, counts = np.unique(tokens, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    is_within = np.cumsum(counts[order]) - counts[order] < _FREQUENT * len(tokens)
    return set(distinct[order][is_within].tolist())
