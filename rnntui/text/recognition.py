"""Recognition of files that are not UTF-8 text, by their first bytes: what they are, and a way to read them.

Texts in legacy encodings are in `legacy_encodings.py`.
"""

from __future__ import annotations

import codecs
import unicodedata
from pathlib import Path
from typing import NamedTuple

from rnntui.errors import CorpusError
from rnntui.formatting import shell_quote
from rnntui.text.encoding import STDIN_NAME
from rnntui.text.password_protection import COMPOUND_START, holds_encrypted_document, is_protected
from rnntui.text.zip_formats import ZIP_START, format_of_start, is_cut_off

EXAMINED = 1 << 16  # bytes at the start of a file that are examined
_UTF_16_OR_32 = ("utf-16", "utf-32")
_PROGRAMS = {".gz": "gzip", ".xz": "xz", ".bz2": "bzip2"}  # that decompress the files of `COMPRESSED_SUFFIXES`


class FileType(NamedTuple):
    """A type of file that is not UTF-8 text.

    Args:
        title: what a file of this type is, as in "a PDF document".
        advice: how to read it; `{file}` stands for its name, quoted for a shell, `{stem}` for its name without suffix.
        encoding: the encoding if it is text after all.
        piped: how to read it if it comes from standard input; by default `advice`.
        suffix: the suffix by which a corpus knows it and reads it.
    """

    title: str
    advice: str
    encoding: str = ""
    piped: str = ""
    suffix: str = ""

    @property
    def is_unknown(self) -> bool:
        """True for a file of which nothing is known but that it has zero bytes."""
        return self.title == "not text"

    def of_file(self, path: Path) -> FileType:
        """Return the type of the file at `path`, which has been recognized as this one by its beginning.

        That is this type, unless the file is cut off or protected by a password.
        """
        if is_cut_off(path):
            return FileType(f"a damaged {self.title.partition(' ')[2]}", "its end is missing: name a whole copy of it")
        try:
            if not is_protected(path):
                return self
        except OSError:  # told where it is read
            return self
        if self in (_OLD_OFFICE, _PROTECTED_OFFICE):
            return _PROTECTED_OFFICE
        advice = "extract it with its password and name what is in it" if self.suffix else _SAVE_WITHOUT_PASSWORD
        return FileType(f"{self.title} that is protected by a password", advice)

    def error(self, data: bytes, name: str, path: Path | None, *, in_corpus: bool) -> CorpusError:
        """Return the error for a file that begins with `data`.

        Args:
            data: the beginning of the file.
            name: its name, for messages; `STDIN_NAME` for standard input.
            path: the file, or a copy of it; None if there is none.
            in_corpus: True for a file of a corpus, which is decompressed or expanded if its suffix says so.
        """
        file_type = self if path is None else self.of_file(path)
        is_file = name != STDIN_NAME
        problem = f"looks binary: a zero byte at offset {data.index(0)}" if self.is_unknown else f"is {file_type.title}"
        suffix = Path(name).suffix
        is_txt = suffix.lower() == ".txt"
        stem = name if is_txt else name.removesuffix(suffix).removesuffix(".txt")  # not to write over the file itself
        advice = file_type.advice if is_file else file_type.piped or file_type.advice
        if file_type.suffix and is_file and in_corpus and suffix.lower() != file_type.suffix:
            advice = f"rename it to {{file}}{file_type.suffix}"
        if in_corpus and (program := _PROGRAMS.get(suffix.lower())) and "{" in advice:  # which is for what is in it
            advice = f"decompress it first: {program} -dk {{file}}"
        file, stem = (shell_quote(text) if is_file else "FILE" for text in (name, stem))
        return CorpusError(f"{name} {problem}", hint=advice.format(file=file, stem=stem))


def _unicode(encoding: str, evidence: str) -> FileType:
    return FileType(f"{encoding[:6].upper()}, as {evidence}", f"read it with --encoding {encoding}", encoding)


def _compressed(suffix: str) -> FileType:
    program = _PROGRAMS[suffix]
    decompress = f"decompress it: {program} -dc"
    advice = f"{decompress} < {{file}} > {{stem}}.txt"
    return FileType(f"compressed by {program}", advice, piped=f"{decompress} FILE |", suffix=suffix)


def _document(name: str) -> FileType:
    convert = f"save it as text, or convert it: pandoc -f {name.lower()} -t plain --wrap=none"
    article = "a" if name == "DOCX" else "an"
    return FileType(f"{article} {name} file", f"{convert} -o {{stem}}.txt {{file}}", piped=f"{convert} FILE |")


