"""Compressed corpora: the complete text, or an error that names the file; the tools decide what is complete.

The readers of Python 3.11's standard library return a part of some of these files: `lzma.LZMAFile` stops at padding
between streams and passes over other bytes there, `gzip.GzipFile` does not check headers. `bzip2 -t` passes over any
bytes after a stream, which are refused here.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import struct
import subprocess
import threading
import tracemalloc
import zlib
from pathlib import Path

import pytest

from rnntui.errors import CorpusError
from rnntui.text.compressed import read_blocks
from rnntui.text.corpus import find_corpus
from rnntui.text.pairs import read_table

ALPHA, BETA = b"alpha\n" * 50, b"beta\n" * 50
XZ_A, XZ_B = lzma.compress(ALPHA), lzma.compress(BETA)
GZ_A, GZ_B = gzip.compress(ALPHA, mtime=0), gzip.compress(BETA, mtime=0)
BZ_A, BZ_B = bz2.compress(ALPHA), bz2.compress(BETA)
LZMA = lzma.compress(ALPHA, format=lzma.FORMAT_ALONE)


def flipped(data: bytes, index: int) -> bytes:
    """The data with one bit changed."""
    changed = bytearray(data)
    changed[index] ^= 1
    return bytes(changed)


def with_header_checksum(member: bytes, error: int) -> bytes:
    """A gzip member whose header has a checksum, which is wrong by `error`."""
    header = member[:3] + b"\x02" + member[4:10]
    return header + struct.pack("<H", (zlib.crc32(header) & 0xFFFF) ^ error) + member[10:]


COMPLETE = {
    ".xz": {
        "one stream": (XZ_A, ALPHA),
        "two streams": (XZ_A + XZ_B, ALPHA + BETA),
        "padding between": (XZ_A + bytes(4) + XZ_B, ALPHA + BETA),
        "padding between and at the end": (XZ_A + bytes(8) + XZ_B + bytes(4), ALPHA + BETA),
        "padding at the end": (XZ_A + bytes(12), ALPHA),
        "more padding than is read at once": (XZ_A + bytes(1 << 18) + XZ_B, ALPHA + BETA),
        "an empty stream between": (XZ_A + lzma.compress(b"") + bytes(4) + XZ_B, ALPHA + BETA),
        "an empty stream": (lzma.compress(b""), b""),
        "no check": (lzma.compress(ALPHA, check=lzma.CHECK_NONE), ALPHA),
        "the older lzma format": (LZMA, ALPHA),
    },
    ".gz": {
        "one member": (GZ_A, ALPHA),
        "two members": (GZ_A + GZ_B, ALPHA + BETA),
        "a zero at the end": (GZ_A + b"\0", ALPHA),
        "zeros at the end": (GZ_A + GZ_B + bytes(1000), ALPHA + BETA),
        "an empty member": (gzip.compress(b""), b""),
        "an empty member between": (GZ_A + gzip.compress(b"") + GZ_B, ALPHA + BETA),
        "a header with its checksum": (with_header_checksum(GZ_A, 0), ALPHA),
    },
    ".bz2": {
        "one stream": (BZ_A, ALPHA),
        "two streams": (BZ_A + BZ_B, ALPHA + BETA),
        "an empty stream": (bz2.compress(b""), b""),
        "an empty stream between": (BZ_A + bz2.compress(b"") + BZ_B, ALPHA + BETA),
        "zeros at the end": (BZ_A + bytes(1000), ALPHA),
        "several blocks": (bz2.compress(ALPHA * 2000, 1), ALPHA * 2000),
    },
}
REFUSED = {
    ".xz": {
        "empty": b"",
        "one byte of padding": XZ_A + bytes(1),
        "five bytes of padding": XZ_A + bytes(5),
        "two bytes of padding between": XZ_A + bytes(2) + XZ_B,
        "padding before": bytes(4) + XZ_A,
        "nothing but padding": bytes(4),
        "garbage after": XZ_A + b"garbage, more of it than a header has",
        "a little garbage after": XZ_A + b"g",
        "garbage after padding": XZ_A + bytes(4) + b"garbage",
        "second stream truncated": XZ_A + XZ_B[:-3],
        "second stream truncated within its header": XZ_A + XZ_B[:3],
        "second stream truncated after padding": XZ_A + bytes(4) + XZ_B[:-20],
        "a changed bit": flipped(XZ_A, len(XZ_A) // 2),
        "a changed bit in the second stream": XZ_A + bytes(4) + flipped(XZ_B, len(XZ_B) // 2),
        "a changed bit in the index": flipped(XZ_A, -16),
        "the older format after it": XZ_A + LZMA,
        "a stream after the older format": LZMA + XZ_A,
        "padding after the older format": LZMA + bytes(4),
        "a gzip file": GZ_A,
    },
    ".gz": {
        "empty": b"",
        "zeros": bytes(4),
        "zeros before": bytes(3) + GZ_A,
        "garbage after": GZ_A + b"garbage",
        "garbage after zeros": GZ_A + bytes(4) + b"garbage",
        "one byte of a second member": GZ_A + b"\x1f",
        "second member truncated within its header": GZ_A + GZ_B[:10],
        "second member truncated within a file name": GZ_A + b"\x1f\x8b\x08\x08" + bytes(6) + b"nam",
        "second member truncated": GZ_A + GZ_B[:-12],
        "second member without checksum and size": GZ_A + GZ_B[:-8],
        "wrong checksum": flipped(GZ_A, -8),
        "wrong size": flipped(GZ_A, -2),
        "wrong size in the second member": GZ_A + flipped(GZ_B, -1),
        "wrong header checksum": with_header_checksum(GZ_A, 1),
        "reserved flags": GZ_A[:3] + b"\xe0" + GZ_A[4:],
        "an xz file": XZ_A,
    },
    ".bz2": {
        "empty": b"",
        "zeros": bytes(4),
        "one byte of a second stream": BZ_A + b"B",
        "second stream truncated": BZ_A + BZ_B[:-3],
        "second stream truncated within its header": BZ_A + BZ_B[:6],
        "wrong checksum": flipped(BZ_A, -2),
        "a changed bit": flipped(BZ_A, len(BZ_A) // 2),
        "a changed bit in the second stream": BZ_A + flipped(BZ_B, len(BZ_B) // 2),
        "a gzip file": GZ_A,
    },
}
COMPLETE_CASES = [pytest.param(s, d, t, id=f"{s} {name}") for s, c in COMPLETE.items() for name, (d, t) in c.items()]
REFUSED_CASES = [pytest.param(s, d, id=f"{s} {name}") for s, c in REFUSED.items() for name, d in c.items()]


def tool_accepts(path: Path) -> bool:
    """Return whether `xz -t` or `gzip -t` accepts a file without a warning."""
    tool = {".xz": "xz", ".gz": "gzip", ".bz2": "bzip2"}[path.suffix]
    if shutil.which(tool) is None:
        pytest.skip(f"needs {tool}")
    return subprocess.run([tool, "-t", path], check=False, capture_output=True, timeout=60).returncode == 0


@pytest.mark.parametrize(("suffix", "data", "text"), COMPLETE_CASES)
@pytest.mark.parametrize("size", [1, 7, 300, 1 << 16])
def test_a_complete_file_is_read_to_its_end_in_blocks_of_any_size(
    suffix: str, data: bytes, text: bytes, size: int, tmp_path: Path
) -> None:
    path = tmp_path / f"text{suffix}"
    path.write_bytes(data)
    blocks = list(read_blocks(path, size))
    assert b"".join(blocks) == text
    assert all(len(block) == size for block in blocks[:-1])


@pytest.mark.parametrize(("suffix", "data"), REFUSED_CASES)
def test_an_incomplete_file_is_refused_by_its_name_in_one_line(suffix: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"text{suffix}"
    path.write_bytes(data)
    with pytest.raises(CorpusError) as caught:
        list(find_corpus([str(path)]).blocks())
    message = str(caught.value)
    assert message.startswith(f"{path} is not a complete {suffix} archive: ")
    assert "\n" not in message


@pytest.mark.parametrize(("suffix", "data", "text"), COMPLETE_CASES)
def test_the_tools_accept_the_same_files(suffix: str, data: bytes, text: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"text{suffix}"
    path.write_bytes(data)
    assert tool_accepts(path)


@pytest.mark.parametrize(("suffix", "data"), REFUSED_CASES)
def test_the_tools_refuse_the_same_files(suffix: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"text{suffix}"
    path.write_bytes(data)
    assert not tool_accepts(path)


def test_a_member_after_zero_bytes_is_read_where_gzip_warns_and_drops_it(tmp_path: Path) -> None:
    # gzip 1.12: "decompression OK, trailing garbage ignored", exit code 2.
    path = tmp_path / "text.gz"
    path.write_bytes(GZ_A + bytes(5) + GZ_B)
    assert b"".join(read_blocks(path, 64)) == ALPHA + BETA


@pytest.mark.parametrize("data", [BZ_A + b"garbage", BZ_A + bytes(4) + b"garbage", BZ_A + GZ_A])
def test_bytes_that_bzip2_passes_over_are_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "text.bz2"
    path.write_bytes(data)
    assert tool_accepts(path)
    with pytest.raises(CorpusError, match=r"text.bz2 is not a complete .bz2 archive: "):
        list(find_corpus([str(path)]).blocks())


@pytest.mark.parametrize(
    ("suffix", "data", "problem"),
    [
        (".xz", XZ_A + bytes(2) + XZ_B, f"the zero bytes at byte {len(XZ_A)} are 2, where padding is a multiple of 4"),
        (".xz", XZ_A + bytes(4) + b"garbage garbage", f"the stream at byte {len(XZ_A) + 4} cannot be read"),
        (".xz", XZ_A + XZ_B[:-3], f"it ends within the stream at byte {len(XZ_A)}"),
        (".xz", LZMA + b"garbage", f"it is followed by other data at byte {len(LZMA)}"),
        (".gz", GZ_A + b"garbage", f"the member at byte {len(GZ_A)} cannot be read"),
        (".gz", GZ_A + GZ_B[:-3], f"it ends within the member at byte {len(GZ_A)}"),
        (".gz", flipped(GZ_A, -8), "the member at byte 0 cannot be read"),
        (".bz2", BZ_A + b"garbage", f"the stream at byte {len(BZ_A)} cannot be read"),
        (".bz2", BZ_A + BZ_B[:-3], f"it ends within the stream at byte {len(BZ_A)}"),
    ],
)
def test_the_error_says_what_is_wrong_and_where(suffix: str, data: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / f"text{suffix}"
    path.write_bytes(data)
    with pytest.raises(CorpusError) as caught:
        list(find_corpus([str(path)]).blocks())
    assert problem in str(caught.value)


def test_pairs_and_folders_are_read_past_padding_too(tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv.xz").write_bytes(lzma.compress(b"one\tuno\n") + bytes(4) + lzma.compress(b"two\tdos\n"))
    assert [pair.target for pair in read_table(find_corpus([str(tmp_path / "pairs.tsv.xz")])).rows] == ["uno", "dos"]
    # Whether a file of a folder is text is decided by its content past the first stream.
    (tmp_path / "picture.xz").write_bytes(lzma.compress(b"\x89PNG") + bytes(4) + lzma.compress(b"\0\0\0"))
    corpus = find_corpus([str(tmp_path)])
    assert [file.path for file in corpus.skipped] == [tmp_path / "picture.xz"]
    assert "".join(corpus.blocks()) == "one\tuno\ntwo\tdos\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_compressed_named_pipe_is_decompressed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "copies"))
    pipe = tmp_path / "pipe.xz"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(XZ_A + bytes(4) + XZ_B,))
    writer.start()
    # Every byte is a character in Latin-1: compressed bytes would be read as text.
    text = "".join(find_corpus([str(pipe)], "latin-1").blocks())
    writer.join()
    assert text.encode() == ALPHA + BETA


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2"])
def test_memory_does_not_grow_with_the_text(suffix: str, tmp_path: Path) -> None:
    # 64 MB of one letter are 63 kB of gzip, 10 kB of xz and 80 bytes of bzip2, less than is read at once.
    path = tmp_path / f"text{suffix}"
    size = 64 << 20
    if suffix == ".gz":
        path.write_bytes(gzip.compress(b"a" * size))
    elif suffix == ".xz":
        path.write_bytes(lzma.compress(b"a" * size, preset=0))
    else:
        path.write_bytes(bz2.compress(b"a" * (1 << 20)) * 64)
    tracemalloc.start()
    try:
        total = sum(len(block) for block in read_blocks(path, 1 << 18))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == size
    assert peak < (8 << 20 if suffix == ".bz2" else 4 << 20)  # bzip2 decompresses blocks of up to 900 kB
