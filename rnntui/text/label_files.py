"""Labelled texts in a file or a folder for each label.

Film reviews are published as `train/pos/0_9.txt` and `train/neg/0_3.txt` with a text in each file (Maas et al. 2011),
newsgroups as a folder for each; surnames as `names/English.txt` with a text on each line.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from statistics import fmean
from typing import Literal

from rnntui.errors import CorpusError
from rnntui.formatting import few_names
from rnntui.text.compressed import without_compression_suffix
from rnntui.text.corpus import Corpus
from rnntui.text.encoding import lines_of
from rnntui.text.fasttext import looks_like_fasttext
from rnntui.text.json_pairs import looks_like_json
from rnntui.text.labelled_corpus import LabelledRows
from rnntui.text.source_files import TABLE_SUFFIXES, name_without_suffix
from rnntui.text.table_layout import detect_dialect
from rnntui.text.tables import TableText

Unit = Literal["file", "line"]
Origin = Literal["folder", "file"]

_SPLITS = frozenset({"train", "training", "test", "testing", "dev", "val", "valid", "validation", "eval"})
_UNLABELLED = frozenset({"unsup", "unsupervised", "unlabelled", "unlabeled"})
_PARALLEL_NAMES = (("text", "labels"), ("text", "label"), ("texts", "labels"), ("x_", "y_"))
_EXAMINED = 6  # files whose beginning is looked at
_FEW_FILES = 4  # for each label
_MANY_LINES = 20  # in each of a few files of a folder, from which a line is a text
_MAX_NAMED = 3  # labels in the name of a run
_MAX_ENDING = 4  # characters
_MIN_LINES = 2  # in each of many files of one folder, below which a text is a file


@dataclass(frozen=True)
class LabelFiles:
    """Files whose names, or whose folders' names, are labels.

    Args:
        corpus: the files that are read.
        labels: the label of each file.
        unit: what a text is.
        origin: what gives the label.
        warnings: messages for the user.
    """

    corpus: Corpus
    labels: tuple[str, ...]
    unit: Unit
    origin: Origin
    warnings: tuple[str, ...] = ()

    @property
    def display_names(self) -> tuple[str, ...]:
        """The files; if a text is a file, of which there may be many thousands, the folders."""
        names = self.corpus.display_names
        return tuple(dict.fromkeys(str(PurePath(name).parent) for name in names)) if self.unit == "file" else names

    @property
    def name(self) -> str:
        """Default name of a run: the corpus's, but not that of one label where those were named one by one."""
        if self.corpus.name not in self.labels:
            return self.corpus.name
        folder = PurePath(self.display_names[0]).parent.name
        return folder or "-".join([*dict.fromkeys(self.labels)][:_MAX_NAMED])

    def read_rows(self, rows: LabelledRows) -> None:
        """Add the texts of all files. Blank lines are ignored; empty files are counted as left out."""
        for file, label in zip(self.corpus.parts(), self.labels, strict=True):
            name = file.display_names[0]
            if self.unit == "file":
                rows.add("".join(file.blocks()), label, name, 1)
                continue
            for number, line in enumerate(lines_of(file.blocks()), 1):
                if line.strip():
                    rows.add(line, label, name, number)


def find_label_files(
    corpus: Corpus, known: tuple[str, str] | None = None, known_labels: Collection[str] = ()
) -> LabelFiles | None:
    """Return the files with their labels if a corpus has a file or a folder for each label; None if it has tables.

    Folders of labels are those without subfolders; files beside them are passed over, and folders of unlabelled texts,
    such as `unsup`.

    Args:
        corpus: the files.
        known: unit and origin of an earlier reading; None to detect them.
        known_labels: labels of a trained classifier, which tell that a single folder or file is one of a label.

    Raises `CorpusError` if there are many texts in one folder, which is one label.
    """
    names = corpus.display_names
    folders = _innermost({str(PurePath(name).parent) for name in names})
    labelled = {folder for folder in folders if PurePath(folder).name.casefold() not in _UNLABELLED} or folders
    folder_names = {PurePath(folder).name for folder in labelled}
    are_labels = len(folder_names - _SPLITS) > 1 or folder_names <= set(known_labels)
    origin: Origin = "folder" if (are_labels if known is None else known[1] == "folder") else "file"
    # One folder of files with the labels as names, in an archive with other data beside it.
    chosen = labelled if origin == "folder" or len(labelled) == 1 else {str(PurePath(name).parent) for name in names}
    part = corpus.subset([index for index, name in enumerate(names) if str(PurePath(name).parent) in chosen])
    files = [PurePath(name) for name in part.display_names]
    labels = [file.parent.name for file in files] if origin == "folder" else _names_of(files)
    if known is None:
        is_single = len(files) == 1 and not set(labels) <= set(known_labels)
        if is_single or _are_tables(part, has_many_files=len(files) > _FEW_FILES * len(set(labels))):
            return None
    _refuse_parallel_files(files)
    unit = _unit(part, labels, origin) if known is None else ("file" if known[0] == "file" else "line")
    warnings = []
    if unlabelled := folders - labelled:
        warnings.append(f"skipped {few_names(sorted(unlabelled))}: unlabelled texts")
    if beside := [name for name in names if str(PurePath(name).parent) not in folders | chosen]:
        warnings.append(f"skipped {few_names(beside)}, beside the {origin}s of the labels")
    warnings += split_warnings(part.display_names)
    return LabelFiles(part, tuple(labels), unit, origin, tuple(warnings))


