"""The two speakers that a user names by `--turns`: matching of names, and the notation of their turns in a text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from rnntui.errors import UsageError
from rnntui.formatting import few_names
from rnntui.text.corpus import Corpus
from rnntui.text.speaker_detection import count_labels, sample_lines, turn_format
from rnntui.text.turns import SpeakerLabels

MAX_OTHERS = 200  # labels recorded of the other people in a group or a play
_MIN_COUNT = 3  # of a label in a text, to be that of a speaker
_MAX_LISTED = 4


def choose_speakers(corpus: Corpus, turns: str) -> SpeakerLabels:
    """Return the two speakers that `turns` names, in a text with lines such as `Ann: hello`.

    Raises `UsageError` if there are no lines with such a label, `CorpusError` if the text cannot be read.
    """
    counts = count_labels(corpus.blocks())
    recurring = Counter({label: count for label, count in counts.items() if count >= _MIN_COUNT})
    pair = match_names(turns, recurring or counts, few_names(corpus.display_names))
    others = tuple(label for label, _ in recurring.most_common(MAX_OTHERS) if label not in pair)
    lines = sample_lines(corpus.blocks(), set(pair))
    return SpeakerLabels(*pair, replace(turn_format(lines, {*pair, *others}), others=others))


def match_names(turns: str, people: Counter[str], text_name: str) -> tuple[str, str]:
    """Return the labels of the two people that `turns` names, separated by a comma.

    Names need not be complete: letters' case, emoji and further words of a label may be left out where that is clear.

    Args:
        turns: `Ann,Ben`.
        people: labels with the numbers of their turns.
        text_name: name of the text, for messages.

    Raises `UsageError` naming the one who is missing.
    """
    pair = find_pair(turns, people)
    if pair is not None:
        return pair
    missing = [name for name in turns.split(",") if _match_name(name.strip(), people) is None]
    raise UsageError(
        f"--turns: nobody in {text_name} is called {missing[0].strip()}" if missing
        else f"--turns {turns} does not name two people in {text_name}",
        setting="turns",
        hint=f"it has {list_people(people)}" if people else "it has no lines such as Ann: hello",
    )  # fmt: skip


def find_pair(turns: str, people: Iterable[str]) -> tuple[str, str] | None:
    """Return the labels of the two people that `turns` names; None if there are no two. See `match_names`."""
    parts = turns.split(",")
    for cut in range(1, len(parts)):  # a name may have a comma itself
        first, second = (_match_name(",".join(names).strip(), people) for names in (parts[:cut], parts[cut:]))
        if first is not None and second is not None and first != second:
            return first, second
    return None


def list_people(people: Counter[str]) -> str:
    """Return the people with most messages, with their numbers, for a message."""
    listed = [f"{label}: {count:,}" for label, count in people.most_common(_MAX_LISTED)]
    rest = len(people) - len(listed)
    return ", ".join(listed) + (f" and {rest:,} more" if rest else "")


def _match_name(name: str, labels: Iterable[str]) -> str | None:
    """Return the label that is equal to a name, or else the only one that is equal or begins with it in its letters."""
    if name in labels:
        return name
    words = _letters(name)
    for matches in (
        [label for label in labels if _letters(label) == words],
        [label for label in labels if f"{_letters(label)} ".startswith(f"{words} ")],
    ):
        if words and len(matches) == 1:
            return matches[0]
    return None


def _letters(name: str) -> str:
    return " ".join(re.findall(r"\w+", name.casefold()))
