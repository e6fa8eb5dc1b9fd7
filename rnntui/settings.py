"""Declaration of settings: help text, bounds and type of each field once, and their validation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Self, TypeVar, dataclass_transform, get_args, get_type_hints

from rnntui.errors import UsageError

Config = TypeVar("Config")

_MAX_SHOWN = 60  # characters of a wrong value in a message

# By class, computed once.
_settings: dict[type[Settings], Mapping[str, Setting]] = {}
_hints: dict[type[Any], Mapping[str, Any]] = {}


@dataclass(frozen=True)
class Setting:
    """The description of a settings field.

    Args:
        help: help text of the flag and of the form's field.
        low: inclusive lower bound.
        high: inclusive upper bound.
        choices: the only values allowed.
        option_name: its name outside of its class, on the command line and in the form, if that is not the field's.
        none: the word for None on the command line and in the form, where it is a value like others.
        in_form: False if the app's form does not have it, as the app starts nothing that it is for.
        resolved: True if "auto" is replaced by a value when a run is created, which its config then holds.
    """

    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    option_name: str = ""
    none: str = ""
    in_form: bool = True
    resolved: bool = False


def setting_field(
    default: Any,
    help: str,  # the flag's help: the word click uses
    *,
    choices: Any = None,
    **details: Any,
) -> Any:
    """Return a dataclass field with a default and a help text; `choices` is a Literal, `details` are of `Setting`."""
    setting = Setting(help, choices=get_args(choices), **details)
    return field(default=default, metadata={"setting": setting})


def override(config_class: type[Settings], name: str, default: Any, help: str | None = None, **details: Any) -> Any:
    """Return a field for a setting of another class, with another default and optionally another help or details.

    The details are those of `setting_field`.
    """
    setting: Setting = next(f for f in fields(config_class) if f.name == name).metadata["setting"]
    if "choices" in details:
        details["choices"] = get_args(details["choices"])
    changed = replace(setting, help=help or setting.help, **details)
    return field(default=default, metadata={"setting": changed})


def settings_of(config_class: type[Settings]) -> Mapping[str, Setting]:
    """Return the settings of a class by field name, in the order they are declared; `option_name` is always set."""
    if config_class not in _settings:
        described = {f.name: f.metadata["setting"] for f in fields(config_class) if "setting" in f.metadata}
        _settings[config_class] = MappingProxyType(
            {name: replace(setting, option_name=setting.option_name or name) for name, setting in described.items()}
        )
    return _settings[config_class]


def type_hints(config_class: type[Any]) -> Mapping[str, Any]:
    """Return the types of a class's fields by name; evaluating the annotations takes longer than all checks."""
    if config_class not in _hints:
        _hints[config_class] = get_type_hints(config_class)
    return _hints[config_class]


def bounds_text(setting: Setting) -> str:
    """Return the bounds in words, as help and messages show them; empty if there are none."""
    bounds = _bounds(setting.low, setting.high) if (setting.low, setting.high) != (None, None) else ""
    return f"{setting.none}, or {bounds}" if setting.none else bounds


def is_bool(config_class: type[Settings], name: str) -> bool:
    """Return True for a setting whose type is `bool` or `bool | None`."""
    hint = type_hints(config_class)[name]
    return bool in (get_args(hint) or (hint,))


def problem_with(config_class: type[Settings], name: str, value: object) -> str:
    """Return what is wrong with a value of a setting, as the end of a sentence about it; empty if nothing is."""
    return _problem(settings_of(config_class)[name], type_hints(config_class)[name], value)


def usable_values(config_class: type[Settings], values: Mapping[str, object]) -> dict[str, Any]:
    """Return those of some values that are valid settings of a class, by field name, as of a file that is old."""
    return {
        name: values[name]
        for name in settings_of(config_class)
        if name in values and not problem_with(config_class, name, values[name])
    }


def flag_of(option: str) -> str:
    """Return the command-line flag of an option: `learning_rate` is `--learning-rate`."""
    return "--" + option.replace("_", "-")


