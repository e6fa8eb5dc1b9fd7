"""Sentence pairs from two files, in which line n of one is the translation of line n of the other.

OPUS and others publish them in this form, called Moses: `Books.en-es.en` and `Books.en-es.es` in one archive, beside a
README, a licence and files of ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import PurePath
from typing import NamedTuple

from rnntui.errors import CorpusError, UsageError
from rnntui.formatting import few_names_with_verb
from rnntui.text.compressed import without_compression_suffix
from rnntui.text.corpus import Corpus
from rnntui.text.encoding import lines_of
from rnntui.text.parallel_corpus import PairRows
from rnntui.text.tables import TableText

_LANGUAGE = re.compile(r"[a-z]{2,3}([_-][a-z0-9]{2,8})*|source|target", re.IGNORECASE)
_OTHER_ENDINGS = frozenset(
    {"tsv", "tab", "csv", "txt", "md", "ids", "xml", "tmx", "xlf", "po", "json", "gz", "xz", "bz2", "zip", "srt", "vtt"}
    | {"pdf", "htm", "log", "py", "sh", "rst", "doc", "yml"}
)
_ACCOMPANYING = re.compile(r"(readme|licen[cs]e|copying|citation|_?about)\b.*|.*\.(ids|scores|xml|md)", re.IGNORECASE)


class AlignedFiles(NamedTuple):
    """Two files that are aligned line by line, and their languages."""

    source: Corpus
    target: Corpus
    languages: tuple[str, str]


def find_aligned_files(corpus: Corpus, columns: tuple[str, str] | None) -> AlignedFiles | None:
    """Return the aligned files if a corpus consists of them: of the same name, each with a language as its ending.

    Args:
        corpus: the files.
        columns: the source's and the target's language; None takes the order of two files.

    Raises `UsageError` if there are more than two files and it is unclear which to take.
    """
    groups: dict[str, dict[str, int]] = {}
    for index, display_name in enumerate(corpus.display_names):
        name = without_compression_suffix(PurePath(display_name).name)
        base, _, language = name.rpartition(".")
        if not base or not _LANGUAGE.fullmatch(language) or language.lower() in _OTHER_ENDINGS:
            return None
        groups.setdefault(base, {})[language] = index
    if not groups or any(len(group) < 2 for group in groups.values()):
        return None
    names = "; ".join(f"{base} in {', '.join(group)}" for base, group in groups.items())
    [group, *others] = groups.values()
    if _has_tabs(corpus.part(next(iter(group.values())))):
        return None
    if others:
        raise UsageError(
            f"several pairs of aligned files: {names}", setting="pairs", hint="name two files by --source and --target"
        )
    first, second, *_ = group
    if columns is None and len(group) > 2:
        raise UsageError(
            f"files in more than two languages: {names}",
            setting="columns",
            hint=f"name the source's and the target's, as in --columns {first},{second}",
        )
    languages = _named_languages(columns, list(group), names) if columns else (first, second)
    source, target = (corpus.part(group[language]) for language in languages)
    return AlignedFiles(source, target, languages)


def without_accompanying_files(corpus: Corpus) -> tuple[Corpus, list[str]]:
    """Return the corpus without READMEs, licences and ids, which archives add to the pairs, and the names of those."""
    names = corpus.display_names
    passed_over = [name for name in names if _ACCOMPANYING.fullmatch(PurePath(name).name)]
    if not passed_over or len(passed_over) == len(names):
        return corpus, []
    return corpus.subset([index for index, name in enumerate(names) if name not in passed_over]), passed_over


def read_aligned_rows(source: Corpus, target: Corpus, rows: PairRows) -> None:
    """Add the pairs of two aligned files; pairs with one empty line are counted as left out.

    Raises `CorpusError` if the files differ in length.
    """
    for count, (source_line, target_line) in enumerate(zip_longest(_lines(source), _lines(target))):
        if source_line is None or target_line is None:
            longer, shorter = (target, source) if source_line is None else (source, target)
            end = few_names_with_verb(shorter.display_names, "ends", "end")
            do = few_names_with_verb(longer.display_names, "does", "do")
            raise CorpusError(
                f"{end} after {count:,} {'line' if count == 1 else 'lines'} and {do} not",
                hint="each line must be the translation of the same line of the other file",
            )
        if source_line.text.strip() or target_line.text.strip():
            rows.add(source_line.text, target_line.text, source_line.file, source_line.number)


def _named_languages(columns: tuple[str, str], languages: list[str], names: str) -> tuple[str, str]:
    chosen = []
    for column in columns:
        fitting = [language for language in languages if language.casefold() == column.casefold()]
        if column in ("1", "2"):
            fitting = [languages[int(column) - 1]]
        if not fitting:
            raise UsageError(f"--columns: no file in language {column!r}: {names}", setting="columns")
        chosen.append(fitting[0])
    return chosen[0], chosen[1]


def _has_tabs(corpus: Corpus) -> bool:
    lines = TableText(corpus).beginning
    return sum("\t" in line for line in lines) > len(lines) / 2


class _AlignedLine(NamedTuple):
    file: str
    number: int
    text: str


def _lines(corpus: Corpus) -> Iterator[_AlignedLine]:
    """Yield every line without its line break; lines are numbered from 1 in each file."""
    for file in corpus.parts():
        for number, text in enumerate(lines_of(file.blocks()), 1):
            yield _AlignedLine(file.display_names[0], number, text)
