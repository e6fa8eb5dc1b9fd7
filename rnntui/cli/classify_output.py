"""Output of `rnntui classify`: columns, JSON lines, and tokens coloured by their share in a terminal."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from rnntui.text.control_chars import escape_control_chars, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from rnntui.inference.classifier import Classification
    from rnntui.inference.explanation import Explanation, Removal, TokenShare

_MAX_WORDS = 5  # that a line of the output names
_MIN_SHOWN = 0.005  # share of a word that is named: a smaller one would be +0.00
# Foreground and background for a weak, a middle and a strong share. Blue and orange differ to colour-blind readers too.
_FOR = ("black on #c6dbf7", "black on #8fb9f2", "bold black on #58a6ff")
_AGAINST = ("black on #f7dcc4", "black on #f9c08a", "bold black on #ffa657")


class WordShare(NamedTuple):
    """A word of a line and its share in the explained score, the sum of its tokens' shares."""

    text: str
    share: float


class Threshold(NamedTuple):
    """The answer where a classifier is unsure: `unsure`, if the best label's probability is below `probability`."""

    probability: float
    unsure: str

    def is_unsure(self, classification: Classification) -> bool:
        """Return True if the best label's probability, as it is written, is too low; a blank line is not unsure."""
        return bool(classification.labels) and classification.probability < self.probability

    def answer(self, classification: Classification) -> str:
        """Return the best label, or `unsure`."""
        return self.unsure if self.is_unsure(classification) else classification.label


class ClassificationWriter:
    """Writes classifications.

    Args:
        top: number of labels in the columns.
        as_json: True for JSON lines.
        is_terminal: True where a person reads: explanations are coloured, over several lines.
        threshold: what replaces labels of low probability; None to write every label.
    """

    def __init__(self, top: int, as_json: bool, is_terminal: bool, threshold: Threshold | None = None) -> None:
        self._top = top
        self._as_json = as_json
        self._is_terminal = is_terminal
        self._threshold = threshold

    def output(self, line: str, classification: Classification, explanation: Explanation | None) -> str | bytes:
        """Return what is written for a line; bytes are written as they are."""
        if self._as_json:
            return _json(line, self._answer(classification), classification, explanation, self._top)
        columns = self._columns(classification)
        if explanation is None or not columns:
            return "\t".join(columns) + "\n"
        words = sorted(word_shares(line, explanation.tokens), key=lambda word: -abs(word.share))
        words = [word for word in words if abs(word.share) >= _MIN_SHOWN]
        if self._is_terminal:
            return _coloured("\t".join(columns), line, explanation, words)
        columns.append(", ".join(map(_named, words[:_MAX_WORDS])))
        columns.append(", ".join(_without(removal) for removal in _changing(explanation)))
        return "\t".join(columns) + "\n"

    def _answer(self, classification: Classification) -> str:
        return classification.label if self._threshold is None else self._threshold.answer(classification)

    def _columns(self, classification: Classification) -> list[str]:
        """Return the answer with its probability, or several labels; with a threshold, the answer before them."""
        labels = [
            column
            for label, probability in classification.labels[: self._top]
            for column in (label, f"{probability:.4f}")
        ]
        if self._threshold is None or not labels:
            return labels
        answer = self._threshold.answer(classification)
        return [answer, *labels[1:]] if self._top == 1 else [answer, *labels]


def word_shares(line: str, tokens: Sequence[TokenShare]) -> list[WordShare]:
    """Return the shares of the words of a line: those of its tokens, and where tokens are pieces of words, their sums.

    The space before a word belongs to it. A line of a single word is shown by its tokens.
    """
    is_pieces = any(a.end == b.start and line[a.start : b.end].isalnum() for a, b in pairwise(tokens))
    if not is_pieces or len(line.split()) < 2:
        return [WordShare(token.text, token.share) for token in tokens]
    words: list[WordShare] = []
    end, space = -1, 0.0  # of the last token; the share of the space before the next word
    for token in tokens:
        text = line[token.start : token.end]
        if not text.strip():
            space += token.share
        elif token.start == end:
            words[-1] = WordShare(words[-1].text + text, words[-1].share + token.share)
        else:
            words.append(WordShare(text, space + token.share))
            space = 0.0
        end = token.end if text.strip() else -1
    return words


def _json(line: str, answer: str, classification: Classification, explanation: Explanation | None, top: int) -> str:
    values: dict[str, object] = {
        "text": line,
        "label": answer if classification.labels else None,
        "probability": classification.probability if classification.labels else None,
        "labels": dict(classification.labels),
    }
    if top > 1:
        values["top"] = [list(pair) for pair in classification.labels[:top]]
    if explanation is not None:
        values["tokens"] = [
            {name: round(value, 4) if isinstance(value, float) else value for name, value in token._asdict().items()}
            for token in explanation.tokens
        ]
        values["removals"] = [removal._asdict() for removal in explanation.removals]
    return json.dumps(values) + "\n"


def _named(word: WordShare) -> str:
    return f"{one_line(word.text)} {word.share:+.2f}"


def _without(removal: Removal) -> str:
    return f"without {one_line(removal.word)}: {one_line(removal.label)} {removal.probability:.4f}"


def _changing(explanation: Explanation) -> list[Removal]:
    """Return the removals that change the label, a few at most."""
    return [removal for removal in explanation.removals if removal.changes][:_MAX_WORDS]


def _coloured(answer: str, line: str, explanation: Explanation, words: Sequence[WordShare]) -> bytes:
    """Return an explanation for a terminal: the answer, the line in colours, and what decides in numbers."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=io.StringIO(), force_terminal=True, highlight=False, soft_wrap=True)
    with console.capture() as captured:
        console.print(Text(escape_control_chars(answer), style="bold"))
        console.print(_shaded(line, explanation.tokens))
        for sign, name in ((1, f"for {explanation.label}"), (-1, f"against {explanation.label}")):
            listed = [word for word in words if word.share * sign > 0][:_MAX_WORDS]
            if listed:
                console.print(Text(f"  {one_line(name)}: {', '.join(map(_named, listed))}"))
        for removal in _changing(explanation):
            console.print(Text(f"  {_without(removal)}"))
        console.print()
    return captured.get().encode("utf-8", "backslashreplace")


def _shaded(line: str, tokens: Sequence[TokenShare]) -> Text:
    """Return a line with its tokens in the colour of their shares, relative to the largest one."""
    from rich.text import Text as StyledText

    largest = max((abs(token.share) for token in tokens), default=0.0)
    text, end = StyledText(), 0
    for token in tokens:
        text.append(one_line(line[end : token.start]))
        strength = abs(token.share) / largest if largest else 0.0
        style = ""
        if strength >= 0.1:
            style = (_FOR if token.share > 0 else _AGAINST)[0 if strength < 0.3 else 1 if strength < 0.6 else 2]
        text.append(one_line(line[token.start : token.end]), style=style)
        end = token.end
    text.append(one_line(line[end:]))
    return text
