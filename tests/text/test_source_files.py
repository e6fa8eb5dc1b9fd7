"""Files by any name, archives and documents as corpora, and what is said of them."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import re
import resource
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rnntui.errors import CorpusError, UsageError
from rnntui.text import converters
from rnntui.text.chat_messages import clean_text
from rnntui.text.corpus import check_sources, find_corpus

HTML = """<!DOCTYPE html><html><head><title>Title</title><style>p {}</style><script>x()</script></head><body>
<h1>Caf&eacute;</h1><p>One <b>bold</b> word &amp; two
lines.<br>A verse.</p><ul><li>first<li>second</ul><!-- comment --></body></html>"""
HTML_TEXT = "Café\n\nOne bold word & two lines.\nA verse.\n\n  * first\n  * second\n"


@contextmanager
def powerless() -> Iterator[None]:
    """Let root, who may read everything, be nobody."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="no permissions as on POSIX")
@pytest.mark.parametrize("source", [".", "**", "*"])
def test_a_folder_that_may_not_be_entered_is_passed_over(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "texts"
    (folder / "closed").mkdir(parents=True)
    (folder / "a.txt").write_text("some text")
    (folder / "closed" / "b.txt").write_text("other text")
    (folder / "closed").chmod(0)
    folder.chmod(0o755)
    monkeypatch.chdir(folder)
    with powerless():
        corpus = find_corpus([source])
    (folder / "closed").chmod(0o755)
    assert corpus.display_names == ("a.txt",) and not corpus.skipped


def zipped(members: dict[str, str | bytes]) -> bytes:
    """Return a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def docx(*paragraphs: str, extra: str = "") -> bytes:
    """Return a DOCX document; a line break in a paragraph is `|`, and `extra` is XML of a last one."""
    namespace = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    body = "".join(
        f"<w:p><w:r><w:t xml:space='preserve'>{'</w:t><w:br/><w:t>'.join(text.split('|'))}</w:t></w:r></w:p>"
        for text in paragraphs
    )
    body += f"<w:p>{extra}</w:p>" if extra else ""
    types = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    return zipped(
        {
            "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            f'<Override PartName="/word/document.xml" ContentType="{types}"/></Types>',
            "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="r1" Type="{relation}" Target="word/document.xml"/></Relationships>',
            "word/document.xml": f"<w:document {namespace}><w:body>{body}</w:body></w:document>",
        }
    )


LETTER = (
    "<text:h>Heading</text:h>\n <text:p>One <text:span>bold</text:span>\n  word<text:line-break/>"
    'a verse<text:s text:c="3"/>end<office:annotation>\n<text:p>note</text:p></office:annotation>.</text:p>'
    "<text:list><text:list-item><text:p>item</text:p></text:list-item></text:list>"
)
NOTES = (
    "<text:tracked-changes><text:deletion><text:p>gone</text:p></text:deletion></text:tracked-changes>"
    "<text:p>A man<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Of fortune.</text:p>"
    "<text:p>Or not.</text:p></text:note-body></text:note> must want a wife.</text:p>\n"
    "<text:p><text:ruby><text:ruby-base>漢字</text:ruby-base><text:ruby-text>かんじ</text:ruby-text></text:ruby>。</text:p>"
)


def odt(text: str = LETTER) -> bytes:
    """Return an OpenDocument text."""
    namespaces = (
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    )
    body = f"<office:body><office:text>\n {text}</office:text></office:body>"
    content = f"<office:document-content {namespaces}>{body}</office:document-content>"
    return zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})


def epub(encryption: str = "") -> bytes:
    """Return an EPUB book of two chapters, whose names are in another order than the chapters."""
    manifest = '<item id="b" href="a%20b.xhtml"/><item id="a" href="text/z.xhtml"/><item id="css" href="x.css"/>'
    spine = '<itemref idref="a"/><itemref idref="b"/>'
    chapter = '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><body>{}</body></html>'
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
        '<rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
        "OEBPS/book.opf": f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{manifest}</manifest>'
        f"<spine>{spine}</spine></package>",
        "OEBPS/text/z.xhtml": chapter.format("<h1>One</h1><p>déjà vu</p>"),
        "OEBPS/a b.xhtml": chapter.format("<p>two</p>"),
        "OEBPS/x.css": "p {}",
    }
    if encryption:
        members["META-INF/encryption.xml"] = f'<encryption><CipherReference URI="{encryption}"/></encryption>'
    return zipped(members)  # type: ignore[arg-type]


RUN = "<w:r><w:t xml:space='preserve'>{}</w:t></w:r>"
WRAPPED = (
    RUN.format("On ")
    + f"<w:fldSimple w:instr='DATE'>{RUN.format('1 May')}</w:fldSimple>"
    + f"<w:bdo w:val='ltr'>{RUN.format(' we read ')}</w:bdo><w:dir w:val='rtl'>{RUN.format('it: ')}</w:dir>"
    + f"<w:r><w:ruby><w:rt>{RUN.format('かんじ')}</w:rt><w:rubyBase>{RUN.format('漢字')}</w:rubyBase></w:ruby></w:r>"
    + RUN.format("。")
)
REVISED = (
    RUN.format("It was the ")
    + "<w:del><w:r><w:delText>worst</w:delText></w:r></w:del>"
    + f"<w:ins>{RUN.format('best')}</w:ins>"
    + f"<w:smartTag>{RUN.format(' of')}</w:smartTag>"
    + f"<w:sdt><w:sdtContent>{RUN.format(' times.')}</w:sdtContent></w:sdt>"
)

DOCUMENTS = {
    "spans.html": (b"<html><span>H</span><span>ello</span><div>a<div>b</div></div>", "Hello\na\nb\n"),
    "list.html": (b"<html><dl><dt>cat<dd>animal</dl>", "cat\nanimal\n"),
    "readings.html": (
        "<html><p>私は<ruby>漢<rt>かん</rt>字<rp>(</rp><rt>じ</rt><rp>)</rp></ruby>を読む。</html>".encode(),
        "私は漢字を読む。\n",
    ),
    "hyphens.html": (
        "<p>un&shy;be\u00adlie<wbr>v\u200bable</p><p>\u200b</p><p>\ufeffca\u2060r</p>".encode(),
        "unbelievable\n\ncar\n",
    ),
    "hyphens.docx": (docx("un\u00adbelievable", extra="<w:r><w:t>a</w:t><w:softHyphen/></w:r>"), "unbelievable\n\na\n"),
    "hyphens.odt": (
        odt("<text:p>un\u00adbe\u200blie</text:p><text:p>\u200b</text:p><text:p>b</text:p>"),
        "unbelie\n\nb\n",
    ),
    "fields.docx": (docx("One", extra=WRAPPED), "One\n\nOn 1 May we read it: 漢字。\n"),
    "revised.docx": (docx("One", extra=REVISED), "One\n\nIt was the best of times.\n"),
    "page.html": (HTML.encode(), HTML_TEXT),
    "page.HTM": (b"\xef\xbb\xbf" + HTML.encode(), HTML_TEXT),
    "latin.html": (b"<html><p>caf\xe9 \x93quoted\x94</p></html>", "café “quoted”\n"),
    "declared.html": ('<html><meta charset="windows-1251"><p>Привет</p></html>'.encode("cp1251"), "Привет\n"),
    "wide.html": (HTML.encode("utf-16"), HTML_TEXT),
    "letter.docx": (docx("Dear Ann,", "one|two", " three"), "Dear Ann,\n\none\ntwo\n\nthree\n"),
    "letter.odt": (odt(), "Heading\n\nOne bold word\na verse   end.\n\nitem\n"),
    "notes.odt": (odt(NOTES), "A man must want a wife.\n\nOf fortune.\n\nOr not.\n\n漢字。\n"),
    "book.epub": (epub(), "One\n\ndéjà vu\n\ntwo\n"),
    "fonts.epub": (epub("OEBPS/font.otf"), "One\n\ndéjà vu\n\ntwo\n"),
}


def written(path: Path, content: str | bytes) -> Path:
    """Write a file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def text_of(*sources: Path | str) -> str:
    """Return the text of a corpus."""
    return "".join(find_corpus([str(source) for source in sources]).blocks())


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The libraries of the extra are not installed."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_read_as_text(name: str, tmp_path: Path) -> None:
    content, text = DOCUMENTS[name]
    path = written(tmp_path / name, content)
    corpus = find_corpus([str(path)])
    assert "".join(corpus.blocks()) == text
    assert (corpus.display_names, corpus.skipped) == ((str(path),), ())
    kind = "HTML" if name.lower().endswith((".html", ".htm")) else path.suffix[1:].upper()
    assert corpus.notes == [f"read as text: 1 {kind} file ({path})"]
    assert corpus.name == path.name.removesuffix(path.suffix)


SRT = (
    b"\xef\xbb\xbf1\r\n00:00:01,000 --> 00:00:02,000\r\n<i>Where is\r\nmy dog?</i>\r\n\r\n"
    b"2\r\n00:00:03,000 --> 00:00:04,000\r\n- Here.\r\n- Thanks.\r\n"
)
VTT = b"WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:02.000 line:0\n<v Ann>Tea &amp; milk\n"


@pytest.mark.parametrize(
    ("name", "content", "text", "notes"),
    [
        ("film.srt", SRT, "Where is my dog?\nHere.\nThanks.\n", 1),
        ("film.vtt", VTT, "Tea & milk\n", 1),
        ("film.txt", VTT, VTT.decode(), 0),
        ("notes.srt", b"no subtitles\n", "no subtitles\n", 0),
    ],
)
@pytest.mark.usefixtures("without_extra")
def test_only_the_texts_of_subtitles_are_read(name: str, content: bytes, text: str, notes: int, tmp_path: Path) -> None:
    path = written(tmp_path / name, content)
    assert text_of(path) == text_of(tmp_path) == text
    assert find_corpus([str(path)]).notes == [f"read as text: 1 subtitle file ({path})"][:notes]


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.usefixtures("without_extra")
def test_without_the_extra_the_error_says_how_to_install_it(name: str, tmp_path: Path) -> None:
    path = written(tmp_path / name, DOCUMENTS[name][0])
    with pytest.raises(CorpusError, match=r"pip install 'rnntui\[documents\]'") as caught:
        text_of(path)
    assert str(caught.value).startswith(f"{path} is a")
    written(tmp_path / "a.txt", "text\n")
    corpus = find_corpus([str(tmp_path)])
    assert "".join(corpus.blocks()) == "text\n"
    [note] = corpus.notes
    assert note.startswith(f"skipped 1 file that is not text: {path} (") and "rnntui[documents]" in note


def test_a_folder_of_documents_and_texts_is_read_in_order(tmp_path: Path) -> None:
    written(tmp_path / "a.txt", "first")
    written(tmp_path / "b.html", HTML)
    written(tmp_path / "c.docx", docx("third"))
    written(tmp_path / "d.html", "no tags, though it is called HTML\n")
    corpus = find_corpus([str(tmp_path)], "latin-1")
    assert "".join(corpus.blocks()) == f"first\n{HTML_TEXT}third\nno tags, though it is called HTML\n"
    assert corpus.notes == [f"read as text: 1 HTML file, 1 DOCX file ({tmp_path / 'b.html'}, …)"]


def test_text_with_tags_is_text_unless_it_is_called_html(tmp_path: Path) -> None:
    assert text_of(written(tmp_path / "a.txt", HTML)) == HTML
    assert text_of(written(tmp_path / "b.html", "a < b\n")) == "a < b\n"


@pytest.mark.parametrize("name", ["letter.docx", "letter.odt", "book.epub"])
def test_a_damaged_document_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    whole = DOCUMENTS[name][0]
    assert isinstance(whole, bytes)
    broken = whole.replace(b"<", b"&") if name != "book.epub" else whole.replace(b"rootfile ", b"rootfolk ")
    with pytest.raises(CorpusError, match=f"{name} cannot be read as") as caught:
        text_of(written(tmp_path / name, broken))
    assert "\n" not in str(caught.value)


def test_a_book_with_copy_protection_is_told(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is encrypted; name a copy without"):
        text_of(written(tmp_path / "a.epub", epub("OEBPS/a%20b.xhtml")))


@pytest.mark.parametrize("name", ["letter.docx", "letter.odt", "book.epub"])
def test_a_document_that_is_cut_off_is_damaged_and_in_a_folder_skipped(name: str, tmp_path: Path) -> None:
    whole = DOCUMENTS[name][0]
    path = written(tmp_path / name, whole[:-60])
    kind = path.suffix[1:].upper()
    with pytest.raises(CorpusError, match=f"{name} is a damaged {kind} file; its end is missing: name a whole copy"):
        text_of(path)
    written(tmp_path / "a.txt", "text\n")
    corpus = find_corpus([str(tmp_path)])
    assert "".join(corpus.blocks()) == "text\n"
    assert corpus.notes == [f"skipped 1 file that is not text: {path} (a damaged {kind} file)"]


@pytest.mark.parametrize("name", ["letter.docx", "letter.odt", "book.epub"])
def test_a_document_that_is_called_an_archive_is_read_as_the_document(name: str, tmp_path: Path) -> None:
    content, text = DOCUMENTS[name]
    path = written(tmp_path / f"{name}.zip", content)
    corpus = find_corpus([str(path)])
    assert "".join(corpus.blocks()) == text == text_of(tmp_path)
    kind = name.rpartition(".")[2].upper()
    assert (corpus.name, corpus.notes) == (path.name.partition(".")[0], [f"read as text: 1 {kind} file ({path})"])
    check_sources([str(path)])


@pytest.mark.parametrize("suffix", [".xlsx", ".xlsx.zip"])
def test_a_document_of_another_kind_is_told_whatever_it_is_called(suffix: str, tmp_path: Path) -> None:
    table = zipped({"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<a/>", "xl/worksheets/sheet1.xml": "<a/>"})
    path = written(tmp_path / f"a{suffix}", table)
    with pytest.raises(CorpusError, match=f"a{suffix} is an XLSX file; save it as CSV"):
        text_of(path)
    with pytest.raises(CorpusError, match=r"no text files in .* and 1 that are not text \(an XLSX file\)"):
        text_of(tmp_path)


def test_an_archive_with_the_members_of_a_program_is_read_as_a_folder(tmp_path: Path) -> None:
    sources = zipped({"META-INF/MANIFEST.MF": "Version: 1\n", "a/A.java": "class A {}\n"})
    assert text_of(written(tmp_path / "a.zip", sources)) == "Version: 1\nclass A {}\n"
    with pytest.raises(CorpusError, match=r"a.jar is a JAR file; rename it to .*a.jar.zip$"):
        text_of(written(tmp_path / "a.jar", sources))


@pytest.mark.parametrize("name", ["letter.docx", "letter.odt", "book.epub"])
def test_an_archive_of_a_document_unpacked_and_texts_is_read_as_a_folder(name: str, tmp_path: Path) -> None:
    content = DOCUMENTS[name][0]
    assert isinstance(content, bytes)
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        members = {part: parts.read(part) for part in parts.namelist()}
    path = written(tmp_path / "a.zip", zipped({**members, "notes.txt": b"one\n", "z.txt": b"two\n"}))
    corpus = find_corpus([str(path)])
    assert {f"{path}/notes.txt", f"{path}/z.txt"} < set(corpus.display_names)
    assert "one\n" in (text := "".join(corpus.blocks())) and "two\n" in text
    written(tmp_path / "b.txt", "three\n")
    assert find_corpus([str(tmp_path)]).notes == [
        f"skipped 1 file that is not text: {path} (an archive, to be named separately)"
    ]


@pytest.mark.parametrize("name", ["letter.docx", "book.epub", "page.html", "film.srt"])
def test_a_compressed_document_is_read_as_the_document(name: str, tmp_path: Path) -> None:
    content, text = (SRT, "Where is my dog?\nHere.\nThanks.\n") if name == "film.srt" else DOCUMENTS[name]
    path = written(tmp_path / f"{name}.gz", gzip.compress(content))
    assert text_of(path) == text_of(tmp_path) == text
    assert find_corpus([str(path)]).notes[0].endswith(f"file ({path})")
    with pytest.raises(CorpusError, match=rf"{name}.gz is not a complete .gz archive"):
        text_of(written(path, gzip.compress(content)[:-3]))


COMPRESSIONS = [(".gz", gzip.compress, "gzip"), (".xz", lzma.compress, "xz"), (".bz2", bz2.compress, "bzip2")]


@pytest.mark.parametrize(("suffix", "compress", "program"), COMPRESSIONS)
def test_a_compressed_document_that_is_not_read_is_told_as_it_is_once_decompressed(
    suffix: str, compress: Callable[[bytes], bytes], program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(temporary := tmp_path / "temporary"))
    temporary.mkdir()
    cut = written(tmp_path / f"texts/a.docx{suffix}", compress(docx("Dear Ann,")[:-60]))
    with pytest.raises(CorpusError, match=rf"a.docx{suffix} is a damaged DOCX file; its end is missing"):
        text_of(cut)
    table = zipped({"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<a/>"})
    for name, title, content in [
        ("b.xlsx", "an XLSX file", table),
        ("c.jar", "a JAR file", zipped({"META-INF/MANIFEST.MF": "a"})),
        ("d.pdf", "a PDF document", b"%PDF-1.7\n"),
    ]:
        path = written(tmp_path / f"texts/{name}{suffix}", compress(content))
        with pytest.raises(CorpusError) as caught:
            text_of(path)
        assert str(caught.value) == f"{path} is {title}; decompress it first: {program} -dk {path}"
    written(tmp_path / "texts/e.txt", "text")
    [note] = find_corpus([str(tmp_path / "texts")]).notes
    assert f"{cut} (a damaged DOCX file), {tmp_path}/texts/b.xlsx{suffix} (an XLSX file)" in note
    assert not list(temporary.iterdir())


def test_copies_of_compressed_documents_are_gone_once_their_texts_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(temporary := tmp_path / "temporary"))
    temporary.mkdir()
    written(tmp_path / "texts/a.docx.gz", gzip.compress(docx("Dear Ann,")))
    corpus = find_corpus([str(tmp_path / "texts")])
    assert [*temporary.iterdir()] == [*corpus.files] and "".join(corpus.blocks()) == "Dear Ann,\n"


def test_a_full_disk_is_told_and_not_taken_for_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(temporary := tmp_path / "temporary"))
    temporary.mkdir()
    path = written(tmp_path / "texts/a.docx.gz", gzip.compress(docx("a" * 200_000)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        for source in (path, path.parent):
            with pytest.raises(CorpusError) as caught:
                text_of(source)
            told = f"cannot decompress {path}: {os.strerror(errno.EFBIG)}; decompress it yourself"
            assert str(caught.value) == told
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(temporary.iterdir())


def test_a_long_compressed_document_that_is_cut_off_is_told(tmp_path: Path) -> None:
    long = zipped(
        {**dict.fromkeys(("[Content_Types].xml", "word/document.xml"), "<a/>"), "word/a.bin": os.urandom(1 << 17)}
    )
    path = written(tmp_path / "a.docx.gz", gzip.compress(long)[:-1000])
    with pytest.raises(CorpusError, match=r"a.docx.gz is not a complete .gz archive: it ends within"):
        text_of(path)


def test_an_error_of_a_library_without_a_message_is_told_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.odt", odt())
    monkeypatch.setitem(converters._READERS, "ODT", lambda path: next(iter(())))
    with pytest.raises(CorpusError, match=r"a.odt cannot be read as ODT: StopIteration$"):
        text_of(path)


@pytest.mark.parametrize("cut", [0, 60])
def test_a_document_from_standard_input_is_read(cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = docx("Dear Ann,")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data[: len(data) - cut])))
    if cut:
        with pytest.raises(CorpusError, match=r"^standard input is a damaged DOCX file"):
            text_of("-")
        return
    corpus = find_corpus(["-"])
    assert "".join(corpus.blocks()) == "Dear Ann,\n"
    assert corpus.notes == ["read as text: 1 DOCX file (standard input)"]


