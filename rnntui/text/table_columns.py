"""Choice of a table's source and target columns, and detection of columns that hold ids or the like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from rnntui.errors import CorpusError, UsageError
from rnntui.settings import flag_of
from rnntui.text.dropped_rows import quote
from rnntui.text.table_layout import fraction

_MOST = 0.95  # fraction of cells that decides what a column holds
_MAX_CODES = 20  # distinct codes, such as languages, in a column
_MIN_LABELS = 10  # cells of a column of labels

_NUMBER = re.compile(r"[-+]?\d[\d.,]*%?")
_INTEGER = re.compile(r"\d+")
_PATTERNS = {
    "dates": re.compile(r"\d{4}-\d\d?-\d\d?([T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}( .*)?"),
    "numbers": _NUMBER,
    "URLs": re.compile(r"(https?://|www\.)\S+"),
    "file names": re.compile(r"[^\s.]\S*\.[A-Za-z]\w{1,4}"),
}
_CODE = re.compile(r"[A-Za-z]{2,3}([-_]\w{2,4})?")
_ID = re.compile(r"\S*\d\S*")

TATOEBA_COLUMNS = 2, 4
"""Source and target in Tatoeba's export of sentence pairs: id, sentence, id, translation."""

_LABELLED = {"codes": ", as the Tatoeba Challenge has them", "URLs": ", as web crawls have them"}
_LABELLED_COLUMNS = 3, 4


def column_number(column: str, first_row: Sequence[str], file: str, option: str) -> int:
    """Return the number (from 1) of a column named by number or by a cell of the first row.

    Raises `UsageError` naming the option if the first row has no such cell.
    """
    names = [cell.strip().casefold() for cell in first_row]
    if column.casefold() in names:
        return names.index(column.casefold()) + 1
    if column.isdecimal() and len(column) < 10:
        return int(column)
    raise UsageError(
        f"{flag_of(option)}: the first row of {file} has no {column!r}: {quote(', '.join(map(str.strip, first_row)))}",
        setting=option,
        hint="name columns of a header row, or give numbers, as in 2,3",
    )


class TableColumns:
    """The columns at the beginning of a table, to detect what each holds.

    Args:
        rows: the cells of each row, without a header.
        width: the number of columns.
    """

    def __init__(self, rows: Sequence[Sequence[str]], width: int) -> None:
        self._columns = [
            [cell for row in rows if index < len(row) and (cell := row[index].strip())] for index in range(width)
        ]
        self._contents = [content_of(cells) for cells in self._columns]

    @property
    def is_tatoeba_pairs(self) -> bool:
        """True for Tatoeba's export of sentence pairs: id, sentence, id, translation."""
        texts = [content in ("sentences", "words") for content in self._contents]
        return texts == [False, True, False, True] and all(_all_match(_INTEGER, self._columns[i]) for i in (0, 2))

    @property
    def labelled_pairs(self) -> tuple[tuple[int, int], str] | None:
        """Columns 3 and 4, and their origin, if languages or addresses of both stand in 1 and 2; else None."""
        if len(self._contents) < max(_LABELLED_COLUMNS):
            return None
        first, second, *texts = self._contents
        if first != second or first not in _LABELLED or texts[:2] != ["sentences", "sentences"]:
            return None
        return _LABELLED_COLUMNS, _LABELLED[first]

    def refuse_tatoeba_lists(self, file: str) -> None:
        """Raise `CorpusError` for those exports of Tatoeba that have no pairs."""
        name = PurePath(file).name.lower()
        is_id = [_all_match(_INTEGER, cells) for cells in self._columns]
        if len(is_id) == 2 and all(is_id) and "links" in name:
            problem = f"{file} has the ids of Tatoeba's sentences and of their translations, without their text"
        elif len(is_id) >= 3 and is_id[0] and self._contents[1] == "codes" and "sentences" in name:
            problem = f"{file} is Tatoeba's list of sentences, without translations"
        else:
            return
        raise CorpusError(problem, hint='take the "Sentence pairs" of its download page, in the two languages')

    def warning(self, columns: tuple[int, int], file: str) -> str:
        """Return a warning if a chosen column holds ids or the like while two others hold sentences; else "".

        Raises `CorpusError` if the source would be a number that is another in each row.
        """
        sentences = [index + 1 for index, content in enumerate(self._contents) if content == "sentences"]
        problems = [
            f"column {column} holds {content}"
            for column in columns
            if column <= len(self._contents)
            and (content := self._contents[column - 1] or "nothing") not in ("sentences", "words")
            and (content != "labels" or column == columns[0])  # a target may be a label
        ]
        if not problems:
            return ""
        if not set(sentences) - set(columns):
            return self._reversed(columns, file)
        others = sentences[:2] if len(sentences) > 1 else [*sentences, columns[1]]
        advice = f"to train on columns {others[0]} and {others[1]} give --columns {others[0]},{others[1]}"
        source = self._columns[columns[0] - 1]
        if self._contents[columns[0] - 1] == "numbers" and len(set(source)) == len(source) > 1:
            raise CorpusError(f"{file}: {problems[0]}, different in every row, as ids are", hint=advice)
        return f"{file}: {' and '.join(problems)}; {advice}"

    def _reversed(self, columns: tuple[int, int], file: str) -> str:
        """Return a warning if the source is one of few labels or numbers and the target a sentence; else ""."""
        if max(columns) > len(self._columns):
            return ""
        source, target = (self._columns[column - 1] for column in columns)
        if not _are_few(source) or self._contents[columns[1] - 1] != "sentences" or not _are_different(target):
            return ""
        return (
            f"{file}: column {columns[0]} holds {len(set(source))} different sources for {len(set(target)):,} targets; "
            f"to train on the reverse give --columns {columns[1]},{columns[0]}"
        )


def _are_few(cells: list[str]) -> bool:
    return len(set(cells)) <= min(_MAX_CODES, max(2, len(cells) // 5))


def _are_different(cells: list[str]) -> bool:
    return 2 * len(set(cells)) >= len(cells)


def content_of(cells: list[str]) -> str:
    """Return what a column holds: a plural for messages, or "" for an empty column."""
    if not cells:
        return ""
    for content, pattern in _PATTERNS.items():
        if _all_match(pattern, cells):
            return content
    distinct = len(set(cells))
    if _all_match(_CODE, cells) and _are_few(cells):
        return "codes"
    if _all_match(_ID, cells) and distinct == len(cells) > 2:
        return "ids"
    if fraction(cells, _is_sentence) >= 0.5:
        return "sentences"
    return "labels" if len(cells) >= _MIN_LABELS and _are_few(cells) else "words"


def _is_sentence(cell: str) -> bool:
    """Return True for two words or more, or for four characters of a script that needs no spaces."""
    return len(cell.split()) > 1 or (len(cell) > 3 and all(character >= "\u0e00" for character in cell))


def _all_match(pattern: re.Pattern[str], cells: list[str]) -> bool:
    return bool(cells) and fraction(cells, lambda cell: pattern.fullmatch(cell) is not None) >= _MOST
