"""What else could stand at a place of a text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnntui.inference.cells import Array
from rnntui.inference.sampling import softmax
from rnntui.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Alternative:
    """A token that could stand at a place, with the model's own probability for it."""

    id: int
    text: str
    probability: float


def top_alternatives(logits: Array, tokenizer: Tokenizer, count: int) -> list[Alternative]:
    """The likeliest tokens by `logits (V,)` that are text by themselves, the best first; never the unknown one."""
    probabilities = softmax(logits)
    probabilities[tokenizer.unknown_id] = 0.0
    found: list[Alternative] = []
    for token_id in np.argsort(-probabilities, kind="stable").tolist():
        if len(found) == count:
            break
        text = tokenizer.stream().push(token_id)
        if text:  # a lone byte is part of a character, and no text to go on from
            found.append(Alternative(token_id, text, float(probabilities[token_id])))
    return found
