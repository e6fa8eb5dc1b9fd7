"""Recognition of files by their first bytes: encodings with advice that works, and formats that are no text."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from rnntui.errors import CorpusError
from rnntui.text.corpus import find_corpus
from rnntui.text.legacy_encodings import likely_encoding
from rnntui.text.recognition import recognize

TEXTS = {
    "English": "It was a bright cold day in April.\r\nThe clocks were striking thirteen.\r\n",
    "French": "Le garçon était déjà là, près de la forêt. Où êtes-vous allé ? « Ça va », dit-elle.\n",
    "Russian": "Все счастливые семьи похожи друг на друга, каждая несчастлива по-своему.\n",
    "Greek": "Η γρήγορη καφέ αλεπού πηδά πάνω από το τεμπέλικο σκυλί.\n",
    "Chinese": "道可道,非常道。名可名,非常名。今天天气很好,我们去公园吧。\n",
    "Japanese": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n",
    "Hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है।\n",
    "emoji": "all is well 👩‍👩‍👧 and good 🎉\n",
}


def written(folder: Path, data: bytes, name: str = "text.txt") -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(data)
    return path


def error_of(path: Path, encoding: str = "utf-8") -> str:
    """Return the message with which a file is refused."""
    with pytest.raises(CorpusError) as caught:
        "".join(find_corpus([str(path)], encoding).blocks())
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path} is ")
    return str(caught.value)


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["no mark", "mark"])
@pytest.mark.parametrize("count", [1, 3000])
def test_the_encoding_that_is_advised_reads_the_text(
    language: str, encoding: str, mark: str, count: int, tmp_path: Path
) -> None:
    path = written(tmp_path, (mark + TEXTS[language] * count).encode(encoding))
    message = error_of(path)
    assert ("without a byte order mark" in message) == (mark == "")
    assert encoding[:6].upper() in message
    [advised] = re.findall("--encoding ([a-z0-9-]+)", message)
    assert "".join(find_corpus([str(path)], advised).blocks()) == (TEXTS[language] * count).replace("\r\n", "\n")


@pytest.mark.parametrize(
    "data",
    [
        b"PNG\0abc",
        b"text with a zero\0 and more text",
        b"a\0b\0c\0" + bytes(range(256)),
        "déjà\0vu".encode(),
        b"\x89PNG\0",
        bytes(1000),
        b"\1\0\2\0\3\0",
        b"\0",
        "日本語の文章\0".encode(),
    ],
)
def test_other_zero_bytes_are_told_by_their_offset(data: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, data)
    with pytest.raises(CorpusError, match=f"text.txt looks binary: a zero byte at offset {data.index(0)};"):
        list(find_corpus([str(path)]).blocks())


def zipped(members: dict[str, str] | None = None) -> bytes:
    """Return a zip archive, by default of one text."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in (members or {"a.txt": "text\n"}).items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred() -> bytes:
    """Return a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("a.txt")
        member.size = 5
        archive.addfile(member, io.BytesIO(b"text\n"))
    return buffer.getvalue()


OTHER_FILES = {
    "a PDF document; convert it: pdftotext {file} {stem}.txt": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj",
    "an RTF document; save it as text, or convert it: soffice --headless": rb"{\rtf1\ansi text}",
    "an old Word, Excel or PowerPoint file; save it as text": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504),
    "a PNG image; name a text file": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "a JPEG image; name a text file": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    "a WebP image; name a text file": b"RIFF\x10\0\0\0WEBPVP8 ",
    "an SQLite database; export its text": b"SQLite format 3\0\x10\0",
    "a Kindle book; convert it: ebook-convert {file} {stem}.txt": b"Title".ljust(60, b"\0") + b"BOOKMOBI",
    "a 7z archive; extract it and name what is in it": b"7z\xbc\xaf\x27\x1c\0\4",
    "compressed by zstd; decompress it: zstd -d {file}": b"\x28\xb5\x2f\xfd\x04\x00",
    "a Git LFS pointer, not the file itself; git lfs pull": b"version https://git-lfs.github.com/spec/v1\noid 1\n",
    "UTF-7, as its first five bytes show; read it with --encoding utf-7": b"+/v8-caf+AOk-\n",
}


@pytest.mark.parametrize("expected", OTHER_FILES)
@pytest.mark.parametrize("name", ["text.txt", "my [text].txt"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_file_that_is_no_text_is_named_as_what_it_is(
    expected: str, name: str, encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "UTF-7" in expected and encoding != "utf-8":
        pytest.skip("+/v8- is text in other encodings")
    monkeypatch.chdir(tmp_path)
    path = written(Path(), OTHER_FILES[expected], name)
    quoted = name if name == "text.txt" else f"'{name}'"
    expected = expected.format(file=quoted, stem=quoted)
    assert f"{name} is {expected}" in error_of(path, encoding)


@pytest.mark.parametrize(
    "data",
    [zipped(), tarred(), gzip.compress(b"text\n"), lzma.compress(b"text\n"), bz2.compress(b"text\n")],
    ids=["zip", "tar", "gzip", "xz", "bzip2"],
)
def test_an_archive_under_another_name_is_read_once_it_is_renamed_as_advised(data: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, data)
    message = error_of(path)
    [advised] = re.findall("rename it to (.*)$", message)
    path.rename(advised)
    assert "".join(find_corpus([advised]).blocks()) == "text\n"


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
def test_the_type_of_compressed_content_is_recognized_too(suffix: str, tmp_path: Path) -> None:
    compress = gzip.compress if suffix == ".gz" else lzma.compress
    assert "is a PDF document" in error_of(written(tmp_path, compress(b"%PDF-1.7\n"), f"a{suffix}"))
    assert "is UTF-16" in error_of(written(tmp_path, compress("text".encode("utf-16")), f"b{suffix}"))


@pytest.mark.parametrize(
    ("suffix", "data", "advice"),
    [
        (".gz", gzip.compress(b"text\n"), "decompress it: gzip -dc < {path} > {folder}/lines.txt"),
        (".zip", zipped(), "extract it and name what is in it"),
        (".tar", tarred(), "extract it and name what is in it"),
    ],
)
def test_what_a_corpus_expands_is_to_be_expanded_for_other_readers(
    suffix: str, data: bytes, advice: str, tmp_path: Path
) -> None:
    path = written(tmp_path, data, f"lines.txt{suffix}")
    file_type = recognize(data, "utf-8")
    assert file_type is not None
    hint = advice.format(path=path, folder=tmp_path)
    assert file_type.error(data, str(path), path, in_corpus=False).hint == hint
    assert file_type.error(data, "standard input", None, in_corpus=False).hint == advice.partition(" <")[0] + (
        " FILE |" if suffix == ".gz" else ""
    )
    twice = written(tmp_path, gzip.compress(data), "twice.gz") if suffix == ".gz" else path
    assert "rename" not in str(file_type.error(data, str(twice), twice, in_corpus=True))


@pytest.mark.parametrize("name", ["letter.docx", "letter", "letter.zip", "letter.txt"])
def test_a_document_is_told_with_a_program_that_converts_it(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": "<a/>"}), name)
    data = path.read_bytes()
    file_type = recognize(data, "latin-1")
    assert file_type is not None
    stem = tmp_path / ("letter.txt" if name.endswith("txt") else "letter")
    for in_corpus in (False, True):
        assert str(file_type.error(data, str(path), path, in_corpus=in_corpus)) == (
            f"{path} is a DOCX file; save it as text, or convert it: "
            f"pandoc -f docx -t plain --wrap=none -o {stem}.txt {path}"
        )
    path.write_bytes(data[:-30])
    assert str(file_type.error(data, str(path), path, in_corpus=True)) == (
        f"{path} is a damaged DOCX file; its end is missing: name a whole copy of it"
    )


def compound(filler: int, name: str = "EncryptedPackage") -> bytes:
    """Return the beginning of a compound file with an entry of its directory behind as many bytes."""
    size = (2 * len(name) + 2).to_bytes(2, "little")
    entry = name.encode("utf-16-le").ljust(64, b"\0") + size + b"\2\1"
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(filler) + entry.ljust(128, b"\0") + bytes(1000)


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx", "a.doc", "a.txt"])
@pytest.mark.parametrize("filler", [504, (1 << 20) - 70, (1 << 20) - 1, 1 << 21])
def test_an_office_document_with_a_password_is_told(name: str, filler: int, tmp_path: Path) -> None:
    told = (
        "is a Word, Excel or PowerPoint file that is protected by a password; "
        "open it with its password and save it as text, or without the password"
    )
    path = written(tmp_path, compound(filler), name)
    assert error_of(path) == f"{path} {told}"
    written(tmp_path, b"text\n")
    if name != "a.txt":
        [note] = find_corpus([str(tmp_path)]).notes
        assert note == f"skipped 1 file that is not text: {path} ({told.partition('; ')[0].removeprefix('is ')})"
    data = path.read_bytes()
    piped = recognize(data, "utf-8")
    assert piped is not None  # of a stream, the beginning alone is known
    message = str(piped.error(data, "standard input", None, in_corpus=False))
    assert message == f"standard input {told}" if filler < 1 << 16 else "old Word" in message


@pytest.mark.parametrize(
    "stream",
    [
        b"\xec\xa5\xc1\0" + bytes(6) + b"\xf0\x13" + bytes(500),  # Word's flags
        b"\x09\x08\x10\0" + bytes(16) + b"\x2f\0\x36\0" + bytes(500),  # Excel's records
        bytes(1 << 20) + b"\0\0\xf6\x0f\x20\0\0\0\x14\0\0\0\xdf\xc4\xd1\xf3",  # PowerPoint's record of a user
    ],
)
def test_a_document_of_old_office_with_a_password_is_told(stream: bytes, tmp_path: Path) -> None:
    start = compound(504, "WordDocument")[:512]
    path = written(tmp_path, start + stream, "a.doc")
    assert "is a Word, Excel or PowerPoint file that is protected by a password; open it" in error_of(path)
    flags = {b"\x13": b"\x12", b"\x2f": b"\x42", b"\xdf": b"\x5f"}  # the same without
    for flag, other in flags.items():
        stream = stream.replace(flag, other)
    assert "is an old Word, Excel" in error_of(written(tmp_path, start + stream, "b.doc"))


@pytest.mark.parametrize("data", [compound(504, "WordDocument"), compound(504, "EncryptedPackages"), compound(0)[:70]])
def test_an_office_document_without_a_password_is_an_old_one(data: bytes, tmp_path: Path) -> None:
    assert "is an old Word, Excel or PowerPoint file; save it as text" in error_of(written(tmp_path, data, "a.doc"))


def with_flags(data: bytes) -> bytes:
    """Return a zip archive whose members are marked as encrypted."""
    flagged = bytearray(data)
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        for match in re.finditer(re.escape(signature), data):
            flagged[match.start() + flags] |= 1
    return bytes(flagged)


@pytest.mark.parametrize("kind", ["text", "spreadsheet", "presentation"])
def test_an_opendocument_file_with_a_password_is_told(kind: str, tmp_path: Path) -> None:
    members = {"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": "\x92\x8f"}
    manifest = '<manifest:file-entry manifest:full-path="content.xml">{}</manifest:file-entry>'
    encrypted = {"META-INF/manifest.xml": manifest.format('<manifest:encryption-data manifest:checksum="x"/>')}
    name = {"text": "ODT", "spreadsheet": "ODS", "presentation": "ODP"}[kind]
    told = f"is an {name} file that is protected by a password; open it with its password and save it as text"
    for file in (f"a.{name.lower()}", f"b.{name.lower()}.zip", "c"):
        path = written(tmp_path, zipped(members | encrypted), file)
        assert error_of(path).startswith(f"{path} {told}")
    [note] = find_corpus([str(written(tmp_path, b"text\n").parent)]).notes
    assert f"an {name} file that is protected by a password" in note
    plain = written(tmp_path, zipped(members | {"META-INF/manifest.xml": manifest}), "plain.ods")
    file_type = recognize(plain.read_bytes(), "utf-8")
    assert file_type is not None and file_type.of_file(plain) == file_type


@pytest.mark.parametrize(
    ("name", "members", "title", "advice"),
    [
        ("a.bin", {"a.txt": "text\n"}, "a zip archive", "extract it with its password and name what is in it"),
        (
            "a.docx", {"[Content_Types].xml": "<Types/>", "word/document.xml": "<a/>"}, "a DOCX file",
            "open it with its password and save it as text",
        ),
    ],
)  # fmt: skip
def test_a_zip_archive_with_a_password_is_told(
    name: str, members: dict[str, str], title: str, advice: str, tmp_path: Path
) -> None:
    path = written(tmp_path, with_flags(zipped(members)), name)
    assert error_of(path).startswith(f"{path} is {title} that is protected by a password; {advice}")


def test_files_of_a_folder_are_skipped_by_what_they_are(tmp_path: Path) -> None:
    written(tmp_path, b"text\n", "a.txt")
    written(tmp_path, "text\n".encode("utf-16"), "b.txt")
    written(tmp_path, "text\n".encode("utf-16-le"), "c.txt")
    written(tmp_path, b"\x89PNG\r\n\x1a\n\0", "d.png")
    written(tmp_path, b"\x89PNG\r\n\x1a\n\0", "e.png")
    written(tmp_path, b"\0\1\2\3", "f.bin")
    written(tmp_path, zipped(), "g.zip")
    corpus = find_corpus([str(tmp_path)])
    assert "".join(corpus.blocks()) == "text\n"
    assert corpus.notes == [
        f"skipped 6 files that are not text: "
        f"{tmp_path}/b.txt (UTF-16, as its first two bytes show: to be read with --encoding utf-16), "
        f"{tmp_path}/c.txt (UTF-16 without a byte order mark, as its zero bytes show: to be read with --encoding "
        f"utf-16-le), {tmp_path}/d.png and 1 more (a PNG image), {tmp_path}/f.bin (not text), "
        f"{tmp_path}/g.zip (an archive, to be named separately)"
    ]


@pytest.mark.parametrize(
    "data", [b"", b"text", b"<p>text</p>", b"BM text", b"MM text", b"PK text", b"BZh9 text", b"II* x"]
)
def test_text_is_text(data: bytes) -> None:
    assert recognize(data, "utf-8") is None
    assert recognize(data, "utf-16") is None


LEGACY = {
    "cp1252": (
        "French",
        "Die Mädchen sind größer, und schöne Grüße aus München.\n",
        "Não há ninguém; ações e opções.\n",
    ),
    "mac_roman": ("French",),
    "cp1250": ("Zażółć gęślą jaźń. Książka leży na stole.\n", "Příliš žluťoučký kůň úpěl ďábelské ódy.\n"),
    "iso8859_2": ("Zażółć gęślą jaźń. Książka leży na stole.\n",),
    "cp1251": ("Russian",),
    "koi8-r": ("Russian",),
    "cp1253": ("Greek",),
    "shift_jis": ("Japanese",),
    "euc-jp": ("Japanese",),
    "gb18030": ("Chinese",),
    "big5": ("道可道,非常道。無名天地之始,有名萬物之母。今天天氣很好,我們去公園吧。\n",),
    "euc_kr": ("안녕하세요, 오늘 날씨가 참 좋네요. 우리는 공원에 갑니다.\n",),
}


@pytest.mark.parametrize(("encoding", "text"), [(e, TEXTS.get(t, t)) for e, texts in LEGACY.items() for t in texts])
@pytest.mark.parametrize("before", [0, 5 << 20])
def test_a_likely_legacy_encoding_is_advised_that_reads_the_text(
    encoding: str, text: str, before: int, tmp_path: Path
) -> None:
    data = b"plain text\n" * (before // 11) + (text * 20).encode(encoding)
    path = written(tmp_path, data)
    message = error_of(path)
    [advised] = re.findall("perhaps it is --encoding ([a-z0-9_-]+),", message)
    assert "".join(find_corpus([str(path)], advised).blocks()).endswith(text * 20)


def test_a_french_text_of_dos_is_known_though_its_letters_are_signs_in_other_encodings() -> None:
    data = "Le garçon a été là, à l'école où Noël est déjà passé.\n".encode("cp850") * 5
    assert likely_encoding(data, data.index(0x87)) == "cp850"


@pytest.mark.parametrize("count", [1, 5000])
def test_japanese_mail_in_ascii_bytes_is_told(count: int, tmp_path: Path) -> None:
    path = written(tmp_path, (TEXTS["Japanese"] * count).encode("iso-2022-jp"))
    assert "ISO-2022-JP" in error_of(path) and "--encoding iso-2022-jp" in error_of(path)
    assert "".join(find_corpus([str(path)], "iso-2022-jp").blocks()) == TEXTS["Japanese"] * count


def test_the_advice_does_not_write_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "paper.txt")
    assert error_of(path).endswith(f"pdftotext {path} {path}.txt")


def test_damaged_utf_8_is_not_taken_for_another_encoding() -> None:
    data = TEXTS["French"].encode() * 20 + b"\xe9\n"
    assert likely_encoding(data, data.index(b"\xe9\n")) == ""
