"""A translator that answers at once, with letters in reverse, in place of a trained model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from rnntui.config_seq2seq import BeamConfig
from rnntui.errors import CancelledError
from rnntui.inference.translation import (
    LineHypothesis,
    SentenceHypothesis,
    TokenSpans,
    TranslatedSentence,
    Translation,
    combined,
    unchanged_sentence,
)
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.vocabulary import Vocabulary

LETTERS = " .,?!'-" + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@dataclass(eq=False)
class FakeTranslator:
    """Reverses the letters of each word: "go home" becomes "og emoh". The attention is accordingly.

    Hypothesis n has n exclamation marks more. `asked` has the lines of each search. The search for the line `fails`
    raises an error.
    """

    attention: bool = True
    fails: str = ""
    sign: str = ""
    letters: str = LETTERS
    asked: list[list[str]] = field(default_factory=list)
    settings: list[BeamConfig] = field(default_factory=list)
    gate: threading.Event | None = None  # a search waits for it until it is cancelled
    training_lengths = None

    def __post_init__(self) -> None:
        self.source = self.target = Vocabulary(CharTokenizer(list(dict.fromkeys(self.letters + self.sign))))

    def translate(
        self,
        lines: Sequence[str],
        settings: BeamConfig,
        is_cancelled: Callable[[], bool] | None = None,
    ) -> list[Translation]:
        self.asked.append(list(lines))
        self.settings.append(settings)
        while self.gate is not None and not self.gate.wait(0.005):
            if is_cancelled is not None and is_cancelled():
                raise CancelledError
        if self.fails and self.fails in lines:
            raise FloatingPointError("overflow")
        return [self._one(line, settings) for line in lines]

    def _one(self, line: str, settings: BeamConfig) -> Translation:
        """Sentences are what "; " separates; a word of digits passes unchanged."""
        if not line.strip():
            return Translation(line)
        sentences, at = [], 0
        for text in line.split("; "):
            sentences.append(self._sentence(text, at, settings))
            at += len(text) + 2
        gaps = ["", *["; "] * (len(sentences) - 1), ""]
        return Translation(line, sentences, combined(sentences, gaps, settings.n_best))

    def _sentence(self, line: str, start: int, settings: BeamConfig) -> TranslatedSentence:
        if line.isdigit():
            return unchanged_sentence(line, lambda: (start, start + len(line)))
        order, at = [], 0
        for word in line.split(" "):
            order += [*range(at + len(word) - 1, at - 1, -1), at + len(word)]
            at += len(word) + 1
        order = order[:-1]
        base = "".join(line[i] for i in order) + self.sign
        hypotheses = []
        for number in range(settings.n_best):
            text = base + "!" * number
            weights = np.full((len(text) + 1, len(line) + 1), 0.0, dtype=np.float32)
            for row in range(len(text) + 1):
                if self.attention:
                    weights[row, order[row] if row < len(order) else len(line)] = 1.0
            tokens = letters(text)
            hypotheses.append(
                SentenceHypothesis(text, -1.5 - number, -0.5 - number, weights, True, [], lambda tokens=tokens: tokens)
            )
        return TranslatedSentence(lambda: (start, start + len(line)), lambda: letters(line, start), hypotheses)

    def warnings_for(self, line: str, label: str) -> list[str]:
        unknown = self.source.unknown_characters(line)
        return [f"{label}: {unknown!r} unknown"] if unknown else []


def letters(text: str, start: int = 0) -> TokenSpans:
    """Each letter as a token, and the end."""
    spans = [(start + i, start + i + 1) for i in range(len(text))]
    return TokenSpans([*text, "</s>"], [*spans, (start + len(text), start + len(text))])


def translation_of(line: str, text: str, weights: np.ndarray) -> Translation:
    """A translation of a line as a single sentence, with the attention `weights (T, S)`."""
    hypothesis = SentenceHypothesis(text, -1.0, -1.0, weights, True, [], lambda: letters(text))
    sentence = TranslatedSentence(lambda: (0, len(line)), lambda: letters(line), [hypothesis])
    return Translation(line, [sentence], [LineHypothesis(text, (hypothesis,), (0,))])
