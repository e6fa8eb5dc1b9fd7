"""Settings files in TOML, `--config` and `--write-config` of the commands that train.

A key is the name of a flag without its dashes, as in `learning_rate`, and so also that of the setting in JSON.
"""

from __future__ import annotations

import json
import re
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial, wraps
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from rnntui.atomic_files import write_user_file
from rnntui.cli.options import is_given, settings_from
from rnntui.cli.terminal import check_new_file, print_note, write_out
from rnntui.config import Budget, ReadingConfig
from rnntui.errors import UsageError, did_you_mean, read_error
from rnntui.kinds.model_kind import ModelKind
from rnntui.settings import Settings, bounds_text, problem_with, settings_of
from rnntui.untrusted_files import read_bounded

_NO_KEYS = {
    "config", "write_config", "resume", "accept_changed_corpus", "find_learning_rate", "use_found_rate", "rate_curve",
    "debug", "help",
}  # fmt: skip
_Source = click.core.ParameterSource
_WIDTH = 100  # columns of a comment
_MAX_BYTES = 1 << 20  # of a file; the names of ten thousand source files have less
_MAX_DOTS = 20  # of a key: settings have none, and tomllib takes minutes for fifty thousand
_KEY_PART = r"""(?:[\w-]{1,200}+|"(?:[^"\\\n]|\\.){0,200}+"|'[^'\n]{0,200}+')"""  # bounded, so linear in time
_LONG_KEY = re.compile(rf"(?<![\w\\-]){_KEY_PART}(?:[ \t]*+\.[ \t]*+{_KEY_PART}){{{_MAX_DOTS}}}")

Command = TypeVar("Command", bound=Callable[..., Any])


class _Key(NamedTuple):
    """A key of a settings file: its flag, and its settings class and field, if it is a setting."""

    parameter: click.Parameter
    config_class: type[Settings] | None = None
    field: str = ""


def settings_file_options(kind: ModelKind) -> Callable[[Command], Command]:
    """Add `--config`, which reads settings from a file, and `--write-config`, which writes one and trains nothing."""

    def add(command: Command) -> Command:
        @wraps(command)
        def run(*, write_config: str | None, **values: Any) -> Any:
            context = click.get_current_context()
            values |= _prefer_flags(context, kind)
            if write_config is None:
                return command(**values)
            for config_class in kind.settings.values():
                settings_from(config_class, values)
            write_settings_file(context, kind, write_config)
            return 0

        for option in (
            click.option(
                "--write-config", metavar="FILE",
                help="Write a settings file with these flags, all others as comments, and train nothing; - is "
                "standard output.",
            ),
            click.option(
                "--config", metavar="FILE", is_eager=True, multiple=True, expose_value=False,
                callback=partial(_read_file, kind),
                help="Read settings from a TOML file, whose keys are the names of flags; flags override it.",
            ),
        ):  # fmt: skip
            run = option(run)
        return run  # type: ignore[return-value]

    return add


# -- reading -----------------------------------------------------------------------------------------------------------


