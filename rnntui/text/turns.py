"""Texts made of turns, such as `A: hello` and `B: hi` on lines of their own: finding them and writing one."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from rnntui.kinds.corpus_info import CorpusInfo, TextCorpusInfo

_LABEL = re.compile(r"(\w[\w .'-]{0,19}): ")
_LOOKED_AT = 1 << 16  # characters; a text that speaks in turns does so from the start
_FEWEST = 20  # lines that it takes to tell


@dataclass(frozen=True)
class Turns:
    """The two speakers of a text, as their lines begin: `A` and `B`. A person is the first, a model the second."""

    person: str
    model: str

    def prompt(self, line: str, before: str) -> str:
        """What to write after the text `before` so that the person says `line` and the model's turn begins.

        Line breaks inside `line` become spaces, for a line break ends a turn.
        """
        said = " ".join(line.split())
        between = "" if not before or before.endswith("\n") else "\n"
        return f"{between}{self.person}: {said}\n{self.model}:"


def find_turns(text: str) -> Turns | None:
    """The speakers of a text of two in turns, by its beginning; None if it is no such text.

    It is one if nearly every line that is not blank begins with one of two labels.
    """
    lines = [line for line in text[:_LOOKED_AT].split("\n")[:-1] if line.strip()]
    found = [match[1] for line in lines if (match := _LABEL.match(line))]
    common = Counter(found).most_common(2)
    if len(lines) < _FEWEST or len(common) < 2 or common[0][1] + common[1][1] < 0.95 * len(lines):
        return None
    first, second = sorted(label for label, _ in common)
    return Turns(first, second) if common[1][1] >= 0.2 * len(lines) else None


def turns_of(corpus: CorpusInfo) -> Turns | None:
    """The speakers of a dialogue that a run was trained on; None for any other text."""
    return Turns(*corpus.speakers) if isinstance(corpus, TextCorpusInfo) and corpus.speakers else None
