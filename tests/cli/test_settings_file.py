"""`--config` and `--write-config` of the commands that train."""

from __future__ import annotations

import errno
import json
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest

from rnntui.cli.options import given_settings
from rnntui.cli.train import command as train
from rnntui.cli.train_classifier import command as train_classifier
from rnntui.cli.train_seq2seq import command as train_seq2seq
from rnntui.errors import UsageError

COMMANDS = {command.name: command for command in (train, train_seq2seq, train_classifier)}
NO_KEYS = {
    "config",
    "write_config",
    "resume",
    "accept_changed_corpus",
    "find_learning_rate",
    "use_found_rate",
    "rate_curve",
    "debug",
}


def refusal_of(rnntui, name: str) -> str:
    result = rnntui("train", "--config", name)
    assert result.code in (1, 2) and result.err.count("\n") == 1
    return str(result.err)


def parsed(name: str, *arguments: str) -> click.Context:
    return COMMANDS[name].make_context(name, list(arguments))


def values(context: click.Context) -> dict[str, Any]:
    return {name: value for name, value in context.params.items() if name not in NO_KEYS}


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("hiden = 3", "run.toml: unknown key 'hiden'; did you mean hidden?"),
        ("learning-rate = 3", "run.toml: unknown key 'learning-rate'; did you mean learning_rate?"),
        ("[model]\nhidden = 3", "run.toml: unknown key 'model'; a settings file has no sections"),
        ("zzz = 1", "run.toml: unknown key 'zzz'; keys are the names of flags, as in learning_rate = 0.002"),
        ("resume = true", "run.toml: unknown key 'resume'; keys are"),
        ("hidden = 0", "run.toml: hidden must be between 1 and 8,192 (got 0)"),
        ("hidden = 'big'", "run.toml: hidden must be a whole number between 1 and 8,192 (got 'big')"),
        ("hidden = 3.5", "run.toml: hidden must be a whole number between 1 and 8,192 (got 3.5)"),
        ("dropout = nan", "run.toml: dropout must be between 0 and 0.95 (got nan)"),
        ("tied = 1", "run.toml: tied must be true or false (got 1)"),
        ("cell = 'gru2'", "run.toml: cell must be one of lstm, gru, rnn (got 'gru2')"),
        ("threads = 'many'", "run.toml: threads must be auto or a whole number between 1 and 1,024 (got 'many')"),
        ("corpus = 'c.txt'", 'run.toml: corpus must be a list of names, as in ["c.txt"]'),
        ("corpus = [1]", "run.toml: corpus must be a list of names"),
        ("name = 3", "run.toml: name must be text (got 3)"),
        ("hidden =", "--config: run.toml is not TOML: "),
        ("a = \udcff", "--config: run.toml is not TOML: 'utf-8' codec can't decode"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_in_a_line(rnntui, content: str, problem: str) -> None:
    Path("run.toml").write_bytes(content.encode("utf-8", "surrogateescape"))
    result = rnntui("train", "--config", "run.toml")
    assert result.code == 2 and result.err.startswith(f"rnntui: {problem}") and result.err.count("\n") == 1


def test_a_file_that_cannot_be_read_is_named(rnntui, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rnntui("train", "--config", "no.toml").err == (
        "rnntui: --config: no.toml: no such file; check the name and its folder\n"
    )

    def refuse(*arguments: object, **keywords: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("rnntui.cli.settings_file.read_bounded", refuse)
    assert rnntui("train", "--config", "a.toml").err == (
        "rnntui: --config: cannot read a.toml: Permission denied; allow reading it, or name another file\n"
    )


@pytest.mark.parametrize(
    "key", [".".join(["a"] * 21), '"a\\"." . ' * 10 + "'b.c' . " * 10 + "d", "x = {" + "a." * 20 + "a"]
)
def test_a_key_of_many_parts_never_reaches_the_parser(rnntui, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setattr(tomllib, "loads", lambda text: pytest.fail("tomllib takes minutes for a long key"))
    Path("settings.toml").write_text(f"# settings\n{key} = 1")
    assert "a key of more than 20 parts" in refusal_of(rnntui, "settings.toml")


def test_many_names_with_dots_are_no_key(rnntui) -> None:
    names = [f"corpora/part.{number}.tar.gz" for number in range(40)]
    Path("settings.toml").write_text(f"corpus = {json.dumps(names)}\nseed = 1.5")
    assert "seed" in refusal_of(rnntui, "settings.toml")


def test_devices_and_files_larger_than_any_settings_file_are_refused(rnntui) -> None:
    with Path("large.toml").open("wb") as file:
        file.truncate((1 << 20) + 1)
    assert "too large, over 1 MB" in refusal_of(rnntui, "large.toml")
    if Path("/dev/zero").exists():
        assert "not a file" in refusal_of(rnntui, "/dev/zero")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_a_key_and_shows_its_default(rnntui, name: str) -> None:
    """Without its comment marks, a file without values sets nothing but defaults."""
    text = rnntui(name, "--write-config", "-").out
    assert tomllib.loads(text) == {}
    keys = [line for line in text.splitlines() if " =" in line and not line.endswith(" =")]
    Path("run.toml").write_text("\n".join(key.removeprefix("# ") for key in keys if " = " in key and "--" not in key))
    assert values(parsed(name, "--config", "run.toml")) == values(parsed(name))
    for option in COMMANDS[name].params:
        if option.name not in NO_KEYS:
            assert f"# {option.name} =" in text


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("train", ["a.txt", "b b.txt", "--hidden", "32", "--no-tied", "--learning-rate", "1e-5", "--minutes", "0.5"]),
        ("train", ["ü\n\"'.txt", "--name", "x\\y", "--threads", "auto", "--turns", "Ann,\x7fBen"]),
        ("train-seq2seq", ["--source", "a.en", "--target", "a.es", "--batch-tokens", "2000", "--epochs", "3"]),
        ("train-seq2seq", ["t.tsv", "--columns", "2,3", "--placeholders"]),
        ("train-classifier", ["t.tsv", "--label-column", "mood", "--hidden", "20"]),
    ],
)  # fmt: skip
def test_a_written_file_does_the_same_as_its_command_line(rnntui, name: str, arguments: list[str]) -> None:
    result = rnntui(name, *arguments, "--write-config", "run.toml")
    assert result.err == f"rnntui: wrote run.toml; train with: rnntui {name} --config run.toml\n"
    before, after = parsed(name, *arguments), parsed(name, "--config", "run.toml")
    assert values(after) == values(before)
    headings = [type_ for type_ in _settings_of(name) if type_.__name__ != "Budget"]
    given = set(given_settings(before, *headings)) - {"threads"}  # auto, which is its default
    assert set(given_settings(after, *headings)) == given


def _settings_of(name: str) -> list[Any]:
    from rnntui.kinds.registry import KINDS

    return [*next(kind for kind in KINDS.values() if kind.command == name).settings.values()]


def test_a_flag_overrides_the_file_and_what_it_excludes_there(rnntui) -> None:
    Path("run.toml").write_text('corpus = ["a.txt"]\nminutes = 3\nhidden = 16\n')
    assert parsed("train", "--config", "run.toml").params["corpus"] == ("a.txt",)
    for arguments, expected in (
        (["b.txt", "--hidden", "8"], {"corpus": ["b.txt"], "minutes": 3.0, "hidden": 8}),
        (["--epochs", "2"], {"corpus": ["a.txt"], "epochs": 2.0, "hidden": 16}),
        (["--minutes", "2", "--no-tied"], {"corpus": ["a.txt"], "minutes": 2.0, "hidden": 16, "tied": False}),
    ):
        assert tomllib.loads(rnntui("train", *arguments, "--config", "run.toml", "--write-config", "-").out) == expected
    Path("run.toml").write_text("minutes = 3\nmax_epochs = 4\n")
    assert tomllib.loads(rnntui("train", "--steps", "2", "--config", "run.toml", "--write-config", "-").out) == {
        "steps": 2
    }
    Path("run.toml").write_text('pairs = ["a.tsv"]\nbatch_size = 32\n')
    arguments = ["--source", "a", "--target", "b", "--batch-tokens", "900", "--config", "run.toml"]
    written = rnntui("train-seq2seq", *arguments, "--write-config", "-").out
    assert tomllib.loads(written) == {"source": "a", "target": "b", "batch_tokens": 900}


def test_a_written_file_is_checked_and_never_replaces_another(rnntui) -> None:
    assert "--hidden must be between" in rnntui("train", "--hidden", "0", "--write-config", "run.toml").err
    assert "two budgets" in rnntui("train", "--steps", "1", "--minutes", "1", "--write-config", "run.toml").err
    assert not Path("run.toml").exists()
    Path("run.toml").write_text("mine")
    assert (
        "run.toml: the file exists and is not replaced; name another one"
        in rnntui("train", "--write-config", "run.toml").err
    )
    assert Path("run.toml").read_text() == "mine"


def test_a_training_from_a_file_cannot_be_resumed_with_another_setting_in_it(rnntui) -> None:
    Path("fox.txt").write_text("the quick brown fox jumps over the lazy dog\n" * 60)
    settings = "hidden = 8\nembedding = 4\nbatch_size = 4\nbptt = 16\neval_tokens = 256\nthreads = 1\nsteps = 2\n"
    Path("run.toml").write_text('corpus = ["fox.txt"]\nname = "fox"\n' + settings)
    assert rnntui("train", "--config", "run.toml").code == 0
    config = json.loads(Path("checkpoints/fox/config.json").read_text())
    assert config["model"]["hidden"] == 8 and config["budget"]["steps"] == 2
    Path("run.toml").write_text('name = "fox"\nhidden = 9\n')
    assert "--hidden cannot change when a run is resumed" in rnntui("train", "--resume", "--config", "run.toml").err


def test_completion_reads_no_file() -> None:
    """The shell completes a command line while it is typed, whose file may not be there."""
    context = train.make_context("train", ["--config", "no.toml"], resilient_parsing=True)
    assert context.params["hidden"] is not None
    with pytest.raises(UsageError, match=r"no\.toml"):
        train.make_context("train", ["--config", "no.toml"])
