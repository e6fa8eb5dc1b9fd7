"""Problems of labelled texts that a user should know before a classifier is trained on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from rnntui.errors import CorpusError
from rnntui.formatting import few_names
from rnntui.kinds.labelled_corpus_info import LabelledLayout
from rnntui.text.dropped_rows import quote
from rnntui.text.labelled_corpus import LabelledCorpus, LabelledText, count_labels
from rnntui.text.normalization import comparison_key
from rnntui.text.stored_rows import TextColumn, text_hashes

_MIN_REPEATED = 2  # rows for each label, below which the labels are rather texts
_MIN_ROWS = 10  # from which that is an error
_MANY_LABELS = 1000
_LONGER = 2  # labels to texts in characters, above which the columns look swapped
_LONG_LABEL = 200  # characters
_SHOWN = 3  # labels in a message


def check_labels(corpus: LabelledCorpus) -> list[str]:
    """Return warnings about the labels of a corpus to train on, a line each.

    Raises `CorpusError` if all rows have the same label, or the labels are nearly as many as the rows.
    """
    labels = count_labels(corpus.rows)
    names = few_names(corpus.display_names)
    if len(labels) == 1:
        [label] = labels
        raise CorpusError(
            f"{names}: all {len(corpus.rows):,} rows have one label, {quote(label)}; a classifier needs two",
            hint=_one_label_hint(corpus.layouts),
        )
    swapped = _looks_swapped(corpus.rows, labels)
    if len(corpus.rows) >= _MIN_ROWS and _MIN_REPEATED * len(labels) > len(corpus.rows):
        problem = f"{names}: {len(labels):,} different labels in {len(corpus.rows):,} rows"
        raise CorpusError(
            f"{problem}; {swapped}" if swapped else problem,
            hint=_column_hint(corpus.layouts) if swapped else "to learn to write such texts: rnntui train-seq2seq",
        )
    warnings = [f"{names}: {swapped}; {_column_hint(corpus.layouts)}"] if swapped else []
    if len(labels) > _MANY_LABELS:
        warnings.append(f"{len(labels):,} labels are many; if they are texts to write: rnntui train-seq2seq")
    return [
        *warnings,
        *_long_labels(corpus.rows),
        *_rare_labels(labels),
        *_similar_labels(labels),
        *_repeated_texts(corpus.rows),
    ]


def shared_texts(training: LabelledCorpus, validation: LabelledCorpus) -> list[str]:
    """Return a warning if texts to validate on occur in training, case and punctuation apart; else no line."""
    known, wanted = (text_hashes(comparison_key(row.text) for row in corpus.rows) for corpus in (training, validation))
    shared = np.flatnonzero(np.isin(wanted, known))
    if not len(shared):
        return []
    first = validation.rows[int(shared[0])]
    return [
        f"{len(shared):,} of {len(validation.rows):,} validation texts {'occurs' if len(shared) == 1 else 'occur'} in "
        f"training, as {quote(first.text)} (row {first.row} of {first.file}), so results look better than they are"
    ]


def _one_label_hint(layouts: Sequence[LabelledLayout]) -> str:
    if all(layout.format == "files" for layout in layouts):
        return "name the files or folders of all labels"
    return "if another column holds the labels, name it by --label-column"


def _column_hint(layouts: Sequence[LabelledLayout]) -> str:
    """Return the flags that read the columns the other way round."""
    text = layouts[0].columns[0] if layouts and layouts[0].format != "files" else "COLUMN"
    return f"--label-column {text}"


def _looks_swapped(rows: Sequence[LabelledText], labels: dict[str, int]) -> str:
    """Return what looks as if text and label were swapped; empty if nothing does."""
    _, firsts = np.unique(text_hashes(TextColumn(rows, 0)), return_index=True)
    text_length = np.fromiter(map(len, TextColumn(rows, 0)), np.int64)[firsts].mean()
    label_length = sum(map(len, labels)) / len(labels)
    texts = len(firsts)
    if texts >= len(labels) or label_length < _LONGER * text_length:
        return ""
    return f"text and label look swapped: the {len(labels):,} labels are longer than the {texts:,} different texts"


def _long_labels(rows: Sequence[LabelledText]) -> Iterator[str]:
    first = next((row for row in rows if len(row.label) > _LONG_LABEL), None)
    if first is not None:
        where = f"(row {first.row} of {first.file})"
        yield f"a label of {len(first.label):,} characters is likely a mistake: {quote(first.label)} {where}"


def _rare_labels(labels: dict[str, int]) -> Iterator[str]:
    rare = [label for label, count in labels.items() if count == 1]
    if len(rare) == 1:
        yield f"label {quote(rare[0])} has 1 row: it is learned, but cannot be validated"
    elif rare:
        yield f"{len(rare):,} labels have 1 row each ({_listed(rare)}): they are learned, but cannot be validated"


def _similar_labels(labels: dict[str, int]) -> Iterator[str]:
    spellings: dict[str, list[str]] = {}
    for label in labels:
        spellings.setdefault(label.casefold(), []).append(label)
    similar = [same for same in spellings.values() if len(same) > 1]
    if similar:
        yield f"labels that differ only in case are different labels: {_listed([*chain.from_iterable(similar)])}"


def _repeated_texts(rows: Sequence[LabelledText]) -> Iterator[str]:
    """Yield messages about rows that occur again, with the same label or with another."""
    _, first_rows, texts_of_rows = np.unique(text_hashes(TextColumn(rows, 0)), return_index=True, return_inverse=True)
    labels = np.unique(text_hashes(TextColumn(rows, 1)), return_inverse=True)[1]
    pairs, counts = np.unique(texts_of_rows * (int(labels.max()) + 1) + labels, return_counts=True)
    repeated = len(rows) - len(pairs)
    if repeated:
        yield f"{repeated:,} {'row repeats' if repeated == 1 else 'rows repeat'} an earlier one; they are kept"
    _, starts, labels_of_texts = np.unique(pairs // (int(labels.max()) + 1), return_index=True, return_counts=True)
    ambiguous = np.flatnonzero(labels_of_texts > 1)
    if len(ambiguous):
        first = rows[int(first_rows[ambiguous].min())]
        best = 100 * int(np.maximum.reduceat(counts, starts).sum()) / len(rows)
        texts = "1 text has" if len(ambiguous) == 1 else f"{len(ambiguous):,} texts have"
        yield (
            f"{texts} several labels, as {quote(first.text)} (row {first.row} of {first.file}): "
            f"at most {best:.1f}% of the rows can be classified correctly"
        )


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(map(quote, labels[:_SHOWN])) + (", …" if len(labels) > _SHOWN else "")
