"""Archives: complete and safe, or refused by their name in one line."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rnntui.errors import CorpusError
from rnntui.text import archives
from rnntui.text.archives import expanded
from rnntui.text.zip_formats import format_of_zip

FILES = {
    "a.txt": b"one\n",
    "deep/er/b.txt": b"two\n" * 1000,
    "Gr\u00f6\u00dfe \u65e5\u672c.txt": b"three\n",
    "empty.txt": b"",
}


def zipped(files: dict[str, bytes]) -> bytes:
    """Return a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("folder")
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(files: dict[str, bytes], *others: tarfile.TarInfo) -> bytes:
    """Return a tar archive with further members that have no content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for member in others:
            archive.addfile(member)
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """Return a link or a device."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder with their content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def written(path: Path, data: bytes) -> Path:
    """Write a file and return its path."""
    path.write_bytes(data)
    return path


MAKERS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    ".zip": zipped,
    ".tar": tarred,
    ".tar.gz": lambda files: gzip.compress(tarred(files)),
    ".TGZ": lambda files: gzip.compress(tarred(files)),
    ".tar.xz": lambda files: lzma.compress(tarred(files)),
    ".txz": lambda files: lzma.compress(tarred(files)),
    ".tar.bz2": lambda files: bz2.compress(tarred(files)),
    ".tbz2": lambda files: bz2.compress(tarred(files)),
}


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Archives are expanded below this folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.mark.parametrize("suffix", MAKERS)
def test_an_archive_is_expanded_once(suffix: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"texts{suffix}", MAKERS[suffix](FILES))
    folder = expanded(path)
    assert contents(folder) == FILES
    assert expanded(path) == folder
    written(path, MAKERS[suffix]({"c.txt": b"another"}))
    assert contents(expanded(path)) == {"c.txt": b"another"}


