"""Choice of a table's text and label columns, by their names and by what they hold."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from rnntui.errors import UsageError
from rnntui.text.dropped_rows import quote
from rnntui.text.table_columns import content_of
from rnntui.text.table_layout import fraction, is_known_name

_LABEL_NAMES = tuple(
    """
    label text, label name, label, labels, class name, class, category, sentiment, intent, emotion, topic, polarity,
    gold label, target, tag, genre, language, lang, country, nationality, origin, sex, gender, author, rating, stars,
    overall, score, type
    """.replace("\n", " ").strip().split(", ")
)  # fmt: skip
_TEXT_NAMES = tuple(
    """
    text, sentence, review, reviewtext, comment, tweet, message, utterance, content, body, document, phrase, query,
    question, description, headline, title, name, surname, word, line, input
    """.replace("\n", " ").strip().split(", ")
)  # fmt: skip
_MIN_ROWS = 4  # in which repeated values show
_MIN_REPEATED = 2  # rows for each distinct value of a column of labels
_MAX_LABEL_WORDS = 3
_MIN_RATIO = 2  # of the words of texts to those of labels, where no values repeat
_MIN_KNOWN = 0.5  # fraction of cells that are known labels
_MAX_NUMBERS = 20  # different ones that are labels, as 1 to 5 stars are
_TIME = re.compile(r"\d:\d\d\b")  # as in Mon Apr 06 22:19:45 PDT 2009
_MAX_DATE = 40  # characters
_MOSTLY = 0.95
_ATTRIBUTES = frozenset({"", "dates", "URLs", "file names", "ids"})


class ColumnChoice(NamedTuple):
    """The numbers (from 1) of the columns of text and label; `has_names` if the first row has a known name of one."""

    text: int
    label: int
    has_names: bool = False


class LabelColumns:
    """The columns at the beginning of a table, to choose those of text and label.

    Args:
        names: the names of the columns, or the cells of a first row that may be names.
        rows: the cells of the rows below.
        file: name of the file for messages.
        excluded: numbers of columns with ids and the like.
    """

    def __init__(
        self, names: Sequence[str], rows: Sequence[Sequence[str]], file: str, excluded: Collection[int] = ()
    ) -> None:
        self._first = [name.strip().casefold() for name in names]
        self._names = [" ".join(re.split(r"[\s_-]+", name)) for name in self._first]
        width = max([len(names), *map(len, rows)])
        self._cells = [
            [cell for row in rows if index < len(row) and (cell := row[index].strip())] for index in range(width)
        ]
        self._file = file
        # Columns that are mostly empty, as spreadsheets export them at the end of the rows, hold neither.
        self._usable = [
            index for index in range(width) if index + 1 not in excluded and 2 * len(self._cells[index]) >= len(rows)
        ]

    def choose(
        self, text: int | None = None, label: int | None = None, known_labels: Collection[str] = ()
    ) -> ColumnChoice:
        """Choose the columns of text and label that are not given.

        Args:
            text: number of the text's column if the user named it.
            label: number of the label's column if the user named it.
            known_labels: labels of a trained classifier, for a table that it is evaluated on.

        Raises `UsageError` if several columns may be the label.
        """
        free = [index for index in self._usable if index + 1 not in (text, label)]
        label_name = text_name = None
        if label is None:
            label_name = self._named(_LABEL_NAMES, free)
            known = self._known_label(free, known_labels)
            index = label_name if known is None else known
            label = (self._label_by_content(free, text) if index is None else index) + 1
            free = [index for index in free if index + 1 != label]
        if text is None:
            text_name = self._named(_TEXT_NAMES, free)
            text = (self._longest(free, label) if text_name is None else text_name) + 1
        has_names = label_name is not None or text_name is not None or self._has_names(text - 1, label - 1)
        return ColumnChoice(text, label, has_names)

    def _named(self, known_names: Sequence[str], free: Sequence[int]) -> int | None:
        """Return the index of the column whose name comes first among the known ones: it equals one or ends in one.

        Names that end in one are single words, as `airline_sentiment`; "a poor review" may be the first text.
        """
        names = {index: self._names[index] for index in free if index < len(self._names)}
        for known in known_names:
            for index, name in names.items():
                if name == known and not self._is_value(index):
                    return index
        for known in known_names:
            for index, name in names.items():
                if name.endswith(f" {known}") and " " not in self._first[index] and not self._is_value(index):
                    return index
        return None

    def _has_names(self, text: int, label: int) -> bool:
        """Return True if the first row has a well-known name above the texts, and no label."""
        return (
            max(text, label) < len(self._first)
            and is_known_name(self._first[text])
            and not self._is_value(text)
            and not self._is_value(label)
        )

    def _is_value(self, index: int) -> bool:
        """Return True if the first row's cell occurs in other rows, too, and so is no name."""
        return any(self._first[index] == cell.casefold() for cell in self._cells[index])

    def _known_label(self, free: Sequence[int], known_labels: Collection[str]) -> int | None:
        """Return the index of the column that has the most known labels, if half of its cells are."""
        labels = set(known_labels)
        counts = {index: sum(cell in labels for cell in self._cells[index]) for index in reversed(free)}
        best = max(counts, key=lambda index: counts[index], default=None)
        if best is None or not counts[best] or counts[best] < _MIN_KNOWN * len(self._cells[best]):
            return None
        return best

    def _label_by_content(self, free: Sequence[int], text: int | None) -> int:
        """Return the index of the column of labels: few values, which repeat."""
        if len(free) + (text is not None) <= 2:
            if not free:
                return 0 if text != 1 else 1
            if text is not None or len(free) == 1:
                return free[-1]
            first, second = free
            return first if self._is_label_of(first, second) else second
        longest = text - 1 if text is not None else self._longest(free, None)
        others = [index for index in free if index != longest]
        candidates = [index for index in others if self._repeats(index) and not self._is_attribute(index)]
        candidates = [index for index in candidates if len(set(self._cells[index])) > 1] or candidates
        if len(candidates) > 1:
            columns = ", ".join(f"{index + 1} ({self._example(index)})" for index in candidates[:5])
            raise UsageError(
                f"{self._file}: several columns may hold the label: {columns}",
                setting="label_column",
                hint=f"name the one to learn, as in --label-column {candidates[0] + 1}",
            )
        return candidates[0] if candidates else min(others, key=lambda index: len(set(self._cells[index])))

    def _is_attribute(self, index: int) -> bool:
        """Return True for a column of dates, addresses, ids or many numbers, or an empty one."""
        cells = self._cells[index]
        if cells and fraction(cells, lambda cell: _TIME.search(cell) is not None and len(cell) <= _MAX_DATE) > _MOSTLY:
            return True
        content = content_of(cells)
        return content in _ATTRIBUTES or (content == "numbers" and len(set(self._cells[index])) > _MAX_NUMBERS)

    def _is_label_of(self, first: int, second: int) -> bool:
        """Return True if the first of two columns holds the labels of the texts in the second."""
        labels, texts = self._cells[first], self._cells[second]
        distinct_labels, distinct_texts = len(set(labels)), len(set(texts))
        if self._repeats(first) and 2 * distinct_labels <= distinct_texts:
            return True
        label_words, text_words = ([len(cell.split()) for cell in cells] for cells in (labels, texts))
        is_short = max(label_words, default=0) <= _MAX_LABEL_WORDS
        return (
            is_short and distinct_labels <= distinct_texts and sum(text_words) >= _MIN_RATIO * max(1, sum(label_words))
        )

    def _repeats(self, index: int) -> bool:
        cells = self._cells[index]
        return len(cells) >= _MIN_ROWS and _MIN_REPEATED * len(set(cells)) <= len(cells)

    def _longest(self, free: Sequence[int], label: int | None) -> int:
        """Return the index of the column with the longest cells, the first of equals."""
        if not free:
            return 0 if label != 1 else 1
        texts = [index for index in free if not self._is_attribute(index)] or free
        return max(texts, key=lambda index: (_mean_length(self._cells[index]), -index))

    def _example(self, index: int) -> str:
        is_name = index < len(self._first) and self._first[index] and not self._is_value(index)
        return quote(self._first[index]) if is_name else f"as {quote(self._cells[index][0])}"


def _mean_length(cells: Sequence[str]) -> float:
    return sum(map(len, cells)) / max(1, len(cells))
