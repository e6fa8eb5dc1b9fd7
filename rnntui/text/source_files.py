"""Finding the files of a corpus: paths, folders, globs, standard input; archives expanded, documents converted."""

from __future__ import annotations

import atexit
import glob
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO, NamedTuple

from rnntui.config import DecodingErrors
from rnntui.errors import CorpusError, UsageError, os_error_hint
from rnntui.extras import requirement
from rnntui.text.archives import ARCHIVE_SUFFIXES, expanded, is_archive
from rnntui.text.compressed import (
    COMPRESSED_SUFFIXES,
    CompressedFileError,
    read_beginning,
    read_blocks,
    unreadable,
    without_compression_suffix,
)
from rnntui.text.converters import DOCUMENT_SUFFIXES, can_convert, document_type, is_misnamed, text_of_document
from rnntui.text.encoding import STDIN_NAME, InvalidTextError, TextDecoder, is_utf8
from rnntui.text.legacy_encodings import likely_encoding
from rnntui.text.recognition import EXAMINED, recognize
from rnntui.text.zip_formats import DOCUMENT_FORMATS, ZIP_START, format_of_zip, is_cut_off

STDIN = "-"
TABLE_SUFFIXES = (".tsv", ".tab", ".csv", ".tmx", ".jsonl", ".ndjson", ".json")
A_RUN = "a run"
"""Reason for which a folder that holds a trained model is skipped."""

_OF_RUNS = ("model.safetensors", "checksums.json", "resume")  # beside config.json; the first only once it has weights
_BESIDE_WEIGHTS = ("checksums.json", "metrics.jsonl")  # other models have weights of that name too
_COPIED = 1 << 22  # bytes copied at a time


class SkippedFile(NamedTuple):
    """A file of a folder that is not read, or a run; `reason` says what it is, as in "a PNG image"."""

    path: Path
    reason: str