@pytest.mark.parametrize("name", ["a.docx", "a.epub", "a.odt", "a.doc"])
def test_a_page_by_the_name_of_another_document_is_read_as_a_page(name: str, tmp_path: Path) -> None:
    path = written(tmp_path / name, HTML)
    corpus = find_corpus([str(path)])
    assert ("".join(corpus.blocks()), corpus.notes) == (HTML_TEXT, [f"read as text: 1 HTML file ({path})"])


def test_a_text_by_the_name_of_a_document_is_noted(tmp_path: Path) -> None:
    path = written(tmp_path / "a.docx", "plain text\n")
    tags = written(tmp_path / "b.html", "Some <b>tags</b> in a text\n")
    written(tmp_path / "c.html", "a < b\n")
    written(tmp_path / "d.epub", "")
    assert find_corpus([str(path)]).notes == [f"read as plain text in spite of its name: {path}"]
    corpus = find_corpus([str(tmp_path)])
    assert "".join(corpus.blocks()) == "plain text\nSome <b>tags</b> in a text\na < b\n"
    assert corpus.notes == [f"read as plain text in spite of their names: {path}, {tags}"]
    for name, content in (("e.doc", b"plain text\n"), ("f.odt.gz", gzip.compress(b"plain text\n"))):
        other = written(tmp_path / "others" / name, content)
        assert find_corpus([str(other)]).notes == [f"read as plain text in spite of its name: {other}"]


