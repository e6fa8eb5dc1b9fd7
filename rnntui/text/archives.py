"""Expansion of `.zip` and `.tar` archives into temporary folders, safely and completely or not at all.

Only regular files are written. Links and devices are left out; a member with an absolute path or one that leads out of
the archive, encryption, damage, more than `MAX_EXPANDED_BYTES` or `MAX_MEMBERS`, and files that expand to hundreds of
times the size of the archive refuse the whole archive.
"""

from __future__ import annotations

import atexit
import functools
import io
import lzma
import re
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Self

from rnntui.errors import CorpusError, os_error_hint
from rnntui.text.compressed import (
    CompressedFileError,
    ExpansionError,
    check_ratio,
    read_beginning,
    read_blocks,
    unreadable,
)
from rnntui.text.recognition import EXAMINED, recognize
from rnntui.text.zip_formats import is_cut_off, open_zip

MAX_EXPANDED_BYTES = 16 << 30
"""Bound on the files of an archive, against archives made to fill a disk."""

MAX_MEMBERS = 1_000_000
"""Bound on the number of members of an archive; a few bytes of it can make an empty file each."""

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".txz", ".tbz2", ".tbz", ".tar.gz", ".tar.xz", ".tar.bz2")
_ADVICE = "extract it yourself and name the folder"
_BLOCK = 1 << 20  # bytes copied at a time
_MAX_TAR_HEADER = 1 << 20  # bytes of a long name or of extended headers, which tarfile reads into memory
_TAR_HEADERS = (
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
)  # fmt: skip


def is_archive(path: Path) -> bool:
    """Return True if a file's name ends like that of an archive."""
    return path.name.lower().endswith(ARCHIVE_SUFFIXES)


def expanded(path: Path) -> Path:
    """Expand an archive into a temporary folder, removed at exit, and return the folder; once for each archive.

    Raises `CorpusError` naming the archive if it cannot be read, is unsafe, encrypted, damaged or too large.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise unreadable(str(path), path, error) from error
    return _expanded(path.absolute(), state.st_mtime_ns, state.st_size, str(path))


@functools.cache
def _expanded(path: Path, modified: int, size: int, name: str) -> Path:
    """Expand an archive; an archive that has changed since the last call is another one."""
    folder = Path(tempfile.mkdtemp(prefix="rnntui-archive-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        _expand(path, folder, name)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _expand(path: Path, folder: Path, name: str) -> None:
    if path.suffix.lower() == ".zip":
        start = read_beginning(path, EXAMINED)
        file_type = recognize(start, "utf-8")
        # zipfile would only say that it is no zip file, of a document that is cut off or protected by a password too.
        if file_type is not None and (is_cut_off(path) or not (file_type.is_unknown or start.startswith(b"PK"))):
            raise file_type.error(start, name, path, in_corpus=True)
    writer = _MemberWriter(name, path.stat().st_size)
    try:
        if path.name.lower().endswith(".zip"):
            _expand_zip(path, folder, writer)
        else:
            _expand_tar(path, folder, writer)
    except ExpansionError as error:
        raise CorpusError(f"{name} {error}", hint=_ADVICE) from error
    except CompressedFileError as error:
        raise CorpusError(f"{name} is not a complete archive: {error}") from error
    except RecursionError as error:  # one header behind the other
        raise CorpusError(f"{name} is not a complete archive that can be read: too many headers of a member") from error
    except EOFError as error:  # of zipfile, without a message
        raise CorpusError(f"{name} is not a complete archive: it ends within a member") from error
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, NotImplementedError) as error:
        raise CorpusError(f"{name} is not a complete archive that can be read: {error}") from error
    except OSError as error:
        raise CorpusError(f"cannot extract {name}: {error.strerror or error}", hint=os_error_hint(error)) from error


class _MemberWriter:
    """Writes members and counts them and their bytes.

    Raises `CorpusError` for unsafe paths and too many bytes; `ExpansionError` for too many members, and for too many
    bytes for the `size` of the archive.
    """

    def __init__(self, archive: str, size: int) -> None:
        self.archive = archive
        self._size = size
        self._bytes = self._members = 0

    def count(self) -> None:
        """Count a member of a tar archive, written or left out; those of a zip archive are counted together."""
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise ExpansionError(f"has more than {MAX_MEMBERS:,} members")

    def write(self, member: str, source: IO[bytes], folder: Path) -> None:
        target = folder / self.safe_path(member)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            while block := source.read(_BLOCK):
                self._bytes += len(block)
                if self._bytes > MAX_EXPANDED_BYTES:
                    raise CorpusError(
                        f"{self.archive} expands to more than {MAX_EXPANDED_BYTES / (1 << 30):g} GiB",
                        hint=_ADVICE,
                    )
                check_ratio(self._bytes, self._size)
                file.write(block)

    def safe_path(self, member: str) -> Path:
        """Return the path of a member within the folder."""
        parts = [part for part in re.split(r"[/\\]", member) if part not in ("", ".")]
        if member.startswith(("/", "\\")) or ".." in parts or "\0" in member or re.match("[A-Za-z]:", member):
            raise CorpusError(
                f"{self.archive} is unsafe: its member {member!r} lies outside of the archive", hint="do not trust it"
            )
        return Path(*parts)


def _expand_zip(path: Path, folder: Path, writer: _MemberWriter) -> None:
    with open_zip(path, MAX_MEMBERS) as archive:
        for member in archive.infolist():
            mode = member.external_attr >> 16
            if member.is_dir() or (stat.S_IFMT(mode) and not stat.S_ISREG(mode)):
                continue
            if member.flag_bits & 1:
                problem = f"{writer.archive} is a zip archive that is protected by a password"
                raise CorpusError(problem, hint="extract it with its password and name the folder")
            with archive.open(member) as source:
                writer.write(_zip_name(member), source, folder)


def _zip_name(member: zipfile.ZipInfo) -> str:
    """Return a member's name, which many programs write as UTF-8 without saying so."""
    if member.flag_bits & 0x800:  # says UTF-8
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename


def _expand_tar(path: Path, folder: Path, writer: _MemberWriter) -> None:
    with closing(read_blocks(path, _BLOCK)) as blocks:
        # As a stream, read by our own decompression to the end: tarfile would not check what follows the last member.
        with tarfile.open(fileobj=_BlockReader(blocks), mode="r|", tarinfo=_TarMember) as archive:
            while (member := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # which it would keep all
                writer.count()
                if member.isfile() and (source := archive.extractfile(member)) is not None:
                    writer.write(member.name, source, folder)
        for _ in blocks:
            pass


class _TarMember(tarfile.TarInfo):
    """A member of a tar archive, whose name and headers are of a size that fits into memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if member.type in _TAR_HEADERS and member.size > _MAX_TAR_HEADER:
            raise tarfile.ReadError(f"a name or header of {member.size:,} bytes")
        return member


class _BlockReader(io.RawIOBase):
    """File object over blocks of bytes."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._block = memoryview(b"")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, fewer only at the end."""
        parts = []
        while size:
            if not self._block:
                self._block = memoryview(next(self._blocks, b""))
                if not self._block:
                    break
            parts.append(self._block[:size])
            self._block = self._block[size:]
            size -= len(parts[-1])
        return b"".join(parts)
