"""Wrong values of every option of every command: refused in one line before anything heavy is loaded or written.

Each command line names a folder of runs, or a file, that is missing. What is wrong with an option must be reported
before that, and where nothing is wrong with it, that is all that is reported.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from random import Random
from typing import NamedTuple

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from option_values import HUGE, Option, commands, options, out_of_bounds, refused_numbers, taken_numbers

from rnntui.cli.main import run
from rnntui.cli.options import TAKE_EMPTY_TEXT

COMPANIONS = {
    "--trial-minutes": ["--minutes=100000"],
    "--n-best": ["--beam=64"],
}
"""What an option needs beside it."""
COMPARED = {"gradients": "rnn,gru", "attention": "dot,general"}
LISTS = {"--columns", "--turns", "--compare"}
"""Options whose value is a list with commas."""
WRONG_CHOICES = ("no such", "x" * 3000)
WRONG_TEXTS = (*WRONG_CHOICES, "\udcff", "a\nb\x1b[31m", ",", "a,", ",b", "a,,b", " , ", HUGE)
INPUTS = ("corpus", "pairs", "texts")
COMMANDS = [words for words in commands() if words != ("completion",)]  # reads nothing
NUMBERS = [option for option in options() if option.is_number]
FIRST = {(each.flag, each.is_whole, each.low, each.high): each for each in reversed(NUMBERS)}.values()
"""One of those numbers that are the same option of several commands."""
TEXTS = [option for option in options() if not option.is_number and not option.parameter.is_flag]


class Outcome(NamedTuple):
    """Exit code, stdout and stderr of a command."""

    code: int
    out: bytes
    err: str

    def is_refusal(self, option: Option) -> bool:
        """True for one line that names an option, and the exit code for wrong usage."""
        is_line = self.err.startswith("rnntui: ") and self.err.count("\n") == 1 and len(self.err) < 1000
        return self.code == 2 and is_line and option.flag in self.err and not self.out


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder to work in, which is empty at the end."""
    folder, previous = tmp_path_factory.mktemp("options"), Path.cwd()
    os.chdir(folder)
    yield folder
    assert not list(folder.iterdir())
    os.chdir(previous)


