"""Documents and zip archives that are protected by a password, and so cannot be read.

Office puts an encrypted document into a compound file, the container of its old formats, as a stream EncryptedPackage
(MS-OFFCRYPTO, section 2.3). A document of the old formats says so at the beginning of its main stream (MS-DOC, section
2.5.2; MS-XLS, section 2.4.117), which is nearly always the first of the file, and a presentation elsewhere.
OpenDocument files stay zip archives whose manifest has the keys' parameters (OpenDocument 1.3, part 2, section 4.6),
and in other zip archives each encrypted member has a flag (PKWARE APPNOTE, section 4.4.4).
"""

from __future__ import annotations

import lzma
import re
import zipfile
import zlib
from pathlib import Path

from rnntui.text.compressed import ExpansionError
from rnntui.text.zip_formats import MAX_PARTS, ZIP_START, open_zip

COMPOUND_START = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""Begins a compound file: a document of an old version of Office, or an encrypted one of a new version."""

# An entry of its directory: the name in 64 bytes, their number, and the type, a stream (MS-CFB, section 2.6.1); the
# record of the user of a presentation, by which it is encrypted (MS-PPT, section 2.3.2).
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le").ljust(64, b"\0") + b"\x22\0\2"
_ENCRYPTED = re.compile(re.escape(_ENCRYPTED_STREAM) + rb"|\0\0\xf6\x0f.{4}\x14\0\0\0\xdf\xc4\xd1\xf3", re.DOTALL)
_SECTOR = 512  # bytes; the header's size
# A Word document with its flag of encryption; an Excel workbook whose first record is followed by one of a password.
_OLD_ENCRYPTED = re.compile(
    rb"\xec\xa5.{9}[%s]|\x09\x08\x10\0.{16}\x2f\0" % re.escape(bytes(range(1, 256, 2))), re.DOTALL
)
_BLOCK = 1 << 20  # bytes read at a time
_MANIFEST = "META-INF/manifest.xml"
_MAX_MANIFEST = 1 << 20  # bytes
_IS_ENCRYPTED = 1  # flag of a member


def holds_encrypted_document(data: bytes) -> bool:
    """Return True for the beginning of a compound file which shows that there is a document with a password in it."""
    return _ENCRYPTED.search(data) is not None or _OLD_ENCRYPTED.match(data, _SECTOR) is not None


def is_protected(path: Path) -> bool:
    """Return True for a document or a zip archive that is protected by a password; False for a pipe.

    Raises `OSError` if it cannot be read.
    """
    if not path.is_file():  # from a pipe, nothing may be taken
        return False
    with path.open("rb") as file:
        start = file.read(2 * _SECTOR)
        if start.startswith(COMPOUND_START):
            if holds_encrypted_document(start):
                return True
            end = start  # the directory may be anywhere, and an entry on the edge of two blocks
            while block := file.read(_BLOCK):
                if _ENCRYPTED.search(end + block):
                    return True
                end = block[-len(_ENCRYPTED_STREAM) :]
            return False
    return start.startswith(ZIP_START) and _is_protected_zip(path)


def _is_protected_zip(path: Path) -> bool:
    try:
        with open_zip(path, MAX_PARTS) as archive:
            if any(member.flag_bits & _IS_ENCRYPTED for member in archive.infolist()):
                return True
            if "mimetype" not in archive.namelist() or _MANIFEST not in archive.namelist():
                return False
            with archive.open(_MANIFEST) as file:
                return b"encryption-data" in file.read(_MAX_MANIFEST)
    except ExpansionError:  # it has too many members for a document, and is read as an archive
        return False
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, ValueError, EOFError):
        return False  # damaged, which is told where it is read
