"""Features of a text that a unit may track: inside quotes, position in the line, end of a word, speaker, ...

Each is a property of every character, computed from the text alone by rules. A token has the value of its last
character, as its state is the one after that; features of upper-case letters and digits hold for a token with any such
character. Some look ahead (`word-end`, `question`): a unit that tracks these predicts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from rnntui.text.turns import SpeakerLabels

Values = NDArray[np.float32]
"""A value of each character or token, `(N,)`; of a binary feature 0 or 1."""

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_QUOTES = {"“": "”", "«": "»", "„": "“", "「": "」"}
_MAX_HEADING = 60  # characters
_MAX_POSITION = 200  # characters; a paragraph in one line would decide every fit
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SENTENCE = re.compile(r"[^.!?]*[.!?]+[\"'”’)\]]*\s*|[^.!?]+\Z")


@dataclass(frozen=True)
class Feature:
    """A feature: its id and its name for people.

    A feature that `is_number` is a count, which a probe predicts by regression; others are true or false.
    """

    id: str
    title: str
    is_number: bool = False


@dataclass(frozen=True)
class FeatureValues:
    """A feature of a text: its value at each token, `(N,)`."""

    feature: Feature
    values: Values


def token_features(text: str, ends: Sequence[int], speakers: SpeakerLabels | None = None) -> list[FeatureValues]:
    """Return all features of the tokens of a text; tokens before the first character have its values.

    Args:
        text: the text.
        ends: `(N,)`, for each token the offset at which its characters end.
        speakers: the speakers of a dialogue, if the text is one.
    """
    if not text:
        return [FeatureValues(feature, np.zeros(len(ends), dtype=np.float32)) for feature, _ in _FEATURES]
    bounds = np.asarray(ends, dtype=np.int64)
    last = np.maximum(bounds - 1, 0)
    starts = np.concatenate(([0], bounds[:-1]))
    columns: list[FeatureValues] = []
    for feature, compute in _FEATURES:
        characters = np.asarray(compute(text), dtype=np.float32)
        values = characters[last]
        if feature.id in _ANY:
            total = np.concatenate(([0.0], np.cumsum(characters)))
            values = (total[bounds] > total[starts]).astype(np.float32)
        columns.append(FeatureValues(feature, values))
    if speakers is not None:
        spoken = np.asarray(_turns_of(text, speakers), dtype=np.float32)
        columns.append(FeatureValues(Feature("speaker", f"turn of {speakers.model}"), spoken[last]))
    return columns


def feature_ids() -> list[str]:
    """Return the ids of all features."""
    return [*(feature.id for feature, _ in _FEATURES), "speaker"]


def _spans(text: str, spans: Sequence[tuple[int, int]]) -> Values:
    """Mark the characters of spans; of nested ones, count how many a character is in."""
    change = np.zeros(len(text) + 1, dtype=np.int32)
    for start, end in spans:
        change[start] += 1
        change[end] -= 1
    return np.cumsum(change[:-1]).astype(np.float32)


def _paragraphs(text: str) -> list[tuple[int, int]]:
    """Return start and end of each paragraph: what is left open at a blank line is closed there."""
    breaks = [(match.start(), match.end()) for match in _PARAGRAPH.finditer(text)]
    return list(zip([0, *(end for _, end in breaks)], [*(start for start, _ in breaks), len(text)], strict=True))


def _in_quotes(text: str) -> Values:
    """1 from an opening quote to the character before the closing one; a quote that is never closed is none."""
    spans = []
    for start, end in _paragraphs(text):
        opened, closing = -1, ""
        for offset in range(start, end):
            character = text[offset]
            if opened >= 0:
                if character == closing:
                    spans.append((opened, offset))
                    opened = -1
            elif character == '"' or character in _QUOTES:
                opened, closing = offset, _QUOTES.get(character, '"')
    return _spans(text, spans)


def _bracket_depth(text: str) -> Values:
    """Number of brackets that are open after a character; those without a partner in their paragraph do not count."""
    spans = []
    for start, end in _paragraphs(text):
        opened: list[tuple[str, int]] = []
        for offset in range(start, end):
            character = text[offset]
            if character in _PAIRS:
                opened.append((_PAIRS[character], offset))
            elif opened and character == opened[-1][0]:
                spans.append((opened.pop()[1], offset))
    return _spans(text, spans)


def _in_brackets(text: str) -> Values:
    return (_bracket_depth(text) > 0).astype(np.float32)


def _line_position(text: str) -> Values:
    """Characters since the line break, at most 200."""
    positions = accumulate(text, lambda position, character: 0 if character == "\n" else position + 1, initial=0)
    return np.minimum(np.fromiter(positions, dtype=np.float32)[1:], _MAX_POSITION)


def _heading(text: str) -> Values:
    """1 in a heading or name line: a short line that begins with #, ends with a colon, or is in capitals."""
    spans, offset = [], 0
    for line in text.splitlines(keepends=True):
        words = line.strip()
        is_capitals = words.upper() == words and any(character.isalpha() for character in words)
        is_short = 0 < len(words) <= _MAX_HEADING
        if is_short and (words[0] == "#" or words[-1] == ":" or (is_capitals and len(words) > 1)):
            spans.append((offset, offset + len(line)))
        offset += len(line)
    return _spans(text, spans)