@pytest.mark.parametrize("suffix", MAKERS)
def test_a_truncated_archive_is_refused(suffix: str, tmp_path: Path) -> None:
    whole = MAKERS[suffix](FILES)
    lengths = [1000, 2000] if suffix == ".tar" else [len(whole) - 5, len(whole) // 2, 20]
    for length in lengths:
        path = written(tmp_path / f"{length}{suffix}", whole[:length])
        told = "is a damaged zip archive; its end is missing: name a whole copy of it"
        with pytest.raises(CorpusError, match=told if suffix == ".zip" else "is not a complete archive") as caught:
            expanded(path)
        assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"%PDF-1.7\n", "is a PDF document; convert it: pdftotext"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Word, Excel or PowerPoint file; save it as text"),
        (b"a text\n", "is not a complete archive that can be read: File is not a zip file"),
    ],
)
def test_a_file_that_is_called_a_zip_archive_is_told_by_what_it_is(data: bytes, told: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.docx.zip", data)
    with pytest.raises(CorpusError, match=f"^{path} {told}"):
        expanded(path)


def test_a_document_called_an_archive_is_told_if_it_is_cut_off(tmp_path: Path) -> None:
    document = zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<a/>"})
    for length in (len(document) - 5, len(document) // 2):
        path = written(tmp_path / f"{length}.docx.zip", document[:length])
        with pytest.raises(CorpusError, match=f"^{path} is a damaged DOCX file; its end is missing: name a whole copy"):
            expanded(path)


def test_a_cut_off_archive_is_not_taken_for_an_archive_inside_it(tmp_path: Path) -> None:
    """zipfile looks for the last list of members in the file, and finds that of the inner archive, which is whole."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("inner.txt", "of the inner archive\n")
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as archive:  # stored, as zipfile does if it is told nothing
        archive.writestr("a.zip", inner.getvalue())
        archive.writestr("b.txt", "lost\n" * 1000)
    path = written(tmp_path / "cut.zip", outer.getvalue()[:2000])
    assert zipfile.is_zipfile(path) and format_of_zip(path) == ""
    with pytest.raises(CorpusError, match="is not a complete archive that can be read: its end is missing"):
        expanded(path)


def test_a_member_of_a_zip_archive_that_ends_too_early_or_is_damaged_is_told(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "one\n")
    data = bytearray(buffer.getvalue())
    sizes = data.index(b"PK\1\2") + 20
    data[sizes : sizes + 8] = (1 << 20).to_bytes(4, "little") * 2
    with pytest.raises(CorpusError, match=r"a.zip is not a complete archive: it ends within a member$"):
        expanded(written(tmp_path / "a.zip", bytes(data)))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.txt", "".join(map(str, range(5000))))
    data = bytearray(buffer.getvalue())
    data[80:200] = b"\xff" * 120
    with pytest.raises(CorpusError, match=r"b.zip is not a complete archive that can be read: \w+"):
        expanded(written(tmp_path / "b.zip", bytes(data)))


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.xz", ".tar.bz2"])
def test_damage_after_the_last_member_is_refused_too(suffix: str, tmp_path: Path) -> None:
    whole = MAKERS[suffix](FILES)
    with pytest.raises(CorpusError, match="is not a complete archive"):
        expanded(written(tmp_path / f"a{suffix}", whole + b"garbage"))


def test_damage_is_found_far_behind_the_last_member(tmp_path: Path) -> None:
    whole = gzip.compress(tarred(FILES) + bytes(3 << 20))  # padding, which tarfile does not read
    with pytest.raises(CorpusError, match="is not a complete archive"):
        expanded(written(tmp_path / "a.tar.gz", whole[:-8] + b"checksum"))


@pytest.mark.parametrize("suffix", MAKERS)
@pytest.mark.parametrize("name", ["../out.txt", "/out.txt", "a/../../out.txt", "..\\out.txt", "C:\\out.txt"])
def test_a_member_that_leads_out_is_refused(name: str, suffix: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"a{suffix}", MAKERS[suffix]({"a.txt": b"a", name: b"out"}))
    with pytest.raises(CorpusError, match=r"is unsafe: its member .* lies outside of the archive"):
        expanded(path)
    assert not list(tmp_path.rglob("out.txt"))


def test_links_and_devices_are_left_out(tmp_path: Path) -> None:
    secret = written(tmp_path / "secret", b"secret")
    others = (
        special("link", tarfile.SYMTYPE, str(secret)),
        special("hard", tarfile.LNKTYPE, "a.txt"),
        special("null", tarfile.CHRTYPE),
        special("pipe", tarfile.FIFOTYPE),
    )
    assert contents(expanded(written(tmp_path / "a.tar", tarred({"a.txt": b"a"}, *others)))) == {"a.txt": b"a"}
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", b"a")
        archive.writestr(link, str(secret))
    assert contents(expanded(tmp_path / "a.zip")) == {"a.txt": b"a"}


def test_a_file_through_a_link_of_the_archive_stays_within(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    data = tarred({}, special("door", tarfile.SYMTYPE, str(tmp_path / "outside")))
    more = tarred({"door/b.txt": b"b"})
    end = data.rstrip(b"\0")
    data = data[: (len(end) + 511) // 512 * 512] + more
    assert contents(expanded(written(tmp_path / "a.tar", data))) == {"door/b.txt": b"b"}
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_an_archive_that_would_fill_the_disk_is_refused(
    suffix: str, tmp_path: Path, temporary_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_EXPANDED_BYTES", 4 << 20)
    path = written(tmp_path / f"bomb{suffix}", MAKERS[suffix]({f"{i}.txt": bytes(1 << 20) for i in range(6)}))
    with pytest.raises(CorpusError, match=r"expands to more than 0.00390625 GiB; extract it yourself"):
        expanded(path)
    assert list(temporary_folder.iterdir()) == []


def test_an_encrypted_zip_is_named_as_such(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.txt": b"a"}))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1
    end = data.rindex(b"PK\x01\x02")
    data[end + 8] |= 1
    data[data.rindex(b"PK\x03\x04", 0, end) + 6] |= 1
    path = written(tmp_path / "a.zip", bytes(data))
    with pytest.raises(CorpusError, match=f"^{path} is a zip archive that is protected by a password; extract it with"):
        expanded(path)


def test_names_that_are_utf_8_without_saying_so_are_read_as_such(tmp_path: Path) -> None:
    data = zipped({"\u00e9t\u00e9.txt": b"a"})
    raw = "\u00e9t\u00e9.txt".encode()
    plain = zipped({"x" * len(raw): b"a"}).replace(b"x" * len(raw), raw)
    for content in (data, plain):
        assert contents(expanded(written(tmp_path / f"{len(content)}-{content[6:8].hex()}.zip", content))) == {
            "\u00e9t\u00e9.txt": b"a"
        }
    latin = zipped({"x" * 7: b"a"}).replace(b"x" * 7, b"\x82t\x82.txt")
    assert contents(expanded(written(tmp_path / "latin.zip", latin))) == {"\u00e9t\u00e9.txt": b"a"}


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_a_file_that_is_no_archive_is_refused(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is not a complete archive"):
        expanded(written(tmp_path / f"a{suffix}", b"no archive at all\n"))
    with pytest.raises(CorpusError, match="cannot read"):
        expanded(tmp_path / f"missing{suffix}")


def test_the_folder_is_gone_when_the_process_ends(tmp_path: Path, temporary_folder: Path) -> None:
    path = written(tmp_path / "a.zip", zipped(FILES))
    code = (
        "import sys, tempfile; from pathlib import Path; from rnntui.text.archives import expanded\n"
        f"tempfile.tempdir = {str(temporary_folder)!r}; print(len(list(expanded(Path(sys.argv[1])).iterdir())))"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=True, timeout=60)
    assert done.stdout.strip() == b"4"
    assert list(temporary_folder.iterdir()) == []