_CONVERTED_BY_OFFICE = "save it as text, or convert it: soffice --headless --convert-to txt:Text {file}"
_SAVED_AS_CSV = "save it as CSV, or convert it: soffice --headless --convert-to csv {file}"
_SAVED_AS_PDF = "save it as PDF (soffice --headless --convert-to pdf {file}), and convert that: pdftotext"
_SAVE_WITHOUT_PASSWORD = "open it with its password and save it as text, or without the password"
_NO_TEXT = "name a text file"
_ARCHIVE = "extract it and name what is in it"
_ZIP = FileType("a zip archive", _ARCHIVE, suffix=".zip")
ZIP_TYPES = {
    **{name: _document(name) for name in ("DOCX", "ODT", "EPUB")},
    "XLSX": FileType("an XLSX file", _SAVED_AS_CSV),
    "ODS": FileType("an ODS file", _SAVED_AS_CSV),
    "PPTX": FileType("a PPTX file", _SAVED_AS_PDF),
    "ODP": FileType("an ODP file", _SAVED_AS_PDF),
    "Office": FileType("an Office document, such as DOCX", "save it as text"),
    "OpenDocument": FileType("an OpenDocument file", _SAVED_AS_PDF),
    "iWork": FileType("a Pages, Numbers or Keynote document", "export it as text, CSV or PDF"),
    "JAR": FileType("a JAR file", _ARCHIVE, suffix=".zip"),
    "APK": FileType("an Android app", _NO_TEXT),
}
"""Types of the formats of `zip_formats`."""

_BYTE_ORDER_MARKS = {  # UTF-32 first: its little-endian mark begins with that of UTF-16
    codecs.BOM_UTF32_LE: _unicode("utf-32", "its first four bytes show"),
    codecs.BOM_UTF32_BE: _unicode("utf-32", "its first four bytes show"),
    codecs.BOM_UTF16_LE: _unicode("utf-16", "its first two bytes show"),
    codecs.BOM_UTF16_BE: _unicode("utf-16", "its first two bytes show"),
    b"+/v8-": _unicode("utf-7", "its first five bytes show"),
}
_OLD_OFFICE = FileType("an old Word, Excel or PowerPoint file", _CONVERTED_BY_OFFICE)
_PROTECTED_OFFICE = FileType("a Word, Excel or PowerPoint file that is protected by a password", _SAVE_WITHOUT_PASSWORD)
_MAGIC = {
    b"%PDF-": FileType(
        "a PDF document", "convert it: pdftotext {file} {stem}.txt", piped="convert it: pdftotext FILE - |"
    ),
    b"{\\rtf": FileType("an RTF document", _CONVERTED_BY_OFFICE),
    COMPOUND_START: _OLD_OFFICE,
    b"%!PS": FileType("a PostScript document", "convert it: ps2ascii {file} {stem}.txt"),
    b"AT&TFORM": FileType("a DjVu document", "convert it: djvutxt {file} {stem}.txt"),
    ZIP_START: _ZIP,
    b"PK\5\6": _ZIP,  # an empty one
    b"\x1f\x8b\x08": _compressed(".gz"),
    b"\xfd7zXZ\0": _compressed(".xz"),
    **{b"BZh%d1AY&SY" % level: _compressed(".bz2") for level in range(1, 10)},
    b"\x28\xb5\x2f\xfd": FileType(
        "compressed by zstd", "decompress it: zstd -d {file}", piped="decompress it: zstd -dc FILE |"
    ),
    b"\x04\x22\x4d\x18": FileType(
        "compressed by lz4", "decompress it: lz4 -d {file}", piped="decompress it: lz4 -dc FILE |"
    ),
    b"\x1f\x9d": FileType("compressed by compress", "decompress it: uncompress {file}"),
    b"7z\xbc\xaf\x27\x1c": FileType("a 7z archive", _ARCHIVE),
    b"Rar!\x1a\x07": FileType("a RAR archive", _ARCHIVE),
    b"\x89PNG\r\n\x1a\n": FileType("a PNG image", _NO_TEXT),
    b"\xff\xd8\xff": FileType("a JPEG image", _NO_TEXT),
    b"GIF87a": FileType("a GIF image", _NO_TEXT),
    b"GIF89a": FileType("a GIF image", _NO_TEXT),
    b"II*\0": FileType("a TIFF image", _NO_TEXT),
    b"MM\0*": FileType("a TIFF image", _NO_TEXT),
    b"OggS": FileType("an Ogg audio file", _NO_TEXT),
    b"ID3\3": FileType("an MP3 audio file", _NO_TEXT),
    b"ID3\4": FileType("an MP3 audio file", _NO_TEXT),
    b"fLaC": FileType("a FLAC audio file", _NO_TEXT),
    b"\x1a\x45\xdf\xa3": FileType("a Matroska or WebM video", _NO_TEXT),
    b"\x7fELF": FileType("an executable", _NO_TEXT),
    b"SQLite format 3\0": FileType("an SQLite database", "export its text, as with: sqlite3 {file} 'select ...'"),
    b"PAR1": FileType("a Parquet table", "export its text column to a file"),
    b"\x93NUMPY": FileType("a NumPy array", _NO_TEXT),
    b"version https://git-lfs.github.com/spec/": FileType("a Git LFS pointer, not the file itself", "git lfs pull"),
}
_MAGIC_LATER = {  # (offset, bytes)
    (257, b"ustar"): FileType("a tar archive", _ARCHIVE, suffix=".tar"),
    (60, b"BOOKMOBI"): FileType("a Kindle book", "convert it: ebook-convert {file} {stem}.txt"),
    (8, b"WEBP"): FileType("a WebP image", _NO_TEXT),
    (8, b"WAVEfmt"): FileType("a WAV audio file", _NO_TEXT),
    (4, b"ftyp"): FileType("an MP4 video, audio file or HEIC image", _NO_TEXT),
}
_ISO_2022_JP = FileType(
    "ISO-2022-JP, as its escape sequences show", "read it with --encoding iso-2022-jp", "iso-2022-jp"
)
_BINARY = FileType("not text", "name a text file, or its --encoding if it is UTF-16")


