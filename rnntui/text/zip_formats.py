"""Formats that are zip archives, such as DOCX, EPUB and JAR: told apart by the names of their members.

The beginning of a file is enough: each member follows a header with its name (PKWARE APPNOTE 6.3.10, section 4.3.7).
Office documents have a member `[Content_Types].xml` (ECMA-376, part 2); OpenDocument files (OpenDocument 1.3, part 2,
section 3.3) and EPUB books (EPUB 3.3, section 4.2.6.3) have a member `mimetype`.
"""

from __future__ import annotations

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

ZIP_START = b"PK\3\4"

DOCUMENT_FORMATS = (
    "DOCX", "XLSX", "PPTX", "Office", "ODT", "ODS", "ODP", "OpenDocument", "EPUB", "iWork"
)  # fmt: skip
"""Formats whose members are the parts of one document; in others, such as JAR, there may be texts."""

_HEADER = struct.Struct("<4s2xHH8xI4xHH")  # signature, flags, method, compressed size, lengths of name and extra field
_HAS_DESCRIPTOR = 8  # flag: the size is unknown in the header, and follows the content
_MAX_TYPE = 100  # bytes of `mimetype`
_PACKAGE_MEMBERS = ("[Content_Types].xml", "_rels/.rels")
_OFFICE_FOLDERS = {"word/": "DOCX", "xl/": "XLSX", "ppt/": "PPTX"}
_MAIN_PART = re.compile(r"(word/document\d*|xl/workbook|ppt/presentation)\.(xml|bin)")
_FIRST_PART = re.compile(
    r"(word/(document|numbering|settings|styles|fontTable|theme/|_rels/)"
    r"|xl/(workbook|worksheets/|sharedStrings|styles|theme/|_rels/)"
    r"|ppt/(presentation|slides/|slideMasters/|slideLayouts/|theme/|_rels/)).*\.(xml|bin|rels)"
)
_OFFICE_MEMBER = re.compile(r"\[Content_Types\]\.xml|(_rels|docProps|customXml|visio)/.*")
_OPEN_DOCUMENT = re.compile(rb"application/vnd\.(?:oasis\.opendocument|sun\.xml)\.([a-z-]*)")
_OPEN_DOCUMENT_FORMATS = {b"spreadsheet": "ODS", b"presentation": "ODP"}


class _Members(NamedTuple):
    """Members of a zip archive: their names, and the beginning of the one called `mimetype`."""

    names: list[str]
    mimetype: bytes


def format_of_zip(path: Path) -> str:
    """Return the format of a zip archive by all of its members.

    One of `DOCUMENT_FORMATS`, "JAR" or "APK"; empty if it is none of them, or no complete zip archive.
    """
    try:
        if not _starts_as_zip(path):  # zipfile finds one at the end of a tar archive too
            return ""
        with zipfile.ZipFile(path) as archive:
            names, mimetype = archive.namelist(), b""
            if "mimetype" in names:
                with archive.open("mimetype") as file:
                    mimetype = file.read(_MAX_TYPE)  # no more, for it could be of any size
    except (OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, ValueError, EOFError):
        return ""
    return _format(set(names), mimetype)


def format_of_start(data: bytes) -> str:
    """Return the format of a file that begins with `data`, as `format_of_zip` does, by its first members."""
    names, mimetype = _first_members(data)
    if names and _FIRST_PART.fullmatch(names[0]):  # some programs write the list of parts last
        return next(name for folder, name in _OFFICE_FOLDERS.items() if names[0].startswith(folder))
    return _format(set(names), mimetype)


def is_cut_off(path: Path) -> bool:
    """Return True for a file that begins as a zip archive and has no end of one; False for a pipe."""
    try:
        return _starts_as_zip(path) and not zipfile.is_zipfile(path)
    except OSError:
        return False


def _starts_as_zip(path: Path) -> bool:
    if not path.is_file():  # from a pipe, nothing may be taken
        return False
    with path.open("rb") as file:
        return file.read(len(ZIP_START)) == ZIP_START


def _format(names: Collection[str], mimetype: bytes) -> str:
    if match := _OPEN_DOCUMENT.match(mimetype):
        is_text = match[1].startswith(b"text") and b"oasis" in match[0]
        return "ODT" if is_text else _OPEN_DOCUMENT_FORMATS.get(match[1].removesuffix(b"-template"), "OpenDocument")
    if mimetype.startswith(b"application/epub") or (
        "META-INF/container.xml" in names and any(name.endswith(".opf") for name in names)
    ):
        return "EPUB"
    is_package = any(name in names for name in _PACKAGE_MEMBERS)
    for folder, office_format in _OFFICE_FOLDERS.items():
        parts = [name for name in names if name.startswith(folder)]
        if any(is_package or _MAIN_PART.fullmatch(part) for part in parts):
            return office_format
    if is_package and all(_OFFICE_MEMBER.fullmatch(name) for name in names):
        return "Office"
    if any(name.startswith("Index/") and name.endswith(".iwa") for name in names):
        return "iWork"
    return "APK" if "AndroidManifest.xml" in names else "JAR" if "META-INF/MANIFEST.MF" in names else ""


def _first_members(data: bytes) -> _Members:
    """Return the members of a zip archive of which only the beginning is known."""
    names, mimetype, offset = list[str](), b"", 0
    while data.startswith(ZIP_START, offset) and offset + _HEADER.size <= len(data):
        _, flags, method, size, name_length, extra_length = _HEADER.unpack_from(data, offset)
        name = data[offset + _HEADER.size :][:name_length]
        if len(name) < name_length:
            break
        names.append(name.decode("utf-8", "replace"))
        content = offset + _HEADER.size + name_length + extra_length
        if names[-1] == "mimetype":
            mimetype = _beginning(data[content:], method)
        elif method == zipfile.ZIP_STORED and flags & _HAS_DESCRIPTOR and not size:
            break  # its content may be a zip archive too
        offset = content + size
        if flags & _HAS_DESCRIPTOR and not size:
            offset = data.find(ZIP_START, content)
            if offset < 0:
                break
    return _Members(names, mimetype)


def _beginning(data: bytes, method: int) -> bytes:
    if method != zipfile.ZIP_DEFLATED:
        return data[:_MAX_TYPE]
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, _MAX_TYPE)
    except zlib.error:
        return b""
