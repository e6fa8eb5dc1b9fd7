"""Standard input as text and as lines: line ends, byte order marks, encodings, and lines as soon as they arrive."""

from __future__ import annotations

import io
import os
import re
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnntui.cli.inputs import decode_lines, read_text
from rnntui.errors import CorpusError, UsageError

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=60)


def pieces_of(data: bytes, size: int) -> Iterator[bytes]:
    """Yield the data in pieces of some bytes."""
    return (data[start : start + size] for start in range(0, len(data), size))


@repeatable
@given(
    st.lists(st.text("aé日\x0b\x0c\x85\u2028 ", max_size=4), min_size=1, max_size=5),
    st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=5, max_size=5),
    st.integers(1, 9),
    st.sampled_from(["utf-8", "utf-16", "utf-16-be", "gb18030"]),
)
def test_any_line_end_ends_a_line_wherever_pieces_end(
    lines: list[str], ends: list[str], size: int, encoding: str
) -> None:
    text = "".join(line + end for line, end in zip(lines, ends, strict=False))
    expected = re.sub("\r\n?", "\n", text).split("\n")[:-1]
    assert list(decode_lines(pieces_of(text.encode(encoding, "replace"), size), encoding, "replace")) == [
        line.encode(encoding, "replace").decode(encoding) for line in expected
    ]


@pytest.mark.parametrize(
    ("data", "lines", "kept"),
    [
        (b"", [], []),
        (b"one", ["one"], ["one"]),
        (b"one\rtwo\r", ["one", "two"], ["one\rtwo\r"]),
        (b"\r\n\r\n", ["", ""], ["\r", "\r"]),
        (b"\n\r", ["", ""], ["", "\r"]),
        (b"\xef\xbb\xbfone\r\n\xef\xbb\xbftwo\r\n", ["one", "\ufefftwo"], ["one\r", "\ufefftwo\r"]),
        (b"\xef\xbb\xbf", [], []),
    ],
)
def test_lines_of_a_stream(data: bytes, lines: list[str], kept: list[str]) -> None:
    assert list(decode_lines(io.BytesIO(data), "utf-8", "strict")) == lines
    assert list(decode_lines(data.splitlines(keepends=True), "utf-8", "strict")) == lines
    assert list(decode_lines(io.BytesIO(data), "utf-8", "strict", "keep")) == kept


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_a_line_is_given_before_the_writer_sends_more(line_end: bytes) -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as stream, open(writer, "wb", buffering=0) as pipe:  # noqa: PTH123
        lines = decode_lines(stream, "utf-8", "strict")
        for word in ("one", "two", "", "three"):
            timer = threading.Timer(20, pipe.close)  # a reader that waits for more gets the end of the stream
            timer.start()
            pipe.write(word.encode() + line_end)
            assert next(lines) == word
            assert timer.is_alive()
            timer.cancel()


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("encoding", "bad"), [("utf-8", b"caf\xe9 x"), ("gb18030", b"caf\xff"), ("utf-16-le", b"c\0a\0f\0\0\xdcx\0")]
)
def test_an_invalid_line_is_told_with_its_byte_after_those_before_it(line_end: str, encoding: str, bad: bytes) -> None:
    data = f"one{line_end}é 日{line_end}".encode(encoding) + bad
    lines = decode_lines(io.BytesIO(data), encoding, "strict")
    assert (next(lines), next(lines)) == ("one", "é 日")
    byte = len("caf".encode(encoding))
    with pytest.raises(CorpusError, match=rf"line 3 of standard input is not {encoding} at byte {byte} of the line; "):
        next(lines)


def test_the_byte_order_mark_counts_in_the_first_line() -> None:
    with pytest.raises(CorpusError, match="line 1 of standard input is not utf-8 at byte 5 of the line;"):
        next(decode_lines(io.BytesIO(b"\xef\xbb\xbfab\xff"), "utf-8", "strict"))


def test_a_long_line_is_read_in_linear_time() -> None:
    [line] = decode_lines(io.BytesIO(b"a" * (32 << 20)), "utf-8", "strict")
    assert len(line) == 32 << 20


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_whole_text_is_read_without_mark_and_with_lf(encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-8" else ""  # the other codecs write one themselves
    data = f"{mark}one\r\ntwo\rthree \u2028\n\r".encode(encoding)
    assert read_text(io.BytesIO(data), encoding, "strict", "universal") == "one\ntwo\nthree \u2028\n\n"
    assert read_text(io.BytesIO(data), encoding, "strict", "keep") == "one\r\ntwo\rthree \u2028\n\r"


def test_an_invalid_text_is_told_with_its_byte() -> None:
    with pytest.raises(CorpusError, match=r"^standard input is not utf-8: byte 0xe9 at offset 6; name its --encoding"):
        read_text(io.BytesIO("\ufeffcaf".encode() + b"\xe9"), "utf-8", "strict", "universal")
    assert read_text(io.BytesIO(b"caf\xe9"), "utf-8", "replace", "universal") == "caf\N{REPLACEMENT CHARACTER}"
    with pytest.raises(UsageError, match="--encoding 'klingon'"):
        read_text(io.BytesIO(b""), "klingon", "strict", "universal")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("one\n".encode("utf-16"), "is UTF-16, as its first two bytes show; read it with --encoding utf-16"),
        ("one\n".encode("utf-16-le"), "is UTF-16 without a byte order mark, as its zero bytes show; read it with"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "is a PDF document; convert it: pdftotext FILE - \\|"),
        (b"PK\3\4abc", "is a zip archive; extract it and name what is in it"),
        (b"\x1f\x8b\x08abc", r"is compressed by gzip; decompress it: gzip -dc FILE \|"),
    ],
)
def test_input_that_is_no_utf_8_text_is_named_as_what_it_is(data: bytes, message: str) -> None:
    with pytest.raises(CorpusError, match=f"^standard input {message}"):
        read_text(io.BytesIO(data), "utf-8", "strict", "universal")
    with pytest.raises(CorpusError, match=f"^standard input {message}"):
        next(decode_lines(io.BytesIO(data), "utf-8", "replace"))
    assert list(decode_lines(io.BytesIO(b"one\0two\n"), "utf-8", "strict")) == ["one\0two"]