@pytest.mark.parametrize(
    "start", ["<p>", '<div class="a">', "<!-- a --><!-- b -->\n<h1>", '<?xml version="1.0"?>\n<section>', "<b>"]
)
def test_a_part_of_a_page_is_read_as_one(start: str, tmp_path: Path) -> None:
    assert text_of(written(tmp_path / "a.html", f"{start}One <i>word</i>")) == "One word\n"


def test_a_document_by_word_in_a_browser_is_read(tmp_path: Path) -> None:
    members = zipfile.ZipFile(io.BytesIO(docx("One", extra=WRAPPED)))
    renamed = {
        name.replace("document.xml", "document2.xml"): members.read(name).replace(b"/document.xml", b"/document2.xml")
        for name in members.namelist()
    }
    path = written(tmp_path / "a.docx", zipped(renamed))  # type: ignore[arg-type]
    assert text_of(path) == DOCUMENTS["fields.docx"][1]


def test_a_document_in_an_archive_is_told_by_its_name_there(tmp_path: Path) -> None:
    path = written(tmp_path / "a.zip", zipped({"b/c.epub": epub("OEBPS/a%20b.xhtml")}))
    with pytest.raises(CorpusError, match="^" + re.escape(f"{path}/b/c.epub is encrypted; name a copy without")):
        text_of(path)


