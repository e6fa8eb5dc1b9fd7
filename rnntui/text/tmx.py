"""Sentence pairs from a translation memory, a TMX file (Translation Memory eXchange 1.4b).

Entities are not expanded, nothing is loaded from elsewhere, and memory is that of one translation unit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import Any

from rnntui.config import DecodingErrors
from rnntui.errors import CorpusError, UsageError
from rnntui.text.compressed import CompressedFileError, read_blocks, unreadable
from rnntui.text.parallel_corpus import PairRows

_BLOCK = 1 << 16  # bytes parsed at a time
_SAMPLE_UNITS = 1000  # translation units in which the languages are looked for
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_NATIVE_CODES = frozenset({"bpt", "ept", "it", "ph", "ut"})  # elements whose content is markup of the document

# A file that was converted to UTF-8 after it was written, as editors and version control do, says so no longer.
_WRONGLY_DECLARED = re.compile(
    rb"""(?:\xef\xbb\xbf)?\s*<\?xml[^>]*\sencoding\s*=\s*["'](?:utf-?(?:16|32)|ucs-?[24]|unicode)""", re.IGNORECASE
)

UNDETERMINED = "und", "und"
"""The languages of a memory without pairs, by the code of ISO 639 for an undetermined language."""

Unit = tuple[int, dict[str, str]]
"""A translation unit: its number from 1, and its segments by language code, in the order of the file."""


class OneLanguageError(CorpusError):
    """A translation memory has segments in one language or none."""


class TranslationMemory:
    """A TMX file.

    Args:
        path: the file, which may be compressed.
        name: its name as the user gave it.
        errors: `replace` reads on after errors in the XML, `strict` raises `CorpusError` there.
    """

    def __init__(self, path: Path, name: str, errors: DecodingErrors) -> None:
        self._path, self.name, self._errors = path, name, errors
        self._source_language = ""  # of the header

    def choose_languages(self, columns: tuple[str, str] | None) -> tuple[str, str]:
        """Return the codes of the source's and the target's language.

        Args:
            columns: the languages that the user named: codes, or numbers in the order of their appearance; None takes
                the two of a file that has two.

        Raises `UsageError` if the file lacks one of them, or has more than two and none are named; `OneLanguageError`
        if it has fewer.
        """
        counts: Counter[str] = Counter()
        for _, segments in islice(self.units(), _SAMPLE_UNITS):
            counts.update(segments.keys())
        codes = list({_code(code): code for code in reversed(counts)}.values())[::-1]
        if len({_primary(code) for code in codes}) >= 2:  # else regions tell the languages apart: pt-BR, pt-PT
            codes = list(dict.fromkeys(map(_primary, codes)))
        languages = ", ".join(codes)
        if columns is not None:
            chosen = [
                codes[int(column) - 1]
                if column.isdecimal() and len(column) < 10 and 0 < int(column) <= len(codes)
                else column
                for column in columns
            ]
            if not counts:
                raise OneLanguageError(f"{self.name} has no pairs: it has no translation units")
            for code in chosen:
                if not any(_matches(code, language) for language in counts):
                    raise UsageError(
                        f"--columns: {self.name} has no language {code!r}; it has {languages or 'no segments'}",
                        setting="columns",
                    )
            return chosen[0], chosen[1]
        if len(codes) > 2:
            raise UsageError(
                f"{self.name} has the languages {languages}",
                setting="columns",
                hint=f"name the source's and the target's, as in --columns {codes[0]},{codes[1]}",
            )
        if len(codes) < 2:
            content = f"its segments are in {languages}" if languages else "it has no translation units"
            raise OneLanguageError(f"{self.name} has no pairs: {content}")
        if self._source_language and _matches(self._source_language, codes[1]):
            codes.reverse()
        return codes[0], codes[1]

    def read_rows(self, languages: tuple[str, str], rows: PairRows) -> None:
        """Add the pairs in two languages; units that lack one of them are counted as left out."""
        source_language, target_language = languages
        for number, segments in self.units():
            source, target = (_segment(segments, language) for language in languages)
            if source is None or target is None:
                missing = source_language if source is None else target_language
                rows.dropped.add(f"row {number} of {self.name}, a translation unit without {missing}")
            else:
                rows.add(source, target, self.name, number)

    def units(self) -> Iterator[Unit]:
        """Yield the translation units. Raises `CorpusError` where the file is not well-formed."""
        from lxml import etree

        number = 0
        try:
            with closing(read_blocks(self._path, _BLOCK)) as blocks:
                beginning = next(blocks, b"")
                parser = etree.XMLPullParser(
                    ("start", "end"),
                    tag=("header", "tu", "{*}header", "{*}tu"),
                    resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True,
                    recover=self._errors == "replace",
                    encoding="utf-8" if _WRONGLY_DECLARED.match(beginning) else None,
                )  # fmt: skip
                for block in chain([beginning] if beginning else [], blocks):
                    parser.feed(block)
                    for event, element in parser.read_events():
                        name = etree.QName(element).localname
                        if name == "header":
                            self._source_language = element.get("srclang", "")
                        elif event == "end":
                            number += 1
                            yield number, _segments(element)
                            _discard(element)
                parser.close()
        except etree.XMLSyntaxError as error:
            raise CorpusError(
                f"{self.name} is not well-formed XML: {error.msg}",
                hint="repair it, or read it anyway with --errors replace",
            ) from error
        except (OSError, CompressedFileError) as error:
            raise unreadable(self.name, self._path, error) from error


def _segments(unit: Any) -> dict[str, str]:
    """Return the text of each variant of a unit by language code; of variants in the same language, the first."""
    segments: dict[str, str] = {}
    for variant in unit.iterchildren("{*}tuv"):
        code = variant.get(_LANGUAGE) or variant.get("lang")  # TMX 1.1 has lang
        segment = next(variant.iterchildren("{*}seg"), None)
        if code and segment is not None:
            segments.setdefault(code.replace("_", "-"), " ".join("".join(_text_parts(segment)).split()))
    return segments


def _text_parts(element: Any) -> Iterator[str]:
    """Yield the text of a segment without the native codes inside."""
    yield element.text or ""
    for child in element.iterchildren("*"):
        if child.tag.rpartition("}")[2] not in _NATIVE_CODES:
            yield from _text_parts(child)
        yield child.tail or ""


def _discard(unit: Any) -> None:
    """Free the memory of a unit and of those before it."""
    unit.clear()
    parent = unit.getparent()
    while parent is not None and unit.getprevious() is not None:
        del parent[0]


def _segment(segments: dict[str, str], language: str) -> str | None:
    """Return the segment in a language: that of the same code, else the first whose region or lack of one fits."""
    exact = (text for code, text in segments.items() if code.casefold() == _code(language))
    fitting = (text for code, text in segments.items() if _matches(language, code))
    return next(exact, None) or next(fitting, None)


def _code(language: str) -> str:
    return language.casefold().replace("_", "-")


def _matches(language: str, other: str) -> bool:
    """Return True for the same code, or if one is the other with a region: `en` and `en-US`."""
    first, second = _code(language).split("-"), _code(other).split("-")
    shorter = min(len(first), len(second))
    return first[:shorter] == second[:shorter]


def _primary(code: str) -> str:
    return _code(code).split("-")[0]
