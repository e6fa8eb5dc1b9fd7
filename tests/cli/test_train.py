"""`rnntui train` and what it says of wrong input."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import QUICK as TRAINING

from rnntui.cli.main import run
from rnntui.cli.train import command
from rnntui.config import Budget, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_file import load_arrays
from rnntui.settings import flag_of, settings_of

QUICK = [*TRAINING, "--hidden", "16", "--steps", "20"]
TEXT = "the quick brown fox jumps over the lazy dog\n" * 60


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "fox.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def trained_fox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fox")
    (folder / "fox.txt").write_text(TEXT)
    assert run(["train", str(folder / "fox.txt"), "--checkpoints", str(folder / "checkpoints"), *QUICK]) == 0
    return folder / "checkpoints" / "fox"


@pytest.fixture
def fox(rnntui, trained_fox: Path) -> RunFolder:
    """A run of 20 steps on the corpus, in the current folder's checkpoints."""
    return RunFolder(Path(shutil.copytree(trained_fox, "checkpoints/fox")))


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name != ".stdin"}


def test_training_makes_a_complete_run_and_suggests_the_next_command(rnntui, corpus: Path) -> None:
    result = rnntui("train", corpus, *QUICK)
    assert result.code == 0
    assert result.out == "", "stdout is for data"
    assert "\x1b" not in result.err, "no terminal, no escapes"
    assert "rnntui sample --run checkpoints/fox" in result.err
    assert re.search(r"streaming \d\.\d{4}, windowed \d\.\d{4}; \d\.\d{4} bits per character", result.err)
    assert entries(Path("checkpoints/fox")) >= {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "metrics.jsonl",
        "status.json",
        "resume",
    }
    assert rnntui("sample", "--run", "fox", "-n", "5", "--seed", "1").code == 0


def test_a_second_run_on_a_text_does_not_touch_the_first(rnntui, fox: RunFolder, corpus: Path) -> None:
    before = fox.weights_file.read_bytes()
    assert rnntui("train", corpus, *QUICK, "--seed", "2").code == 0
    assert entries(Path("checkpoints")) == {"fox", "fox-2"}
    assert fox.weights_file.read_bytes() == before


def test_a_name_that_is_taken_is_refused(rnntui, fox: RunFolder, corpus: Path) -> None:
    result = rnntui("train", corpus, *QUICK, "--name", "fox")
    assert result.code == 2
    assert "run fox exists" in result.err and "--resume" in result.err


def test_a_text_that_has_changed_is_refused_and_accepted_on_request(rnntui, fox: RunFolder, corpus: Path) -> None:
    corpus.write_text(TEXT + "and more")
    before = {path: path.read_bytes() for path in fox.path.rglob("*") if path.is_file()}
    result = rnntui("train", corpus, "--resume", "--steps", "22")
    assert result.code == 1 and "fox.txt is not the text that run fox was trained on" in result.err
    assert {path: path.read_bytes() for path in fox.path.rglob("*") if path.is_file()} == before
    result = rnntui("train", corpus, "--accept-changed-corpus")
    assert result.code == 2 and "--accept-changed-corpus goes with --resume" in result.err
    result = rnntui("train", corpus, "--resume", "--accept-changed-corpus", "--steps", "22")
    assert result.code == 0 and "; training goes on with the run's own copy of its text" in result.err
    assert fox.read_status().step == 22


def test_resume_takes_the_newest_run_on_this_text(rnntui, fox: RunFolder, corpus: Path) -> None:
    rnntui("train", corpus, *QUICK)
    result = rnntui("train", corpus, "--resume", "--steps", "30")
    assert result.code == 0
    assert "run fox-2 resumes at step 20" in result.err
    assert RunFolder(Path("checkpoints/fox-2")).read_status().step == 30
    assert fox.read_status().step == 20


def test_resume_finds_the_run_on_the_text_by_any_name_and_with_any_line_ends(rnntui, fox: RunFolder) -> None:
    Path("song [live].txt").write_bytes(TEXT.replace("\n", "\r\n").encode())
    Path("other").mkdir()
    Path("other/fox.txt").write_text("\n".join(reversed(TEXT.split("\n"))))
    assert rnntui("train", "other/fox.txt", *QUICK).code == 0
    result = rnntui("train", "song [live].txt", "--resume", "--steps", "22")
    assert (result.code, "run fox resumes at step 20" in result.err) == (0, True)
    result = rnntui("train", "song [live].txt", "--resume", "--newlines", "keep")
    assert (result.code, "no run on song-live to resume" in result.err) == (2, True)
    assert rnntui("train", "song [live].txt", *QUICK, "--newlines", "keep").code == 0
    Path("checkpoints/fox").rename("fox")
    result = rnntui("train", "song [live].txt", "--resume")
    assert (result.code, "run song-live was trained on song [live].txt read with --newlines keep" in result.err) == (
        2,
        True,
    )


