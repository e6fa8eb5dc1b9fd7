"""A classifier that answers at once, by counting words, in place of a trained model."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rnntui.errors import UsageError
from rnntui.inference.classifier import Classification
from rnntui.inference.explanation import Explanation, Removal, TokenShare

WEIGHTS = {"warmth": 2.0, "good": 1.0, "fine": 0.25, "dull": -1.0, "bad": -2.0}
"""What a word adds to the log-odds of `positive`."""


@dataclass(eq=False)
class FakeClassifier:
    """Labels a text `positive` or `negative` by the sum of `WEIGHTS` over its words; 0 gives 0.5 each.

    `asked` has the texts of each call of `classify`, `explained` the texts and labels of those of `explain`. The line
    that `fails` raises an error, and the one that is `unexplainable` when it is explained.
    """

    attention: bool = True
    ngrams: bool = True
    labels: tuple[str, ...] = ("positive", "negative")
    fails: str = ""
    unexplainable: str = ""
    asked: list[list[str]] = field(default_factory=list)
    explained: list[tuple[str, str | None]] = field(default_factory=list)
    gate: threading.Event | None = None  # a call waits for it

    def classify(
        self, texts: Sequence[str], workers: int = 1, on_progress: Callable[[float], None] | None = None
    ) -> list[Classification]:
        if self.gate is not None:
            self.gate.wait()
        self.asked.append(list(texts))
        if self.fails and self.fails in texts:
            raise FloatingPointError("overflow")
        return [self._classification(text) for text in texts]

    def explain(self, text: str, label: str | None = None) -> Explanation:
        self.explained.append((text, label))
        if text == self.unexplainable:
            raise UsageError("too long to explain")
        whole = self._classification(text)
        label = label or whole.label
        sign = 1 if label == "positive" else -1
        tokens, removals = [], []
        words = list(re.finditer(r"\S+", text))
        for match in words:
            value = sign * WEIGHTS.get(match.group(), 0.0)
            share = value + 0.0
            tokens.append(
                TokenShare(
                    match.group(), match.start(), match.end(), share, value / 2, value / 2 if self.ngrams else 0.0,
                    1 / len(words) if self.attention else None,
                )
            )  # fmt: skip
            rest = " ".join((text[: match.start()] + text[match.end() :]).split())
            if rest:
                without = self._classification(rest)
                removals.append(
                    Removal(match.group(), match.start(), match.end(), without.label, without.probability,
                            without.label != whole.label, dict(without.labels).get(label, 0.0))
                )  # fmt: skip
        removals.sort(key=lambda removal: (not removal.changes, removal.explained))
        return Explanation(label, sign * self._log_odds(text), tokens, removals)

    def _log_odds(self, text: str) -> float:
        return sum(WEIGHTS.get(word, 0.0) for word in text.split())

    def _classification(self, text: str) -> Classification:
        positive = 1 / (1 + math.exp(-self._log_odds(text)))
        pairs = [("positive", round(positive, 4)), ("negative", round(1 - positive, 4))]
        others = [(label, 0.0) for label in self.labels[2:]]
        return Classification([*sorted(pairs, key=lambda pair: -pair[1]), *others])