@dataclass
class SourceFiles:
    """Collects the files that a user named.

    Args:
        encoding: the encoding of the text.
        errors: treatment of invalid bytes; with `strict`, files of folders in a legacy encoding are skipped.
        converts: False leaves archives and documents as they are, to see quickly whether all files exist.
        files: the files to read: those named, members of archives, copies of standard input, pipes and documents.
        display_names: a name for each file, as the user named it.
        skipped: files of folders and archives that are not text, and folders of runs.
        converted: the files among `files` that are UTF-8 text of documents, with the type of each document.
        misnamed: display names of texts that have the name of a document.
    """

    encoding: str
    converts: bool = True
    errors: DecodingErrors = "replace"
    files: list[Path] = field(default_factory=list)
    display_names: list[str] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    converted: dict[Path, str] = field(default_factory=dict)
    misnamed: list[str] = field(default_factory=list)

    def add(self, source: str) -> None:
        """Add a file, folder or glob, or `-` for standard input.

        Raises `UsageError` if it does not exist or is a run, `CorpusError` if an archive or document cannot be read.
        """
        if source == STDIN:
            if sys.stdin is None or sys.stdin.isatty():
                what = "closed" if sys.stdin is None else "a terminal"
                raise UsageError(f"- reads standard input, but that is {what}", hint="pipe a text into it")
            self._add_file(stored(sys.stdin.buffer), STDIN_NAME)
            return
        path = Path(source)
        if path_exists(source):
            if path.is_dir():
                if _is_run(path):
                    raise UsageError(f"{source} is a run, not a text", hint="name a text file, or a folder with one")
                self._add_folder(path, str(path))
            else:
                self._add_file(path, source)
            return
        matched = _matched_files(source)
        self._skip_runs(map(str, matched.runs))
        for file, is_named in matched.files.items():
            if is_named:
                self._add_file(file, str(file))
            else:
                self._add_member(file, str(file))

    def _append(self, path: Path, name: str) -> None:
        self.files.append(path)
        self.display_names.append(name)

    def _add_file(self, path: Path, name: str) -> None:
        """Add a file that was named; one that is not text raises an error when it is read."""
        if not path.is_file():
            path = _copy_of_pipe(path)
        if _is_expanded(path):
            if self.converts:
                self._add_folder(expanded(path), name)
            else:
                self._append(path, name)
            return
        start = read_beginning(path, EXAMINED)
        with self._decompressed(path, name, start) as document:
            if kind := document_type(document, start):
                self._append_text_of(document, name, kind)
                return
            if document != path and (file_type := recognize(start, self.encoding)):
                # While there is a file to tell whether it is cut off.
                raise file_type.error(start, name, document, in_corpus=True)
        self._append_text(path, name, start)

    def _add_folder(self, folder: Path, name: str) -> None:
        files, runs = _visible_files(folder)
        self._skip_runs(str(Path(name) / run.relative_to(folder)) for run in runs)
        for path in files:
            self._add_member(path, str(Path(name) / path.relative_to(folder)))

    def _skip_runs(self, names: Iterable[str]) -> None:
        self.skipped += [SkippedFile(Path(name), A_RUN) for name in names]

    def _add_member(self, path: Path, name: str) -> None:
        """Add a file of a folder, or skip it if it is not text."""
        start = read_beginning(path, EXAMINED)
        with self._decompressed(path, name, start) as document:
            kind = document_type(document, start)
            if kind and can_convert(kind):
                self._append_text_of(document, name, kind)
                return
            file_type = recognize(start, self.encoding)
            reason = file_type.of_file(document).title if file_type else ""
        if kind:
            reason = f"{kind}, which needs pip install {requirement('documents')}"
        elif _is_expanded(path) and not is_cut_off(path):
            reason = "an archive, to be named separately"
        elif file_type and file_type.encoding:
            reason = f"{reason}: to be read with --encoding {file_type.encoding}"
        elif not file_type and self.errors == "strict" and (legacy := _legacy_encoding(start, self.encoding)):
            reason = f"text in another encoding: to be read with --encoding {legacy}"
        if reason:
            self.skipped.append(SkippedFile(Path(name), reason))
        else:
            self._append_text(path, name, start)

    @contextmanager
    def _decompressed(self, path: Path, name: str, start: bytes) -> Iterator[Path]:
        """Provide a file or, of a compressed one that may be a document, a copy, which is deleted afterwards.

        Raises `CorpusError` if that cannot be decompressed.
        """
        inner = Path(without_compression_suffix(path.name))
        is_compressed = self.converts and inner.name != path.name
        if not is_compressed or not (start.startswith(ZIP_START) or document_type(inner, start)):
            yield path
            return
        copy = temporary_file(inner.suffix)
        try:
            try:
                with copy.open("wb") as file:
                    file.writelines(read_blocks(path, _COPIED))
            except CompressedFileError as error:
                raise unreadable(name, path, error) from error
            except OSError as error:
                hint = os_error_hint(error, "decompress it yourself")
                raise CorpusError(f"cannot decompress {name}: {error.strerror or error}", hint=hint) from error
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    def _append_text(self, path: Path, name: str, start: bytes) -> None:
        if is_misnamed(Path(without_compression_suffix(name)), start) and recognize(start, self.encoding) is None:
            self.misnamed.append(name)
        self._append(path, name)

    def _append_text_of(self, path: Path, name: str, kind: str) -> None:
        if not self.converts:
            self._append(path, name)
            return
        text = text_of_document(path, kind, self.encoding, name)
        copy = stored(io.BytesIO(text.encode("utf-8", "surrogatepass")))
        self.converted[copy] = kind
        self._append(copy, name)


def _is_expanded(path: Path) -> bool:
    """Return True for an archive that is read as a folder, and is not a document."""
    return is_archive(path) and format_of_zip(path) not in DOCUMENT_FORMATS


def _legacy_encoding(start: bytes, encoding: str) -> str:
    """Return the legacy encoding in which a file probably is that should be UTF-8; empty if it is, or is damaged."""
    if not is_utf8(encoding):
        return ""
    try:
        TextDecoder(encoding, "strict", "keep").decode(start)
    except InvalidTextError as error:
        return "" if error.offset is None else likely_encoding(start, error.offset)
    return ""


