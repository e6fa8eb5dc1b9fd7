"""Flags made from settings, whose names, help, defaults and bounds are declared in the config modules alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar, get_args

import click

from rnntui.config import ReadingConfig
from rnntui.errors import UsageError, did_you_mean
from rnntui.settings import Setting, Settings, bounds_text, flag_of, number_problem, settings_of, type_hints

Command = TypeVar("Command", bound=Callable[..., Any])
Config = TypeVar("Config", bound=Settings)


def settings_options(*config_classes: type[Settings]) -> Callable[[Command], Command]:
    """Add a flag for every setting of some settings classes, in the order they are declared."""

    def add(command: Command) -> Command:
        for config_class in reversed(config_classes):
            hints = type_hints(config_class)
            defaults = {f.name: f.default for f in fields(config_class)}
            for name, setting in reversed(list(settings_of(config_class).items())):
                command = _option(name, setting, hints[name], defaults[name])(command)
        return command

    return add


def setting_option(config_class: type[Settings], name: str, *short_flags: str) -> Callable[[Command], Command]:
    """Add the flag of one setting of a class, and optionally short flags for it."""
    [default] = (f.default for f in fields(config_class) if f.name == name)
    return _option(name, settings_of(config_class)[name], type_hints(config_class)[name], default, short_flags)


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
    number_type = _Number(setting, int if int in types else float)
    if setting.none:
        default, show_default = setting.none, True
    return click.option(
        *short_flags, flag, name, type=number_type, default=default, show_default=show_default, help=text
    )


def number_option(
    *names: str, bounds: tuple[int, int] | tuple[float, float], help: str, **details: Any
) -> Callable[[Command], Command]:
    """Add a flag for a number that is no setting.

    Args:
        names: flags, and the name of the parameter if that is another.
        bounds: inclusive lower and upper bound; two integers for a whole number.
        help: help text, to which the bounds are added.
        details: further arguments of `click.option`.
    """
    low, high = bounds
    setting = Setting(help, low, high)
    number_type = _Number(setting, int if isinstance(low, int) else float)
    return click.option(*names, type=number_type, help=f"{help}  [{bounds_text(setting)}]", **details)


class _Number(click.ParamType[int | float | None]):
    """A number within its bounds, or the word that stands for None."""

    def __init__(self, setting: Setting, number: type[int] | type[float]) -> None:
        name = "integer" if number is int else "float"
        self.name = f"{name} or {setting.none}" if setting.none else name
        self._setting = setting
        self._number = number

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float | None:
        """Return the number, None for the word. Raises `UsageError` for text and for a number that is out of bounds."""
        if self._setting.none and value == self._setting.none:
            return None
        number = value
        if isinstance(value, str):
            with contextlib.suppress(ValueError):
                number = self._number(value)
        problem = number_problem(self._setting, self._number, number)
        if problem and param is not None and ctx is not None:
            _refuse_glued(str(value), param, ctx)
        if problem:
            flag = max(param.opts, key=len) if param is not None else ""
            raise UsageError(f"{flag} {problem}", setting=(param and param.name) or "")
        return self._number(number)


def _refuse_glued(value: str, parameter: click.Parameter, context: click.Context) -> None:
    """Raise `click.NoSuchOption` if a short flag and its value are nearly a long flag: -novel is read as -n ovel."""
    names = long_flags(context)
    for short in (flag for flag in parameter.opts if not flag.startswith("--")):
        word = short + value.partition("=")[0]
        if word != short and did_you_mean(word.removeprefix("-"), names):
            raise click.NoSuchOption(word, ctx=context)


def long_flags(context: click.Context) -> list[str]:
    """Return the long flags of a command, without dashes."""
    parameters = context.command.get_params(context)
    flags = [flag for parameter in parameters for flag in (*parameter.opts, *parameter.secondary_opts)]
    return [flag.removeprefix("--") for flag in flags if flag.startswith("--")]


TAKE_EMPTY_TEXT = {"prompt", "separator", "unsure"}
"""Parameters for which an empty text is one like others."""


def refuse_empty_text(option: click.Option) -> None:
    """Let an option refuse to be empty on the command line, where that is a mistake such as an unset shell variable.

    It must not mean the same as no option: `--from "$RUN"` would train from nothing, `--checkpoints "$RUNS"` elsewhere.
    """
    check = option.callback
    if option.is_flag or option.name in TAKE_EMPTY_TEXT:
        return

    def callback(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
        if check is not None:
            value = check(context, parameter, value)
        is_typed = context.get_parameter_source(option.name or "") is click.core.ParameterSource.COMMANDLINE
        if is_typed and (value == "" or (isinstance(value, tuple) and "" in value)):
            raise UsageError(
                f"{max(option.opts, key=len)} is empty", setting=option.name or "", hint="give a value, or leave it out"
            )
        return value

    option.callback = callback
