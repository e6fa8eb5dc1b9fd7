"""Dialogue corpora, with lines such as `A: hello` and `B: hi`: detecting the speakers, formatting a turn."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from rnntui.kinds.corpus_info import CorpusInfo, TextCorpusInfo

_LABEL = re.compile(r"(\w[\w .'-]{0,19}): ")
_EXAMINED = 1 << 16  # characters at the start of the text; a dialogue starts right away
_MIN_LINES = 20  # needed for a decision


@dataclass(frozen=True)
class SpeakerLabels:
    """The labels of the two speakers of a dialogue, such as `A` and `B`; the first is the person."""

    person: str
    model: str

    def prompt(self, line: str, before: str) -> str:
        """Return the person's turn `line` and the model's label, to append to the text `before`.

        Line breaks inside `line` become spaces, because a line break ends a turn.
        """
        turn = " ".join(line.split())
        separator = "" if not before or before.endswith("\n") else "\n"
        return f"{separator}{self.person}: {turn}\n{self.model}:"


def find_speaker_labels(text: str) -> SpeakerLabels | None:
    """Return the speakers of a dialogue between two, judged by its beginning; None if the text is no such dialogue.

    At least 95 % of the lines that are not blank must begin with one of two labels, and each label with 20 %.
    """
    lines = [line for line in text[:_EXAMINED].split("\n")[:-1] if line.strip()]
    labels = [match[1] for line in lines if (match := _LABEL.match(line))]
    common = Counter(labels).most_common(2)
    if len(lines) < _MIN_LINES or len(common) < 2 or common[0][1] + common[1][1] < 0.95 * len(lines):
        return None
    first, second = sorted(label for label, _ in common)
    return SpeakerLabels(first, second) if common[1][1] >= 0.2 * len(lines) else None


def speaker_labels_of(corpus: CorpusInfo) -> SpeakerLabels | None:
    """Return the speakers of the dialogue that a run was trained on; None for any other text."""
    return SpeakerLabels(*corpus.speakers) if isinstance(corpus, TextCorpusInfo) and corpus.speakers else None
