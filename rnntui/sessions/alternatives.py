"""Alternatives to a token: the most probable tokens at its position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnntui.inference.cells import Array
from rnntui.inference.sampling import softmax
from rnntui.text.documents import DocumentFormat


@dataclass(frozen=True)
class Alternative:
    """A token with the model's own probability for it, before any sampling setting.

    `is_end` is True for the end of a document, whose text is the separator of documents.
    """

    id: int
    text: str
    probability: float
    is_end: bool = False


def top_alternatives(logits: Array, documents: DocumentFormat, count: int) -> list[Alternative]:
    """Return the most probable tokens by `logits (V,)` that are text by themselves, best first, without <unk>."""
    tokenizer = documents.tokenizer
    probabilities = softmax(logits)
    probabilities[tokenizer.unknown_id] = 0.0
    alternatives: list[Alternative] = []
    for token_id in np.argsort(-probabilities, kind="stable").tolist():
        if len(alternatives) == count:
            break
        if token_id == tokenizer.end_id:
            alternatives.append(Alternative(token_id, documents.separator, float(probabilities[token_id]), is_end=True))
            continue
        text = tokenizer.stream().push(token_id)
        is_partial = tokenizer.byte_tokens.get(token_id, 0) >= 0x80  # a byte that is no character by itself
        if text and not is_partial:
            alternatives.append(Alternative(token_id, text, float(probabilities[token_id])))
    return alternatives
