"""From what a person types to the command line of `rnntui train`: all settings, their checks and their flags."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from rnntui.config import (
    DEFAULT_MINUTES,
    Budget,
    DecodingErrors,
    ModelConfig,
    Settings,
    TokenizerConfig,
    TrainingConfig,
    bounds_of,
    described_settings,
    flag_of,
)
from rnntui.errors import UsageError
from rnntui.runs.find import COMMANDS
from rnntui.runs.folder import LANGUAGE_MODEL

GROUPS: dict[str, type[Settings]] = {
    "Budget": Budget,
    "Model": ModelConfig,
    "Tokenizer": TokenizerConfig,
    "Training": TrainingConfig,
}
FIRST = ("cell", "layers", "hidden", "minutes")
"""The settings that most people want to choose; the others are under "all options"."""


@dataclass(frozen=True)
class Option:
    """A field of the form. `default` is shown where nothing is typed; `choices` are the only values there are."""

    name: str
    help: str
    group: str
    default: str = ""
    choices: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.name.replace("_", " ")


def options() -> list[Option]:
    """All options of `rnntui train`, in the order in which they are declared."""
    found = [
        Option("corpus", "text files, folders, globs, parted by spaces", ""),
        Option("name", "what to call the run", "", "after corpus"),
    ]
    for group, kind in GROUPS.items():
        hints = get_type_hints(kind)
        defaults = {f.name: f.default for f in fields(kind)}
        for name, described in described_settings(kind).items():
            choices = described.choices or (("yes", "no") if bool in get_args(hints[name]) else ())
            bounds = bounds_of(described)
            text = f"{described.help}; {bounds}" if bounds else described.help
            value = defaults[name]
            default = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
            found.append(Option(name, text, group, default, choices))
    return [
        *found,
        Option("encoding", "encoding of the text files", "Reading", "utf-8"),
        Option("errors", "what to do with bytes that are not of the encoding", "Reading", "strict",
               get_args(DecodingErrors)),
    ]  # fmt: skip


Problems = dict[str, str]
"""What is wrong, by the name of the option beside which it is to be shown."""


def problems_in(typed: Mapping[str, str]) -> Problems:
    """What is wrong with what was typed; empty if nothing is. Asks the settings themselves, one by one and together."""
    found: Problems = {}
    try:
        if not sources(typed):
            found["corpus"] = "name a text file, a folder or a glob to learn from"
        elif "-" in sources(typed):
            found["corpus"] = "- is standard input, which a training in the background has not; name a file"
    except UsageError as error:
        found["corpus"] = str(error)
    for kind in GROUPS.values():
        values = _values(kind, typed)
        for name, value in values.items():
            try:
                kind(**{name: value})
            except UsageError as error:
                found[name] = str(error)
    if not found:
        try:
            made = {kind: kind(**_values(kind, typed)) for kind in GROUPS.values()}
            model, tokenizer = made[ModelConfig], made[TokenizerConfig]
            assert isinstance(model, ModelConfig) and isinstance(tokenizer, TokenizerConfig)
            model.resolved(tokenizer.tokenizer)
        except UsageError as error:
            found[option_named(str(error), typed)] = str(error)
    return found


def arguments_of(typed: Mapping[str, str], checkpoints: Path) -> list[str]:
    """The arguments of `rnntui`, for what has no problems: only what differs from the defaults is passed."""
    arguments = ["train", "--checkpoints", str(checkpoints.absolute())]
    if typed.get("name", "").strip():
        arguments.append(f"--name={typed['name'].strip()}")  # in one word, as it may begin with a dash
    for kind in GROUPS.values():
        defaults = {f.name: f.default for f in fields(kind)}
        for name, value in _values(kind, typed).items():
            if value == defaults[name]:
                continue
            if isinstance(value, bool):
                arguments.append(flag_of(name) if value else flag_of(f"no_{name}"))
            else:
                arguments += [flag_of(name), str(value)]
    for option in options():
        value = typed.get(option.name, "").strip()
        if option.group == "Reading" and value not in ("", option.default):
            arguments += [flag_of(option.name), value]
    return [*arguments, "--", *sources(typed)]


_UNITS = {"m": "minutes", "min": "minutes", "e": "epochs", "s": "steps"}


def budget_from(text: str, unit: str) -> list[str]:
    """The flag and value of a budget such as `10 minutes`, `4 epochs` or `20000 steps`; a bare number is of `unit`.

    Raises `UsageError` if it is none.
    """
    match = re.fullmatch(r"\s*(\d{1,3}(?:,\d{3})+|[\d._]+)\s*([a-z]*)\s*", text.lower())
    word = (match[2] or unit) if match else ""
    name = _UNITS.get(word) or next((n for n in described_settings(Budget) if word and n.startswith(word)), None)
    if match is None or name is None:
        raise UsageError(f"a budget is a number of minutes, epochs or steps, such as 10 minutes (got {text[:40]!r})")
    value = _number(match[1].replace(",", "").replace("_", ""))
    values: dict[str, Any] = {name: value}
    Budget(**values)
    return [flag_of(name), str(value)]


def doubled(budget: Budget) -> tuple[str, str]:
    """The unit of a budget, and a text for twice as much of it."""
    for unit in described_settings(Budget):
        value = getattr(budget, unit)
        if value is not None:
            return unit, f"{2 * value:.10g} {unit}"
    return "minutes", f"{2 * DEFAULT_MINUTES:g} minutes"


def resume_arguments(name: str, checkpoints: Path, budget: Sequence[str] = (), kind: str = LANGUAGE_MODEL) -> list[str]:
    """The arguments of `rnntui` to go on with a run of a kind."""
    return [COMMANDS[kind], "--resume", "--checkpoints", str(checkpoints.absolute()), f"--name={name}", *budget]


def sources(typed: Mapping[str, str]) -> list[str]:
    """The files, folders and globs of the corpus. Raises `UsageError` if a quote is left open."""
    try:
        words = shlex.split(typed.get("corpus", ""))
    except ValueError:
        raise UsageError("a quote is open; close it, or write \\ before it") from None
    return [_at_home(word) if word.startswith("~") else word for word in words]


def _at_home(word: str) -> str:
    try:
        return str(Path(word).expanduser())
    except RuntimeError:  # of somebody whom the system does not know: training says that there is no such file
        return word


def _values(kind: type[Settings], typed: Mapping[str, str]) -> dict[str, Any]:
    """What was typed for a group of settings; a value that is of no use stays a text, and the settings say why."""
    values: dict[str, Any] = {}
    hints = get_type_hints(kind)
    for name, described in described_settings(kind).items():
        text = typed.get(name, "").strip()
        if not text:
            continue
        if described.choices:
            values[name] = text
        elif bool in get_args(hints[name]):
            values[name] = {"yes": True, "no": False}.get(text, text)
        else:
            values[name] = _number(text)
    return values


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def option_named(message: str, typed: Mapping[str, str]) -> str:
    """The option that a message is about: the first typed one whose flag is in it, or any whose flag is."""
    flags = re.findall(r"--[a-z-]+", message)
    names = [flag[2:].replace("-", "_") for flag in flags]
    return next((name for name in names if typed.get(name)), names[0] if names else "corpus")
