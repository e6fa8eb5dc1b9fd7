"""Reading a corpus: the files and their order, exact text, and the errors for unreadable files."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rnntui.config import DecodingErrors, Newlines
from rnntui.errors import CorpusError, RnntuiError, UsageError
from rnntui.text.corpus import Corpus, find_corpus
from rnntui.text.encoding import lines_of

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=50)

# Every length of UTF-8, every kind of line break, and byte order marks, which are dropped only at a file's start.
CHARACTERS = "aé日👩\n\r\t \N{COMBINING ACUTE ACCENT}\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NO-BREAK SPACE}"
# A zero byte makes a file binary.
plain_text = st.one_of(
    st.text(alphabet=CHARACTERS, max_size=40),
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=40),
)
block_sizes = st.integers(1, 12)

# Invalid UTF-8, wrong from the first byte whatever character follows.
BAD_BYTES = (
    b"\xff",
    b"\x80",
    b"\xc0\xaf",  # a slash written in two bytes
    b"\xed\xa0\x80",  # a surrogate
    b"\xf5\x80\x80\x80",  # beyond Unicode
    b"\xe2(",  # incomplete characters
    b"\xe2\x82(",
    b"\xf0\x9f\x98(",
)


def text_of(
    *sources: Path | str,
    encoding: str = "utf-8",
    errors: DecodingErrors = "strict",
    newlines: Newlines = "universal",
) -> str:
    """Return the whole text of the sources."""
    return "".join(find_corpus([str(source) for source in sources], encoding, errors, newlines).blocks())


def with_lf(text: str) -> str:
    """Return the text with its line ends translated."""
    return re.sub("\r\n?", "\n", text)


def written(folder: Path, **files: str | bytes) -> list[Path]:
    """Write text or bytes to files `NAME.txt` of a folder."""
    paths = []
    for name, content in files.items():
        path = folder / f"{name}.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        paths.append(path)
    return paths


def read_in_blocks(corpus: Corpus, size: int) -> str:
    """Return the text, read in blocks of some bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnntui.text.corpus._BLOCK", size)
        return "".join(corpus.blocks())