def test_messages_of_a_chat_have_no_soft_hyphens_either() -> None:
    assert clean_text("un\u00adbe\u200blievable \n") == "unbelievable"


def test_a_document_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.text.converters._MAX_BYTES", 1 << 20)
    with pytest.raises(CorpusError, match="is larger than 1 MiB"):
        text_of(written(tmp_path / "a.docx", docx("a" * (2 << 20))))


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_an_archive_is_read_as_a_folder(suffix: str, tmp_path: Path) -> None:
    members = {"b.txt": b"two\r\n", "a/a.txt": b"one", ".hidden": b"x", "c.png": b"\x89PNG\r\n\x1a\n\0", "d.html": HTML}
    path = tmp_path / f"texts{suffix}"
    if suffix == ".zip":
        written(path, zipped(members))  # type: ignore[arg-type]
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, content in members.items():
                archive.add(written(tmp_path / "source" / name, content), name)
    corpus = find_corpus([str(path)])
    assert "".join(corpus.blocks()) == f"one\ntwo\n{HTML_TEXT}"
    assert corpus.display_names == tuple(f"{path}/{name}" for name in ("a/a.txt", "b.txt", "d.html"))
    assert corpus.notes == [
        f"read as text: 1 HTML file ({path}/d.html)",
        f"skipped 1 file that is not text: {path}/c.png (a PNG image)",
    ]
    assert corpus.name == "texts"
    with pytest.raises(CorpusError, match="not utf-8") as caught:
        text_of(written(tmp_path / "bad.zip", zipped({"bad.txt": b"\xff\xfa"})))
    assert str(caught.value).startswith(f"{tmp_path}/bad.zip/bad.txt is not utf-8")


