"""Flags made from settings, whose names, help, defaults and bounds are declared in the config modules alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar, cast, get_args, get_type_hints

import click

from rnntui.config import ReadingConfig
from rnntui.settings import Setting, Settings, bounds_text, flag_of, settings_of

Command = TypeVar("Command", bound=Callable[..., Any])
Config = TypeVar("Config", bound=Settings)


def settings_options(*config_classes: type[Settings]) -> Callable[[Command], Command]:
    """Add a flag for every setting of some settings classes, in the order they are declared."""

    def add(command: Command) -> Command:
        for config_class in reversed(config_classes):
            hints = get_type_hints(config_class)
            defaults = {f.name: f.default for f in fields(config_class)}
            for name, setting in reversed(settings_of(config_class).items()):
                command = _option(name, setting, hints[name], defaults[name])(command)
        return command

    return add


def setting_option(config_class: type[Settings], name: str, *short_flags: str) -> Callable[[Command], Command]:
    """Add the flag of one setting of a class, and optionally short flags for it."""
    [default] = (f.default for f in fields(config_class) if f.name == name)
    return _option(name, settings_of(config_class)[name], get_type_hints(config_class)[name], default, short_flags)


def settings_from(config_class: type[Config], values: dict[str, Any]) -> Config:
    """Construct settings from a command's arguments. Raises `UsageError` if one is out of bounds."""
    return config_class(**{name: values[setting.option_name] for name, setting in settings_of(config_class).items()})


def given_settings(context: click.Context, *config_classes: type[Settings]) -> list[str]:
    """Return the option names of those settings that were given on the command line or in a settings file."""
    return [
        setting.option_name
        for config_class in config_classes
        for setting in settings_of(config_class).values()
        if is_given(context, setting.option_name)
    ]


def is_given(context: click.Context, name: str) -> bool:
    """Return True for a parameter that was given on the command line or in a settings file."""
    source = context.get_parameter_source(name)
    return source in (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.DEFAULT_MAP)


def checkpoints_option(command: Command) -> Command:
    """Add `--checkpoints`, the folder of runs."""
    text = "Folder of runs [default: $RNNTUI_CHECKPOINTS, else ./checkpoints]."
    return click.option("--checkpoints", metavar="FOLDER", help=text)(command)


def run_option(command: Command) -> Command:
    """Add `--run`, the trained run to use."""
    text = "Name or path of the run [default: the newest, else the shipped model]."
    return click.option("--run", "run_name", metavar="NAME", help=text)(command)


def corpus_options(command: Command) -> Command:
    """Add `--encoding`, `--errors` and `--newlines`, for reading text files and standard input."""
    return settings_options(ReadingConfig)(command)


def _option(
    name: str, setting: Setting, hint: Any, default: Any, short_flags: tuple[str, ...] = ()
) -> Callable[[Command], Command]:
    name, flag = setting.option_name, flag_of(setting.option_name)
    bounds = bounds_text(setting)
    text = setting.help[0].upper() + setting.help[1:]
    text += ("" if text.endswith("]") else ".") + (f"  [{bounds}]" if bounds else "")
    show_default = default is not None
    types = get_args(hint) or (hint,)
    if setting.choices:
        return click.option(
            flag, name, type=click.Choice(setting.choices), default=default, show_default=show_default, help=text
        )
    if bool in types:
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=default, show_default=show_default, help=text)
    if str in types:
        return click.option(flag, name, metavar="TEXT", default=default, show_default=bool(default), help=text)
    number_type: Any = int if int in types else float
    if setting.none:
        number_type, default, show_default = _NumberOrWord(setting.none, number_type), setting.none, True
    return click.option(
        *short_flags, flag, name, type=number_type, default=default, show_default=show_default, help=text
    )


class _NumberOrWord(click.ParamType[int | float | None]):
    """A number, or the word that stands for None."""

    def __init__(self, word: str, number_type: type[int] | type[float]) -> None:
        self.name = f"{'integer' if number_type is int else 'float'} or {word}"
        self._word = word
        self._number_type = number_type

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float | None:
        if value == self._word:
            return None
        try:
            return self._number_type(value)
        except ValueError:
            word = "a whole number" if self._number_type is int else "a number"
            self.fail(f"{value!r} is neither {self._word} nor {word}", param, ctx)


def refuse_nan(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Refuse nan, which click lets pass through a range. A click callback for a `FloatRange`."""
    if value is not None and math.isnan(value):
        bounds = cast(click.FloatRange, parameter.type)
        raise click.BadParameter(f"nan is not in the range {bounds.min:g}<=x<={bounds.max:g}.", context, parameter)
    return value
