"""Alternatives to a token: the most probable tokens at its position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnntui.inference.cells import Array
from rnntui.inference.sampling import softmax
from rnntui.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Alternative:
    """A token with the model's own probability for it, before any sampling setting."""

    id: int
    text: str
    probability: float


def top_alternatives(logits: Array, tokenizer: Tokenizer, count: int) -> list[Alternative]:
    """Return the most probable tokens by `logits (V,)` that are text by themselves, best first, without <unk>."""
    probabilities = softmax(logits)
    probabilities[tokenizer.unknown_id] = 0.0
    alternatives: list[Alternative] = []
    for token_id in np.argsort(-probabilities, kind="stable").tolist():
        if len(alternatives) == count:
            break
        text = tokenizer.stream().push(token_id)
        is_partial = tokenizer.byte_tokens.get(token_id, 0) >= 0x80  # a byte that is no character by itself
        if text and not is_partial:
            alternatives.append(Alternative(token_id, text, float(probabilities[token_id])))
    return alternatives
