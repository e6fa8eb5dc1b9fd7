"""Flags made from the settings: names, help, defaults and bounds stand in `rnntui.config` and its kin alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar, get_args, get_type_hints

import click

from rnntui.config import DecodingErrors, Setting, Settings, bounds_of, described_settings, flag_of

Command = TypeVar("Command", bound=Callable[..., Any])
Group = TypeVar("Group", bound=Settings)


def settings_options(*groups: type[Settings]) -> Callable[[Command], Command]:
    """Add a flag for every setting of the groups, in the order they are declared."""

    def add(command: Command) -> Command:
        for group in reversed(groups):
            hints = get_type_hints(group)
            defaults = {f.name: f.default for f in fields(group)}
            for name, described in reversed(described_settings(group).items()):
                command = _option(name, described, hints[name], defaults[name])(command)
        return command

    return add


def setting_option(group: type[Settings], name: str) -> Callable[[Command], Command]:
    """Add the flag of one setting of a group."""
    [default] = (f.default for f in fields(group) if f.name == name)
    return _option(name, described_settings(group)[name], get_type_hints(group)[name], default)


def settings_from(group: type[Group], values: dict[str, Any]) -> Group:
    """The settings of one group out of a command's arguments. Raises `UsageError` if one is out of bounds."""
    return group(**{name: values[described.option] for name, described in described_settings(group).items()})


def given_settings(context: click.Context, *groups: type[Settings]) -> list[str]:
    """The settings of the groups that stand on the command line, by what they are called there."""
    return [
        described.option
        for group in groups
        for described in described_settings(group).values()
        if context.get_parameter_source(described.option) is click.core.ParameterSource.COMMANDLINE
    ]


def checkpoints_option(command: Command) -> Command:
    """`--checkpoints`, the folder of runs."""
    text = "Folder of runs [default: $RNNTUI_CHECKPOINTS, else ./checkpoints]."
    return click.option("--checkpoints", metavar="FOLDER", help=text)(command)


def run_option(command: Command) -> Command:
    """`--run`, which trained run to use."""
    text = "Which run, by name or path [default: the newest, else the shipped model]."
    return click.option("--run", "run_name", metavar="NAME", help=text)(command)


def corpus_options(command: Command) -> Command:
    """`--encoding` and `--errors`, how to read text files."""
    command = click.option(
        "--errors", type=click.Choice(get_args(DecodingErrors)), default="strict", show_default=True,
        help="What to do with bytes that are not of the encoding.",
    )(command)  # fmt: skip
    return click.option("--encoding", default="utf-8", show_default=True, help="Encoding of the text files.")(command)


def _option(name: str, described: Setting, hint: Any, default: Any) -> Callable[[Command], Command]:
    name, flag = described.option, flag_of(described.option)
    bounds = bounds_of(described)
    text = described.help[0].upper() + described.help[1:]
    text += ("" if text.endswith("]") else ".") + (f"  [{bounds}]" if bounds else "")
    show = default is not None
    kinds = get_args(hint) or (hint,)
    if described.choices:
        return click.option(
            flag, name, type=click.Choice(described.choices), default=default, show_default=show, help=text
        )
    if bool in kinds:
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=default, show_default=show, help=text)
    number = int if int in kinds else float
    return click.option(flag, name, type=number, default=default, show_default=show, help=text)
