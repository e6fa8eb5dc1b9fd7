"""Formats that are zip archives, such as DOCX, EPUB and JAR: told apart by the names of their members.

The beginning of a file is enough: each member follows a header with its name (PKWARE APPNOTE 6.3.10, section 4.3.7).
Office documents have a member `[Content_Types].xml` (ECMA-376, part 2); OpenDocument files (OpenDocument 1.3, part 2,
section 3.3) and EPUB books (EPUB 3.3, section 4.2.6.3) have a member `mimetype`.

The parts of a document may also be in an archive with other files: a zip archive of a folder into which a document was
unpacked. Unless its name is that of a document, it is one only if it has no other files.
"""

from __future__ import annotations

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rnntui.text.compressed import ExpansionError

ZIP_START = b"PK\3\4"


def _parts(folders: str, suffixes: str = "xml") -> re.Pattern[str]:
    """Return a pattern for the members of a format: those in its folders, and elsewhere all that are hardly a text."""
    return re.compile(
        rf"({folders})/.*|(.*/)?(\.[^/].*|mimetype|layout-cache)?|"  # hidden files and folders are not read as texts
        rf".*\.({suffixes}|xml|rels|rdf|vml|bin|dat|plist|png|jpe?g|gif|bmp|tiff?|svg|[ew]mf|webp|mp[34]|m4[av]|ogg|wav|"
        r"[ot]tf|woff2?)",
        re.I | re.S,
    )


_OFFICE_FORMATS = ("DOCX", "XLSX", "PPTX", "Office")
_PARTS = {
    **dict.fromkeys(
        _OFFICE_FORMATS,
        _parts("_rels|_xmlsignatures|customUI|customXml|docMetadata|docProps|ppt|visio|word|xl"),
    ),
    **dict.fromkeys(
        ("ODT", "ODS", "ODP", "OpenDocument"),
        _parts(
            "META-INF|Basic|Configurations2|Dialogs|Fonts|media|Object [0-9]+|ObjectReplacements|Pictures|Scripts|"
            "Thumbnails|Versions"
        ),
    ),
    "EPUB": _parts("META-INF|EPUB|OEBPS|OPS", "opf|ncx|x?html?|css|js|smil|pls|xpgt"),
    "iWork": _parts("Data|Index|Metadata|QuickLook"),
}
DOCUMENT_FORMATS = tuple(_PARTS)
"""Formats whose members are the parts of one document; in others, such as JAR, there may be texts."""

MAX_PARTS = 1 << 14
"""Bound on the members of a document; a book with a picture on each page has some thousands."""
_MAX_ENTRY = 1 << 8  # bytes of a member in the list of members, on average: of its header, name and extra fields
_ENTRY = b"PK\1\2"  # begins each member in the list
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

    One of `DOCUMENT_FORMATS`, "JAR" or "APK"; empty if it is none of them, or no complete zip archive. An archive that
    is called `.zip`, or has no suffix, has no format either if there are other files beside the parts of a document.
    """
    try:
        if not _starts_as_zip(path):  # zipfile finds one at the end of a tar archive too
            return ""
        with open_zip(path, MAX_PARTS) as archive:
            names, mimetype = set(archive.namelist()), b""
            if "mimetype" in names:
                with archive.open("mimetype") as file:
                    mimetype = file.read(_MAX_TYPE)  # no more, for it could be of any size
    except ExpansionError:  # no document has so many members
        return ""
    except (OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, ValueError, EOFError):
        return ""
    name = _format(names, mimetype)
    may_hold_files = name in DOCUMENT_FORMATS and path.suffix.lower() in ("", ".zip")
    return "" if may_hold_files and not _is_one_document(name, names) else name


def _is_one_document(name: str, members: Collection[str]) -> bool:
    """Return True if an archive with the parts of a document in the format `name` has no other members."""
    is_package = name not in _OFFICE_FORMATS or _PACKAGE_MEMBERS[0] in members
    return is_package and all(map(_PARTS[name].fullmatch, members))


@contextmanager
def open_zip(path: Path, max_members: int) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive for reading.

    Raises `ExpansionError` for more than `max_members` members, before they take memory and time, and the errors of
    `zipfile.ZipFile`; `BadZipFile` also where the list of members that it finds is that of an archive inside this one,
    whose own end is missing.
    """
    with _MembersReader(io.FileIO(path)) as file:
        file.max_members = max_members
        with zipfile.ZipFile(file) as archive:
            file.max_members = None
            if min((member.header_offset for member in archive.infolist()), default=0):
                raise zipfile.BadZipFile("its end is missing")
            yield archive


class _MembersReader(io.BufferedReader):
    """A zip archive whose list of members `zipfile` reads at once: a list of any size makes an object of each member.

    `max_members` is the bound on them, None once the list is read.
    """

    max_members: int | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        if self.max_members is None:
            return super().read(size)
        if size is not None and size > _MAX_ENTRY * self.max_members:
            raise ExpansionError(f"has more than {self.max_members:,} members, or names of many bytes")
        data = super().read(size)
        if data.count(_ENTRY) > self.max_members:
            raise ExpansionError(f"has more than {self.max_members:,} members")
        return data


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
        if match[1].startswith(b"text"):
            return "ODT"
        return _OPEN_DOCUMENT_FORMATS.get(match[1].removesuffix(b"-template"), "OpenDocument")
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
