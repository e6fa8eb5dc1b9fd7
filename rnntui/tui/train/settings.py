"""From what a person types to a command line of `rnntui`: all settings, their checks and their flags."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from rnntui.config import Settings, described_settings, flag_of, is_yes_or_no
from rnntui.errors import UsageError
from rnntui.runs.folder import LANGUAGE_MODEL
from rnntui.runs.lookup import COMMANDS
from rnntui.tui.train.kinds import chosen_kind, options
from rnntui.tui.train.sources import sources, wrong_words

Problems = dict[str, str]
"""What is wrong, by the name of the option beside which it is to be shown."""


def problems_in(typed: Mapping[str, str]) -> Problems:
    """What is wrong with what was typed; empty if nothing is. Asks the settings themselves, one by one and together."""
    kind = chosen_kind(typed)
    main = kind.files[0].name
    found = {option.name: wrong for option in kind.files if (wrong := wrong_words(typed, option))}
    if not found:
        try:
            kind.check_files(lambda name: bool(sources(typed, name)))
        except UsageError as error:
            found[option_named(str(error), typed, main)] = str(error)
    for group in kind.groups.values():
        for name, value in _values(group, typed).items():
            try:
                group(**{name: value})
            except UsageError as error:
                found[described_settings(group)[name].option] = str(error)
    if not found:
        try:
            kind.check({group: group(**_values(group, typed)) for group in kind.groups.values()})
        except UsageError as error:
            found[option_named(str(error), typed, main)] = str(error)
    return found


def arguments_of(typed: Mapping[str, str], checkpoints: Path) -> list[str]:
    """The arguments of `rnntui`, for what has no problems: only what differs from the defaults is passed."""
    kind = chosen_kind(typed)
    arguments = [COMMANDS[kind.id], "--checkpoints", str(checkpoints.absolute())]
    # What may begin with a dash is in one word with its flag.
    if typed.get("name", "").strip():
        arguments.append(f"--name={typed['name'].strip()}")
    main, *flags = (option.name for option in kind.files)
    arguments += [f"{flag_of(name)}={file}" for name in flags for file in sources(typed, name)]
    for group in kind.groups.values():
        defaults = {f.name: f.default for f in fields(group)}
        for name, value in _values(group, typed).items():
            if value == defaults[name]:
                continue
            called = described_settings(group)[name].option
            if isinstance(value, bool):
                arguments.append(flag_of(called) if value else flag_of(f"no_{called}"))
            else:
                arguments += [flag_of(called), str(value)]
    for option in options(kind):
        value = typed.get(option.name, "").strip()
        if option.group == "Reading" and value not in ("", option.default):
            arguments += [flag_of(option.name), value]
    return [*arguments, "--", *sources(typed, main)]


def resume_arguments(name: str, checkpoints: Path, budget: Sequence[str] = (), kind: str = LANGUAGE_MODEL) -> list[str]:
    """The arguments of `rnntui` to go on with a run of a kind."""
    return [COMMANDS[kind], "--resume", "--checkpoints", str(checkpoints.absolute()), f"--name={name}", *budget]


def option_named(message: str, typed: Mapping[str, str], otherwise: str) -> str:
    """The option that a message is about: the first typed one whose flag is in it, or any whose flag is."""
    flags = re.findall(r"--[a-z-]+", message)
    names = [flag[2:].replace("-", "_") for flag in flags]
    return next((name for name in names if typed.get(name)), names[0] if names else otherwise)


def number(text: str) -> int | float | str:
    """The text as a number, if it is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _values(group: type[Settings], typed: Mapping[str, str]) -> dict[str, Any]:
    """What was typed for a group of settings; a value that is of no use stays a text, and the settings say why."""
    values: dict[str, Any] = {}
    for name, described in described_settings(group).items():
        text = typed.get(described.option, "").strip()
        if not text:
            continue
        if described.choices:
            values[name] = text
        elif is_yes_or_no(group, name):
            values[name] = {"yes": True, "no": False}.get(text, text)
        else:
            values[name] = number(text)
    return values