def test_what_only_a_corpus_expands_is_to_be_decompressed_and_not_renamed() -> None:
    with pytest.raises(CorpusError, match=r"lines.bin is compressed by gzip; decompress it: gzip -dc < lines.bin >"):
        read_text(io.BytesIO(b"\x1f\x8b\x08abc"), "utf-8", "strict", "universal", "lines.bin")


PAGE = b"<!DOCTYPE html>\n<p>One &amp; two</p>\n"
SUBTITLES = b"1\n00:00:01,000 --> 00:00:02,000\nHi\n"


@pytest.mark.parametrize(
    ("name", "data", "note"),
    [
        (
            "my page.html", PAGE,
            "my page.html is an HTML page, whose tags are read as text here; to leave them out: "
            "pandoc -f html -t plain --wrap=none -o 'my page.txt' 'my page.html'",
        ),
        ("a.docx", PAGE, "a.docx is an HTML page"),
        ("b.html", b"\xef\xbb\xbf" + PAGE, "b.html is an HTML page"),
        ("c.html", b"\n\r\n \t" + PAGE, "c.html is an HTML page"),
        (
            "d/A B.HTML", PAGE,
            "d/A B.HTML is an HTML page, whose tags are read as text here; to leave them out: "
            "pandoc -f html -t plain --wrap=none -o 'd/A B.txt' 'd/A B.HTML'",
        ),
        ("a.srt", SUBTITLES, "a.srt has subtitles, whose times are read as text here"),
        ("a.vtt", b"WEBVTT\n\nNOTE no cue yet\n", "a.vtt has subtitles, whose times are read as text here"),
        ("a.docx", b"one\n", "a.docx is read as plain text in spite of its name"),
        ("b/A.Doc", b"one\ntwo\n", "b/A.Doc is read as plain text in spite of its name"),
        ("a.epub", SUBTITLES, "a.epub is read as plain text in spite of its name"),
        ("a.html", b"one</b>\n", "a.html is read as plain text in spite of its name"),
        ("a.txt", PAGE, ""),
        ("A.TXT", PAGE, ""),
        ("page", PAGE, ""),
        ("docx", b"one\n", ""),
        ("a.md", PAGE, ""),
        ("a.tsv", SUBTITLES, ""),
        ("a.es", b"one --> two\n", ""),
        ("a.docx", b"", ""),
        ("a.html", b"<!--" + b"-" * (1 << 16) + b"-->" + PAGE, ""),
        ("a.html", b"a < b\n", ""),
        ("a.srt", b"one\n", ""),
        ("standard input", PAGE, ""),
    ],
)  # fmt: skip
def test_markup_that_a_corpus_would_leave_out_is_noted(
    name: str, data: bytes, note: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = data.decode("utf-8-sig").replace("\r\n", "\n")
    assert read_text(io.BytesIO(data), "utf-8", "strict", "universal", name) == text
    text_note = capsys.readouterr().err
    assert list(decode_lines(pieces_of(data, 40), "utf-8", "strict", name=name)) == text.splitlines()
    assert text_note == capsys.readouterr().err
    assert text_note.startswith(f"rnntui: {note}") and text_note.count("\n") == 1 if note else not text_note


def test_a_page_in_utf_16_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    text = PAGE.decode()
    assert read_text(io.BytesIO(text.encode("utf-16")), "utf-16", "strict", "universal", "a.html") == text
    assert capsys.readouterr().err.startswith("rnntui: a.html is an HTML page")


@pytest.mark.parametrize("cut", [0, 30])
def test_a_document_is_no_lines_and_told_if_it_is_damaged(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "letter.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<a/>")
    path.write_bytes(data := path.read_bytes()[: path.stat().st_size - cut])
    convert = "a DOCX file; save it as text, or convert it: pandoc -f docx -t plain --wrap=none"
    told = "a damaged DOCX file; its end is missing" if cut else convert
    with path.open("rb") as stream, pytest.raises(CorpusError, match=re.escape(f"letter.docx is {told}")):
        next(decode_lines(stream, "utf-8", "strict", name=str(path)))
    with pytest.raises(CorpusError, match=re.escape(f"standard input is {convert} FILE |")):
        read_text(io.BytesIO(data), "utf-8", "strict", "universal")
