"""Every option of every command, found by walking the command tree, and values that it must refuse or take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import click

from rnntui.cli.main import cli

_BETWEEN = re.compile(r"\[(?:(\w+), or )?(?:between (\S+) and (\S+)|(\S+) or (more|less))\]$")

HUGE = "9" * 400
"""A whole number beyond 64 bits, and beyond every float."""


@dataclass(frozen=True)
class Option:
    """An option of a command, as its help describes it.

    Args:
        command: words of the command, as in `("inspect", "units")`.
        flag: its longest flag.
        parameter: click's own description.
        is_whole: True for a whole number, False for any other number, None for what is no number.
        low: inclusive lower bound, as in the help; None if it names none.
        high: inclusive upper bound.
        word: a word that it takes in place of a number; empty for none.
    """

    command: tuple[str, ...]
    flag: str
    parameter: click.Option
    is_whole: bool | None = None
    low: float | None = None
    high: float | None = None
    word: str = ""

    @property
    def is_number(self) -> bool:
        return self.is_whole is not None

    @property
    def label(self) -> str:
        return f"{' '.join(self.command)} {self.flag}"


@cache
def commands() -> dict[tuple[str, ...], click.Command]:
    """Every command that is no group, by its words."""
    return dict(_walk(cli, ()))


def _walk(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        yield words, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        subcommand = command.get_command(context, name)
        assert subcommand is not None
        yield from _walk(subcommand, (*words, name))


@cache
def options() -> list[Option]:
    """Every option of every command."""
    return [
        _option(words, parameter)
        for words, command in commands().items()
        for parameter in command.params
        if isinstance(parameter, click.Option)
    ]


def _option(words: tuple[str, ...], parameter: click.Option) -> Option:
    flag = max(parameter.opts, key=len)
    name = parameter.type.name
    if parameter.is_flag or not name.startswith(("integer", "float")):
        return Option(words, flag, parameter)
    low, high, word = _bounds(parameter)
    return Option(words, flag, parameter, name.startswith("integer"), low, high, word)


def _bounds(parameter: click.Option) -> tuple[float | None, float | None, str]:
    """Return the bounds of a number as its help says them, and the word that it takes instead."""
    found = _BETWEEN.search(parameter.help or "")
    if not found:
        return None, None, ""
    word, low, high, one, side = found.groups()
    low, high = (one, None) if side == "more" else (None, one) if side == "less" else (low, high)
    return _number(low), _number(high), word or ""


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    plain = text.replace(",", "")
    return int(plain) if plain.lstrip("-").isdecimal() else float(plain)


def out_of_bounds(option: Option) -> list[str]:
    """Return the nearest values below and above the bounds of a number, and nan."""
    assert option.low is not None and option.high is not None
    step = 1 if option.is_whole else max(abs(option.low), abs(option.high), 1) * 1e-6
    return [_text(option, option.low - step), _text(option, option.high + step), "nan"]


def refused_numbers(option: Option) -> list[str]:
    """Return values that a number must refuse: not a number, not finite, beyond its bounds."""
    values = [
        *out_of_bounds(option),
        "",
        " ",
        "x",
        "nan",
        "inf",
        "-inf",
        "NaN",
        "1,5",
        "0x10",
        "1e999",
        "--",
        "½",
        "１x",
    ]
    values += [HUGE, f"-{HUGE}", "9" * 5000]
    if option.is_whole:
        values += ["1.5", "1e2", "nan", str(1 << 64), "9223372036854775808"]
    return list(dict.fromkeys(values))


def taken_numbers(option: Option) -> list[str]:
    """Return values that a number must take: its bounds and its word."""
    values = [_text(option, bound) for bound in (option.low, option.high) if bound is not None]
    return [*values, option.word] if option.word else values


def _text(option: Option, value: float) -> str:
    return str(int(value)) if option.is_whole else repr(value)
