"""Reading a corpus: files, folders, globs and standard input, plain or compressed, in blocks of text."""

from __future__ import annotations

import atexit
import codecs
import glob
import gzip
import lzma
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from rnntui.config import DecodingErrors
from rnntui.errors import CorpusError, UsageError
from rnntui.text.encoding import text_encoding

STDIN = "-"
_BLOCK = 1 << 22  # bytes read at a time
_LOOK = 1 << 16  # bytes looked at to tell text from binary
_OPENERS: dict[str, Callable[[Path], BinaryIO]] = {
    ".gz": lambda path: cast(BinaryIO, gzip.GzipFile(path, "rb")),
    ".xz": lambda path: cast(BinaryIO, lzma.LZMAFile(path, "rb")),  # noqa: SIM115
}


@dataclass(frozen=True)
class Corpus:
    """Where the text lies and how to read it; made by `find_corpus`.

    `skipped` are files of a folder that are not text. `name` is what a run on it is called by default.
    """

    files: tuple[Path, ...]
    skipped: tuple[Path, ...]
    name: str
    shown: tuple[str, ...]
    encoding: str = "utf-8"
    errors: DecodingErrors = "strict"

    def blocks(self) -> Iterator[str]:
        """The text in blocks of some millions of characters; files are parted by a line break.

        Line ends stay as they are; a byte order mark at a file's start is dropped. Raises `CorpusError` naming
        the file and, for bytes that are not `encoding`, the first one's offset.
        """
        complete_line = True
        for path, shown in zip(self.files, self.shown, strict=True):
            begun = False
            for text in _decoded(path, shown, self.encoding, self.errors):
                if not (begun or complete_line):
                    yield "\n"
                begun, complete_line = True, text.endswith("\n")
                yield text


def find_corpus(sources: list[str], encoding: str = "utf-8", errors: DecodingErrors = "strict") -> Corpus:
    """The files behind what a user named: files, folders, globs, or `-` for standard input.

    Raises `UsageError` if a name leads nowhere or the encoding is unknown, `CorpusError` if a folder has no text.
    """
    encoding = text_encoding(encoding)
    files: list[Path] = []
    shown: list[str] = []
    skipped: list[Path] = []
    for source in sources:
        if source == STDIN:
            if sys.stdin is None or sys.stdin.isatty():
                raise UsageError("- reads standard input, but that is a terminal; pipe a text into it")
            files.append(_kept(sys.stdin.buffer))
            shown.append("standard input")
            continue
        found = _files_of(source, skipped, _is_utf8(encoding))
        files += found
        shown += [source] if Path(source).exists() and not Path(source).is_dir() else [str(path) for path in found]
    if not files:
        passed_over = f", and {len(skipped)} that are not text" if skipped else ""
        raise CorpusError(f"no text files in {', '.join(sources)}{passed_over}")
    return Corpus(tuple(files), tuple(skipped), _name(sources[0]), tuple(shown), encoding, errors)


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "ascii")


def _name(source: str) -> str:
    if source == STDIN:
        return "stdin"
    path = Path(source)
    # `notes/` and `.` are named by the folder, `plays/*.txt` and `plays/**/*.txt` by the folder that holds them.
    while _is_glob(str(path)):
        path = path.parent
    name = (path if path.name not in ("", "..") else path.resolve()).name
    for suffix in (*_OPENERS, ".txt", ".md"):
        name = name.removesuffix(suffix)
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip(".-")
    return safe or "run"


def _is_glob(source: str) -> bool:
    return any(mark in source for mark in "*?[")


def _files_of(source: str, skipped: list[Path], utf8: bool) -> list[Path]:
    path = Path(source)
    try:
        if source and path.is_dir():
            return _texts_in(path, skipped, utf8)
        if source and path.exists():
            return [path if path.is_file() else _kept_pipe(path)]
        matches = sorted(glob.glob(source, recursive=True)) if _is_glob(source) else []
    except (OSError, ValueError):  # a name too long for the system, or with a zero byte in it
        matches = []
    if not matches:
        raise UsageError(
            f"{source or 'an empty name'}: no such file, folder or match; "
            f"name a text file, a folder, a glob or - for stdin"
        )
    files: dict[Path, None] = {}  # `notes/**` matches a folder and again what lies in it
    for match in map(Path, matches):
        files |= dict.fromkeys(_texts_in(match, skipped, utf8) if match.is_dir() else [match])
    skipped[:] = dict.fromkeys(skipped)
    return list(files)


def _texts_in(folder: Path, skipped: list[Path], utf8: bool) -> list[Path]:
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
        with _open(path) as file:
            return b"\0" in file.read(_LOOK)
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        return False  # reading it will say what is wrong


def _kept(stream: BinaryIO) -> Path:
    """What comes through a pipe in a file of its own, since a corpus is read more than once; gone with the process."""
    handle, name = tempfile.mkstemp(prefix="rnntui-corpus-")
    atexit.register(Path(name).unlink, missing_ok=True)
    with os.fdopen(handle, "wb") as file:
        shutil.copyfileobj(stream, file, _BLOCK)
    return Path(name)


def _kept_pipe(path: Path) -> Path:
    try:
        with path.open("rb") as stream:
            return _kept(stream)
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror or error}") from error


def _open(path: Path) -> BinaryIO:
    opener = _OPENERS.get(path.suffix.lower())
    return opener(path) if opener else path.open("rb")


def _decoded(path: Path, shown: str, encoding: str, errors: DecodingErrors) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    offset = 0  # bytes given to the decoder before this block
    first = True
    try:
        with _open(path) as file:
            while True:
                data = file.read(_BLOCK)
                if first and _is_utf8(encoding) and data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                    raise CorpusError(f"{shown} is UTF-16, as its first two bytes say; read it with --encoding utf-16")
                if first and _is_utf8(encoding) and b"\0" in data[:_LOOK]:
                    raise CorpusError(
                        f"{shown} looks binary: a zero byte at offset {data.index(0)}; "
                        f"name a text file, or its --encoding if it is UTF-16"
                    )
                held = len(decoder.getstate()[0])  # an unfinished character, decoded again with this block
                try:
                    text = decoder.decode(data, final=not data)
                except UnicodeDecodeError as error:
                    raise CorpusError(
                        f"{shown} is not {encoding}: byte 0x{error.object[error.start]:02x} at offset "
                        f"{offset - held + error.start}; name its --encoding, or read on with --errors replace"
                    ) from error
                offset += len(data)
                if first and text:
                    text, first = text.removeprefix("\ufeff"), False
                if text:
                    yield text
                if not data:
                    return
    except UnicodeError as error:  # of no one byte, as a missing byte order mark
        raise CorpusError(f"{shown} is not {encoding}: {error}; name its --encoding") from error
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        raise CorpusError(f"{shown} is no complete {path.suffix} archive: {error}") from error
    except OSError as error:
        raise CorpusError(f"cannot read {shown}: {error.strerror or error}") from error
