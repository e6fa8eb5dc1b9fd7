"""Recognition of files that are not UTF-8 text, by their first bytes: what they are, and a way to read them."""

from __future__ import annotations

import codecs
import contextlib
import re
import unicodedata
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from rnntui.errors import CorpusError
from rnntui.formatting import shell_quote

EXAMINED = 1 << 16  # bytes at the start of a file that are examined
_UTF_16_OR_32 = ("utf-16", "utf-32")


class FileType(NamedTuple):
    """A type of file that is not UTF-8 text.

    Args:
        title: what a file of this type is, as in "a PDF document".
        advice: how to read it; `{file}` stands for its name, quoted for a shell, `{stem}` for its name without suffix.
        encoding: the encoding if it is text after all.
        piped: how to read it if it comes from standard input; by default `advice`.
    """

    title: str
    advice: str
    encoding: str = ""
    piped: str = ""

    @property
    def is_unknown(self) -> bool:
        """True for a file of which nothing is known but that it has zero bytes."""
        return self.title == "not text"

    def error(self, data: bytes, name: str, *, is_file: bool) -> CorpusError:
        """Return the error for a file of that name, or for standard input, that begins with `data`."""
        problem = f"looks binary: a zero byte at offset {data.index(0)}" if self.is_unknown else f"is {self.title}"
        suffix = Path(name).suffix
        stem = name if suffix.lower() == ".txt" else name.removesuffix(suffix)  # not to write over the file itself
        advice = self.advice if is_file else self.piped or self.advice
        file, stem = (shell_quote(text) if is_file else "FILE" for text in (name, stem))
        return CorpusError(f"{name} {problem}", hint=advice.format(file=file, stem=stem))


def _unicode(encoding: str, evidence: str) -> FileType:
    return FileType(f"{encoding[:6].upper()}, as {evidence}", f"read it with --encoding {encoding}", encoding)


def _compressed(program: str, suffix: str) -> FileType:
    return FileType(
        f"compressed by {program}", f"rename it to {{file}}{suffix}", piped=f"decompress it: {program} -dc FILE |"
    )


_CONVERTED_BY_OFFICE = "save it as text, or convert it: soffice --headless --convert-to txt:Text {file}"
_NO_TEXT = "name a text file"
_ARCHIVE = "extract it and name the folder"
_ZIP = FileType("a zip archive", "rename it to {file}.zip", piped="extract it first and name the folder")

