"""`rnntui verify` on runs as training leaves them: what it prints, its exit codes, and what a repaired run can do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rnntui.runs.checksums import copy_of
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_files import foreign_files

TEXT = "the quick brown fox jumps over the lazy dog\n" * 60
PAIRS = "".join(f"{number}\t{str(number)[::-1]}\n" for number in range(100, 200))
LABELS = "".join(f"{word},{'yes' if 'o' in word else 'no'}\n" for word in TEXT.split()[:9]) * 6
SMALL = ["--hidden", "8", "--embedding", "8", "--batch-size", "4", "--eval-tokens", "256", "--steps", "6"]
TRAININGS = {
    "language model": ("train", "a.txt", TEXT, ["--bptt", "8", "--ngram-prior", "3", "--tensorboard"]),
    "seq2seq": ("train-seq2seq", "a.tsv", PAIRS, ["--tokenizer", "char"]),
    "classifier": ("train-classifier", "a.csv", f"text,label\n{LABELS}", ["--tokenizer", "char"]),
}


@pytest.mark.parametrize("kind", TRAININGS)
def test_a_trained_run_of_any_kind_is_whole_and_holds_nothing_else(kind: str, rnntui) -> None:
    command, name, text, flags = TRAININGS[kind]
    Path(name).write_text(text)
    result = rnntui(command, name, *SMALL, *flags)
    assert result.code == 0, result.err
    run = RunFolder(Path("checkpoints/a"))
    assert foreign_files(run) == []
    result = rnntui("verify")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("a: whole, ") and "no checksum" not in result.out
    resumed = rnntui(command, "--resume", "--steps", "8")
    assert resumed.code == 0, resumed.err
    assert rnntui("verify", "a").out == result.out
    moved = Path(shutil.copytree("checkpoints/a", "elsewhere/b"))
    assert rnntui("delete", "--yes", moved).code == 0 and not moved.exists(), "outside the folder of runs too"


@pytest.fixture
def words(rnntui, trained: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(trained / "words", "checkpoints/words")))


def test_damage_is_named_and_repaired(words: RunFolder, rnntui) -> None:
    data = bytearray(words.weights_file.read_bytes())
    data[-1] ^= 1
    words.weights_file.write_bytes(data)
    result = rnntui("verify", "words")
    assert result.code == 1
    assert "words: 1 of " in result.out and "model.safetensors: damaged" in result.out
    sample = rnntui("sample", "--run", "words", "-n", "5")
    assert sample.code == 1 and "model.safetensors is damaged" in sample.err and sample.err.count("\n") == 1
    result = rnntui("verify", "words", "--repair")
    assert result.code == 0 and "of step 300" in result.err
    assert rnntui("sample", "--run", "words", "-n", "5", "--seed", "1").code == 0
    assert rnntui("verify", "words").code == 0
    assert foreign_files(words) == []


def test_json_has_a_line_for_each_file(words: RunFolder, rnntui) -> None:
    words.resume_file.unlink()
    result = rnntui("verify", "--json")
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert result.code == 1
    assert {"run": "words", "name": "config.json", "state": "whole", "problem": ""} in rows
    assert [row["name"] for row in rows if row["state"] == "missing"] == ["resume/state.safetensors"]


def test_a_run_whose_settings_are_gone_is_named(words: RunFolder, rnntui) -> None:
    words.config_file.unlink()
    copy_of(words, words.config_file).write_bytes(b"{}")
    for names in ([], ["words"]):
        result = rnntui("verify", *names)
        assert result.code == 1 and "words: 2 of " in result.out and "config.json: missing" in result.out
    repaired = rnntui("verify", "--repair")
    assert repaired.code == 1 and repaired.err.startswith("rnntui: words: config.json: ")


def test_files_without_a_checksum_are_counted(words: RunFolder, rnntui) -> None:
    words.job_file.write_text("a job of torchrun, which is written after the checksums\n")
    assert "no checksum" not in rnntui("verify").out
    for file in (words.checksums_file, copy_of(words, words.checksums_file)):
        file.unlink()
    assert " have no checksum, but can be read" in rnntui("verify").out


def test_a_run_that_is_not_there_and_an_empty_folder(rnntui) -> None:
    assert rnntui("verify", "nothing").code == 2
    Path("checkpoints").mkdir()
    result = rnntui("verify")
    assert (result.code, result.out) == (0, "") and "no runs in" in result.err