def gzipped(data: bytes) -> bytes:
    """Return an archive without a time stamp, equal on every run."""
    return gzip.compress(data, mtime=0)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the many files of a property test."""
    return tmp_path_factory.mktemp("scratch")


def pipe_in(monkeypatch: pytest.MonkeyPatch, folder: Path, data: bytes) -> None:
    """Replace standard input by a pipe with these bytes; the pipe is copied to a file of `folder`."""
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: False))


def test_a_file_is_read_exactly_as_it_stands_but_for_its_line_ends(tmp_path: Path) -> None:
    text = " one\r\ntwo\rthree\n\n\ttab \N{ZERO WIDTH NO-BREAK SPACE}日本 👩‍👩‍👧‍👦 e\N{COMBINING ACUTE ACCENT}  "
    (path,) = written(tmp_path, a=text)
    assert text_of(path) == with_lf(text)
    assert text_of(path, newlines="keep") == text


def test_a_byte_order_mark_is_dropped_at_each_files_start_and_only_there(tmp_path: Path) -> None:
    mark = "\N{ZERO WIDTH NO-BREAK SPACE}"
    paths = written(tmp_path, a=f"{mark}one{mark}\n", b=f"{mark}two", c=f"{mark}{mark}three")
    assert text_of(*paths) == f"one{mark}\ntwo\n{mark}three"
    assert text_of(paths[0], encoding="utf-8-sig") == f"one{mark}\n"


@repeatable
@given(plain_text, block_sizes)
@example("\N{ZERO WIDTH NO-BREAK SPACE}a", 1)
def test_no_character_is_broken_where_one_block_ends_and_the_next_begins(scratch: Path, text: str, size: int) -> None:
    (path,) = written(scratch, blocks=text)
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    assert read_in_blocks(find_corpus([str(path)]), size) == with_lf(text)
    assert read_in_blocks(find_corpus([str(path)], newlines="keep"), size) == text


@repeatable
@given(plain_text, block_sizes, st.sampled_from(["utf-16", "utf-16-be", "utf-32", "utf-8-sig", "gb18030"]))
def test_other_encodings_survive_block_ends_as_well(scratch: Path, text: str, size: int, encoding: str) -> None:
    text = "x" + text  # a U+FEFF at the start would be read as a byte order mark
    (path,) = written(scratch, other=text.encode(encoding))
    assert read_in_blocks(find_corpus([str(path)], encoding), size) == with_lf(text)
    assert read_in_blocks(find_corpus([str(path)], encoding, newlines="keep"), size) == text


def test_a_character_across_the_end_of_a_real_block_comes_through_whole(tmp_path: Path) -> None:
    text = "a" * ((4 << 20) - 2) + "👩" + "b\n"
    (path,) = written(tmp_path, large=text)
    assert text_of(path) == text


@repeatable
@given(st.lists(plain_text.filter(lambda text: bool(text.strip("\ufeff"))), min_size=1, max_size=4), block_sizes)
def test_files_are_joined_by_a_line_break_only_where_one_is_missing(scratch: Path, texts: list[str], size: int) -> None:
    paths = written(scratch, **{f"part{i}": text for i, text in enumerate(texts)})
    expected = ""
    for text in texts:
        expected += "" if not expected or expected.endswith("\n") else "\n"
        expected += with_lf(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"))
    assert read_in_blocks(find_corpus([str(path) for path in paths]), size) == expected


@repeatable
@given(st.text(alphabet="ab\r\n\x0b\x0c\x85\u2028", max_size=20), block_sizes, st.sampled_from(["\r\n", "\r"]))
def test_crlf_cr_and_lf_give_the_same_text(scratch: Path, text: str, size: int, line_end: str) -> None:
    lf = with_lf(text)
    plain, other = written(scratch, plain=lf, other=lf.replace("\n", line_end))
    for path in (plain, other):
        assert read_in_blocks(find_corpus([str(path)]), size) == lf


def test_a_line_end_across_the_end_of_a_compressed_block_is_one(tmp_path: Path) -> None:
    text = b"a" * ((4 << 20) - 1) + b"\r\nb\r"
    (path,) = written(tmp_path, a=text)
    packed = tmp_path / "a.gz"
    packed.write_bytes(gzipped(text))
    for source in (path, packed):
        assert text_of(source)[-4:] == "a\nb\n"


def test_a_file_that_ends_with_cr_is_a_complete_line_before_the_next(tmp_path: Path) -> None:
    assert text_of(*written(tmp_path, a="one\r", b="\ntwo\r\n", c="three")) == "one\n\ntwo\nthree"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["", "x"], "x"),
        (["x\n", "", "y"], "x\ny"),
        (["x", "", "y"], "x\ny"),
        (["x", "\N{ZERO WIDTH NO-BREAK SPACE}", "y"], "x\ny"),
        (["x", ""], "x"),
    ],
)
def test_an_empty_file_among_others_adds_nothing(texts: list[str], expected: str, tmp_path: Path) -> None:
    paths = written(tmp_path, **{f"part{i}": text for i, text in enumerate(texts)})
    assert text_of(*paths) == expected


def test_files_are_read_in_the_order_they_are_named(tmp_path: Path) -> None:
    a, b = written(tmp_path, a="a\n", b="b\n")
    assert text_of(b, a) == "b\na\n"


def test_a_folder_is_read_in_order_with_its_subfolders_and_without_hidden_or_binary_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub" / ".cache").mkdir()
    written(tmp_path, b="b\n", a="a\n", c="c\n")
    written(tmp_path / "sub", z="z\n")
    written(tmp_path / ".git", hidden="hidden\n")
    written(tmp_path / "sub" / ".cache", hidden="hidden\n")
    (tmp_path / ".hidden").write_text("hidden\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (tmp_path / "packed.gz").write_bytes(gzip.compress(b"packed\n"))
    (tmp_path / "packed-picture.gz").write_bytes(gzip.compress(b"\x89PNG\0"))
    corpus = find_corpus([str(tmp_path)])
    assert "".join(corpus.blocks()) == "a\nb\nc\npacked\nz\n"
    assert [file.path for file in corpus.skipped] == [tmp_path / "packed-picture.gz", tmp_path / "picture.png"]


def test_a_hidden_folder_is_read_when_it_is_the_one_that_is_named(tmp_path: Path) -> None:
    folder = tmp_path / ".notes"
    folder.mkdir()
    written(folder, a="a\n")
    assert text_of(folder) == "a\n"


def test_a_folder_that_is_gone_when_it_is_looked_into_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, a="a\n")
    (tmp_path / "gone").mkdir()
    scandir = os.scandir

    def late(folder: str | Path) -> Any:
        if Path(folder).name == "gone":
            raise FileNotFoundError(folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", late)
    assert text_of(tmp_path) == "a\n"


def test_a_dangling_link_in_a_folder_is_passed_over(tmp_path: Path) -> None:
    written(tmp_path, a="a\n")
    (tmp_path / "b.txt").symlink_to(tmp_path / "nowhere")
    assert text_of(tmp_path) == "a\n"


def test_a_folder_without_text_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"\0")
    with pytest.raises(CorpusError, match="no text files") as caught:
        find_corpus([str(tmp_path)])
    assert str(tmp_path) in str(caught.value)


def test_a_glob_takes_its_matches_in_order_and_folders_whole(tmp_path: Path) -> None:
    (tmp_path / "plays").mkdir()
    written(tmp_path, b="b\n", a="a\n")
    (tmp_path / "note.md").write_text("note\n")
    written(tmp_path / "plays", z="z\n")
    assert text_of(tmp_path / "*.txt") == "a\nb\n"
    assert text_of(tmp_path / "pl*") == "z\n"
    assert text_of(tmp_path / "[ab].txt") == "a\nb\n"
    assert text_of(tmp_path / "**" / "*.txt") == "a\nb\nz\n"


def test_a_glob_that_matches_a_folder_and_what_lies_in_it_reads_each_file_once(tmp_path: Path) -> None:
    # Text read twice would be in the training and in the validation part.
    (tmp_path / "sub").mkdir()
    written(tmp_path, a="one\n")
    written(tmp_path / "sub", b="two\n")
    assert text_of(tmp_path / "**") == "one\ntwo\n"


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path) -> None:
    a, _ = written(tmp_path, **{"a[1]": "brackets\n", "a1": "match\n"})
    assert text_of(a) == "brackets\n"


@pytest.mark.parametrize("name", ["missing.txt", "missing/", "*.nothing", "", "x" * 300], ids=lambda name: name[:12])
def test_a_name_that_leads_nowhere_is_told(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if not name:
        # An empty name, from an unset shell variable, must not match every file of the current folder.
        written(tmp_path, a="a\n")
    with pytest.raises(UsageError) as caught:
        find_corpus([name])
    assert name in str(caught.value)


def test_a_dangling_link_or_a_circle_of_links_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for name in ("dangling", "circle"):
        with pytest.raises(UsageError, match=name):
            find_corpus([str(tmp_path / name)])


def test_one_wrong_name_among_right_ones_is_told(tmp_path: Path) -> None:
    (path,) = written(tmp_path, a="a\n")
    with pytest.raises(UsageError, match="missing"):
        find_corpus([str(path), str(tmp_path / "missing")])


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()], ids=["gone", "now a folder"])
def test_a_file_that_can_no_longer_be_read_is_told_by_its_name(make: Callable[[Path], object], tmp_path: Path) -> None:
    (path,) = written(tmp_path, a="a\n")
    corpus = find_corpus([str(path)])
    path.unlink()
    make(path)
    with pytest.raises(CorpusError, match="cannot read") as caught:
        list(corpus.blocks())
    assert str(path) in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_told_by_its_name(tmp_path: Path) -> None:
    (path,) = written(tmp_path, a="a\n")
    path.chmod(0)
    with pytest.raises(CorpusError, match="cannot read") as caught:
        text_of(path)
    assert str(path) in str(caught.value)


def test_an_empty_file_is_an_empty_text(tmp_path: Path) -> None:
    (path,) = written(tmp_path, a="")
    assert text_of(path) == ""


def test_standard_input_is_read_and_can_be_read_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pipe_in(monkeypatch, tmp_path, "\N{ZERO WIDTH NO-BREAK SPACE}piped 日本\r\n".encode())
    corpus = find_corpus(["-"])
    assert "".join(corpus.blocks()) == "piped 日本\n"
    assert "".join(corpus.blocks()) == "piped 日本\n"
    assert corpus.name == "stdin"


def test_standard_input_can_stand_among_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    pipe_in(monkeypatch, tmp_path / "kept", b"piped")
    a, b = written(tmp_path, a="a\n", b="b\n")
    assert text_of(a, "-", b) == "a\npiped\nb\n"


def test_bad_bytes_on_standard_input_are_told_as_such_and_not_by_a_temporary_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pipe_in(monkeypatch, tmp_path, b"abc\xff")
    with pytest.raises(CorpusError, match=r"^standard input is not utf-8: byte 0xff at offset 3;") as caught:
        text_of("-")
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(("stdin", "what"), [(None, "closed"), (SimpleNamespace(isatty=lambda: True), "a terminal")])
def test_a_terminal_or_closed_standard_input_is_no_corpus(
    stdin: object, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", stdin)
    with pytest.raises(UsageError, match=f"that is {what}; pipe a text"):
        find_corpus(["-"])


def test_what_was_kept_of_standard_input_is_gone_when_the_process_ends(tmp_path: Path) -> None:
    code = "from rnntui.text.corpus import find_corpus; print(''.join(find_corpus(['-']).blocks()))"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], input=b"piped", env=environment, capture_output=True, check=True, timeout=60
    )
    assert done.stdout.strip() == b"piped"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gzipped), (".xz", lzma.compress)], ids=[".gz", ".xz"])
class TestCompressed:
    """Tests of both kinds of archives."""

    def test_a_compressed_file_reads_as_what_was_compressed(
        self, suffix: str, compress: Callable[[bytes], bytes], tmp_path: Path
    ) -> None:
        path = tmp_path / f"a.txt{suffix}"
        path.write_bytes(compress("\N{ZERO WIDTH NO-BREAK SPACE}日本\r\n".encode() * 2))
        assert text_of(path) == "日本\n\N{ZERO WIDTH NO-BREAK SPACE}日本\n"

    def test_its_suffix_may_be_in_capitals(
        self, suffix: str, compress: Callable[[bytes], bytes], tmp_path: Path
    ) -> None:
        path = tmp_path / f"A.TXT{suffix.upper()}"
        path.write_bytes(compress(b"text"))
        assert text_of(path) == "text"

    def test_archives_one_after_another_in_a_file_read_as_one(
        self, suffix: str, compress: Callable[[bytes], bytes], tmp_path: Path
    ) -> None:
        path = tmp_path / f"a{suffix}"
        path.write_bytes(compress(b"one ") + compress(b"two"))
        assert text_of(path) == "one two"

    def test_cut_short_anywhere_it_is_told_by_its_name(
        self, suffix: str, compress: Callable[[bytes], bytes], tmp_path: Path
    ) -> None:
        path = tmp_path / f"a{suffix}"
        whole = compress(b"some text, and some more\n" * 20)
        for length in range(1, len(whole)):
            path.write_bytes(whole[:length])
            with pytest.raises(CorpusError) as caught:
                text_of(path)
            assert str(path) in str(caught.value)

    def test_damaged_it_is_told_by_its_name(
        self, suffix: str, compress: Callable[[bytes], bytes], tmp_path: Path
    ) -> None:
        path = tmp_path / f"a{suffix}"
        whole = compress(b"some text, and some more\n" * 20)
        for damaged in (b"no archive at all\n", whole[:-6] + b"??" + whole[-4:], whole[:20] + b"????" + whole[24:]):
            path.write_bytes(damaged)
            with pytest.raises(CorpusError) as caught:
                text_of(path)
            assert str(path) in str(caught.value)

    def test_the_offset_of_a_bad_byte_counts_in_the_unpacked_text(
        self, suffix: str, compress: Callable[[bytes], bytes], tmp_path: Path
    ) -> None:
        path = tmp_path / f"a{suffix}"
        path.write_bytes(compress(b"a" * 1000 + b"\xff"))
        with pytest.raises(CorpusError, match="offset 1000;"):
            text_of(path)


@repeatable
@given(plain_text, st.sampled_from(BAD_BYTES), plain_text, block_sizes)
@example("a日", b"\xf0\x9f\x98(", "", 2)
def test_the_first_bad_byte_is_told_with_its_exact_offset_wherever_blocks_end(
    scratch: Path, before: str, bad: bytes, after: str, size: int
) -> None:
    (path,) = written(scratch, bad=before.encode() + bad + after.encode() + b"\xff")
    with pytest.raises(CorpusError) as caught:
        read_in_blocks(find_corpus([str(path)]), size)
    assert f"{path} is not utf-8: byte 0x{bad[0]:02x} at offset {len(before.encode())};" in str(caught.value)


@repeatable
@given(plain_text, st.sampled_from([b"\xc3", b"\xe2\x82", b"\xf0", b"\xf0\x9f\x98"]), block_sizes)
def test_a_character_cut_off_by_the_files_end_is_told_with_its_offset(
    scratch: Path, before: str, start: bytes, size: int
) -> None:
    (path,) = written(scratch, cut=before.encode() + start)
    with pytest.raises(CorpusError) as caught:
        read_in_blocks(find_corpus([str(path)]), size)
    assert f"byte 0x{start[0]:02x} at offset {len(before.encode())};" in str(caught.value)


@pytest.mark.parametrize("size", [1, 3, 4, 1000])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_bad_bytes_offset_counts_the_byte_order_mark_as_an_editor_does(
    encoding: str, size: int, tmp_path: Path
) -> None:
    (path,) = written(tmp_path, a=b"\xef\xbb\xbfab\xff")
    with pytest.raises(CorpusError, match="offset 5;"):
        read_in_blocks(find_corpus([str(path)], encoding), size)


def test_the_error_names_the_file_that_is_bad_and_not_the_first(tmp_path: Path) -> None:
    good, bad = written(tmp_path, good="good", bad=b"ab\xff")
    with pytest.raises(CorpusError, match="offset 2;") as caught:
        text_of(good, bad)
    assert str(bad) in str(caught.value)
    assert str(good) not in str(caught.value)


@repeatable
@given(st.binary(max_size=30).map(lambda data: data.replace(b"\0", b"")), plain_text, block_sizes)
def test_errors_replace_reads_on_with_replacement_characters(scratch: Path, data: bytes, text: str, size: int) -> None:
    data = b"x" + data + text.encode()
    (path,) = written(scratch, replaced=data)
    assert read_in_blocks(find_corpus([str(path)], errors="replace"), size) == with_lf(data.decode("utf-8", "replace"))


def test_a_binary_file_named_outright_is_told_with_the_offset_of_its_zero_byte(tmp_path: Path) -> None:
    (path,) = written(tmp_path, a=b"PNG\0abc")
    with pytest.raises(CorpusError, match="binary: a zero byte at offset 3;") as caught:
        text_of(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf_16_is_read_where_its_encoding_is_given_and_in_a_folder_too(encoding: str, tmp_path: Path) -> None:
    written(tmp_path, a="\N{ZERO WIDTH NO-BREAK SPACE}héllo 👩\r\n".encode("utf-16-le"))
    assert text_of(tmp_path / "a.txt", encoding=encoding) == "héllo 👩\n"
    assert text_of(tmp_path, encoding=encoding) == "héllo 👩\n"


def test_utf_16_without_its_encoding_is_told_what_to_give(tmp_path: Path) -> None:
    (path,) = written(tmp_path, a="héllo".encode("utf-16"))
    with pytest.raises(CorpusError, match="--encoding"):
        text_of(path)


def test_latin_1_is_read_where_its_encoding_is_given(tmp_path: Path) -> None:
    (path,) = written(tmp_path, a="déjà vu\n".encode("latin-1"))
    assert text_of(path, encoding="latin-1") == "déjà vu\n"
    with pytest.raises(CorpusError, match="byte 0xe9 at offset 1; perhaps it is --encoding cp1252, or"):
        text_of(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "undefined", "punycode"])
def test_a_text_that_is_not_in_the_encoding_given_is_told_in_one_line(encoding: str, tmp_path: Path) -> None:
    (path,) = written(tmp_path, a="hello, you \N{EURO SIGN}")
    with pytest.raises(RnntuiError, match=encoding):
        text_of(path, encoding=encoding)


@pytest.mark.parametrize("encoding", ["", "klingon", "é", "utf-9", "hex", "rot13", "base64", "zlib"])
def test_an_encoding_that_is_none_of_text_is_a_wrong_flag(encoding: str, tmp_path: Path) -> None:
    (path,) = written(tmp_path, a="hello")
    with pytest.raises(UsageError, match="--encoding"):
        text_of(path, encoding=encoding)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("tiny.txt", "tiny"),
        ("notes.md", "notes"),
        ("pairs.tsv", "pairs"),
        ("Table.CSV", "Table"),
        ("logs.jsonl", "logs"),
        ("tiny.txt.gz", "tiny"),
        ("tiny.xz", "tiny"),
        ("no suffix", "no-suffix"),
        ("日本.txt", "日本"),
        ("plays/", "plays"),
        ("plays/*.txt", "plays"),
        ("plays/../plays", "plays"),
        ("plays/..", "corpora"),
        (".", "corpora"),
        ("*.md", "corpora"),
        ("...txt", "run"),
    ],
)
def test_a_run_is_named_after_its_text(source: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "corpora"
    (folder / "plays").mkdir(parents=True)
    monkeypatch.chdir(folder)
    tables = ("pairs.tsv", "Table.CSV", "logs.jsonl")
    for file in ("tiny.txt", "notes.md", "no suffix", "日本.txt", "plays/a.txt", "...txt", *tables):
        Path(file).write_text("text\n")
    Path("tiny.txt.gz").write_bytes(gzip.compress(b"text"))
    Path("tiny.xz").write_bytes(lzma.compress(b"text"))
    assert find_corpus([source]).name == name


def test_a_run_on_several_texts_is_named_after_the_first(tmp_path: Path) -> None:
    a, b = written(tmp_path, a="a", b="b")
    assert find_corpus([str(b), str(a)]).name == "b"


@pytest.mark.parametrize(
    "blocks", [["a\r\nb\r\n\r\nc"], ["a\r", "\nb", "\r\n\r", "\nc"], list("a\r\nb\r\n\r\nc"), ["a\nb\n\nc\r"]]
)
def test_lines_are_the_same_wherever_blocks_end(blocks: list[str]) -> None:
    assert list(lines_of(blocks)) == ["a", "b", "", "c"]


def test_a_line_that_is_too_long_is_read_as_several() -> None:
    assert list(lines_of(["aaaaaaa", "a\nb"], 3)) == ["aaa", "aaa", "aa", "b"]


def test_the_fraction_that_is_read_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.text.corpus._BLOCK", 10)
    (tmp_path / "a.txt").write_text("x" * 30)
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"y" * 100))
    fractions: list[float] = []
    corpus = replace(find_corpus([str(tmp_path)]), progress=fractions.append)
    assert sum(map(len, corpus.blocks())) == 131
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert 0.0 < fractions[0] < 0.3 and corpus == replace(corpus, progress=None)