_BYTE_ORDER_MARKS = {  # UTF-32 first: its little-endian mark begins with that of UTF-16
    codecs.BOM_UTF32_LE: _unicode("utf-32", "its first four bytes show"),
    codecs.BOM_UTF32_BE: _unicode("utf-32", "its first four bytes show"),
    codecs.BOM_UTF16_LE: _unicode("utf-16", "its first two bytes show"),
    codecs.BOM_UTF16_BE: _unicode("utf-16", "its first two bytes show"),
    b"+/v8-": _unicode("utf-7", "its first five bytes show"),
}
_MAGIC = {
    b"%PDF-": FileType(
        "a PDF document", "convert it: pdftotext {file} {stem}.txt", piped="convert it: pdftotext FILE - |"
    ),
    b"{\\rtf": FileType("an RTF document", _CONVERTED_BY_OFFICE),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": FileType("an old Word, Excel or PowerPoint file", _CONVERTED_BY_OFFICE),
    b"%!PS": FileType("a PostScript document", "convert it: ps2ascii {file} {stem}.txt"),
    b"AT&TFORM": FileType("a DjVu document", "convert it: djvutxt {file} {stem}.txt"),
    b"PK\3\4": _ZIP,
    b"PK\5\6": _ZIP,  # an empty one
    b"\x1f\x8b\x08": _compressed("gzip", ".gz"),
    b"\xfd7zXZ\0": _compressed("xz", ".xz"),
    **{b"BZh%d1AY&SY" % level: _compressed("bzip2", ".bz2") for level in range(1, 10)},
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
    (257, b"ustar"): FileType("a tar archive", "rename it to {file}.tar", piped="extract it first and name the folder"),
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
            return file_type
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


# -- legacy encodings ------------------------------------------------------------------------------------------------

_LEGACY = (
    "cp1252", "cp1250", "iso8859_2", "cp1251", "koi8_r", "cp866", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257",
    "cp1258", "cp874", "cp932", "euc_jp", "iso2022_jp", "gb18030", "big5", "cp949", "mac_roman", "cp850",
)  # fmt: skip
_CYRILLIC = ("cp1251", "koi8_r", "cp866")  # one of them decodes anything: koi8_r and cp866 have all bytes
_NAMES = {"cp932": "shift_jis", "cp949": "euc_kr", "koi8_r": "koi8-r", "iso2022_jp": "iso-2022-jp", "euc_jp": "euc-jp"}
_QUOTES_AND_SIGNS = "«»“”‘’„‚–—…·¿¡°§€£ºª©®™•\u00a0"
_WESTERN_LETTERS = "àâäáãåæçèéêëìíîïñòóôõöøœùúûüÿßýðþ"
_CENTRAL_LETTERS = ("áéíóöőúüű", "ąćęłńóśźż", "áäčďéěíľňóôřšťúůýž", "ăâîşţ", "čćđšž")
"""Letters of Hungarian; Polish; Czech and Slovak, without the rare ĺ and ŕ; Romanian; Croatian and Slovene."""
_IMPLAUSIBLE = re.compile("[a-zà-ÿ][À-ÞŒ][a-zà-ÿ]|[^\\W\\d_][‚„¿¡£§°][^\\W\\d_]")  # as in grÑsser, d‚jà
_FEW = 16  # bytes beyond ASCII that are text in some encoding or other
_SAMPLE = 1 << 15  # bytes before the first invalid one, and as many after it


def likely_encoding(data: bytes, invalid: int) -> str:
    """Return a legacy encoding in which the lines from an invalid byte on are probably written; empty if unknown.

    UTF-8 text with a few invalid bytes is damaged rather than of another encoding.
    """
    start = max(data.rfind(b"\n", 0, invalid) + 1, invalid - _SAMPLE)
    complete = data[start : data.rfind(b"\n", start, start + 2 * _SAMPLE) + 1] or data[start : start + 2 * _SAMPLE]
    sample = b"\n".join(line for line in complete.split(b"\n") if not line.isascii())
    around = data[max(0, invalid - _SAMPLE) : invalid + _SAMPLE]
    utf8 = around.decode("utf-8", "ignore")
    if sum(len(c.encode()) for c in utf8 if c > "\x7f") > len(around) - len(utf8.encode()):
        return ""
    from charset_normalizer import from_bytes  # only on the way to an error message

    best = from_bytes(sample, cp_isolation=list(_LEGACY)).best()
    guess, text = (best.encoding, str(best)) if best else ("", "")
    if sum(byte > 0x7F for byte in sample) < _FEW and not _is_mostly("LATIN", text):
        return ""
    # charset-normalizer 3.5.3 takes French for Baltic, Portuguese and Swedish for Central European, and short Russian
    # texts in cp1251 for koi8-r, in which capitals and small letters have changed places.
    if _is_mostly("CYRILLIC", text):
        guess = min(_decodable(sample, _CYRILLIC), key=lambda encoding: _oddities(sample.decode(encoding)))
    elif not any(c > "\x7f" and c.isalpha() for c in text[:4096]) or (guess != "cp1254" and _is_mostly("LATIN", text)):
        guess = (
            _written_with(sample, ("cp1250", "iso8859_2"), _CENTRAL_LETTERS)
            or _written_with(sample, ("cp1252", "mac_roman", "cp850"), (_WESTERN_LETTERS,))
            or guess
        )
        if guess == "cp1250" and sample.decode(guess) == sample.decode("cp1252", "replace"):
            guess = "cp1252"  # the more usual name of the same
    return _NAMES.get(guess, guess)


def _is_mostly(script: str, text: str) -> bool:
    letters = [c for c in text[:4096] if c > "\x7f" and c.isalpha()]
    return bool(letters) and sum(unicodedata.name(c, "").startswith(script) for c in letters) >= 0.9 * len(letters)


def _oddities(text: str) -> int:
    """Return how often a capital follows a small letter, plus the number of signs beyond ASCII."""
    signs = sum(c > "\x7f" and not c.isalpha() and c not in _QUOTES_AND_SIGNS for c in text)
    return signs + sum(before.islower() and after.isupper() for before, after in pairwise(text))


def _decodable(data: bytes, encodings: tuple[str, ...]) -> list[str]:
    decodable = []
    for encoding in encodings:
        with contextlib.suppress(UnicodeDecodeError):
            data.decode(encoding)
            decodable.append(encoding)
    return decodable


def _written_with(data: bytes, encodings: tuple[str, ...], alphabets: tuple[str, ...]) -> str:
    """Return the first encoding in which all letters beyond ASCII are of one alphabet; empty if there is none."""
    for encoding in _decodable(data, encodings):
        text = data.decode(encoding)
        letters = {c.lower() for c in text if c > "\x7f"} - set(_QUOTES_AND_SIGNS)
        if any(letters <= set(alphabet) for alphabet in alphabets) and not _IMPLAUSIBLE.search(text):
            return encoding
    return ""
