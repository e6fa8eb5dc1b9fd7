"""Files that hold far more than they look: refused in a line, or read in bounded memory, before anything is filled."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rnntui.config_seq2seq import Seq2SeqTokenizerConfig
from rnntui.errors import CorpusError
from rnntui.inference.line_preparation import LinePreparer
from rnntui.text import archives, compressed, converters, labelled_corpus, zip_formats
from rnntui.text.archives import expanded
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.converters import document_type, text_of_document
from rnntui.text.corpus import find_corpus
from rnntui.text.encoding import lines_of
from rnntui.text.labelled import read_labelled
from rnntui.text.vocabulary import Vocabulary
from rnntui.text.zip_formats import format_of_zip

BLAND = b"a" * (8 << 20)  # of which each format makes far less than a hundredth
VARIED = "".join(f"{number * 7919 % 10007} " for number in range(60_000)).encode()
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress}


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let any file expand to a megabyte, and none to more than 200 times its size beyond that."""
    monkeypatch.setattr(compressed, "ANY_RATIO_BYTES", 1 << 20)


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def text_of(path: Path) -> str:
    return "".join(find_corpus([str(path)]).blocks())


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_a_compressed_bomb_is_refused_and_a_text_is_not(suffix: str, tmp_path: Path) -> None:
    bomb = written(tmp_path / f"bomb.txt{suffix}", COMPRESSORS[suffix](BLAND))
    with pytest.raises(CorpusError, match=r"bomb.txt\S+ expands to more than 200 times its size.* yourself"):
        text_of(bomb)
    small = written(tmp_path / f"small.txt{suffix}", COMPRESSORS[suffix](b"a" * (1 << 19)))
    assert len(text_of(small)) == 1 << 19
    text = written(tmp_path / f"text.txt{suffix}", COMPRESSORS[suffix](VARIED * 4))
    assert text_of(text).encode() == VARIED * 4


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz", ".tar.xz"])
def test_an_archive_that_is_a_bomb_is_refused_and_leaves_nothing(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = tmp_path / f"bomb{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.txt", BLAND)
    else:
        with tarfile.open(path, f"w:{suffix[5:]}") as tar:
            tar.addfile(member("a.txt", len(BLAND)), io.BytesIO(BLAND))
    with pytest.raises(CorpusError, match=r"expands to more than 200 times its size.*extract it yourself"):
        expanded(path)
    assert list(tmp_path.iterdir()) == [path]


def member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    """Return a member of a tar archive."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_too_many_members_are_refused(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 5)
    path = tmp_path / f"many{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(6):
                archive.writestr(f"{number}.txt", "")
    else:
        with tarfile.open(path, "w") as tar:
            for number in range(6):
                tar.addfile(member(f"{number}.txt"))
    with pytest.raises(CorpusError, match=r"has more than 5 members; extract it yourself"):
        expanded(path)


@pytest.mark.parametrize("count", [5_000, 200_000])
def test_a_list_of_members_is_not_read_if_it_is_longer_than_that_of_any_document(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zip_formats, "MAX_PARTS", 1000)
    monkeypatch.setattr(archives, "MAX_MEMBERS", 1000)
    with zipfile.ZipFile(path := tmp_path / "a.zip", "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
    whole = path.read_bytes()
    start, end = whole.index(b"PK\1\2"), whole.index(b"PK\5\6")
    size = count * (end - start)
    # The end of the archive says how long the list is; its count of members is not relied on.
    path.write_bytes(
        whole[:start]
        + whole[start:end] * count
        + whole[end : end + 12]
        + size.to_bytes(4, "little")
        + whole[end + 16 :]
    )
    tracemalloc.start()
    assert format_of_zip(path) == ""
    with pytest.raises(CorpusError, match=r"a.zip has more than 1,000 members.*; extract it yourself"):
        expanded(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    path.write_bytes(whole)
    assert format_of_zip(path) == "EPUB"


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_name_that_would_fill_the_memory_is_not_read(
    kind: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "_MAX_TAR_HEADER", 1000)
    name = member("././@LongLink", 2000, kind)
    data = name.tobuf(tarfile.GNU_FORMAT) + bytes(2048) + member("a.txt").tobuf() + bytes(1024)
    path = written(tmp_path / "a.tar", data)
    with pytest.raises(CorpusError, match="a name or header of 2,000 bytes"):
        expanded(path)


def test_a_decompressor_gets_no_more_memory_than_real_files_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
    path = written(tmp_path / "text.txt.xz", lzma.compress(VARIED, filters=filters))
    assert text_of(path).encode() == VARIED
    monkeypatch.setattr(compressed, "_XZ_MEMORY", 1 << 19)
    with pytest.raises(CorpusError, match=r"text.txt.xz is not a complete .xz archive: .*[Mm]emory"):
        text_of(path)


def document(path: Path, members: dict[str, bytes]) -> Path:
    """Write an OpenDocument text."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_the_type_of_a_document_is_not_read_beyond_its_beginning(tmp_path: Path) -> None:
    path = document(tmp_path / "a.odt", {"mimetype": BLAND})
    tracemalloc.start()
    assert document_type(path, path.read_bytes()[:100]) == ""
    assert tracemalloc.get_traced_memory()[1] < len(BLAND) / 4
    tracemalloc.stop()


