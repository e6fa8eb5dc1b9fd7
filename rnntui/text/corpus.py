"""Finding and reading the files of a corpus: paths, folders, globs and standard input, plain or compressed."""

from __future__ import annotations

import atexit
import codecs
import glob
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from rnntui.config import DecodingErrors
from rnntui.errors import CorpusError, UsageError
from rnntui.text.compressed import COMPRESSED_SUFFIXES, CompressedFileError, read_blocks
from rnntui.text.encoding import text_encoding
from rnntui.text.turns import SpeakerLabels

STDIN = "-"
_BLOCK = 1 << 22  # bytes read at a time
_BINARY_CHECK = 1 << 16  # bytes examined for a zero byte, which text does not have


@dataclass(frozen=True)
class Corpus:
    """The files of a corpus and how to read them; created by `find_corpus`.

    `skipped` are files of a folder that are not text. `name` is the default name of a run trained on it.
    `display_names` are the files as the user named them. `speakers` are the speakers of a chat export that was
    converted to a dialogue, or those that the user named.
    """

    files: tuple[Path, ...]
    skipped: tuple[Path, ...]
    name: str
    display_names: tuple[str, ...]
    encoding: str = "utf-8"
    errors: DecodingErrors = "strict"
    speakers: SpeakerLabels | None = None

    def blocks(self) -> Iterator[str]:
        """Yield the text in blocks of some millions of characters; files are separated by a line break.

        Line endings are not changed; a byte order mark at the start of a file is dropped. Raises `CorpusError` naming
        the file and, for bytes that are not valid in `encoding`, the offset of the first one.
        """
        complete_line = True
        for path, name in zip(self.files, self.display_names, strict=True):
            started = False
            for text in _decode_blocks(path, name, self.encoding, self.errors):
                if not (started or complete_line):
                    yield "\n"
                started, complete_line = True, text.endswith("\n")
                yield text


def find_corpus(sources: list[str], encoding: str = "utf-8", errors: DecodingErrors = "strict") -> Corpus:
    """Find the files of a corpus.

    Args:
        sources: Files, folders, globs, or `-` for standard input.
        encoding: The encoding of the text.
        errors: The treatment of invalid bytes.

    Raises `UsageError` if a source does not exist or the encoding is unknown, `CorpusError` if a folder has no text.
    """
    encoding = text_encoding(encoding)
    files: list[Path] = []
    display_names: list[str] = []
    skipped: list[Path] = []
    for source in sources:
        if source == STDIN:
            if sys.stdin is None or sys.stdin.isatty():
                raise UsageError("- reads standard input, but that is a terminal", hint="pipe a text into it")
            files.append(_copy_to_file(sys.stdin.buffer))
            display_names.append("standard input")
            continue
        paths = _files_of(source, skipped, _is_utf8(encoding))
        files += paths
        is_file = Path(source).exists() and not Path(source).is_dir()
        display_names += [source] if is_file else [str(path) for path in paths]
    if not files:
        binaries = f", and {len(skipped)} that are not text" if skipped else ""
        raise CorpusError(f"no text files in {', '.join(sources)}{binaries}")
    return Corpus(tuple(files), tuple(skipped), _run_name(sources[0]), tuple(display_names), encoding, errors)


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "ascii")


def _run_name(source: str) -> str:
    if source == STDIN:
        return "stdin"
    path = Path(source)
    # `notes/` and `.` are named after the folder, `plays/*.txt` and `plays/**/*.txt` after the folder that holds them.
    while _is_glob(str(path)):
        path = path.parent
    name = (path if path.name not in ("", "..") else path.resolve()).name
    for suffix in (*COMPRESSED_SUFFIXES, ".txt", ".md"):
        name = name.removesuffix(suffix)
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip(".-")
    return safe or "run"


def _is_glob(source: str) -> bool:
    return any(wildcard in source for wildcard in "*?[")


def _files_of(source: str, skipped: list[Path], utf8: bool) -> list[Path]:
    path = Path(source)
    try:
        if source and path.is_dir():
            return _text_files(path, skipped, utf8)
        if source and path.exists():
            return [path if path.is_file() else _copy_pipe(path)]
        matches = sorted(glob.glob(source, recursive=True)) if _is_glob(source) else []
    except (OSError, ValueError):  # a name that is too long, or has a zero byte
        matches = []
    if not matches:
        raise UsageError(
            f"{source or 'an empty name'}: no such file, folder or match",
            hint="name a text file, a folder, a glob or - for stdin",
        )
    files: dict[Path, None] = {}  # `notes/**` matches a folder and again the files in it
    for match in map(Path, matches):
        files |= dict.fromkeys(_text_files(match, skipped, utf8) if match.is_dir() else [match])
    skipped[:] = dict.fromkeys(skipped)
    return list(files)


def _text_files(folder: Path, skipped: list[Path], utf8: bool) -> list[Path]:
    files = []
    for path in sorted(folder.rglob("*")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts) or not path.is_file():
            continue
        if utf8 and _looks_binary(path):
            skipped.append(path)
        else:
            files.append(path)
    return files


def _looks_binary(path: Path) -> bool:
    try:
        with closing(read_blocks(path, _BINARY_CHECK)) as blocks:
            return b"\0" in next(blocks, b"")
    except (OSError, CompressedFileError):
        return False  # reading it will raise the proper error


def _copy_to_file(stream: BinaryIO, suffix: str = "") -> Path:
    """Copy a pipe to a temporary file, deleted at exit, because a corpus is read more than once."""
    handle, name = tempfile.mkstemp(suffix, prefix="rnntui-corpus-")
    atexit.register(Path(name).unlink, missing_ok=True)
    with os.fdopen(handle, "wb") as file:
        shutil.copyfileobj(stream, file, _BLOCK)
    return Path(name)


def _copy_pipe(path: Path) -> Path:
    try:
        with path.open("rb") as stream:
            return _copy_to_file(stream, path.suffix)  # a named pipe may be compressed too
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror or error}") from error


def _decode_blocks(path: Path, name: str, encoding: str, errors: DecodingErrors) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    offset = 0  # of this block in the file, in bytes
    first = True
    try:
        with closing(read_blocks(path, _BLOCK)) as blocks:
            for data in chain(blocks, [b""]):
                if first and _is_utf8(encoding) and data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                    raise CorpusError(
                        f"{name} is UTF-16, as its first two bytes say", hint="read it with --encoding utf-16"
                    )
                if first and _is_utf8(encoding) and b"\0" in data[:_BINARY_CHECK]:
                    raise CorpusError(
                        f"{name} looks binary: a zero byte at offset {data.index(0)}",
                        hint="name a text file, or its --encoding if it is UTF-16",
                    )
                pending = len(decoder.getstate()[0])  # bytes of an incomplete character before this block
                try:
                    text = decoder.decode(data, final=not data)
                except UnicodeDecodeError as error:
                    raise CorpusError(
                        f"{name} is not {encoding}: byte 0x{error.object[error.start]:02x} at offset "
                        f"{offset - pending + error.start}",
                        hint="name its --encoding, or read on with --errors replace",
                    ) from error
                offset += len(data)
                if first and text:
                    text, first = text.removeprefix("\ufeff"), False
                if text:
                    yield text
    except UnicodeError as error:  # without an offset, such as a missing byte order mark
        raise CorpusError(f"{name} is not {encoding}: {error}", hint="name its --encoding") from error
    except CompressedFileError as error:
        raise CorpusError(f"{name} is not a complete {path.suffix} archive: {error}") from error
    except OSError as error:
        raise CorpusError(f"cannot read {name}: {error.strerror or error}") from error