def _read_file(kind: ModelKind, context: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> None:
    """Take the defaults of the command's parameters from a file. A click callback.

    Raises `UsageError` naming the file and the key for an unknown key and for a value that its flag would not take,
    and for a second file.
    """
    if not names or context.resilient_parsing:
        return
    if len(names) > 1:
        raise UsageError("--config is given more than once", setting="config", hint="put all keys into one file")
    [name] = names
    try:
        text = read_bounded(Path(name), _MAX_BYTES).decode("utf-8-sig").replace("\r\n", "\n")
        if _LONG_KEY.search(text):
            raise ValueError(f"a key of more than {_MAX_DOTS} parts")
        values = tomllib.loads(text)
    except OSError as error:
        raise read_error(name, error, flag="--config") from error
    except (ValueError, RecursionError) as error:  # not TOML, or not UTF-8
        problem = str(error) or "nested too deeply"
        raise UsageError(f"--config: {name} is not TOML: {problem}", setting="config") from error
    keys = _keys(context, kind)
    for key, value in values.items():
        if key not in keys:
            raise UsageError(f"{name}: unknown key {key!r}", setting="config", hint=_advice(key, value, list(keys)))
        problem = _problem(context, keys[key], value)
        if problem:
            raise UsageError(f"{name}: {key} {problem}", setting=key)
    context.default_map = values


def _advice(key: str, value: object, keys: list[str]) -> str:
    if isinstance(value, dict):
        return "a settings file has no sections"
    hint = did_you_mean(key.replace("-", "_").lower(), keys)
    return hint or "keys are the names of flags, as in learning_rate = 0.002"


def _problem(context: click.Context, key: _Key, value: object) -> str:
    """Return the problem with a key's value, as the end of a sentence about the key, or an empty string."""
    if key.config_class is not None:
        setting = settings_of(key.config_class)[key.field]
        is_none = bool(setting.none) and value == setting.none
        return "" if is_none else problem_with(key.config_class, key.field, value)
    parameter = key.parameter
    if parameter.nargs == -1 or parameter.multiple:
        is_list = isinstance(value, list) and all(isinstance(item, str) and item for item in value)
        return "" if is_list else f"must be a list of names, as in [{json.dumps(_example(value))}]"
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return "" if isinstance(value, bool) else f"must be true or false (got {value!r})"
    if parameter.type is click.STRING:
        return "" if isinstance(value, str) else f"must be text (got {value!r})"
    try:
        parameter.type_cast_value(context, value)
    except click.BadParameter as error:
        return f"is wrong: {error.message}"
    return ""


def _example(value: object) -> str:
    return value if isinstance(value, str) and value else "corpus.txt"


def argument_from_file(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Return the files that a settings file names if the command line names none. A click callback.

    click takes the options that are not given from the default map, and so not all versions an argument of any number
    of files.
    """
    name = parameter.name or ""
    if value or name not in (context.default_map or {}):
        return value
    context.set_parameter_source(name, _Source.DEFAULT_MAP)
    return tuple((context.default_map or {})[name])


def _prefer_flags(context: click.Context, kind: ModelKind) -> dict[str, Any]:
    """Return the defaults of those values in the file that a flag on the command line excludes.

    A budget of epochs, say, takes the place of one in minutes.
    """
    keys = _keys(context, kind)
    defaults: dict[str, Any] = {}
    for names in _alternatives(kind):
        sources = {name: context.get_parameter_source(name) for name in names if context.params[name]}
        if "max_epochs" in sources and sources["max_epochs"] is _Source.COMMANDLINE:
            continue  # a limit to the minutes is no budget, which could take the place of one
        if _Source.COMMANDLINE in sources.values():
            for name in (name for name, source in sources.items() if source is _Source.DEFAULT_MAP):
                context.set_parameter_source(name, _Source.DEFAULT)
                defaults[name] = _default(keys[name])
    context.params |= defaults
    return defaults


def _default(key: _Key) -> Any:
    """Return the value of a parameter that is not given."""
    if key.config_class is None:
        return () if isinstance(key.parameter, click.Argument) else None
    return next(field.default for field in fields(key.config_class) if field.name == key.field)


def _alternatives(kind: ModelKind) -> Iterator[tuple[str, ...]]:
    """Yield the names of options of which only some may be given."""
    yield tuple(settings_of(Budget))
    yield from (("epochs", "max_epochs"), ("steps", "max_epochs"))
    yield tuple(name for name in ("batch_size", "batch_tokens") if name in settings_of(kind.training))
    for choice in kind.input_choices:
        yield (choice.table, *choice.columns)


# -- writing -----------------------------------------------------------------------------------------------------------


def write_settings_file(context: click.Context, kind: ModelKind, name: str) -> None:
    """Write a settings file that does the same as the command line of a context. Raises `UsageError` if it exists.

    Args:
        context: that of a command that trains the kind.
        kind: a kind of model.
        name: name of the file; `-` for standard output.
    """
    data = "\n".join(_lines(context, kind)) + "\n"
    if name == "-":
        write_out(data)
        return
    check_new_file("--write-config", name)
    write_user_file(Path(name), data.encode())
    print_note(f"wrote {name}; train with: rnntui {kind.command} --config {name}")


def _lines(context: click.Context, kind: ModelKind) -> Iterator[str]:
    yield f"# Settings of rnntui {kind.command} --config FILE. A flag on the command line overrides its key here."
    yield "# Lines that begin with # are comments: what is not set here has the default that its comment shows."
    headings = {config_class: heading for heading, config_class in kind.settings.items()}
    heading = ""
    for name, key in _keys(context, kind).items():
        key_heading = headings.get(key.config_class, "Files and run") if key.config_class else "Files and run"
        if key_heading != heading:
            heading = key_heading
            yield from ("", f"# {heading}")
        yield ""
        yield from textwrap.wrap(_help(key), _WIDTH, initial_indent="# ", subsequent_indent="# ")
        value = context.params[name]
        given = is_given(context, name) and value not in (None, ())
        yield f"{'' if given else '# '}{name} = {_toml(name, _in_file(key, value))}".rstrip()


def _help(key: _Key) -> str:
    if key.config_class is None:
        text = getattr(key.parameter, "help", None) or "Files to train on, as on the command line."
        return text.rstrip(".")
    setting = settings_of(key.config_class)[key.field]
    values = ", ".join(setting.choices) or bounds_text(setting)
    return setting.help[0].upper() + setting.help[1:] + (f" [{values}]" if values else "")


def _in_file(key: _Key, value: Any) -> Any:
    """Return a value as the file has it: for None the word that stands for it, if there is one."""
    if value is None and key.config_class is not None:
        return settings_of(key.config_class)[key.field].none or None
    return list(value) if isinstance(value, tuple) else value


def _toml(name: str, value: Any) -> str:
    """Return a value in TOML, empty for None. Raises `UsageError` for text that no UTF-8 file can hold."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(_toml(name, item) for item in value)}]"
    if not value.isascii() and value.encode("utf-8", "replace").decode() != value:
        raise UsageError(f"--write-config: {name} is not UTF-8", setting=name)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")  # which TOML, unlike JSON, must escape


def _keys(context: click.Context, kind: ModelKind) -> dict[str, _Key]:
    """Return the keys of a settings file: input files, how they are read, name, then the settings by heading."""
    all_settings: tuple[type[Settings], ...] = (ReadingConfig, *kind.settings.values())
    settings: dict[str, tuple[type[Settings] | None, str]] = {
        setting.option_name: (config_class, field)
        for config_class in all_settings
        for field, setting in settings_of(config_class).items()
    }
    keys = {
        parameter.name: _Key(parameter, *settings.get(parameter.name, (None, "")))
        for parameter in context.command.params
        if parameter.name and parameter.name not in _NO_KEYS
    }
    headed = [*kind.settings.values()]
    return dict(sorted(keys.items(), key=lambda item: item[1].config_class in headed))