def path_exists(source: str) -> bool:
    """Return True if a file or folder has exactly this name, whatever characters are in it."""
    try:
        return bool(source) and Path(source).exists()
    except (OSError, ValueError):  # a name that is too long, or has a zero byte
        return False


def is_glob(source: str) -> bool:
    """Return True for a name with wildcards that no file has."""
    return _has_wildcard(source) and not path_exists(source)


def _has_wildcard(name: str) -> bool:
    return any(wildcard in name for wildcard in "*?[")


def stored(stream: BinaryIO, suffix: str = "") -> Path:
    """Copy a stream to a temporary file, deleted at exit, because a corpus is read more than once."""
    path = temporary_file(suffix)
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file, _COPIED)
    return path


def temporary_file(suffix: str = "") -> Path:
    """Create an empty file that is deleted at exit."""
    handle, name = tempfile.mkstemp(suffix, prefix="rnntui-corpus-")
    os.close(handle)
    atexit.register(Path(name).unlink, missing_ok=True)
    return Path(name)


def _matches(source: str) -> list[Path]:
    try:
        matches = sorted(glob.glob(source, recursive=True)) if is_glob(source) else []
    except (OSError, ValueError):
        matches = []
    if not matches:
        raise UsageError(
            f"{source or 'an empty name'}: no such file, folder or match",
            hint="name a text file, a folder, a glob or - for stdin",
        )
    return [Path(match) for match in matches]


class _Matched(NamedTuple):
    """Files that a glob matches, True for those that it matches themselves and not only as part of a folder; runs."""

    files: dict[Path, bool]
    runs: list[Path]


def _matched_files(source: str) -> _Matched:
    """Return what a glob matches; `notes/**` matches a folder and again the files in it, which are there once."""
    fixed = sum(1 for _ in takewhile(lambda part: not _has_wildcard(part), Path(source).parts))
    is_run = cache(_is_run)
    files: dict[Path, bool] = {}
    runs: dict[Path, None] = {}
    for match in _matches(source):
        around = [folder for folder in (match, *match.parents) if len(folder.parts) > fixed and is_run(folder)]
        if around:
            runs[around[-1]] = None
        elif match.is_dir():
            members, inner = _visible_files(match)
            runs |= dict.fromkeys(inner)
            for file in members:
                files.setdefault(file, False)
        else:
            files[match] = True
    return _Matched(files, list(runs))


def _visible_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the files of a folder and its subfolders, without hidden ones and without runs; and the runs; sorted."""
    files: list[Path] = []
    runs: list[Path] = []
    for parent, folders, names in os.walk(folder):  # passes over a subfolder that cannot be read or is gone by now
        visible = [name for name in folders if not name.startswith(".")]
        runs += [path for name in visible if _is_run(path := Path(parent, name))]
        folders[:] = [name for name in visible if Path(parent, name) not in runs]
        files += [path for name in names if not name.startswith(".") and (path := Path(parent, name)).is_file()]
    return sorted(files), sorted(runs)


def _is_run(folder: Path) -> bool:
    """Return True for a folder of a run, or of a search for settings: people train in the folder of their texts."""
    try:
        if (folder / "config.json").is_file():
            return any((folder / name).exists() for name in _OF_RUNS)
        if (folder / "model.safetensors").is_file():  # a broken run, without its settings
            return any((folder / name).is_file() for name in _BESIDE_WEIGHTS)
        return folder.suffix == ".tuning" and (folder / "tuning.jsonl").is_file()
    except OSError:  # it may not be entered, so nothing in it is read as a text either
        return False


def _copy_of_pipe(path: Path) -> Path:
    try:
        with path.open("rb") as stream:
            # A named pipe may be compressed too, or an archive.
            return stored(stream, "".join(path.suffixes[-2:]) if is_archive(path) else path.suffix)
    except OSError as error:
        raise unreadable(str(path), path, error) from error


def name_without_suffix(name: str) -> str:
    """Return a file's name without the suffixes of archives, compression, documents, tables and text."""
    for suffix in (*COMPRESSED_SUFFIXES, *ARCHIVE_SUFFIXES, *DOCUMENT_SUFFIXES, *TABLE_SUFFIXES, ".txt", ".md"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name