def outcome(*arguments: str) -> Outcome:
    """Run a command in this process, with an empty standard input."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
        code = run(arguments)
    return Outcome(code, out.buffer.getvalue(), err.getvalue())


def line(words: tuple[str, ...], *flags: str) -> list[str]:
    """The arguments of a command that stops at what is missing."""
    arguments = [*words, *(["--onnx=missing-folder/x"] if words == ("export",) else []), *flags]
    for parameter in commands()[words].params:
        if parameter.name == "checkpoints" and "--checkpoints" not in "".join(flags):
            arguments.append("--checkpoints=missing-folder")
        elif isinstance(parameter, click.Argument) and (parameter.required or parameter.name in INPUTS):
            arguments.append("missing.txt")
    return arguments


def companions(option: Option) -> list[str]:
    if option.command[0] == "inspect" and option.flag in ("--minutes", "--hidden"):
        return [f"--compare={COMPARED[option.command[1]]}"]
    if option.flag in ("--ngram-buckets", "--ngram-dropout") and option.command != ("train-classifier",):
        return ["--ngrams=2"]
    if option.flag == "--ngram-minimum":
        return ["--copy=missing-folder/y"]
    return [flag for flag in COMPANIONS.get(option.flag, []) if not flag.startswith(f"{option.flag}=")]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_numbers_have_bounds_and_keep_them(words: tuple[str, ...]) -> None:
    for option in NUMBERS:
        if option.command != words:
            continue
        assert option.low is not None and option.high is not None, f"{option.label}: no bounds in its help"
        beside = companions(option)
        undisturbed = outcome(*line(words, *beside))
        for value in refused_numbers(option) if option in FIRST else out_of_bounds(option):
            result = outcome(*line(words, *beside, f"{option.flag}={value}"))
            assert result.is_refusal(option), (option.label, value[:20], result)
            assert "between" in result.err or "is empty" in result.err, (option.label, value[:20], result)
        for value in taken_numbers(option):
            result = outcome(*line(words, *beside, f"{option.flag}={value}"))
            needed = {"--mix": "add --from", "--local-steps": "needs several processes"}.get(option.flag)
            is_about_others = needed is not None and needed in result.err
            assert result == undisturbed or is_about_others, (option.label, value, result)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_texts_are_not_empty_and_wrong_ones_are_one_line(words: tuple[str, ...]) -> None:
    undisturbed = outcome(*line(words))
    for option in (option for option in TEXTS if option.command == words):
        empty = outcome(*line(words, f"{option.flag}="))
        if option.parameter.name in TAKE_EMPTY_TEXT:
            assert empty == undisturbed or "needs" in empty.err, (option.label, empty)
        else:
            assert empty.is_refusal(option), (option.label, empty)
        is_choice = isinstance(option.parameter.type, click.Choice)
        for value in WRONG_CHOICES if is_choice else WRONG_TEXTS:
            if option.flag == "--write-config" and len(value) < 3000:
                continue  # the name of a new file
            result = outcome(*line(words, f"{option.flag}={value}"))
            assert result.code in (1, 2) and result.err.count("\n") == 1 and not result.out, (option.label, result)
            assert len(result.err) < 1000 and "\x1b" not in result.err and "bug" not in result.err, option.label
            if is_choice or (option.flag in LISTS and "," in value):
                assert result.is_refusal(option), (option.label, value, result)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_options_that_exclude_or_need_one_another_are_one_line(words: tuple[str, ...]) -> None:
    """Pairs of options with values that each takes alone."""
    flags = []
    for parameter in commands()[words].params:
        option = next((each for each in options() if each.command == words and each.parameter is parameter), None)
        if option is None or option.flag in ("--debug", "--write-config", "--reopen", "--checkpoints"):
            continue
        if option.parameter.is_flag:
            flags += [option.flag, *option.parameter.secondary_opts]
        elif isinstance(option.parameter.type, click.Choice):
            flags.append(f"{option.flag}={option.parameter.type.choices[-1]}")
        else:
            flags.append(f"{option.flag}={taken_numbers(option)[0] if option.is_number else 'missing'}")
    pairs = list(combinations(flags, 2))
    for pair in Random(1).sample(pairs, min(len(pairs), 40)):
        result = outcome(*line(words, *pair))
        assert result.code in (1, 2) and result.err.count("\n") == 1 and "bug" not in result.err, (pair, result)


EXCLUDING = [
    ("train", "--minutes=1", "--epochs=1", "two budgets"),
    ("train", "--epochs=1", "--steps=1", "two budgets"),
    ("train", "--steps=1", "--max-epochs=1", "--max-epochs"),
    ("train", "--resume", "--find-learning-rate", "--find-learning-rate"),
    ("train", "--use-found-rate", "--learning-rate=0.1", "--use-found-rate and --learning-rate"),
    ("train", "--nonlinearity=relu", "--cell=gru", "--nonlinearity relu is for --cell rnn"),
    ("train", "--tied", "--embedding=3", "--tied needs --embedding equal"),
    ("train-seq2seq", "--batch-size=2", "--batch-tokens=900", "--batch-size or --batch-tokens"),
    ("train-seq2seq", "--source=a", "--target=b", "--source"),
    ("sample", "--prompt=a", "--prompt-file=b", "--prompt or --prompt-file"),
    ("sample", "--prompt=a", "--each-line", "--each-line"),
    ("translate", "--n-best=3", "--beam=2", "--n-best 3 needs a --beam"),
    ("tune", "--trial-minutes=1", "--trial-steps=9", "--trial-"),
]


@pytest.mark.parametrize(("command", "first", "second", "problem"), EXCLUDING)
def test_options_that_exclude_one_another_are_refused_in_either_order(
    command: str, first: str, second: str, problem: str
) -> None:
    results = {outcome(*line((command,), *pair)) for pair in ((first, second), (second, first))}
    for result in results:
        assert result.code == 2 and problem in result.err and result.err.count("\n") == 1


any_value = st.text(max_size=12) | st.floats().map(str) | st.integers().map(str)


@settings(derandomize=True, deadline=None, database=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(option=st.sampled_from([*NUMBERS, *TEXTS]), value=any_value.filter(lambda text: "\0" not in text))
def test_any_text_is_taken_or_refused_in_one_line(option: Option, value: str) -> None:
    if option.flag in ("--write-config", "--checkpoints") or option.command == ("completion",):
        return
    result = outcome(*line(option.command, *companions(option), f"{option.flag}={value}"))
    assert result.code in (1, 2) and result.err.count("\n") == 1 and "bug" not in result.err


def test_a_fresh_process_refuses_before_it_loads_anything_heavy(folder: Path) -> None:
    """One process for all: what one of them loads is loaded at the end."""
    wrong = [line(option.command, f"{option.flag}=nan") for option in NUMBERS]
    code = """
import json, sys
from rnntui.cli.main import run
assert {run(arguments) for arguments in json.load(sys.stdin)} == {2}
print(*{"torch", "numpy", "textual", "sentencepiece", "starlette"} & set(sys.modules))
"""
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, input=json.dumps(wrong), capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout == "\n" and result.stderr.count("\n") == len(wrong)