def test_runs_in_a_folder_of_texts_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "notes/b.txt", "notes/config.json"):  # the last belongs to something else
        written(Path(name), b"text")
    for run, file in [("first", "model.safetensors"), ("second", "checksums.json"), ("third", "resume/state")]:
        for part in ("config.json", "known_words.txt", "source/words.txt", file):
            written(Path("checkpoints", run, part), b"{}")
    written(Path("checkpoints/search.tuning/tuning.jsonl"), b"{}")
    texts = ("a.txt", "notes/b.txt", "notes/config.json")
    for source, expected, skipped in [
        (".", texts, "skipped 4 runs, whose files are no text to train on: checkpoints/first and 3 more"),
        ("**", texts, "skipped 4 runs, whose files are no text to train on: checkpoints/first and 3 more"),
        ("*", texts, "skipped 4 runs, whose files are no text to train on: checkpoints/first and 3 more"),
        ("**/*.txt", texts[:2], "skipped 3 runs, whose files are no text to train on: checkpoints/first and 2 more"),
        ("[nc]*/*", texts[1:], "skipped 4 runs, whose files are no text to train on: checkpoints/first and 3 more"),
    ]:
        corpus = find_corpus([source])
        assert (sorted(corpus.display_names), corpus.notes) == (sorted(expected), [skipped]), source
    named = find_corpus(["checkpoints/first/*.txt"])
    assert named.display_names == ("checkpoints/first/known_words.txt",) and named.notes == []
    with pytest.raises(CorpusError, match="no text files in checkpoints, and 4 runs; name a text file"):
        find_corpus(["checkpoints"])
    with pytest.raises(UsageError, match="checkpoints/first is a run, not a text; name a text file"):
        find_corpus(["checkpoints/first"])
    written(Path("all.zip"), zipped({"a.txt": b"text", "runs/a/config.json": b"{}", "runs/a/checksums.json": b"{}"}))
    packed = find_corpus(["all.zip"])
    assert packed.display_names == ("all.zip/a.txt",)
    assert packed.notes == ["skipped 1 run, whose files are no text to train on: all.zip/runs/a"]