def split_warnings(names: Sequence[str]) -> list[str]:
    """Return a warning if files or folders of several splits, such as `train` and `test`, are among the names."""
    parts = {part for name in names for part in (*PurePath(name).parts[:-1], _stem(PurePath(name)))}
    splits = sorted(part for part in parts if part.casefold() in _SPLITS)
    if len(splits) < 2:
        return []
    return [f"{', '.join(splits)} are read as one corpus; to evaluate on one of them, name only the others"]


def _innermost(folders: set[str]) -> set[str]:
    """Return the folders of files that have no other such folder in them."""
    outer = {str(parent) for folder in folders for parent in PurePath(folder).parents}
    return folders - outer or folders


def _names_of(files: Sequence[PurePath]) -> list[str]:
    """Return the labels of files: their names without endings, or the endings of `rt-polarity.pos` and `.neg`."""
    stems = [_stem(file) for file in files]
    endings = [name_without_suffix(file.name).rpartition(".")[2] for file in files]
    return endings if len(set(stems)) == 1 and len(set(endings)) == len(files) > 1 else stems


def _stem(file: PurePath) -> str:
    name = name_without_suffix(file.name)
    stem, dot, ending = name.rpartition(".")
    return stem if dot and stem and len(ending) <= _MAX_ENDING and ending.isalpha() else name


def _are_tables(corpus: Corpus, has_many_files: bool) -> bool:
    """Return True if files are tables, by the endings of their names, or by the beginnings of most."""
    if any(without_compression_suffix(name.lower()).endswith(TABLE_SUFFIXES) for name in corpus.display_names):
        return True
    if has_many_files:
        return False
    step = -(-len(corpus.files) // _EXAMINED)
    examined = range(0, len(corpus.files), step)
    return 2 * sum(_is_table(TableText(corpus.part(index))) for index in examined) > len(examined)


def _is_table(text: TableText) -> bool:
    lines = [line for line in text.beginning if line.strip()]
    return looks_like_json(lines) or looks_like_fasttext(lines) or detect_dialect(lines, text.name).width > 1


def _refuse_parallel_files(files: Sequence[PurePath]) -> None:
    """Raise `CorpusError` if texts and labels are in two files that belong together line by line."""
    names = {file.name: file for file in files}
    for file in files:
        for text, label in _PARALLEL_NAMES:
            other = names.get(file.name.replace(text, label)) if text in file.name else None
            if other is not None and other != file:
                raise CorpusError(
                    f"{other} has the labels of the texts in {file}, line by line",
                    hint=f"join them to a table: paste {file} {other} > {file.name.replace(text, 'labelled')}",
                )


def _unit(corpus: Corpus, labels: Sequence[str], origin: Origin) -> Unit:
    """Return what a text is. Raises `CorpusError` for many texts in files of one folder."""
    count = len(corpus.files)
    step = -(-count // _EXAMINED)
    lines = fmean(
        sum(bool(line.strip()) for line in TableText(corpus.part(index)).beginning) for index in range(0, count, step)
    )
    per_label = count / len(set(labels))
    if origin == "folder":
        return "line" if per_label == 1 or (per_label < _FEW_FILES and lines >= _MANY_LINES) else "file"
    are_numbered = count > _MANY_LINES > lines and all(any(map(str.isdecimal, label)) for label in labels)
    if count >= _FEW_FILES and (lines < _MIN_LINES or are_numbered):
        folder = str(PurePath(corpus.display_names[0]).parent)
        raise CorpusError(
            f"{folder}: {count:,} files with a text in each, but a single folder, and so a single label",
            hint="name the folders of all labels, as in pos neg, or the folder that holds them",
        )
    return "line"