def test_resume_needs_no_corpus_as_the_run_has_its_text(rnntui, corpus: Path) -> None:
    assert rnntui("train", corpus, *QUICK).code == 0
    created = RunFolder(Path("checkpoints/fox")).read_config().created
    os.utime(corpus, (created + 60, created + 60))  # modified, and yet the same
    result = rnntui("train", "--resume", "--name", "fox", "--steps", "25")
    assert result.code == 0 and "changed" not in result.err
    corpus.unlink()
    result = rnntui("train", "--resume", "--name", "fox", "--steps", "26")
    assert result.code == 0 and "changed" not in result.err


def test_resume_without_a_corpus_says_that_its_text_has_changed_and_goes_on_as_before(rnntui, corpus: Path) -> None:
    assert rnntui("train", corpus, *QUICK).code == 0
    fox = RunFolder(Path("checkpoints/fox"))
    shutil.copytree("checkpoints", "unchanged")
    assert rnntui("train", "--resume", "--name", "fox", "--steps", "25", "--checkpoints", "unchanged").code == 0
    corpus.write_text(TEXT + "and more")
    created = fox.read_config().created
    os.utime(corpus, (created + 60, created + 60))
    result = rnntui("train", "--resume", "--name", "fox", "--steps", "25")
    [note] = [line for line in result.err.splitlines() if "changed" in line]
    assert result.code == 0 and "fox.txt has changed since run fox was created; training goes on with the run's" in note
    weights, expected = (load_arrays(each.weights_file)[0] for each in (fox, RunFolder(Path("unchanged/fox"))))
    assert weights.keys() == expected.keys()
    assert all(np.array_equal(weights[name], expected[name]) for name in weights)


def test_resume_refuses_another_text_and_settings_that_cannot_change(rnntui, fox: RunFolder, corpus: Path) -> None:
    result = rnntui("train", corpus, "--resume", "--hidden", "32")
    assert (result.code, "--hidden cannot change when a run is resumed (it is 16, got 32)" in result.err) == (2, True)
    # The model's own options decide, not whether those on the command line fit together.
    result = rnntui("train", corpus, "--resume", "--ngram-buckets", "32")
    assert (result.code, "--ngram-buckets cannot change when a run is resumed" in result.err) == (2, True)
    corpus.write_text(TEXT + "and more")
    result = rnntui("train", corpus, "--resume")
    assert (result.code, "is not the text" in result.err) == (1, True)
    assert "--accept-changed-corpus goes on with the run's own copy of its text" in result.err
    assert rnntui("train", "--resume", "--name", "nobody").code == 2


def test_resuming_a_finished_run_needs_a_new_budget(rnntui, fox: RunFolder, corpus: Path) -> None:
    result = rnntui("train", corpus, "--resume")
    assert (result.code, "is done, at step 20" in result.err) == (1, True)


def test_a_corpus_from_standard_input_and_compressed(rnntui, tmp_path: Path) -> None:
    assert rnntui("train", "-", *QUICK, stdin=TEXT.encode()).code == 0
    (tmp_path / "zipped.txt.gz").write_bytes(gzip.compress(TEXT.encode()))
    assert rnntui("train", "zipped.txt.gz", *QUICK).code == 0
    assert entries(Path("checkpoints")) == {"stdin", "zipped"}


