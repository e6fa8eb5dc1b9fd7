"""Reading of files that may come from anywhere."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from rnntui.runs.weights_header import read_entries, read_weights_header
from rnntui.untrusted_files import _RegularFile, open_regular


@pytest.mark.skipif(os.name != "posix", reason="pipes that do not wait")
def test_a_file_ends_where_reading_would_wait() -> None:
    """As some files below /proc make it, which are regular ones by their mode."""
    ends = os.pipe()
    os.set_blocking(ends[0], False)
    with open(ends[1], "wb", buffering=0) as writer:  # noqa: PTH123
        raw = _RegularFile(ends[0])
        assert raw.read(8) == b"" == raw.readall()
        reader = io.BufferedReader(raw)
        assert reader.read(8) == b"" and reader.readline() == b""
        writer.write(b"twelve bytes")
        assert reader.read(6) == b"twelve" and reader.read(100) == b" bytes"
        reader.close()


@pytest.mark.parametrize("buffering", [-1, 0])
def test_a_file_is_read_as_it_is(tmp_path: Path, buffering: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc\n" * 5000)
    with open_regular(path, buffering) as file:
        assert file.read(5) == b"abc\na" and file.readline() == b"bc\n"
        file.seek(0)
        assert file.read() == path.read_bytes()


@pytest.mark.parametrize("place", ["name", "key", "text"])
def test_half_a_surrogate_pair_is_in_no_header_of_ours(tmp_path: Path, place: str) -> None:
    half = "\\ud800"
    name, key, text = (half if place == each else "x" for each in ("name", "key", "text"))
    array = json.dumps({"dtype": "F32", "shape": [1], "data_offsets": [0, 4]})
    header = f'{{"__metadata__": {{"{key}": "{text}"}}, "{name}": {array}}}'.encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with path.open("rb") as file, pytest.raises(ValueError, match="surrogates not allowed"):
        read_entries(file)
    assert read_weights_header(path) is None