def is_text(config_class: type[Settings], name: str) -> bool:
    """Return True for a setting of free text: its type is `str`."""
    return type_hints(config_class)[name] is str


class Record:
    """Equality, hash and representation of frozen dataclasses by their fields.

    `dataclass` would generate them for each class anew, which took a tenth of the start-up time of `rnntui sample`.
    """

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({values})"


@dataclass_transform(frozen_default=True)
def record(cls: type[Config]) -> type[Config]:
    """Class decorator of a `Record`: a frozen dataclass that inherits equality, hash and representation."""
    return dataclass(frozen=True, eq=False, repr=False)(cls)


@record
class Settings(Record):
    """A frozen dataclass of settings that checks itself when constructed.

    Raises `UsageError` naming the flag, the bounds and the value if a value is out of bounds or of another type.
    """

    def __post_init__(self) -> None:
        hints = type_hints(type(self))
        for name, setting in settings_of(type(self)).items():
            _check(setting, hints[name], getattr(self, name))

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Return the settings of a JSON object; absent keys have their defaults, an unknown key raises `UsageError`."""
        if not isinstance(values, dict):
            raise UsageError(f"expected an object of settings, got {type(values).__name__}")
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise UsageError(f"unknown setting {shown_value(unknown[0])}; known are {', '.join(sorted(known))}")
        return cls(**values)


def _check(setting: Setting, hint: Any, value: Any) -> None:
    problem = _problem(setting, hint, value)
    if problem:
        raise UsageError(f"{flag_of(setting.option_name)} {problem}", setting=setting.option_name)


def _problem(setting: Setting, hint: Any, value: Any) -> str:
    """Return the problem with a value, as the end of a sentence about its flag, or an empty string."""
    if value is None:
        return "" if type(None) in get_args(hint) else "needs a value"
    if setting.choices:
        allowed = isinstance(value, str) and value in setting.choices
        return "" if allowed else f"must be one of {', '.join(setting.choices)} (got {shown_value(value)})"
    types = get_args(hint) or (hint,)
    if bool in types:
        return "" if isinstance(value, bool) else f"must be true or false (got {shown_value(value)})"
    if str in types:
        return "" if isinstance(value, str) else f"must be text (got {shown_value(value)})"
    return number_problem(setting, int if int in types else float, value)


def number_problem(setting: Setting, number: type[int] | type[float], value: object) -> str:
    """Return the problem with the value of a number, as the end of a sentence about it; empty if there is none."""
    low, high = setting.low, setting.high
    # JSON writes 1.0 as 1: an int is a fine float; a bool is neither, though Python calls it an int.
    if isinstance(value, bool) or not isinstance(value, (int, float) if number is float else int):
        word = "a number" if number is float else "a whole number"
        bounds = f" {_bounds(low, high)}" if (low, high) != (None, None) else ""
        return f"must be {setting.none + ' or ' if setting.none else ''}{word}{bounds} (got {shown_value(value)})"
    too_low, too_high = low is not None and value < low, high is not None and value > high
    if too_low or too_high or (isinstance(value, float) and not math.isfinite(value)):
        return f"must be {_bounds(low, high)} (got {shown_value(value)})"
    return ""


def shown_value(value: object) -> str:
    """Return a value of any type and size as a message shows it: short, and on one line."""
    if isinstance(value, float):
        return format(value, "g")
    if isinstance(value, int) and value.bit_length() > 64:  # Python refuses to print thousands of digits
        return f"a whole number of about {round(value.bit_length() * math.log10(2)):,} digits"
    try:
        shown = repr(value[:_MAX_SHOWN] if isinstance(value, (str, list)) else value)
    except ValueError:  # such a number within it
        shown = f"a {type(value).__name__}"
    return shown if len(shown) <= _MAX_SHOWN else f"{shown[: _MAX_SHOWN - 1]}…"


def _bounds(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"between {_plain(low)} and {_plain(high)}"
    if low is not None:
        return f"{_plain(low)} or more"
    return f"{_plain(high)} or less" if high is not None else "a finite number"


def _plain(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:,.10g}"
