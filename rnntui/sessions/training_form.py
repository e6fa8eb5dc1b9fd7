"""The form that starts a training, without its screen: its options, what is wrong with the input, the command line.

Everything typed is a string by the option's name. Options that were left at their default are absent or empty.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from rnntui.config import DecodingErrors, Settings, bounds_of, described_settings, flag_of, is_yes_or_no
from rnntui.errors import RnntuiError, UsageError
from rnntui.kinds.inputs import InputFiles
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.registry import KINDS

Typed = Mapping[str, str]
"""What was typed, by option name."""

Problems = dict[str, str]
"""What is wrong, by the name of the option beside which it is to be shown."""

_KIND = "kind"
_READING = "Reading"


@dataclass(frozen=True)
class FormOption:
    """A field of the form.

    Args:
        name: name of the option, as in `learning_rate`.
        help: help text.
        group: heading that it stands under; empty for the top.
        default: value shown where nothing is typed.
        choices: the only values there are; empty for free text.
        files: the input that it names, if it is one of files.
    """

    name: str
    help: str
    group: str
    default: str = ""
    choices: tuple[str, ...] = ()
    files: InputFiles | None = None

    @property
    def label(self) -> str:
        return self.name.replace("_", " ")


def form_options(kind: ModelKind) -> list[FormOption]:
    """Every option of a training of a kind, in the order in which it is declared."""
    titles = tuple(known.title for known in KINDS.values())
    inputs = [FormOption(files.name, files.help, files.group, files=files) for files in kind.inputs]
    options = [
        FormOption(_KIND, "what to train", "", titles[0], titles),
        *(option for option in inputs if not option.group),
        FormOption("name", "what to call the run", "", f"after {kind.inputs[0].name}"),
        *(option for option in inputs if option.group),
    ]
    for group, settings in kind.settings.items():
        defaults = {f.name: f.default for f in fields(settings)}
        for name, described in described_settings(settings).items():
            choices = described.choices or (("yes", "no") if is_yes_or_no(settings, name) else ())
            bounds = bounds_of(described)
            text = f"{described.help}; {bounds}" if bounds else described.help
            options.append(FormOption(described.option, text, group, _default_text(defaults[name]), choices))
    return [
        *options,
        FormOption("encoding", "encoding of the text files", _READING, "utf-8"),
        FormOption(
            "errors", "what to do with bytes that are not of the encoding", _READING, "strict", get_args(DecodingErrors)
        ),
    ]


def _default_text(value: object) -> str:
    """A default as a user would type it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def chosen_kind(typed: Typed) -> ModelKind:
    """The kind that is chosen in the form; the first one unless another is."""
    return next((kind for kind in KINDS.values() if kind.title == typed.get(_KIND)), next(iter(KINDS.values())))


def problems_in(typed: Typed) -> Problems:
    """What is wrong with the input; empty if nothing is. Files are not looked for: see `missing_files`."""
    kind = chosen_kind(typed)
    problems = {files.name: problem for files in kind.inputs if (problem := _problem_with_files(typed, files))}
    if not problems:
        for choice in kind.input_choices:
            try:
                choice.check(lambda name: bool(named_files(typed, name)))
                choice.require(lambda name: bool(named_files(typed, name)))
            except UsageError as error:
                problems[error.setting or kind.inputs[0].name] = str(error)
                break
    for group in kind.settings.values():
        for name, value in _values(group, typed).items():
            try:
                group(**{name: value})
            except UsageError as error:
                problems[described_settings(group)[name].option] = str(error)
    if not problems:
        try:
            groups = {group: group(**_values(group, typed)) for group in kind.settings.values()}
            model, tokenizer = groups[kind.model], groups[kind.tokenizer]
            model.check_with(tokenizer)  # type: ignore[attr-defined]
        except UsageError as error:
            problems[error.setting or kind.inputs[0].name] = str(error)
    return problems


def _problem_with_files(typed: Typed, files: InputFiles) -> str:
    """What is wrong with the names typed for an input; empty if nothing is."""
    try:
        names = named_files(typed, files.name)
    except UsageError as error:
        return str(error)
    if "-" in names:
        return "- is standard input, which a training in the background has not; name a file"
    if len(names) > 1 and not files.many:
        return "this is one file; put a name with spaces in quotes"
    return ""


def named_files(typed: Typed, name: str) -> list[str]:
    """The files, folders and globs typed for an input. Raises `UsageError` if a quote is left open."""
    try:
        words = shlex.split(typed.get(name, ""))
    except ValueError:
        raise UsageError("a quote is open; close it, or write \\ before it", setting=name) from None
    return [_expand_home(word) if word.startswith("~") else word for word in words]


def _expand_home(word: str) -> str:
    try:
        return str(Path(word).expanduser())
    except RuntimeError:  # the home of a user whom the system does not know: training says that there is no such file
        return word


def missing_files(typed: Typed) -> Problems:
    """Which of the named files cannot be found or read; slow where folders are large."""
    from rnntui.text.corpus import find_corpus

    problems: Problems = {}
    encoding = typed.get("encoding", "").strip() or "utf-8"
    for files in chosen_kind(typed).inputs:
        names = named_files(typed, files.name)
        try:
            if names:
                find_corpus(names, encoding)
        except RnntuiError as error:
            # The hint is for those who type a command: standard input is among it.
            problems[error.setting or files.name] = str(error) if error.setting else error.problem
        except OSError as error:
            problems[files.name] = f"{error.filename or 'the file'}: {error.strerror or error}"
    return problems


def training_name(typed: Typed) -> str:
    """What to call a training until its run has a name: the name that was typed, or the files."""
    kind = chosen_kind(typed)
    names = ("name", *(files.name for files in kind.inputs))
    return next((text for name in names if (text := typed.get(name, "").strip())), kind.title)


def training_arguments(typed: Typed, checkpoints: Path) -> list[str]:
    """The arguments of `rnntui` for input without problems; only what differs from the defaults is passed."""
    kind = chosen_kind(typed)
    arguments = [kind.command, "--checkpoints", str(checkpoints.absolute())]
    # A value that may begin with a dash is joined to its flag.
    if typed.get("name", "").strip():
        arguments.append(f"--name={typed['name'].strip()}")
    main, *flags = (files.name for files in kind.inputs)
    arguments += [f"{flag_of(name)}={file}" for name in flags for file in named_files(typed, name)]
    for group in kind.settings.values():
        defaults = {f.name: f.default for f in fields(group)}
        settings = described_settings(group)
        for name, value in _values(group, typed).items():
            option = settings[name].option
            if value == defaults[name]:
                continue
            if isinstance(value, bool):
                arguments.append(flag_of(option) if value else flag_of(f"no_{option}"))
            else:
                arguments += [flag_of(option), str(value)]
    for form_option in form_options(kind):
        text = typed.get(form_option.name, "").strip()
        if form_option.group == _READING and text not in ("", form_option.default):
            arguments += [flag_of(form_option.name), text]
    return [*arguments, "--", *named_files(typed, main)]


def resume_arguments(kind: ModelKind, name: str, checkpoints: Path, budget: Sequence[str] = ()) -> list[str]:
    """The arguments of `rnntui` that resume a run of a kind."""
    return [kind.command, "--resume", "--checkpoints", str(checkpoints.absolute()), f"--name={name}", *budget]


def parse_number(text: str) -> int | float | str:
    """The text as a number if it is one, else the text."""
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _values(group: type[Settings], typed: Typed) -> dict[str, Any]:
    """What was typed for a group of settings by field name; text that is no such value stays, and fails its check."""
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
            values[name] = parse_number(text)
    return values
