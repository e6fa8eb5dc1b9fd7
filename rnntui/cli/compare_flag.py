"""`--compare` of `rnntui inspect`, which trains models that differ in one thing, and the flags that go with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from rnntui.cli.options import is_given, number_option
from rnntui.cli.terminal import utf8_argument
from rnntui.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., Any])
Choice = TypeVar("Choice", bound=str)


def compare_options(choices: str, difference: str, data: str, budget: str) -> Callable[[Command], Command]:
    """Return a decorator that adds `--compare`, `--minutes` and `--overwrite`.

    Args:
        choices: what can be compared, as it is typed, such as `rnn,gru,lstm`.
        difference: what the models differ in, such as `cell`.
        data: what they are trained on, such as `a corpus`.
        budget: whose training time the minutes are.
    """

    def add(command: Command) -> Command:
        command = click.option(
            "--overwrite", is_flag=True,
            help="With --compare: train anew what is there under these names, in place of going on with it.",
        )(command)  # fmt: skip
        command = number_option(
            "--minutes", bounds=(0.01, 100_000.0), default=3.0, show_default=True,
            help=f"With --compare: training time of {budget}.",
        )(command)  # fmt: skip
        return click.option(
            "--compare", metavar=f"{difference.upper()}S", callback=utf8_argument,
            help=f"Train models first, which differ in their {difference} alone: {choices}. In place of RUN, name "
            f"{data} to train on. Needs torch.",
        )(command)  # fmt: skip

    return add


def compared_choices(text: str, choices: Sequence[Choice], difference: str) -> tuple[Choice, ...]:
    """Return the choices that `--compare` names. Raises `UsageError` for an unknown or a repeated one."""
    names = [name.strip().lower() for name in text.split(",")]
    unknown = [name for name in names if name not in choices]
    if unknown or len({*names}) < len(names):
        problem = f"{unknown[0]!r} is no {difference}" if unknown else f"name each {difference} once"
        raise UsageError(f"--compare {text}: {problem}", hint=f"choose from {', '.join(choices)}")
    return tuple(choice for name in names for choice in choices if choice == name)


def refuse_training_flags(context: click.Context, names: Sequence[str]) -> None:
    """Raise `UsageError` if one of the flags for `--compare` was given without it."""
    for name in names:
        if is_given(context, name):
            raise UsageError(f"--{name} is for --compare, which trains models")