def test_a_folder_of_notes_with_subwords_and_a_gru(rnntui, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    for i in range(3):
        (notes / f"{i}.txt").write_text(TEXT)
    (notes / "picture.png").write_bytes(b"\x89PNG\0\0")
    flags = ["--cell", "gru", "--tokenizer", "bpe", "--vocab-size", "300", "--layers", "2", "--name", "notes"]
    result = rnntui("train", "notes/", *flags, *QUICK)
    assert result.code == 0
    assert "skipped 1 file " in result.err and "picture.png" in result.err
    config = json.loads(Path("checkpoints/notes/config.json").read_bytes())
    assert config["model"]["cell"] == "gru" and config["tokenizer"]["type"] == "bpe"
    assert rnntui("sample", "--run", "notes", "-n", "5", "--prompt", "the", "--seed", "1").out.startswith("the")


BAD_CORPORA = [
    ("missing", None, 2, "no such file"),
    ("empty", b"", 1, "empty"),
    ("binary", b"\x7fELF\x02\0\0\0" * 500, 1, "binary"),
    ("latin-1", b"caf\xe9 " * 500, 1, "byte 0xe9 at offset 3"),
    ("late-error", b"fine " * 500 + b"\xff", 1, "byte 0xff at offset 2500"),
    ("cut-off", b"fine " * 500 + b"\xe2\x82", 1, "offset 2500"),
    ("too-small", b"hello world", 1, "too small"),
    ("far-too-small", b"a", 1, "at least 2 needed; add text\n"),  # no --bptt is small enough
    ("small-tail", b"a" * 100, 0, ""),
    ("broken.gz", b"\x1f\x8b not gzip", 1, "archive"),
    ("broken.xz", b"not xz", 1, "archive"),
]


@pytest.mark.parametrize(("name", "data", "code", "says"), BAD_CORPORA, ids=[row[0] for row in BAD_CORPORA])
def test_a_bad_corpus_gives_one_line_and_writes_nothing(rnntui, tmp_path: Path, name, data, code, says) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    result = rnntui("train", name, *QUICK)
    assert result.code == code
    if code:
        assert result.err.count("\n") == 1 and name in result.err and says in result.err
        assert entries(tmp_path) == ({name} if data is not None else set())


def test_an_unreadable_corpus_gives_one_line(rnntui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked.txt").write_text(TEXT)

    def refuse(self: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        from rnntui.text import corpus as reader

        with pytest.raises(reader.CorpusError, match=r"cannot read locked\.txt: Permission denied"):
            list(reader.find_corpus(["locked.txt"]).blocks())


BAD_SETTINGS = [
    (["--hidden", "0"], "--hidden must be between 1 and 8,192 (got 0)"),
    (["--layers", "5"], "--layers must be between 1 and 4 (got 5)"),
    (["--dropout", "1.5"], "--dropout must be between 0 and 0.95 (got 1.5)"),
    (["--learning-rate", "nan"], "--learning-rate must be between 0 and 10 (got nan)"),
    (["--validation-fraction", "0"], "--validation-fraction must be between"),
    (["--minutes", "1", "--epochs", "2"], "two budgets"),
    (
        ["--max-epochs", "1", "--epochs", "2"],
        "--max-epochs limits a budget of minutes, and --epochs is a budget of its",
    ),
    (["--max-epochs", "1", "--steps", "2"], "--max-epochs limits a budget of minutes, and --steps is a budget of its"),
    (["--tied", "--embedding", "8"], "--tied needs --embedding equal to --hidden"),
    (["--cell", "transformer"], "'lstm', 'gru', 'rnn'"),
    (["--hidden", "many"], "must be a whole number between 1 and 8,192 (got 'many')"),
    (["--device", "cuda"], "torch finds no CUDA GPU"),
    (["--name", "../outside"], "is not a valid name of a run"),
    (["--name", "-x"], "is not a valid name of a run"),
    (["--nonlinearity", "relu"], "is for --cell rnn"),
    (["--seed", "9999999999"], "between 0 and 4,294,967,295"),
    (["--encoding", "klingon"], "not a text encoding"),
    (["--tokenizer", "bpe", "--vocab-size", "10"], "--vocab-size must be 300 or more"),
    (["--tokenizer", "words"], "'char', 'word', 'bpe', 'unigram'"),
    (["--nonsense"], "--nonsense"),
]


@pytest.mark.parametrize(("flags", "says"), BAD_SETTINGS, ids=[" ".join(row[0]) for row in BAD_SETTINGS])
def test_a_bad_setting_gives_one_line_with_its_bounds_and_writes_nothing(rnntui, corpus: Path, flags, says) -> None:
    import torch

    if "cuda" in flags and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    result = rnntui("train", corpus, *flags)
    assert says in result.err
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert entries(corpus.parent) == {"fox.txt"}


def test_without_a_corpus_the_command_asks_for_one(rnntui) -> None:
    result = rnntui("train")
    assert result.code == 2 and "name a corpus" in result.err


def test_every_setting_is_a_flag_with_the_same_default(rnntui) -> None:
    help_text = rnntui("train", "--help").out
    flags = {parameter.name: parameter for parameter in command.params}
    for config_class in (LanguageModelConfig, TokenizerConfig, LanguageModelTrainingConfig, Budget):
        for name, setting in settings_of(config_class).items():
            assert flag_of(setting.option_name) in help_text
            default = getattr(config_class(), name)
            assert flags[setting.option_name].default == (setting.none or None if default is None else default)


def test_staging_folders_of_killed_processes_are_removed(rnntui, corpus: Path) -> None:
    left = Path("checkpoints/.making-999999999-x")
    left.mkdir(parents=True)
    assert rnntui("train", corpus, *QUICK).code == 0
    assert not left.exists()
    assert rnntui("runs").out.count("\n") >= 2


def test_a_renamed_flag_is_named_with_its_new_name(rnntui, corpus: Path) -> None:
    result = rnntui("train", corpus, "--clip", "1")
    assert result.code == 2 and "--clip is now called --clip-grad-norm" in result.err
    assert "--select is now called --selection-metric" in rnntui("train-seq2seq", corpus, "--select", "loss").err