def _upper_case(text: str) -> Values:
    return np.fromiter((character.isupper() for character in text), dtype=np.float32)


def _digit(text: str) -> Values:
    return np.fromiter((character.isdigit() for character in text), dtype=np.float32)


def _words(text: str, wanted: Callable[[str], bool] = bool) -> Values:
    return _spans(text, [match.span() for match in _WORD.finditer(text) if wanted(match[0])])


def _capitalized(text: str) -> Values:
    return _words(text, lambda word: word[0].isupper())


def _ends_word(text: str) -> Values:
    """1 at the last letter of a word."""
    return _spans(text, [(match.end() - 1, match.end()) for match in _WORD.finditer(text)])


def _word_position(text: str) -> Values:
    """Which letter of its word a character is, from 1; 0 outside of words."""
    result = np.zeros(len(text), dtype=np.float32)
    for match in _WORD.finditer(text):
        result[match.start() : match.end()] = np.arange(1, match.end() - match.start() + 1)
    return result


def _sentence_position(text: str) -> Values:
    """Characters since the end of the last sentence, at most 200."""
    result = np.zeros(len(text), dtype=np.float32)
    for match in _SENTENCE.finditer(text):
        result[match.start() : match.end()] = np.arange(1, match.end() - match.start() + 1)
    return np.minimum(result, _MAX_POSITION)


def _in_question(text: str) -> Values:
    """1 in a sentence that will end with a question mark, up to that."""
    questions = (match for match in _SENTENCE.finditer(text) if "?" in match[0])
    return _spans(text, [(match.start(), match.start() + match[0].rfind("?")) for match in questions])


def _turns_of(text: str, speakers: SpeakerLabels) -> Values:
    """1 in turns of the second speaker, from the end of the label on."""
    label = re.compile(f"^({'|'.join(map(re.escape, speakers.turn_starts))})", re.MULTILINE)
    labels = list(label.finditer(text))
    ends = [*(match.start() for match in labels[1:]), len(text)]
    spans = [(match.end(), end) for match, end in zip(labels, ends, strict=True) if match[1] == speakers.turn_starts[1]]
    return _spans(text, spans)


_FEATURES: tuple[tuple[Feature, Callable[[str], Values]], ...] = (
    (Feature("quotes", "inside quotes"), _in_quotes),
    (Feature("brackets", "inside brackets"), _in_brackets),
    (Feature("bracket-depth", "depth of brackets", is_number=True), _bracket_depth),
    (Feature("heading", "in a heading or name line"), _heading),
    (Feature("line-position", "position in the line", is_number=True), _line_position),
    (Feature("sentence-position", "position in the sentence", is_number=True), _sentence_position),
    (Feature("question", "in a question"), _in_question),
    (Feature("word", "inside a word"), _words),
    (Feature("word-position", "position in the word", is_number=True), _word_position),
    (Feature("word-end", "end of a word"), _ends_word),
    (Feature("capitalized", "in a capitalized word"), _capitalized),
    (Feature("upper-case", "upper-case letter"), _upper_case),
    (Feature("digit", "digit"), _digit),
)
_ANY = {"upper-case", "digit"}  # features that a token has if any of its characters has it
