"""Detection of a table's layout from its beginning: delimiter, quotes, header row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from rnntui.text.delimited_rows import MAX_CELL_LINES, Row, quoted_rows

_MIN_CONSISTENT = 0.9  # fraction of rows with the same number of cells, for a delimiter other than a tab
_MAX_PROSE = 0.5  # fraction of commas followed by a space, above which they are punctuation
_MAX_INVALID = 0.05  # invalid rows per valid row with quotes, for a tab-separated table with quoted cells
_MIN_HEADER_ROWS = 5  # rows below a header whose names are unknown
_MIN_SENTENCES = 20  # sentences below a header that is told by its lack of a full stop
_MOST = 0.98
_MAX_HEADER_CHARS = 30
_MAX_HEADER_WORDS = 3

_SENTENCE_END = re.compile(r"[.?!…。？！।؟]\W*$")
_NAME = re.compile(r"[^\W\d][\w ./()-]*")
_NUMBER = re.compile(r"[-+]?\d[\d.,:/ -]*%?")

# Names of columns that do not occur as the first pair of a table; compared without case, "_" and "-" read as spaces.
_HEADER_NAMES = frozenset(
    name.strip()
    for name in """
    source, target, src, tgt, trg, src text, tgt text, source text, target text, source sentence, target sentence,
    source language, target language, sourcetext, targettext, source lang, target lang, mt, ref, reference, hypothesis,
    quelle, ziel, quelltext, zieltext, ausgangstext, fuente, origen, destino, cible, fonte, origine, traduction,
    traducción, traducao, tradução, traduzione, übersetzung, перевод, исходный текст, 原文, 译文, 譯文, 訳文,
    text, texts, sentence, sentences, sentence1, sentence2, sentence 1, sentence 2, translation, translations, original,
    satz, phrase, label, labels, class, category, sentiment, tag, tags, intent, emotion, review, comment, tweet,
    input, output, inputs, outputs, input text, output text, question, answer, questions, answers, prompt, response,
    completion, instruction, query, document, summary, article, highlights, title, context, x, y,
    id, ids, idx, index, nr, no, no., number, sentence id, source id, target id, line, row, score, scores, similarity,
    date, url, file, filename, split, lang, language, domain, author, license, licence, attribution, username,
    word, words, term, definition, front, back, lemma, form, pronunciation, phonemes, graphemes, key, value,
    english, spanish, german, french, italian, portuguese, dutch, russian, chinese, japanese, korean, arabic, hindi,
    turkish, polish, greek, hebrew, latin, esperanto, swedish, danish, norwegian, finnish, czech, hungarian, ukrainian,
    vietnamese, thai, indonesian, english text, englisch, deutsch, spanisch, französisch, español, inglés, francés,
    alemán, français, anglais, allemand, espagnol, italiano, português, русский, английский, 中文, 英文, 日本語, 英語,
    en, es, de, fr, it, pt, nl, ru, zh, ja, ko, ar, hi, tr, pl, el, he, la, eo, sv, da, fi, cs, hu, uk, vi, th,
    en us, en gb, pt br, zh cn, zh tw, eng, spa, deu, ger, fra, fre, ita, por, nld, rus, zho, chi, cmn, jpn, kor
    """.replace("\n", " ").split(",")
)  # fmt: skip


class TableDialect(NamedTuple):
    """The form of a table's rows.

    Args:
        delimiter: separates cells.
        quoted: True if cells may stand in quotes, as in CSV.
        width: number of cells of most rows.
        has_text_quotes: True if cells begin with a quote that is text.
    """

    delimiter: str
    quoted: bool
    width: int
    has_text_quotes: bool = False


def detect_dialect(
    lines: Sequence[str], name: str, delimiter: str = "", max_cell_lines: int = MAX_CELL_LINES
) -> TableDialect:
    """Detect the form of the rows from the beginning of a table; without any evidence, cells are separated by tabs.

    Args:
        lines: its first rows.
        name: its name; an ending such as `.csv` counts as evidence.
        delimiter: the delimiter that the file itself names; empty if it names none.
        max_cell_lines: lines of a quoted cell.
    """
    if delimiter:
        return _dialect(lines, delimiter, max_cell_lines)
    lines = [line for line in lines if line.strip()]
    ending = name.lower().rpartition(".")[2]
    with_tab = sum("\t" in line for line in lines)
    if 2 * with_tab >= len(lines) or (with_tab and ending in ("tsv", "tab")):
        return _dialect(lines, "\t", max_cell_lines)
    # A CSV file whose header lacks the signs has them in its texts.
    may_be_pipes = ending != "csv" or "|||" in "".join(lines[:1])
    if may_be_pipes and sum("|||" in line for line in lines) >= _MIN_CONSISTENT * len(lines):
        return TableDialect("|||", False, _usual_width([Row(1, line.split("|||"), line) for line in lines])[0])
    candidates = []
    for candidate in ";,|":
        if ending != "csv" and sum(candidate in line for line in lines) < len(lines) / 2:
            continue
        is_quoted = _cells_are_quoted(lines, candidate, max_cell_lines)
        rows = _rows(lines, candidate, is_quoted, max_cell_lines)
        width, consistency = _usual_width(rows)
        if width > 1 and (ending == "csv" or (consistency >= _MIN_CONSISTENT and _spaced(rows) <= _MAX_PROSE)):
            candidates.append((consistency, -_spaced(rows), candidate))
    # Of equals, the first: a table separated by semicolons may well have a comma in each row, not the reverse.
    best = max(candidates, key=lambda item: item[:2])[2] if candidates else "\t"
    return _dialect(lines, best, max_cell_lines)


def is_header(first: Sequence[str], rest: Sequence[Sequence[str]], columns: tuple[int, int]) -> bool:
    """Return True if the first row holds the names of the columns.

    It does if its cells are well-known names and those of few other rows are; or if it is unlike the other rows in both
    columns that are read: short and without punctuation above sentences, a word above numbers, or none of the labels.

    Args:
        first: the cells of the first row.
        rest: the cells of the rows below.
        columns: the numbers (from 1) of the columns that are read; the first row has them.
    """
    chosen = [(first[column - 1], [row[column - 1] for row in rest if len(row) >= column]) for column in columns]
    if not all(cell.strip() for cell, _ in chosen):
        return False
    if _has_known_names(first):
        return sum(map(_has_known_names, rest)) <= (1 - _MOST) * len(rest)
    return len(rest) >= _MIN_HEADER_ROWS and all(_is_unlike(cell, others) for cell, others in chosen)


def _has_known_names(row: Sequence[str]) -> bool:
    """Return True if two cells of a row, and half of all, are well-known names of columns."""
    cells = [cell for cell in row if cell.strip()]
    known = sum(map(is_known_name, cells))
    return known >= 2 and 2 * known >= len(cells)


def is_known_name(cell: str) -> bool:
    """Return True for a well-known name of a column."""
    return " ".join(re.split(r"[\s_-]+", cell.strip().casefold())) in _HEADER_NAMES


def _is_unlike(cell: str, others: list[str]) -> bool:
    """Return True if a cell may be the name of a column with these other cells."""
    cell = cell.strip()
    words = len(cell.split())
    may_be_name = len(cell) <= _MAX_HEADER_CHARS and words <= _MAX_HEADER_WORDS and _NAME.fullmatch(cell)
    if not may_be_name or not others or cell in others or _SENTENCE_END.search(cell):
        return False
    return (
        is_known_name(cell)
        or (
            len(others) >= _MIN_SENTENCES and fraction(others, lambda other: bool(_SENTENCE_END.search(other))) >= _MOST
        )
        or fraction(others, lambda other: len(other.split()) > words and len(other) >= 2 * len(cell)) >= _MOST
        or fraction(others, lambda other: _NUMBER.fullmatch(other.strip()) is not None) >= _MOST
        or (cell.isascii() and not any(map(_has_ascii_letter, others)))
        or len(set(others)) <= len(others) / 10
    )


def _has_ascii_letter(cell: str) -> bool:
    return any(character.isascii() and character.isalpha() for character in cell)


def fraction(cells: list[str], condition: Callable[[str], bool]) -> float:
    """Return the fraction of cells, at least one, that fulfil a condition."""
    return sum(map(condition, cells)) / len(cells)


def _dialect(lines: Sequence[str], delimiter: str, max_cell_lines: int) -> TableDialect:
    quoted = _cells_are_quoted(lines, delimiter, max_cell_lines)
    width, _ = _usual_width(_rows(lines, delimiter, quoted, max_cell_lines))
    text_quotes = not quoted and any(cell.startswith('"') for line in lines for cell in line.split(delimiter))
    return TableDialect(delimiter, quoted, width, has_text_quotes=text_quotes)


def _rows(lines: Sequence[str], delimiter: str, quoted: bool, max_cell_lines: int) -> list[Row]:
    if quoted:
        return list(quoted_rows(lines, delimiter, max_cell_lines=max_cell_lines))
    return [Row(number, line.split(delimiter), line) for number, line in enumerate(lines, 1)]


def _cells_are_quoted(lines: Sequence[str], delimiter: str, max_cell_lines: int) -> bool:
    """Return True if quotes enclose cells, False if they are text.

    In a tab-separated table, quotes are text (sentences of Tatoeba begin with quotes) unless nearly all rows with
    quotes are valid CSV and in some of them quotes are needed, or half of all rows have quoted cells. With another
    delimiter they are those of CSV unless most are invalid.
    """
    valid = invalid = needed = 0
    for row in quoted_rows(lines, delimiter, max_cell_lines=max_cell_lines):
        if '"' not in row.text:
            continue
        # A cell with a tab and a line break is more likely text from one quote to the next.
        is_odd = delimiter == "\t" and any("\t" in cell and "\n" in cell for cell in row.cells or ())
        if row.valid and row.cells is not None and not is_odd:
            valid += 1
            needed += any('"' in cell or "\n" in cell or delimiter in cell for cell in row.cells)
        else:
            invalid += 1
    if delimiter != "\t":
        return invalid <= valid
    return valid > 0 and invalid <= _MAX_INVALID * valid and (needed > 0 or 2 * valid >= len(lines))


def _usual_width(rows: Sequence[Row]) -> tuple[int, float]:
    """Return the most frequent number of cells, empty ones at the end not counted, and the fraction of rows with it."""
    widths = Counter(used_width(row.cells) for row in rows if row.cells is not None and row.text.strip())
    if not widths:
        return 1, 0.0
    width, count = widths.most_common(1)[0]
    return width, count / len(rows)


def used_width(cells: Sequence[str]) -> int:
    """Return the number of cells of a row, empty ones at its end not counted."""
    width = len(cells)
    while width and not cells[width - 1].strip():
        width -= 1
    return width


def _spaced(rows: Sequence[Row]) -> float:
    """Return the fraction of cells after the first that begin with a space."""
    cells = [cell for row in rows for cell in (row.cells or ())[1:]]
    return sum(cell.startswith(" ") for cell in cells) / max(1, len(cells))
