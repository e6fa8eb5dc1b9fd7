"""An explanation for display: the measures that can be shown, and their sums over the words of the line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rnntui.inference.explanation import Explanation, TokenShare


class Measure(NamedTuple):
    """A number that each token of an explanation has: its attribute in `TokenShare`, and its title."""

    attribute: str
    title: str

    def value(self, token: TokenShare) -> float:
        """Return a token's value; 0 if the model has none of it."""
        return float(getattr(token, self.attribute) or 0.0)


SHARE = Measure("share", "share")
MEASURES = (
    SHARE,
    Measure("gradient_x_input", "gradient × input"),
    Measure("ngrams", "n-grams"),
    Measure("attention", "attention"),
)
"""The measures, in the order in which a key shows them."""


NO_SHADING = "none"
"""Stands for no measure where one is named."""


def named_measure(name: object) -> Measure | None:
    """Return the measure with this attribute, None for `NO_SHADING`; for another name the first one."""
    return None if name == NO_SHADING else next((each for each in MEASURES if each.attribute == name), SHARE)


class WordShare(NamedTuple):
    """A word of a line, or a token, from `start` to before `end`, and the sum of its tokens' values."""

    text: str
    start: int
    end: int
    value: float


def measures_of(explanation: Explanation) -> list[Measure]:
    """Return the measures in which the tokens of an explanation differ from nothing; at least `SHARE`.

    A model without n-grams or attention has no values of them.
    """
    return [
        measure for measure in MEASURES if measure is SHARE or any(measure.value(token) for token in explanation.tokens)
    ]


def token_weights(tokens: Sequence[TokenShare], measure: Measure) -> list[float]:
    """Return the values of tokens in proportion to the largest, -1 to 1; negative ones speak against the label."""
    values = [measure.value(token) for token in tokens]
    largest = max(map(abs, values), default=0.0)
    return [value / largest if largest else 0.0 for value in values]


def word_shares(explanation: Explanation, measure: Measure) -> list[WordShare]:
    """Return the words of a line, the most influential first; of a line of one word, its tokens.

    Words are those that the classifier was asked to do without; a token outside of them is one by itself.
    """
    words = sorted(explanation.removals, key=lambda removal: removal.start) if len(explanation.removals) > 1 else []
    sums: dict[tuple[int, int], WordShare] = {}
    index = 0
    for token in explanation.tokens:
        while index < len(words) and words[index].end <= token.start:
            index += 1
        word = words[index] if index < len(words) and words[index].start < token.end else None
        text, start, end = token[:3] if word is None else (word.word, word.start, word.end)
        before = sums.get((start, end))
        value = measure.value(token) + (before.value if before is not None else 0.0)
        sums[start, end] = WordShare(text.strip(), start, end, value)
    return sorted(sums.values(), key=lambda word: -abs(word.value))
