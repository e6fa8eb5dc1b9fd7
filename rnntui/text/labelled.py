"""Reading labelled texts: from tables, JSON lines, fastText files, or a file or folder for each label."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from rnntui.errors import CorpusError, UsageError
from rnntui.formatting import few_names, few_names_with_verb
from rnntui.kinds.labelled_corpus_info import DETECTED_COLUMNS, LabelledColumns, LabelledLayout, check_columns
from rnntui.text.aligned_files import without_accompanying_files
from rnntui.text.corpus import Corpus, blank_content
from rnntui.text.dropped_rows import quote
from rnntui.text.fasttext import PREFIX, looks_like_fasttext, read_fasttext_rows, refuse_several_labels
from rnntui.text.json_pairs import json_texts, key_of, list_length, looks_like_json, read_json_rows, refuse_json_array
from rnntui.text.label_columns import LabelColumns
from rnntui.text.label_files import find_label_files, split_warnings
from rnntui.text.labelled_corpus import MAX_CHARACTERS, LabelledCorpus, LabelledRows, LabelledText, count_labels
from rnntui.text.stored_rows import Report, StoredRows
from rnntui.text.tables import TableBeginning, TableText, read_table_rows

_MAX_DESCRIPTIONS = 3  # layouts of files that are described
_MAX_CELL_LINES = 2000  # of a quoted text: emails and articles are longer than sentences
_MAX_LABELS = 4  # in the summary
_MAX_SHOWN = 25  # characters of a label there


def read_labelled(
    corpus: Corpus,
    columns: LabelledColumns = DETECTED_COLUMNS,
    layouts: Sequence[LabelledLayout] = (),
    known_labels: Collection[str] = (),
    report: Report | None = None,
) -> LabelledCorpus:
    """Read labelled texts.

    Rows without a text or a label are left out and counted.

    Args:
        corpus: the files.
        columns: the columns that the user named; the others are detected by their names and contents.
        layouts: the layouts of the files from an earlier reading, or one for all; if empty, they are detected.
        known_labels: labels of a trained classifier; they tell the label's column of a table to evaluate on.
        report: receives a message every few seconds.

    Raises `CorpusError` if no complete row is left; `UsageError` if a column is not one of a file, or several may be
    the label.
    """
    check_columns(columns)
    rows = LabelledRows(StoredRows(LabelledText, report))
    corpus, accompanying = without_accompanying_files(corpus)
    warnings = [f"skipped {few_names(accompanying)}"] if accompanying else []
    if all(layout.format == "files" for layout in layouts) and not any(columns):
        known_origin = (str(layouts[0].columns[0]), str(layouts[0].columns[1])) if layouts else None
        if files := find_label_files(corpus, known_origin, known_labels):
            files.read_rows(rows)
            layout = LabelledLayout("files", (files.unit, files.origin))
            names = files.display_names
            described = [f"{few_names(names)}: a {files.unit} is a text, the name of its {files.origin} its label"]
            corpus = replace(files.corpus, display_names=names, name=files.name)
            return _labelled_corpus(corpus, rows, (layout,), described, [*warnings, *files.warnings])
    if len(layouts) == 1:
        layouts = [*layouts] * len(corpus.files)
    new_layouts: list[LabelledLayout] = []
    descriptions: dict[str, list[str]] = {}  # names of files by the description of their layout
    for index, file in enumerate(corpus.parts()):
        known = layouts[index] if index < len(layouts) else None
        layout, description = _read_file(file, columns, known, known_labels, rows)
        new_layouts.append(layout)
        descriptions.setdefault(description, []).append(file.display_names[0])
    warnings += split_warnings(corpus.display_names)
    described = [f"{few_names(names)}: {description}" for description, names in descriptions.items()]
    unique = tuple(new_layouts) if len(set(new_layouts)) > 1 else (new_layouts[0],)
    return _labelled_corpus(corpus, rows, unique, described, warnings)


def _read_file(
    file: Corpus,
    columns: LabelledColumns,
    layout: LabelledLayout | None,
    known_labels: Collection[str],
    rows: LabelledRows,
) -> tuple[LabelledLayout, str]:
    """Add the rows of one file to `rows`; return its layout, and the layout in words."""
    text = TableText(file, _MAX_CELL_LINES)
    description = "read as when the run was created"
    if layout is None:
        layout, description = _detect_layout(text, columns, known_labels)
    if layout.format == "fasttext":
        read_fasttext_rows(text, rows)
    elif layout.format == "jsonl":
        text_key, label_key = map(str, layout.columns)
        read_json_rows(text, (text_key, label_key), rows, single=label_key)
    else:
        read_table_rows(text, layout, rows)
    return layout, description


def _detect_layout(
    text: TableText, columns: LabelledColumns, known_labels: Collection[str]
) -> tuple[LabelledLayout, str]:
    """Return the layout of a file, and the layout in words."""
    if looks_like_json(text.beginning):
        keys = _choose_keys(text, columns, known_labels)
        return LabelledLayout("jsonl", keys), f"JSON lines, text in {keys[0]!r}, label in {keys[1]!r}"
    refuse_json_array(text.beginning, text.name, converted="texts.jsonl")
    if looks_like_fasttext(text.beginning) and not any(columns):
        return LabelledLayout("fasttext", ("text", PREFIX)), "fastText format"
    return _detect_table(text, columns, known_labels)


def _choose_keys(text: TableText, columns: LabelledColumns, known_labels: Collection[str]) -> tuple[str, str]:
    """Return the keys of text and label in JSON lines. Raises `CorpusError` if most lines have several labels."""
    lines = [line for line in text.beginning if line.strip()]
    objects = [values for line in lines if (values := json_texts(line, number_lists=True)) is not None]
    keys = list(dict.fromkeys(key for values in objects for key in values))
    named = {
        option: key_of(getattr(columns, option), keys, text.name, f"{option}_column")
        for option in columns._fields
        if getattr(columns, option)
    }
    table = LabelColumns(keys, [[values.get(key, "") for key in keys] for values in objects], text.name)
    numbers = {option: keys.index(key) + 1 for option, key in named.items()}
    choice = table.choose(numbers.get("text"), numbers.get("label"), known_labels)
    if max(choice.text, choice.label) > len(keys) or choice.text == choice.label:
        raise UsageError(
            f"{text.name}: its objects have {'the keys ' + ', '.join(keys) if keys else 'no texts'}",
            setting="label_column",
            hint="name those of label and text, as in --label-column label --text-column text",
        )
    label_key = keys[choice.label - 1]
    refuse_several_labels([list_length(line, label_key) for line in lines], text.name)
    return keys[choice.text - 1], label_key


def _detect_table(
    text: TableText, columns: LabelledColumns, known_labels: Collection[str]
) -> tuple[LabelledLayout, str]:
    """Return the layout of a table, and the layout in words."""
    beginning = TableBeginning(text)
    dialect = beginning.dialect
    label = beginning.numbers([columns.label], "label_column")[0] if columns.label else None
    text_column = beginning.numbers([columns.text], "text_column")[0] if columns.text else None
    if label is not None and label == text_column:
        raise UsageError(
            f"--label-column and --text-column both name column {label} of {text.name}", setting="label_column"
        )
    below = (beginning.rows if beginning.before.names else beginning.rows[1:]) or beginning.rows
    table = LabelColumns(beginning.first, below, text.name, beginning.before.other_columns)
    choice = table.choose(text_column, label, known_labels)
    chosen = choice.text, choice.label
    named = [column for column in columns if column]
    has_header = not beginning.before.names and (choice.has_names or beginning.has_header(chosen, named))
    of_all = f" of {dialect.width}" if dialect.width > 2 else ""
    in_words = f"text in column {choice.text}, label in column {choice.label}{of_all}"
    layout = LabelledLayout("table", chosen, dialect.delimiter, dialect.quoted, has_header, dialect.width)
    return layout, beginning.describe(chosen, in_words, has_header)


def _labelled_corpus(
    corpus: Corpus, rows: LabelledRows, layouts: tuple[LabelledLayout, ...], described: list[str], warnings: list[str]
) -> LabelledCorpus:
    """Return the corpus with its notes. Raises `CorpusError` if it has no row."""
    if not rows.rows:
        raise _no_rows(corpus, rows, layouts)
    labels = count_labels(rows.rows)
    short = [f"{quote(label)} {count:,}" for label, count in labels.items() if len(label) <= _MAX_SHOWN][:_MAX_LABELS]
    shown = f" ({', '.join(short)}{', …' if len(labels) > len(short) else ''})" if short else ""
    others = f"; {len(described) - _MAX_DESCRIPTIONS} more layouts" if len(described) > _MAX_DESCRIPTIONS else ""
    count, first = len(rows.rows), rows.rows[0]
    summary = (
        f"{'; '.join(described[:_MAX_DESCRIPTIONS])}{others}; {count:,} {'text' if count == 1 else 'texts'}, "
        f"{len(labels):,} {'label' if len(labels) == 1 else 'labels'}{shown}, "
        f"the first: {quote(first.text)} → {quote(first.label)}"
    )
    if rows.cut:
        texts = "a text that is" if rows.cut == 1 else f"{rows.cut:,} texts that are"
        warnings = [*warnings, f"read the first {MAX_CHARACTERS:,} characters of {texts} longer"]
    return LabelledCorpus(rows.rows, corpus.name, corpus.display_names, rows.dropped, layouts, (summary, *warnings))


def _no_rows(corpus: Corpus, rows: LabelledRows, layouts: tuple[LabelledLayout, ...]) -> CorpusError:
    names = corpus.display_names
    hint = "a row is a text, a tab and its label; or give a folder for each label, with a text in each file"
    if rows.dropped.count:
        problem = rows.dropped.message.removeprefix("left out ")
        names_have = few_names_with_verb(names, "has", "have")
        return CorpusError(f"{names_have} no labelled text: {problem}", hint=hint)
    if any(layout.header for layout in layouts):
        return CorpusError(f"{few_names(names)}: no labelled texts, only a header row")
    return CorpusError(f"{few_names(names)}: no labelled texts, {blank_content(corpus)}", hint=hint)
