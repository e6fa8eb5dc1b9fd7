"""A translator that answers at once, with letters in reverse, in place of a trained model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnntui.config_seq2seq import BeamConfig
from rnntui.inference.beam_search import CancelledError, Hypothesis
from rnntui.inference.translator import Translation
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.vocabulary import EOS, Vocabulary

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
        if not line.strip():
            return Translation(line)
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
            ids = [int(i) for i in self.target.encode(text)]
            hypotheses.append(Hypothesis(ids, text, -1.5 - number, -0.5 - number, weights, True))
        return Translation(line, [*line, "</s>"], hypotheses)

    def encode(self, line: str) -> Any:
        return np.append(self.source.encode(line.strip()), EOS)

    def tokens(self, hypothesis: Hypothesis) -> list[str]:
        return [*hypothesis.text, "</s>"]

    def source_spans(self, line: str) -> list[tuple[int, int]]:
        text = line.strip()
        before = line.index(text)
        return [(before + i, before + i + 1) for i in range(len(text))] + [(len(text), len(text))]

    def target_spans(self, hypothesis: Hypothesis) -> list[tuple[int, int]]:
        return [(i, i + 1) for i in range(len(hypothesis.text))] + [(len(hypothesis.text), len(hypothesis.text))]

    def warnings_for(self, line: str, label: str) -> list[str]:
        unknown = self.source.unknown_characters(line)
        return [f"{label}: {unknown!r} unknown"] if unknown else []