@pytest.mark.parametrize("beside", ["checksums.json", "metrics.jsonl"])
def test_a_run_without_its_settings_is_skipped_too(beside: str, tmp_path: Path) -> None:
    written(tmp_path / "a.txt", b"text")
    for folder, names in {
        "run": ("model.safetensors", beside),
        "mine": (beside,),
        "model": ("model.safetensors",),
    }.items():
        for name in ("words.txt", *names):
            written(tmp_path / folder / name, b"{}")
    corpus = find_corpus([str(tmp_path)])
    found = {Path(name).relative_to(tmp_path).as_posix() for name in corpus.display_names}
    assert {"a.txt", "mine/words.txt", f"mine/{beside}", "model/words.txt"} <= found
    assert not any(name.startswith("run/") for name in found)
    assert f"skipped 1 run, whose files are no text to train on: {tmp_path / 'run'}" in corpus.notes


@pytest.mark.parametrize(
    ("name", "run"),
    [
        ("song [live].txt", "song-live"),
        ("what? really*.txt", "what-really"),
        ("-dash.txt", "dash"),
        ("#1 hit.txt", "1-hit"),
        ("party 🎉 night.txt", "party-night"),
        ("🎉.txt", "run"),
        ("[a-z].txt", "a-z"),
        ('Ann\'s "book".txt', "Ann-s-book"),
        ("back\\slash.txt", "back-slash"),
        ("cafe\N{COMBINING ACUTE ACCENT}.txt", "café"),
        ("हिन्दी.txt", "हिन्दी"),
        ("two\nlines.txt", "two-lines"),
        ("~home.txt", "home"),
        ("$HOME.txt", "HOME"),
        ("é" * 120 + ".txt", "é" * 50),
    ],
)
def test_a_file_that_exists_is_a_file_whatever_its_name(
    name: str, run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "corpora [old]"
    folder.mkdir()
    monkeypatch.chdir(folder)
    written(Path("a.txt"), "another\n")  # matches of the names as patterns
    written(Path("song l.txt"), "another\n")
    written(Path(name), "text\n")
    for source in (name, f"./{name}", str(folder / name)):
        corpus = find_corpus([source])
        assert "".join(corpus.blocks()) == "text\n"
        assert (corpus.name, corpus.display_names) == (run, (source,))
    assert len(text_of(folder)) == 3 * len("another\n") - 3


def test_a_pattern_within_a_folder_with_brackets_needs_them_escaped(tmp_path: Path) -> None:
    written(tmp_path / "old [live]" / "a.txt", "text\n")
    assert find_corpus([str(tmp_path / "old [[]live]" / "*.txt")]).name == tmp_path.name
    assert text_of(tmp_path / "old [live]") == "text\n"


def test_sources_are_checked_without_opening_archives(tmp_path: Path) -> None:
    check_sources([str(written(tmp_path / "a.zip", b"no archive")), str(written(tmp_path / "a.docx", docx("a")))])
    check_sources([str(tmp_path)])
    written(tmp_path / "empty" / "a.png", b"\x89PNG\r\n\x1a\n\0")
    with pytest.raises(CorpusError, match=r"no text files in .*empty, and 1 that are not text \(a PNG image\)"):
        check_sources([str(tmp_path / "empty")])


def test_a_file_of_a_folder_in_a_legacy_encoding_is_skipped_and_named(tmp_path: Path) -> None:
    legacy = "café naïve straße déjà vu où sont-ils passés\n".encode("cp1252") * 50
    written(tmp_path / "both" / "a.txt", b"one")
    written(tmp_path / "both" / "b.txt", legacy)
    corpus = find_corpus([str(tmp_path / "both")])
    (note,) = corpus.notes
    assert "".join(corpus.blocks()) == "one" and "b.txt" in note and "--encoding cp1252" in note
    assert len(find_corpus([str(tmp_path / "both")], errors="replace").files) == 2
    written(tmp_path / "all" / "b.txt", legacy)
    with pytest.raises(CorpusError, match="--encoding cp1252"):
        find_corpus([str(tmp_path / "all")])
    assert "straße" in "".join(find_corpus([str(tmp_path / "all")], "cp1252").blocks())


def test_a_wrong_byte_in_a_file_of_a_folder_is_an_error(tmp_path: Path) -> None:
    written(tmp_path / "a.txt", "déjà vu, où sont-ils passés\n".encode() * 50 + b"\xff\n")
    with pytest.raises(CorpusError, match="not utf-8"):
        "".join(find_corpus([str(tmp_path)]).blocks())
