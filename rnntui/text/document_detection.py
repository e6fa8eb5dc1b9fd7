"""Detection of what is a document in a corpus, by what its lines look like.

Prose, verse, dialogue, code and tables are one long text: a wrong `none` costs little, because a model of a long text
learns its line breaks too, but a book cut into documents is no book. Only these are documents:

- lines of a list: names, words, titles, without blank lines between them, hardly ever repeated
- lines that are each a text of their own: sentences, tweets, captions, of up to 300 characters
- blocks of one form between blank lines, with a title of their own: short poems, entries of a dictionary; titles with
  numbers are those of chapters or of a diary
- many small files of other text
"""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from rnntui.text.documents import BLANK_LINES

if TYPE_CHECKING:
    from pathlib import Path

    from rnntui.kinds.corpus_info import DocumentUnit
    from rnntui.text.corpus import Corpus
    from rnntui.text.token_ids import CorpusStats

Item = TypeVar("Item")

_MIN_LINES = 100
_RUNS, _RUN_LINES = 40, 100  # of consecutive lines that are examined
_MAX_BLANK = 0.01  # share of lines
_MIN_BLOCKS = 30
_MIN_FILES = 20
_MAX_FILE_BYTES = 8000  # of nine files out of ten

# Ideographs and kana count as words: a Chinese name has two or three.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\s\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_NOT_IN_ENTRY = re.compile(r"[;:!?\"“”„«»‹›。，、；：！？…{}\[\]=<>\\/|\t@#$%^*+~`_]|,\S|[,-]$|\w{4}\.\s")
_END = re.compile(r"[.!?…。！？؟۔।։][\"'”’»）)\]」』*_\s]*$|(^|\s)([#@]\S+|https?://\S+)\s*$")
_QUOTE = re.compile(r"[\"'“”„‘«»‹›「『—–*-]")
_NUMBER = re.compile(r"\d|\b[IVXLC]+\b\.?$")
_LABEL = re.compile(r"[^\s:：][^:：]{0,30}[:：](\s|$)")


def detect_documents(corpus: Corpus, stats: CorpusStats) -> DocumentUnit:
    """Return what is a document in a corpus; `none` if in doubt, and for a dialogue of two speakers."""
    if stats.speakers is not None:
        return "none"
    if _is_list_of_documents(stats.sample):
        return "line"
    if len(corpus.files) >= _MIN_FILES and _are_small(corpus.files):
        return "file"
    return "blank" if _has_titled_blocks(stats.sample) else "none"


def _is_list_of_documents(text: str) -> bool:
    lines = _runs_of_lines(text)
    filled = [line for line in lines if line.strip()]
    if len(filled) < _MIN_LINES or len(filled) < (1 - _MAX_BLANK) * len(lines):
        return False
    if _share(filled, lambda line: line[0].isspace()) > 0.01:  # code, verse, an outline
        return False
    return _are_entries(filled) or _are_sentences(filled)


def _runs_of_lines(text: str) -> list[str]:
    """Return four thousand lines, in runs from all over the text."""
    lines = text.removesuffix("\n").split("\n")
    if len(lines) <= _RUNS * _RUN_LINES:
        return lines
    starts = (run * (len(lines) - _RUN_LINES) // (_RUNS - 1) for run in range(_RUNS))
    return [line for start in starts for line in lines[start : start + _RUN_LINES]]


def _are_entries(lines: list[str]) -> bool:
    """Return True if the lines are a list of names, words or titles."""
    words = [len(_WORD.findall(line)) for line in lines]
    if statistics.median(words) > 3 or _share(words, lambda count: count > 6) > 0.05:
        return False
    if len(set(lines)) < 0.5 * len(lines):  # a text with a word to a line repeats its common words
        return False
    return _share(lines, _is_entry) >= 0.95


def _is_entry(line: str) -> bool:
    return len(line) <= 50 and not _NOT_IN_ENTRY.search(line) and any(map(str.isalpha, line))


def _are_sentences(lines: list[str]) -> bool:
    """Return True if each line is a text of its own: it ends as a sentence does, and is no speech and no paragraph."""
    lengths = [len(line) for line in lines]
    if max(lengths) > 1000 or _share(lengths, lambda length: length > 300) > 0.005:  # paragraphs of a book
        return False
    if statistics.pstdev(lengths) < 0.2 * statistics.mean(lengths):  # verse, whose lines are of one length
        return False
    if len(set(lines)) < 0.7 * len(lines) or _share(lines, _ends_as_sentence) < 0.95:
        return False
    no_text_of_its_own: tuple[tuple[Callable[[str], object], float], ...] = (
        (lambda line: "\t" in line, 0.05),
        (_QUOTE.match, 0.1),  # speech, as in a novel
        (_LABEL.match, 0.2),  # speakers, or fields
        (lambda line: line[0].islower(), 0.3),  # goes on where the line before ended
        (lambda line: line[0].isdigit() or line[0] in "[(<{", 0.3),  # a log, a numbered text
    )
    return all(_share(lines, matches) <= limit for matches, limit in no_text_of_its_own)


def _ends_as_sentence(line: str) -> bool:
    return bool(_END.search(line)) or unicodedata.category(line.rstrip("\ufe0f\u200d ")[-1:] or " ") in ("So", "Sk")


def _has_titled_blocks(text: str) -> bool:
    """Return True if blank lines separate blocks of as many lines each, which have a title and end as sentences do."""
    blocks = [block.strip("\n").split("\n") for block in re.split(BLANK_LINES, text) if block.strip()]
    if len(blocks) < _MIN_BLOCKS:
        return False
    titles = [block[0] for block in blocks]
    [(lines, count)] = Counter(map(len, blocks)).most_common(1)
    return (
        lines >= 2
        and count >= 0.8 * len(blocks)
        and len(set(titles)) >= 0.5 * len(titles)  # speakers of a play are repeated
        and _share(titles, lambda title: not _END.search(title) and any(map(str.isalpha, title))) >= 0.95
        and _share(titles, _NUMBER.search) < 0.5  # `Chapter 3`, `4 March`
        and _share(blocks, lambda block: bool(_END.search(block[-1]))) >= 0.95
    )


def _are_small(files: tuple[Path, ...]) -> bool:
    return _share(files, lambda path: path.stat().st_size > _MAX_FILE_BYTES) <= 0.1


def _share(items: Iterable[Item], matches: Callable[[Item], object]) -> float:
    matched = [bool(matches(item)) for item in items]
    return sum(matched) / len(matched)
