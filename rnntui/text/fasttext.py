"""Labelled texts in the format of fastText: `__label__positive a fine film` (Joulin et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence

from rnntui.errors import CorpusError
from rnntui.text.dropped_rows import quote
from rnntui.text.labelled_corpus import LabelledRows
from rnntui.text.tables import TableText

PREFIX = "__label__"
_MIN_LABELLED = 0.9  # fraction of lines that have a label


def looks_like_fasttext(lines: Sequence[str]) -> bool:
    """Return True if nearly all lines have a word that is a label."""
    lines = [line for line in lines if line.strip()]
    labelled = sum(bool(_split(line)[1]) for line in lines if PREFIX in line)
    return labelled > 0 and labelled >= _MIN_LABELLED * len(lines)


def refuse_several_labels(counts: Sequence[int], name: str) -> None:
    """Raise `CorpusError` if most of the rows at the beginning of a file have several labels.

    Args:
        counts: the numbers of labels.
        name: name of the file.
    """
    several = sum(count > 1 for count in counts)
    if 2 * several > len(counts):
        raise CorpusError(
            f"{name}: {several:,} of the first {len(counts):,} rows have several labels; a classifier gives a text one",
            hint="write one label into each row, for instance the first",
        )


def read_fasttext_rows(text: TableText, rows: LabelledRows) -> None:
    """Add the rows of a file; lines with several labels are counted as left out.

    Raises `CorpusError` if most lines have several.
    """
    refuse_several_labels([len(_split(line)[1]) for line in text.beginning if line.strip()], text.name)
    for number, line in enumerate(text.lines(), 1):
        if not line.strip():
            continue
        words, labels = _split(line)
        if len(labels) > 1:
            rows.dropped.add(f"row {number} of {text.name}, which has {len(labels)} labels: {quote(line)}")
        else:
            rows.add(words, "".join(labels), text.name, number)


def _split(line: str) -> tuple[str, list[str]]:
    """Return the text of a line, and its labels: the words with the prefix, at the beginning as a rule."""
    if PREFIX not in line:
        return line, []
    words = line.split()
    labels = [word.removeprefix(PREFIX) for word in words if word.startswith(PREFIX)]
    return " ".join(word for word in words if not word.startswith(PREFIX)), labels
