"""The fingerprint of a run: of its model, whatever the run is called."""

from __future__ import annotations

import shutil
import tracemalloc
from pathlib import Path

import pytest

from rnntui.errors import RunError
from rnntui.runs.fingerprint import run_fingerprint
from rnntui.runs.folder import RunFolder

FILES = [
    "model.safetensors", "ngrams.safetensors", "known_words.txt",
    *(f"{folder}tokenizer.{ending}" for folder in ("", "source/", "target/") for ending in ("json", "model")),
]  # fmt: skip


def test_a_large_file_is_not_read_into_memory(run: RunFolder) -> None:
    with run.weights_file.open("wb") as file:
        file.truncate(16 << 20)
    tracemalloc.start()
    try:
        assert len(run_fingerprint(run)) == 64
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_every_file_of_the_model_counts_and_no_other(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"model\.safetensors is missing"):
        run_fingerprint(run)
    found = []
    for name in FILES:
        for content in (b"content", b"Content"):
            path = run.path / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            found.append(run_fingerprint(run))
    assert len(set(found)) == len(found)
    (run.path / "metrics.jsonl").write_bytes(b"{}\n")
    (run.path / "tokenizer.txt").touch()
    copy = shutil.copytree(run.path, tmp_path / "copy")
    assert run_fingerprint(run) == run_fingerprint(RunFolder(copy)) == found[-1]
    (copy / "source/tokenizer.model").rename(copy / "target/other.model")
    assert run_fingerprint(RunFolder(copy)) not in found
