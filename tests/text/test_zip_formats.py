"""Formats that are zip archives: told by the names of their members, from all of a file or from its beginning."""

from __future__ import annotations

import io
import os
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


@pytest.mark.parametrize("folder", ["word/", "xl/", "ppt/"])
def test_the_first_part_tells_the_format_where_the_main_one_follows_far_behind(folder: str) -> None:
    long = "".join(map(str, range(200_000)))
    data = zipped({f"{folder}theme/theme1.xml": long, f"{folder}document.xml": "<a/>", TYPES: "<Types/>"})
    assert data.index(b"document.xml") > 2 * EXAMINED
    assert format_of_start(data[:EXAMINED]) == {"word/": "DOCX", "xl/": "XLSX", "ppt/": "PPTX"}[folder]


PARTS_AND_FILES: dict[str, dict[str, str]] = {
    "Office": {**FORMATS["by Word"][1], "notes.txt": "text", "b.txt": "text"},
    "Office without its list of types": {"word/document.xml": "<a/>", "word/list.txt": "text"},
    "OpenDocument": {**FORMATS["a text"][1], "texts/notes.md": "text"},
    "a book": {**FORMATS["a book"][1], "a.txt": "text"},
    "the type of a book": {"mimetype": "application/epub+zip", "a.txt": "text"},
    "pages": {**FORMATS["pages"][1], "README": "text"},
}


@pytest.mark.parametrize("case", PARTS_AND_FILES)
def test_an_archive_with_a_document_and_other_files_is_no_document(case: str, tmp_path: Path) -> None:
    data = zipped(PARTS_AND_FILES[case])
    for name in ("a.zip", "A.ZIP", "a"):
        (tmp_path / name).write_bytes(data)
        assert format_of_zip(tmp_path / name) == ""
    (tmp_path / "a.docx").write_bytes(data)
    assert format_of_zip(tmp_path / "a.docx"), "its name says that it is a document"


OTHER_PARTS = {
    "by Word": ("word/", "word/media/a.tex", "docMetadata/LabelInfo.xml", "word/embeddings/a.txt", "thumbnail.jpeg"),
    "a text": ("Object 1/content.xml", "ObjectReplacements/Object 1", "layout-cache", "Scripts/python/a.py"),
    "a book": ("OEBPS/fonts/OFL.txt", "Text/chapter.xhtml", "toc.ncx", "META-INF/calibre_bookmarks.txt"),
    "pages": ("Data/a.txt", "Metadata/Properties.plist", "Metadata/DocumentIdentifier"),
}


@pytest.mark.parametrize("case", FORMATS)
def test_a_document_by_the_name_of_an_archive_is_one_with_all_of_its_parts(case: str, tmp_path: Path) -> None:
    expected, members = FORMATS[case]
    others = dict.fromkeys(() if expected == "Office" else (".DS_Store", "a/", *OTHER_PARTS.get(case, ())), "")
    (tmp_path / "a.zip").write_bytes(zipped({**members, **others}))
    assert format_of_zip(tmp_path / "a.zip") == expected


def with_damage(flags: int = 0, method: int | None = None, content: bytes = b"") -> bytes:
    """Return a zip archive of a book whose member `mimetype` is encrypted, packed in another way, or damaged."""
    data = bytearray(zipped({"mimetype": "application/epub+zip" * 9, "META-INF/container.xml": "<a/>"}))
    for offset, where in ((0, 6), (data.index(b"PK\1\2"), 8)):
        data[offset + where] |= flags
        data[offset + where + 2] = data[offset + where + 2] if method is None else method
    data[38 : 38 + len(content)] = content
    return bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        {"flags": 1, "content": b"\xff" * 9},
        {"method": 12},
        {"method": 14, "content": b"\t\4\5\0]\0\0\x80\0" + b"\xff" * 9},
        {"method": 99},
        {"content": b"\xff" * 9},
    ],
)
def test_a_type_that_cannot_be_read_is_none(damage: dict[str, int], tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(with_damage(**damage))  # type: ignore[arg-type]
    assert format_of_zip(path) == format_of_start(path.read_bytes()) == ""
    path.write_bytes(with_damage())
    assert format_of_zip(path) == format_of_start(path.read_bytes()) == "EPUB"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes as on POSIX")
def test_nothing_is_taken_from_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(path := tmp_path / "a.docx")
    pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        data = zipped(FORMATS["by Word"][1])
        for result in (is_cut_off, format_of_zip):  # the second would wait for the end of the pipe
            os.write(pipe, data)
            assert not result(path)
            assert os.read(pipe, 2 * len(data)) == data
    finally:
        os.close(pipe)


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
