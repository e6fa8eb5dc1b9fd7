"""Documents and zip archives that are protected by a password, and so cannot be read.

Office puts an encrypted document into a compound file, the container of its old formats, as a stream EncryptedPackage
(MS-OFFCRYPTO, section 2.3). OpenDocument files stay zip archives whose manifest has the keys' parameters (OpenDocument
1.3, part 2, section 4.6), and in other zip archives each encrypted member has a flag (PKWARE APPNOTE, section 4.4.4).
"""

from __future__ import annotations

import lzma
import zipfile
import zlib
from pathlib import Path

from rnntui.text.compressed import ExpansionError
from rnntui.text.zip_formats import MAX_PARTS, ZIP_START, open_zip

COMPOUND_START = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""Begins a compound file: a document of an old version of Office, or an encrypted one of a new version."""

# An entry of its directory: the name in 64 bytes, their number, and the type, a stream (MS-CFB, section 2.6.1).
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le").ljust(64, b"\0") + b"\x22\0\2"
_BLOCK = 1 << 20  # bytes read at a time
_MANIFEST = "META-INF/manifest.xml"
_MAX_MANIFEST = 1 << 20  # bytes
_IS_ENCRYPTED = 1  # flag of a member


def holds_encrypted_package(data: bytes) -> bool:
    """Return True for the data of a compound file, or a part of it, which has a document with a password in it."""
    return _ENCRYPTED_STREAM in data


def is_protected(path: Path) -> bool:
    """Return True for a document or a zip archive that is protected by a password; False for a pipe.

    Raises `OSError` if it cannot be read.
    """
    if not path.is_file():  # from a pipe, nothing may be taken
        return False
    with path.open("rb") as file:
        start = file.read(len(COMPOUND_START))
        if start == COMPOUND_START:
            end = b""  # the directory may be anywhere, and an entry on the edge of two blocks
            while block := file.read(_BLOCK):
                if holds_encrypted_package(end + block):
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
