"""Whether the rows that a run has held out can be found again, and the fingerprint of what was trained."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from run_examples import CONFIG
from tiny_runs import make_run

from rnntui import __version__
from rnntui.errors import CorpusError, RunError
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.runs.fingerprint import run_fingerprint
from rnntui.runs.folder import RunFolder
from rnntui.runs.held_out import check_held_out_corpus, split_differs

OF_CORPUS = replace(CONFIG, corpus=TextCorpusInfo(sources=("a.tsv", "b.tsv"), fingerprint="abc"))


def check(validation: tuple[str, ...] | None, fingerprint: str, config=OF_CORPUS) -> None:
    check_held_out_corpus("mine", config, validation, fingerprint, ["c.tsv"], "pairs")


def test_the_corpus_of_a_run_has_its_held_out_rows() -> None:
    check(None, "abc")
    check((), "abc")
    with pytest.raises(CorpusError, match=r"^run mine has no held-out pairs: its validation set was v\.tsv, w\.tsv"):
        check(("v.tsv", "w.tsv"), "abc")
    with pytest.raises(CorpusError, match=r"^c\.tsv: not the pairs that run mine was created from \(a\.tsv, b\.tsv\)"):
        check(None, "abd")
    with pytest.raises(CorpusError, match="created from \\(unknown files\\)"):
        check(None, "abd", replace(CONFIG, corpus=TextCorpusInfo(fingerprint="abc")))


def test_a_split_of_another_version_names_that_version() -> None:
    error = split_differs("mine", replace(CONFIG, versions={"rnntui": "0.1"}), "texts")
    assert (
        error.problem.startswith(f"rnntui {__version__} splits these texts differently") and "run mine" in error.problem
    )
    assert error.hint == "use that version, 0.1"
    assert split_differs("mine", replace(CONFIG, versions={}), "texts").hint.endswith("which is not recorded")


def test_the_fingerprint_of_a_copy_is_the_same_and_changes_with_any_file(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    copy = RunFolder(Path(shutil.copytree(run.path, tmp_path / "b")))
    copy.metrics_file.write_text("{}")
    fingerprint = run_fingerprint(run)
    assert fingerprint == run_fingerprint(copy) and len(fingerprint) == 64
    seen = {fingerprint}
    for file in (copy.ngrams_file, copy.known_words_file, copy.path / "tokenizer.model", copy.weights_file):
        file.write_bytes(b"x")
        seen.add(run_fingerprint(copy))
    (copy.path / "source").mkdir()
    (copy.path / "tokenizer.model").rename(copy.path / "source" / "tokenizer.model")
    seen.add(run_fingerprint(copy))
    assert len(seen) == 6
    copy.weights_file.unlink()
    with pytest.raises(RunError, match=r"model\.safetensors is missing"):
        run_fingerprint(copy)
