"""Formats that are zip archives: told by the names of their members, from all of a file or from its beginning."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from rnntui.text.recognition import EXAMINED
from rnntui.text.zip_formats import format_of_start, format_of_zip, is_cut_off

OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
TYPES = "[Content_Types].xml"
PACKAGE = {TYPES: "<Types/>", "_rels/.rels": "<Relationships/>", "docProps/core.xml": "<a/>"}
MANIFEST = {"META-INF/manifest.xml": "<a/>", "content.xml": "<a/>"}

FORMATS: dict[str, tuple[str, dict[str, str]]] = {
    "by Word": ("DOCX", {**PACKAGE, "word/document.xml": "<a/>"}),
    "by Word in a browser": ("DOCX", {**PACKAGE, "word/document2.xml": "<a/>"}),
    "by Google Docs": ("DOCX", {"word/numbering.xml": "<a/>", "word/document.xml": "<a/>", TYPES: "<Types/>"}),
    "a table": ("XLSX", {**PACKAGE, "xl/workbook.xml": "<a/>"}),
    "a binary table": ("XLSX", {**PACKAGE, "xl/workbook.bin": "a"}),
    "slides": ("PPTX", {"ppt/slides/slide1.xml": "<a/>", "ppt/presentation.xml": "<a/>", TYPES: "<Types/>"}),
    "a drawing": ("Office", {**PACKAGE, "visio/document.xml": "<a/>"}),
    "a text": ("ODT", {"mimetype": OPEN_DOCUMENT + "text", **MANIFEST}),
    "a template": ("ODT", {"mimetype": OPEN_DOCUMENT + "text-template", **MANIFEST}),
    "an open table": ("ODS", {"mimetype": OPEN_DOCUMENT + "spreadsheet", **MANIFEST}),
    "open slides": ("ODP", {"mimetype": OPEN_DOCUMENT + "presentation", **MANIFEST}),
    "an open drawing": ("OpenDocument", {"mimetype": OPEN_DOCUMENT + "graphics", **MANIFEST}),
    "an old text": ("OpenDocument", {"mimetype": "application/vnd.sun.xml.writer", **MANIFEST}),
    "a book": ("EPUB", {"mimetype": "application/epub+zip", "META-INF/container.xml": "<a/>", "a.opf": "<a/>"}),
    "a book packed anew": ("EPUB", {"a.opf": "<a/>", "META-INF/container.xml": "<a/>", "a.xhtml": "<a/>"}),
    "a program": ("JAR", {"META-INF/MANIFEST.MF": "Manifest-Version: 1.0", "a.class": "a"}),
    "an app": ("APK", {"AndroidManifest.xml": "a", "META-INF/MANIFEST.MF": "Manifest-Version: 1.0"}),
    "pages": ("iWork", {"Index/Document.iwa": "a", "preview.jpg": "a"}),
    "texts": ("", {"a.txt": "text", "word/a.txt": "text", "word/b.xml": "<a/>"}),
    "a package of code": ("", {TYPES: "<Types/>", "extension/a.js": "x()"}),
    "texts with a type": ("", {"mimetype": "text/plain", "a.txt": "text"}),
}


class Pipe(io.BytesIO):
    """A file that is written once and read from no other place, so that sizes follow the members."""

    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = 0) -> int:
        raise OSError("not seekable")


def zipped(members: dict[str, str] | dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, pipe: bool = False) -> bytes:
    """Return a zip archive."""
    buffer = Pipe() if pipe else io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("case", FORMATS)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_format_is_told_by_the_members(case: str, method: int, tmp_path: Path) -> None:
    expected, members = FORMATS[case]
    data = zipped(members, method)
    (tmp_path / "a.bin").write_bytes(data)
    assert format_of_zip(tmp_path / "a.bin") == format_of_start(data) == expected
    assert not is_cut_off(tmp_path / "a.bin")


@pytest.mark.parametrize("case", FORMATS)
def test_a_format_is_told_by_the_members_of_a_file_written_to_a_pipe(case: str) -> None:
    expected, members = FORMATS[case]
    assert format_of_start(zipped(members, pipe=True)) == expected


def test_of_a_long_file_the_first_members_tell_the_format(tmp_path: Path) -> None:
    for case in ("by Word", "by Google Docs", "slides", "a text", "a book", "an app"):
        expected, members = FORMATS[case]
        data = zipped({**members, "long.xml": "".join(map(str, range(200_000)))})
        assert len(data) > 2 * EXAMINED
        path = tmp_path / "a.bin"
        path.write_bytes(data[: 2 * EXAMINED])
        assert (format_of_start(data[:EXAMINED]), format_of_zip(path), is_cut_off(path)) == (expected, "", True)
    assert format_of_start(zipped(PACKAGE)[:90]) == "Office"


@pytest.mark.parametrize("pipe", [False, True])
def test_a_document_in_an_archive_does_not_make_it_one(pipe: bool, tmp_path: Path) -> None:
    document = zipped(FORMATS["by Word"][1])
    data = zipped({"a.txt": b"text", "a.docx": document, "b.txt": b"text"}, zipfile.ZIP_STORED, pipe)
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    assert format_of_start(data) == format_of_zip(path) == ""
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        (tmp_path / "a.docx").write_bytes(document)
        archive.add(tmp_path / "a.docx", "a.docx")
    assert format_of_zip(tmp_path / "a.tar") == ""


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\3\4", b"PK\3\4abc", b"PK\3\4" + b"\xff" * 60, b"text"])
def test_what_is_no_archive_has_no_format(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(data)
    assert format_of_start(data) == format_of_zip(path) == ""
    assert is_cut_off(path) == data.startswith(b"PK\3\4")
    assert format_of_zip(tmp_path / "none") == "" and not is_cut_off(tmp_path / "none")