def recognize(data: bytes, encoding: str) -> FileType | None:
    """Return the type of a file that begins with `data`, if that is not text of `encoding`, which is UTF-8 by default.

    A UTF-16 or UTF-32 text is recognized if UTF-8 is expected; files of other types, unless UTF-16 or UTF-32 is.
    """
    data = data[:EXAMINED]
    expected = codecs.lookup(encoding).name
    if expected.startswith(_UTF_16_OR_32):
        return None
    is_utf8 = expected in ("utf-8", "ascii")
    candidates = {**_BYTE_ORDER_MARKS, **_MAGIC} if is_utf8 else _MAGIC
    for magic, file_type in candidates.items():
        if data.startswith(magic):
            if magic == COMPOUND_START and holds_encrypted_document(data):
                return _PROTECTED_OFFICE
            return ZIP_TYPES.get(format_of_start(data), file_type) if magic == ZIP_START else file_type
    for (offset, magic), file_type in _MAGIC_LATER.items():
        if data.startswith(magic, offset) and b"\0" in data:
            return file_type
    if is_utf8 and b"\0" in data:
        return _unmarked_unicode(data) or _BINARY
    return _ISO_2022_JP if is_utf8 and _is_iso_2022_jp(data) else None


def _is_iso_2022_jp(data: bytes) -> bool:
    """Return True for text of which all bytes are ASCII, which would be read as UTF-8, but for its escape sequences."""
    if not (b"\x1b$B" in data or b"\x1b$@" in data):
        return False
    try:
        return bool(codecs.getincrementaldecoder("iso-2022-jp")().decode(data))
    except UnicodeDecodeError:
        return False


def _unmarked_unicode(data: bytes) -> FileType | None:
    """Return UTF-32 or UTF-16 without a byte order mark if the data is text in it.

    The zero bytes of ASCII characters say which: at odd offsets in little-endian UTF-16, at even ones in big-endian.
    """
    even, odd = data[0::2].count(0), data[1::2].count(0)
    order = "le" if odd > even else "be"
    if max(even, odd) < 0.35 * len(data) and _is_utf8_text(data.replace(b"\0", b"")):
        return None  # UTF-16 of which every byte but the zeros is text would be ASCII, half of it zeros
    for encoding in (f"utf-32-{order}", f"utf-16-{order}"):
        try:
            # The end of a longer file's start may be half a character.
            text = codecs.getincrementaldecoder(encoding)().decode(data, final=len(data) < EXAMINED)
        except UnicodeDecodeError:
            continue
        if text and _is_plausible(text):
            return FileType(
                f"{encoding[:6].upper()} without a byte order mark, as its zero bytes show",
                f"read it with --encoding {encoding}",
                encoding,
            )
    return None


def _is_utf8_text(data: bytes) -> bool:
    """Return True if the data is text in UTF-8, but for an incomplete character at its end."""
    try:
        return _is_plausible(codecs.getincrementaldecoder("utf-8")().decode(data))
    except UnicodeDecodeError:
        return False


def _is_plausible(text: str) -> bool:
    """Return True if a text has no control characters but white space, and nearly no unassigned ones."""
    categories = [unicodedata.category(c) for c in text[:4096] if c not in "\t\n\r\f\v\x1a"]
    unassigned = sum(category in ("Cn", "Co") for category in categories)
    return "Cc" not in categories and unassigned <= 0.02 * len(categories)
