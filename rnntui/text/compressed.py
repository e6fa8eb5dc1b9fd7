"""Reading of `.gz`, `.xz` and `.bz2` files in constant memory: the complete content or an error, but never a part.

The readers of the standard library return a part without an error: Python 3.11's `lzma.LZMAFile` stops at legal
padding after the first stream, and passes over any other bytes there; `gzip.GzipFile` reads an empty file, and members
with a wrong header checksum; `bz2.BZ2File` passes over bytes that follow a stream. Here the files are refused that
`xz -t` and `gzip -t` refuse (XZ Utils 5.4, gzip 1.12), except that gzip members after zero bytes are read, which
`gzip -t` warns of and drops. `.bz2` files are held to the same rules; `bzip2 -t` accepts any bytes after a stream.

A file that expands to hundreds of times its size is refused: it would fill the disk with ids of nothing new.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from rnntui.errors import CorpusError

_INPUT_BYTES = 1 << 16  # compressed bytes read at a time
_XZ_MAGIC = b"\xfd7zXZ\0"
_XZ_MEMORY = 512 << 20  # of a decompressor, which allocates what a file asks for; `xz -9` needs 65 MiB

MAX_RATIO = 200
"""Bound on the decompressed bytes for each compressed one; logs and tables reach 100."""
ANY_RATIO_BYTES = 256 << 20
"""Decompressed bytes up to which any ratio is allowed: enough for repetitive texts, too few to fill a disk."""


class CompressedFileError(Exception):
    """A compressed file that is damaged, truncated, or followed by other bytes; the message is one clause."""


class ExpansionError(CompressedFileError):
    """A compressed file that is hardly a text, as it expands to far more than its size; the message has no subject."""


def check_ratio(expanded: int, size: int) -> None:
    """Raise `ExpansionError` if `size` bytes that expand to `expanded` or more are hardly a text."""
    if expanded > max(ANY_RATIO_BYTES, MAX_RATIO * size):
        raise ExpansionError(f"expands to more than {MAX_RATIO} times its size, as hardly any text does")


class _Part(Protocol):
    """Decompressor of one member (gzip) or stream (xz), with the interface of `lzma.LZMADecompressor`."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _GzipMember:
    """A gzip member, decompressed by zlib, which checks its header, checksum and size."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # 16: the gzip format
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        output = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        # zlib may hold back output even where it has consumed all of its input.
        self.needs_input = len(output) < max_length and not self._zlib.unconsumed_tail
        return output


class _Source:
    """Compressed bytes of a file, with those that a decompressor hands back."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._unread = b""

    @property
    def offset(self) -> int:
        return self._file.tell() - len(self._unread)

    def read(self) -> bytes:
        data, self._unread = self._unread or self._file.read(_INPUT_BYTES), b""
        return data

    def unread(self, data: bytes) -> None:
        self._unread = data

    def skip_zeros(self) -> int:
        """Skip zero bytes and return their number."""
        zeros = 0
        while data := self.read():
            rest = data.lstrip(b"\0")
            zeros += len(data) - len(rest)
            if rest:
                self.unread(rest)
                break
        return zeros

    @property
    def at_end(self) -> bool:
        return self.starts_with(b"") and not self._unread

    def starts_with(self, magic: bytes) -> bool:
        self.unread(self.read())
        return self._unread.startswith(magic)


class _Format(NamedTuple):
    """A file format: parts one after another, with zero bytes between and after them."""

    part: str  # its name
    decompressor: Callable[[], _Part]
    padding_unit: int  # zero bytes come in multiples of it; 0: nothing may follow the first part


_GZIP = _Format("member", _GzipMember, padding_unit=1)
_XZ = _Format("stream", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY), padding_unit=4)
_LZMA = _Format(
    "stream", lambda: lzma.LZMADecompressor(lzma.FORMAT_AUTO, _XZ_MEMORY), padding_unit=0
)  # xz reads it by any name
_BZ2 = _Format("stream", bz2.BZ2Decompressor, padding_unit=1)
_FORMATS = {".gz": _GZIP, ".tgz": _GZIP, ".xz": _XZ, ".txz": _XZ, ".bz2": _BZ2, ".tbz2": _BZ2, ".tbz": _BZ2}
COMPRESSED_SUFFIXES = (".gz", ".xz", ".bz2")


def read_blocks(path: Path, size: int) -> Generator[bytes, None, None]:
    """Yield the content of a file in blocks of `size` bytes, the last one shorter; decompressed if its suffix says so.

    Raises `OSError` if the file cannot be read, `CompressedFileError` if it is not a complete compressed file.
    """
    with path.open("rb") as file:
        file_format = _FORMATS.get(path.suffix.lower())
        if file_format is not None:
            source = _Source(file)
            if file_format is _XZ and not source.starts_with(_XZ_MAGIC):
                file_format = _LZMA
            yield from _decompress(source, file_format, size)
            return
        while block := file.read(size):
            yield block


def read_beginning(path: Path, size: int) -> bytes:
    """Return the first bytes of a file, decompressed; empty if it cannot be read, which is reported when it is read."""
    try:
        with closing(read_blocks(path, size)) as blocks:
            return next(blocks, b"")
    except (OSError, CompressedFileError):
        return b""


def unreadable(name: str, path: Path, error: OSError | CompressedFileError) -> CorpusError:
    """Return the message for a file that `read_blocks` cannot read; `name` is that which the user gave it."""
    if isinstance(error, ExpansionError):
        return CorpusError(f"{name} {error}", hint="if it is one, decompress it yourself")
    if isinstance(error, CompressedFileError):
        return CorpusError(f"{name} is not a complete {path.suffix} archive: {error}")
    return CorpusError(f"cannot read {name}: {error.strerror or error}", hint="check the file and its permissions")


def without_compression_suffix(name: str) -> str:
    """Return the name of a file without a suffix such as `.gz`."""
    suffix = next((suffix for suffix in COMPRESSED_SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)]


def _decompress(source: _Source, file_format: _Format, size: int) -> Iterator[bytes]:
    block = bytearray()
    expanded = 0
    more = True
    while more:
        place = f"the {file_format.part} at byte {source.offset:,}"
        decompressor = file_format.decompressor()
        while not decompressor.eof:
            data = source.read() if decompressor.needs_input else b""
            if not data and decompressor.needs_input:
                raise CompressedFileError(f"it ends within {place}")
            try:
                block += decompressor.decompress(data, size - len(block))
            except (zlib.error, lzma.LZMAError, OSError) as error:  # bz2 raises OSError, though it reads no file
                raise CompressedFileError(f"{place} cannot be read ({error})") from error
            if len(block) == size:
                expanded += size
                check_ratio(expanded, source.offset)
                yield bytes(block)
                block.clear()
        source.unread(decompressor.unused_data)
        more = _skip_padding(source, file_format)
    if block:
        yield bytes(block)


def _skip_padding(source: _Source, file_format: _Format) -> bool:
    """Skip the zero bytes after a part, and return whether more bytes follow."""
    start, zeros = source.offset, source.skip_zeros()
    more = not source.at_end
    if file_format.padding_unit == 0 and (zeros or more):
        raise CompressedFileError(f"it is followed by other data at byte {start:,}")
    if zeros and zeros % file_format.padding_unit:
        raise CompressedFileError(
            f"the zero bytes at byte {start:,} are {zeros:,}, where padding is a multiple of {file_format.padding_unit}"
        )
    return more
