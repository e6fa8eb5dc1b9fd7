"""Lines before the rows of a table: what Anki's exports say about themselves, Excel's delimiter, comments."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

_MAX_LINES = 100  # of comments
_EXCEL_DELIMITER = re.compile(r"sep=(.)\s*", re.IGNORECASE)
_ANKI = re.compile(r"\ufeff?#(separator|html|columns|(?:guid|notetype|deck|tags) column|notetype|deck|tags):(.*)", re.I)
_COMMENT = re.compile(r"\ufeff?#(?:\s*$| +\S|[\w -]{1,40}:(?!.*\t))")
_ANKI_SEPARATORS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "colon": ":", "space": " "}
_TAG = re.compile(
    r"</?(?:a|b|br|code|div|em|font|h\d|i|img|li|ol|p|rt|ruby|s|small|span|strong|sub|sup|u|ul)\b[^<>]*>", re.I
)
_SOUND = re.compile(r"\[sound:[^\[\]]*\]")


@dataclass
class TableHeader:
    """The lines before the rows.

    Args:
        count: their number.
        delimiter: separates cells, if a line says so; else empty.
        is_html: True if cells are HTML.
        other_columns: numbers (from 1) of columns with ids, tags and the like.
        names: the names of the columns, if a line says them.
    """

    count: int = 0
    delimiter: str = ""
    is_html: bool = False
    other_columns: set[int] = field(default_factory=set)
    names: list[str] = field(default_factory=list)


def split_header(lines: Iterable[str]) -> tuple[TableHeader, Iterator[str]]:
    """Return the lines before the rows, and an iterator over the rows.

    Lines of comments begin with # where the first row does not. A single one with a tab may name the columns.
    """
    header = TableHeader()
    iterator = iter(lines)
    comments: list[str] = []
    for line in iterator:
        if not header.count and not comments and (match := _EXCEL_DELIMITER.fullmatch(line)):
            header.count, header.delimiter = 1, match[1]
            return header, iterator
        anki = _ANKI.fullmatch(line)
        if anki is not None:
            _read_anki(header, anki[1].lower(), anki[2].strip("\r\n"))
        elif len(comments) == _MAX_LINES or not (_COMMENT.match(line) or (comments and not line.strip())):
            is_comment = comments and not line.startswith("#") and not (len(comments) == 1 and "\t" in comments[0])
            if not is_comment and not header.delimiter and not header.is_html:
                return TableHeader(), chain(comments, [line], iterator)
            header.count = len(comments)
            return header, chain([line], iterator)
        comments.append(line)
    return TableHeader(), iter(comments)


def _read_anki(header: TableHeader, key: str, value: str) -> None:
    value = value.strip() if value != "\t" else value
    if key == "separator":
        header.delimiter = _ANKI_SEPARATORS.get(value.lower(), value[:1])
    elif key == "html":
        header.is_html = value.lower() == "true"
    elif key == "columns":
        header.names = value.split(header.delimiter or "\t")
    elif key.endswith(" column") and value.isdecimal() and len(value) < 10:
        header.other_columns.add(int(value))


def without_html(cell: str) -> str:
    """Return the text of a cell of HTML, in one line, without references to sounds."""
    if "<" in cell:
        cell = _TAG.sub(
            lambda tag: " " if tag[0].lower().startswith(("<br", "<div", "</div", "<p", "<li")) else "", cell
        )
    cell = html.unescape(_SOUND.sub("", cell) if "[sound:" in cell else cell)
    return " ".join(cell.split())
