"""Help texts of all commands."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from rnntui.cli.help_examples import EXAMPLES
from rnntui.cli.inspect import INSPECTIONS
from rnntui.cli.main import COMMANDS, cli

NAMES = [*COMMANDS, *(f"inspect {name}" for name in INSPECTIONS)]


def click_command(name: str) -> click.Command:
    command: click.Command | None = cli
    for word in name.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(click.Command("rnntui")), word)
    assert command is not None
    return command


def words_of(line: str) -> list[str]:
    """Return the words behind `rnntui` in a line for a shell, without redirections."""
    substituted = re.search(r"\$\((rnntui .*)\)", line)
    words = shlex.split(re.split(r" [<>|]", substituted[1] if substituted else line)[0])
    assert words[0] == "rnntui"
    return words[1:]


@pytest.mark.parametrize("name", NAMES)
def test_help_ends_with_two_examples_that_parse(rnntui, name: str) -> None:
    examples = EXAMPLES[name]
    assert len(examples) >= 2
    shown = rnntui(*name.split(), "--help").out.rstrip("\n").splitlines()
    assert [line.strip() for line in shown if line][-2 * len(examples) :] == [*sum(examples, ())]
    assert max(map(len, shown)) <= 80
    for line, _ in examples:
        words = words_of(line)
        assert " ".join(words).startswith(name)
        click_command(name).make_context(name, words[len(name.split()) :])


def test_no_example_is_of_a_command_that_is_not_there() -> None:
    assert EXAMPLES.keys() == {*NAMES}


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("smaple", "No such command 'smaple'. Did you mean sample? (see rnntui --help)"),
        ("train-seq", "Did you mean train-seq2seq"),
        ("inspect novlty", "No such command 'novlty'. Did you mean novelty? (see rnntui inspect --help)"),
        ("sample --prmpt x", "No such option '--prmpt'. Did you mean --prompt or --prompt-file? (see "),
        ("sample --temp 1", "No such option '--temp'. Did you mean --temperature? "),
        ("sample -temperature 1", "No such option '-temperature'. Did you mean --temperature? "),
        ("sample -novel 3", "No such option '-novel'. Did you mean --novel? (see rnntui sample --help)"),
        ("sample -novle=3", "No such option '-novle'. Did you mean --novel or --novelty? "),
        ("sample -no-echo", "Did you mean --no-echo? "),
        ("train book.txt -hidden 64", "No such option '-hidden'. Did you mean --hidden? "),
        ("sample -n=5", "--length must be a whole number between 0 and 10,000,000 (got '=5')"),
        ("sample -nten", "--length must be a whole number between 0 and 10,000,000 (got 'ten')"),
        ("sample --no-ecko", "Did you mean --no-echo"),
        ("sample --hlep", "Did you mean --help? (see rnntui sample --help)"),
        ("help train", "No such command 'help'. Did you mean --help? "),
        ("version", "No such command 'version'. Did you mean --version? "),
        ("train text --learning_rate=3", "Did you mean --learning-rate"),
    ],
)  # fmt: skip
def test_a_mistyped_word_is_answered_with_what_it_may_mean(rnntui, line: str, advice: str) -> None:
    result = rnntui(*line.split())
    assert result.code == 2 and result.out == ""
    assert advice in result.err and result.err.count("\n") == 1


@pytest.mark.parametrize("line", ["xyzzy", "sample --xyzzy", "sample -q", "inspect novelty --model x"])
def test_nothing_is_suggested_where_nothing_is_near(rnntui, line: str) -> None:
    result = rnntui(*line.split())
    assert result.code == 2 and "No such" in result.err and "mean" not in result.err
