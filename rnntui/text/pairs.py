"""Parallel corpora: sentence pairs from tables, translation memories, JSON lines, or line-aligned files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rnntui.errors import CorpusError
from rnntui.formatting import few_names, few_names_with_verb
from rnntui.kinds.inputs import parse_columns
from rnntui.kinds.pair_corpus_info import FIRST_TABLE_LAYOUT, PairLayout
from rnntui.text.aligned_files import find_aligned_files, read_aligned_rows, without_accompanying_files
from rnntui.text.compressed import read_beginning, without_compression_suffix
from rnntui.text.corpus import Corpus, blank_content
from rnntui.text.dropped_rows import quote
from rnntui.text.json_pairs import choose_keys, looks_like_json, read_json_rows, refuse_json_array
from rnntui.text.parallel_corpus import Pair, PairRows, ParallelCorpus
from rnntui.text.stored_rows import Report, StoredRows
from rnntui.text.tables import DELIMITERS, TableText, detect_table, read_table_rows
from rnntui.text.tmx import UNDETERMINED, OneLanguageError, TranslationMemory

_HEAD = 4096  # bytes in which the format of a file is looked for
_BEFORE_XML = b"\xef\xbb\xbf\xff\xfe\0 \r\n\t"  # byte order marks, white space
_MAX_DESCRIPTIONS = 3  # layouts of files that are described
_XML_FORMATS = {"tmx": "<tmx", "xliff": "<xliff"}
_OTHER_FORMATS = {
    "xliff": "an XLIFF file, which is not supported; convert it to TMX with your translation tool",
    "po": "a gettext PO file, which is not supported; convert it to TMX, for example with po2tmx",
}


def read_table(
    corpus: Corpus, columns: str = "", layouts: Sequence[PairLayout] = (), report: Report | None = None
) -> ParallelCorpus:
    """Read the pairs of tables, of translation memories (TMX), of JSON lines, or of two aligned files of a folder.

    Rows with a missing or an empty column are left out and counted.

    Args:
        corpus: the files.
        columns: the source's and the target's, as in `2,3` or `source,target`; for TMX and aligned files, the
            languages. If empty, the first two, or those that the format or well-known names tell.
        layouts: the layouts of the files from an earlier reading, or one for all; if empty, they are detected.
        report: receives a message every few seconds.

    Raises `CorpusError` if no complete row is left, or a file is known to hold no pairs; `UsageError` if the columns
    are not those of a file.
    """
    chosen = parse_columns(columns)
    rows = PairRows(StoredRows(Pair, report))
    warnings: list[str] = []
    if tuple(layouts) != (FIRST_TABLE_LAYOUT,):
        corpus, passed_over = without_accompanying_files(corpus)
        warnings += [f"skipped {few_names(passed_over)}"] if passed_over else []
    if all(layout.format == "aligned" for layout in layouts):
        languages = (str(layouts[0].columns[0]), str(layouts[0].columns[1])) if layouts else chosen
        if aligned := find_aligned_files(corpus, languages):
            read_aligned_rows(aligned.source, aligned.target, rows)
            layout = PairLayout("aligned", aligned.languages)
            source_name, target_name = aligned.source.display_names[0], aligned.target.display_names[0]
            described = [f"{source_name} and {target_name}: aligned line by line, {' to '.join(aligned.languages)}"]
            return _parallel_corpus(corpus, rows, (layout,), described, warnings)
        layouts = ()
    if len(layouts) == 1:
        layouts = [*layouts] * len(corpus.files)
    new_layouts: list[PairLayout] = []
    descriptions: dict[str, list[str]] = {}  # names of files by the description of their layout
    for index, file in enumerate(corpus.parts()):
        known = layouts[index] if index < len(layouts) else None
        try:
            layout, description, warning = _read_file(file, chosen, known, rows)
        except OneLanguageError as error:
            if len(corpus.files) == 1:
                raise
            new_layouts.append(PairLayout("tmx", UNDETERMINED))
            warnings.append(str(error))
            continue
        new_layouts.append(layout)
        descriptions.setdefault(description, []).append(file.display_names[0])
        warnings += [warning] if warning else []
    described = [f"{few_names(names)}: {description}" for description, names in descriptions.items()]
    unique = tuple(new_layouts) if len(set(new_layouts)) > 1 else (new_layouts[0],)
    return _parallel_corpus(corpus, rows, unique, described, warnings)


def read_aligned_files(source: Corpus, target: Corpus, report: Report | None = None) -> ParallelCorpus:
    """Read pairs from two files in which line n of one is the translation of line n of the other.

    Pairs with one empty line are left out and counted. Raises `CorpusError` if the files differ in length, or no
    complete pair is left. `report` receives a message every few seconds.
    """
    rows = PairRows(StoredRows(Pair, report))
    read_aligned_rows(source, target, rows)
    names = source.display_names + target.display_names
    corpus = replace(source, display_names=names, files=source.files + target.files)
    description = f"{few_names(source.display_names)} and {few_names(target.display_names)}: aligned line by line"
    return _parallel_corpus(corpus, rows, (), [description], [])


def _read_file(
    file: Corpus, columns: tuple[str, str] | None, layout: PairLayout | None, rows: PairRows
) -> tuple[PairLayout, str, str]:
    """Add the pairs of one file to `rows`; return its layout, the layout in words, and a warning or an empty string."""
    name = file.display_names[0]
    file_format = layout.format if layout is not None else _format_of(file.files[0], name)
    known = (str(layout.columns[0]), str(layout.columns[1])) if layout is not None else None
    if file_format in _OTHER_FORMATS:
        raise CorpusError(f"{name} is {_OTHER_FORMATS[file_format]}")
    if file_format == "tmx":
        memory = TranslationMemory(file.files[0], name, file.errors)
        languages = known or memory.choose_languages(columns)
        memory.read_rows(languages, rows)
        return PairLayout("tmx", languages), f"translation memory, {' to '.join(languages)}", ""
    text = TableText(file)
    if file_format == "jsonl" or (layout is None and looks_like_json(text.beginning)):
        keys = known or choose_keys(text.beginning, columns, name)
        read_json_rows(text, keys, rows)
        return PairLayout("jsonl", keys), f"JSON lines, {keys[0]} to {keys[1]}", ""
    if layout is not None:
        read_table_rows(text, layout, rows)
        return layout, f"columns {known[0]} and {known[1]}, as when the run was created" if known else "", ""
    refuse_json_array(text.beginning, name)
    table = detect_table(text, columns)
    read_table_rows(text, table.layout, rows)
    return table.layout, table.description, table.warning


def _format_of(path: Path, name: str) -> str:
    """Return the format that the ending or the first bytes of a file tell: `tmx`, `xliff` or `po`, else `table`."""
    head = read_beginning(path, _HEAD)
    lower = without_compression_suffix(name.lower())
    is_xml = head.lstrip(_BEFORE_XML)[:1] == b"<"
    for file_format, tag in _XML_FORMATS.items():
        if is_xml and any(tag.encode(encoding) in head for encoding in ("utf-8", "utf-16-le", "utf-16-be")):
            return file_format
    if lower.endswith(".tmx"):
        return "tmx"
    return "po" if lower.endswith((".po", ".pot")) and b"msgid" in head else "table"


def _parallel_corpus(
    corpus: Corpus, rows: PairRows, layouts: tuple[PairLayout, ...], described: list[str], warnings: list[str]
) -> ParallelCorpus:
    """Return the corpus with its notes. Raises `CorpusError` if it has no pair."""
    if not rows.pairs:
        error = _no_pairs(corpus, rows, layouts)
        raise CorpusError(error.problem, hint=warnings[-1]) if warnings else error
    count, first = len(rows.pairs), rows.pairs[0]
    others = f"; {len(described) - _MAX_DESCRIPTIONS} more layouts" if len(described) > _MAX_DESCRIPTIONS else ""
    summary = (
        f"{'; '.join(described[:_MAX_DESCRIPTIONS])}{others}; {count:,} {'pair' if count == 1 else 'pairs'}, "
        f"the first: {quote(first.source)} → {quote(first.target)}"
    )
    return ParallelCorpus(rows.pairs, corpus.name, corpus.display_names, rows.dropped, layouts, (summary, *warnings))


def _no_pairs(corpus: Corpus, rows: PairRows, layouts: tuple[PairLayout, ...]) -> CorpusError:
    names = corpus.display_names
    is_table = all(layout.format == "table" for layout in layouts) and layouts
    delimiter = DELIMITERS.get(layouts[0].delimiter, layouts[0].delimiter) if is_table else ""
    expected = f"a row is source, a {delimiter}, target" if is_table else "both sides of a pair must have text"
    if rows.dropped.count:
        problem = rows.dropped.message.removeprefix("left out ")
        hint = "for two files, a sentence on each line, give --source and --target" if is_table else ""
        names_have = few_names_with_verb(names, "has", "have")
        return CorpusError(f"{names_have} no complete pair: {problem} ({expected})", hint=hint)
    if any(layout.header for layout in layouts):
        return CorpusError(f"{few_names(names)}: no pairs, only a header row")
    return CorpusError(f"{few_names(names)}: no pairs, {blank_content(corpus)} ({expected})")
