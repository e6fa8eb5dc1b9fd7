"""Flags made from settings, whose names, help, defaults and bounds are declared in the config modules alone."""

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


def setting_option(group: type[Settings], name: str, *short_flags: str) -> Callable[[Command], Command]:
    """Add the flag of one setting of a group, and optionally short flags for it."""
    [default] = (f.default for f in fields(group) if f.name == name)
    return _option(name, described_settings(group)[name], get_type_hints(group)[name], default, short_flags)


def settings_from(group: type[Group], values: dict[str, Any]) -> Group:
    """Construct a group of settings from a command's arguments. Raises `UsageError` if one is out of bounds."""
    return group(**{name: values[described.option] for name, described in described_settings(group).items()})


def given_settings(context: click.Context, *groups: type[Settings]) -> list[str]:
    """Return the option names of the settings of some groups that were given on the command line."""
    return [
        described.option
        for group in groups
        for described in described_settings(group).values()
        if context.get_parameter_source(described.option) is click.core.ParameterSource.COMMANDLINE
    ]


def checkpoints_option(command: Command) -> Command:
    """Add `--checkpoints`, the folder of runs."""
    text = "Folder of runs [default: $RNNTUI_CHECKPOINTS, else ./checkpoints]."
    return click.option("--checkpoints", metavar="FOLDER", help=text)(command)


def run_option(command: Command) -> Command:
    """Add `--run`, the trained run to use."""
    text = "Name or path of the run [default: the newest, else the shipped model]."
    return click.option("--run", "run_name", metavar="NAME", help=text)(command)


def corpus_options(command: Command) -> Command:
    """Add `--encoding` and `--errors`, for reading text files."""
    command = click.option(
        "--errors", type=click.Choice(get_args(DecodingErrors)), default="strict", show_default=True,
        help="Handling of bytes that are not of the encoding.",
    )(command)  # fmt: skip
    return click.option("--encoding", default="utf-8", show_default=True, help="Encoding of the text files.")(command)


def _option(
    name: str, described: Setting, hint: Any, default: Any, short_flags: tuple[str, ...] = ()
) -> Callable[[Command], Command]:
    name, flag = described.option, flag_of(described.option)
    bounds = bounds_of(described)
    text = described.help[0].upper() + described.help[1:]
    text += ("" if text.endswith("]") else ".") + (f"  [{bounds}]" if bounds else "")
    show_default = default is not None
    types = get_args(hint) or (hint,)
    if described.choices:
        return click.option(
            flag, name, type=click.Choice(described.choices), default=default, show_default=show_default, help=text
        )
    if bool in types:
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=default, show_default=show_default, help=text)
    number_type = int if int in types else float
    return click.option(
        *short_flags, flag, name, type=number_type, default=default, show_default=show_default, help=text
    )