def test_a_document_with_too_much_markup_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converters, "_MAX_TEXT_BYTES", 1 << 10)
    page = written(tmp_path / "a.html", b"<html>" + bytes(2000))
    text = document(tmp_path / "a.odt", {"content.xml": b"<a>" + b" " * 2000 + b"</a>"})
    for path, kind in ((page, "HTML"), (text, "ODT")):
        with pytest.raises(CorpusError, match=f"{path.name} has 0 MiB of markup, more than .*; convert it"):
            text_of_document(path, kind, "utf-8")


def test_many_comments_before_a_page_are_passed_over_at_once(tmp_path: Path) -> None:
    comments = b"<!---->" * 9000  # in which two to the power of 9000 rows of comments could be seen
    assert document_type(tmp_path / "a.html", comments + b"text") == ""
    assert document_type(tmp_path / "a.html", comments + b"<p>text") == "HTML"


def test_lines_end_where_they_do_in_blocks_of_any_size() -> None:
    assert [*lines_of(["a" * 1000] * 50)] == ["a" * 50_000]
    assert [*lines_of(["a\nb", "c", "d\r\n", "e\r", "\nf"])] == ["a", "bcd", "e", "f"]
    assert [*lines_of(["abc", "def\ngh"], max_length=4)] == ["abcdef", "gh"]


def test_of_a_labelled_text_that_is_far_too_long_the_beginning_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"good film {number}\tgood\nbad film {number}\tbad\n" for number in range(5))
    path = written(tmp_path / "texts.tsv", f"{rows}{'long ' * 50}\tgood\n".encode())
    monkeypatch.setattr(labelled_corpus, "MAX_CHARACTERS", 20)
    corpus = read_labelled(find_corpus([str(path)]))
    assert corpus.rows[-1].text == "long long long long" and corpus.rows[-1].label == "good"
    assert any("of a text that is longer" in note for note in corpus.notes)


def test_a_sentence_without_end_is_translated_in_pieces() -> None:
    vocabulary = Vocabulary(CharTokenizer(list(" abcdefghijklmnopqrstuvwxyz")))
    preparer = LinePreparer(Seq2SeqTokenizerConfig(placeholders=False), None, vocabulary, split="no")
    for line in ("word " * 5000 + "end", "w" * 12_345):
        prepared = preparer.prepare(line)
        texts = [sentence.text for sentence in prepared.sentences]
        assert max(map(len, texts)) <= 5000 and len(texts) > 2
        joined = "".join(gap + text for gap, text in zip(prepared.gaps, [*texts, ""], strict=True))
        assert joined == line
    assert len(preparer.prepare("word " * 900).sentences) == 1
