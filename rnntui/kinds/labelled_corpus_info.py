"""The `corpus` section of a classifier's `config.json`; the options that name the columns of labelled texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from rnntui.errors import UsageError
from rnntui.kinds.corpus_info import CorpusInfo, file_names, read_count, read_texts
from rnntui.kinds.file_layout import FileLayout, read_layouts
from rnntui.kinds.inputs import ReadingOption
from rnntui.settings import record

LabelledFormat = Literal["table", "jsonl", "fasttext", "files"]


class LabelledColumns(NamedTuple):
    """The columns of label and text as the user named them, by number or name; empty ones are detected."""

    label: str = ""
    text: str = ""


DETECTED_COLUMNS = LabelledColumns()


@record
class LabelledLayout(FileLayout):
    """Layout of labelled texts in a file, or of the files in folders.

    Args:
        format: `table`, `jsonl`, `fasttext`, or `files` for one file or folder for each label.
        columns: those of the text and of the label: numbers of columns counted from 1 (`table`), keys (`jsonl`), what
            is a text and what gives its label (`files`: `file` and `folder`, `line` and `file`, `line` and `folder`).
    """

    format: LabelledFormat


@record
class LabelledCorpusInfo(CorpusInfo):
    """The corpus of a classifier.

    Args:
        labels: the labels by id, the most frequent in training first; where a classifier was trained on, its own labels
            come before new ones.
        label_counts: the number of training rows of each label.
        rows: the numbers of training and of validation rows.
        validation_sources: the files of the validation rows; None if those were held out of `sources`.
        label_column: the label's column as the user named it; empty if it was left to be detected.
        text_column: the text's column as the user named it.
        layouts: the layout of each file, or one for all.
        max_tokens: the number of tokens at which texts were cut for training; None if they were not.
    """

    labels: tuple[str, ...] = ()
    label_counts: tuple[int, ...] = ()
    rows: tuple[int, int] | None = None
    validation_sources: tuple[str, ...] | None = None
    label_column: str = ""
    text_column: str = ""
    layouts: tuple[LabelledLayout, ...] | None = None
    max_tokens: int | None = None

    @classmethod
    def _fields_from(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        labels, counts = read_texts(values.get("labels")) or (), _read_counts(values.get("label_counts"))
        if not all(labels) or len(set(labels)) != len(labels):
            labels = ()
        rows = _read_counts(values.get("rows"))
        label_column, text_column = values.get("label_column"), values.get("text_column")
        return super()._fields_from(values) | {
            "labels": labels,
            "label_counts": counts if len(counts) == len(labels) else (),
            "rows": rows if len(rows) == 2 else None,
            "validation_sources": read_texts(values.get("validation_sources")),
            "label_column": label_column if isinstance(label_column, str) else "",
            "text_column": text_column if isinstance(text_column, str) else "",
            "layouts": read_layouts(LabelledLayout, values.get("layouts")),
            "max_tokens": read_count(values.get("max_tokens")) or None,
        }

    @property
    def columns(self) -> LabelledColumns:
        """The columns as the user named them."""
        return LabelledColumns(self.label_column, self.text_column)

    @property
    def summary(self) -> str:
        text = super().summary
        if self.rows is not None:
            text += f"; {self.rows[0]:,} texts with {len(self.labels):,} labels, {self.rows[1]:,} for validation"
        if self.validation_sources is not None:
            text += f" from {file_names(self.validation_sources)}"
        return text


def _read_counts(value: object) -> tuple[int, ...]:
    """Return a list of counts as a tuple; an empty one if it is not a list of counts."""
    counts = [read_count(item) for item in value] if isinstance(value, list | tuple) else []
    return tuple(count for count in counts if count is not None) if None not in counts else ()


def _check_column(text: str) -> None:
    """Raise `UsageError` if a column is named by the number 0."""
    if text.strip() and not text.strip().strip("0"):
        raise UsageError(f"a column is named by its number from 1 or by its header, not by {text.strip()}")


def check_columns(columns: LabelledColumns) -> None:
    """Raise `UsageError` for columns that no table has."""
    for column in columns:
        _check_column(column)


LABEL_COLUMN = ReadingOption(
    "label_column",
    "column of the label, by number or by header [default: as detected; told when training starts]",
    "COLUMN",
    _check_column,
)
TEXT_COLUMN = ReadingOption(
    "text_column",
    "column of the text, by number or by header [default: as detected]",
    "COLUMN",
    _check_column,
)
