"""The training form without its screen: options, validation, and the command line of the training.

Form values are strings by option name. Options left at their default are absent or empty.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rnntui.config import ReadingConfig
from rnntui.errors import RnntuiError, UsageError
from rnntui.kinds.inputs import InputFiles
from rnntui.kinds.model_kind import ModelKind
from rnntui.kinds.registry import KINDS
from rnntui.settings import Settings, bounds_text, flag_of, is_bool, is_text, settings_of

FormValues = Mapping[str, str]
"""Values entered in the form, by option name."""

Problems = dict[str, str]
"""Error messages, by the name of the option beside which each is shown."""

_KIND = "kind"
_READING = "Reading"
_MAX_NAME_WORDS = 16  # of a file name without quotes among others


@dataclass(frozen=True)
class FormOption:
    """A field of the form.

    Args:
        name: name of the option, as in `learning_rate`.
        help: help text.
        heading: heading above the field; empty for the top of the form.
        default: value shown where nothing is entered.
        choices: allowed values; empty for free text.
        files: the input files that it names, if any.
    """

    name: str
    help: str
    heading: str
    default: str = ""
    choices: tuple[str, ...] = ()
    files: InputFiles | None = None

    @property
    def label(self) -> str:
        return self.name.replace("_", " ")


def form_options(kind: ModelKind) -> list[FormOption]:
    """Return every option for training a kind, in the order of declaration."""
    titles = tuple(kind.title for kind in KINDS.values())
    inputs = [FormOption(files.name, files.help, files.heading, files=files) for files in kind.inputs]
    options = [
        FormOption(_KIND, "kind of model", "", titles[0], titles),
        *(option for option in inputs if not option.heading),
        FormOption("name", "name of the run", "", f"from {kind.inputs[0].name}"),
        *(option for option in inputs if option.heading),
    ]
    for heading, config_class in kind.settings.items():
        options += _options_of(config_class, heading)
    options += [FormOption(option.name, option.help, _READING) for option in kind.reading_options]
    return options + _options_of(ReadingConfig, _READING)


def _options_of(config_class: type[Settings], heading: str) -> list[FormOption]:
    options = []
    defaults = {f.name: f.default for f in fields(config_class)}
    for name, setting in settings_of(config_class).items():
        if not setting.in_form:
            continue
        choices = setting.choices or (("yes", "no") if is_bool(config_class, name) else ())
        bounds = bounds_text(setting)
        text = f"{setting.help}; {bounds}" if bounds else setting.help
        default = defaults[name] if defaults[name] is not None else setting.none
        options.append(FormOption(setting.option_name, text, heading, _default_text(default), choices))
    return options


def _default_text(value: object) -> str:
    """Return a default as a user would enter it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def chosen_kind(form_values: FormValues) -> ModelKind:
    """Return the kind chosen in the form; by default the first one."""
    return next((kind for kind in KINDS.values() if kind.title == form_values.get(_KIND)), next(iter(KINDS.values())))


def kept_values(values: object) -> dict[str, str]:
    """Return the values of a form that was kept in a file, as far as they are texts of options that there are.

    They are as they were typed: the form says which of them are wrong.
    """
    names = {option.name for kind in KINDS.values() for option in form_options(kind)}
    known = values.items() if isinstance(values, Mapping) else ()
    return {name: text for name, text in known if name in names and isinstance(text, str)}


def problems_in(form_values: FormValues) -> Problems:
    """Validate the form; return its problems. Whether the files exist is checked by `missing_files`."""
    kind = chosen_kind(form_values)
    problems = {files.name: problem for files in kind.inputs if (problem := _problem_with_files(form_values, files))}
    if not problems:
        for choice in kind.input_choices:
            try:
                choice.check(lambda name: bool(named_files(form_values, name)))
                choice.require(lambda name: bool(named_files(form_values, name)))
            except UsageError as error:
                problems[error.setting or kind.inputs[0].name] = str(error)
                break
    for option in kind.reading_options:
        try:
            option.check(form_values.get(option.name, ""))
        except UsageError as error:
            problems[option.name] = str(error)
    for config_class in kind.settings.values():
        for name, value in _values(config_class, form_values).items():
            try:
                config_class(**{name: value})
            except UsageError as error:
                problems[settings_of(config_class)[name].option_name] = str(error)
    if not problems:
        try:
            configs = {
                config_class: config_class(**_values(config_class, form_values))
                for config_class in kind.settings.values()
            }
            model, tokenizer = configs[kind.model], configs[kind.tokenizer]
            model.check_with(tokenizer)  # type: ignore[attr-defined]
        except UsageError as error:
            problems[error.setting or kind.inputs[0].name] = str(error)
    return problems


def _problem_with_files(form_values: FormValues, files: InputFiles) -> str:
    """Return what is wrong with the file names of an input; empty if nothing is."""
    try:
        names = named_files(form_values, files.name)
    except UsageError as error:
        return str(error)
    if "-" in names:
        return "- is standard input, which a run in the background does not have; name a file"
    if len(names) > 1 and not files.many:
        return "only one file is allowed here; put a name with spaces in quotes"
    return ""


def named_files(form_values: FormValues, name: str) -> list[str]:
    """Return the files, folders and globs entered for an input, separated by spaces.

    A name with spaces or quotes is quoted as for a shell. It need not be if that file exists: words that name nothing
    are joined where together they are the name of a file. Raises `UsageError` if a quote is left open.
    """
    text = form_values.get(name, "").strip()
    if text and _exists(text):
        return [_expand_home(text)]
    try:
        words = shlex.split(text)
    except ValueError:
        names = _join_words(text.split(" "))  # the quote may be an apostrophe in a name
        if not all(map(_exists, names)):
            raise UsageError("a quote is not closed; close it, or write \\ before it", setting=name) from None
        return [_expand_home(name) for name in names]
    return [_expand_home(word) if word.startswith("~") else word for word in _join_words(words)]


def _join_words(words: list[str]) -> list[str]:
    """Return the words with those joined that only together are the name of a file."""
    names = []
    while words:
        count = 1
        if not _exists(words[0]):
            lengths = range(min(len(words), _MAX_NAME_WORDS), 1, -1)
            count = next((length for length in lengths if _exists(" ".join(words[:length]))), 1)
        names.append(" ".join(words[:count]))
        words = words[count:]
    return names


def _exists(name: str) -> bool:
    try:
        return bool(name) and Path(name).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # too long, a NUL, an unknown user's home folder
        return False


def _expand_home(word: str) -> str:
    try:
        return str(Path(word).expanduser())
    except RuntimeError:  # an unknown user's home folder: training will report that the file does not exist
        return word


def missing_files(form_values: FormValues) -> Problems:
    """Return the problems of input files that cannot be found or read; slow where folders are large."""
    from rnntui.text.corpus import check_sources

    problems: Problems = {}
    encoding = form_values.get("encoding", "").strip() or "utf-8"
    for files in chosen_kind(form_values).inputs:
        names: list[str] = []
        try:
            names = named_files(form_values, files.name)
            if names:
                check_sources(names, encoding)
        except RnntuiError as error:
            # The hint is for the command line: it may suggest standard input.
            text = str(error) if error.setting else error.problem
            problems[error.setting or files.name] = text + _quoting_hint(names, form_values[files.name])
        except OSError as error:
            problems[files.name] = f"{error.filename or 'the file'}: {error.strerror or error}"
    return problems


def _quoting_hint(names: list[str], text: str) -> str:
    """Return a hint for names that may be the words of one name; empty where that cannot be."""
    return "; put a name with spaces in quotes" if len(names) > 1 and not {*text} & {*"'\"\\"} else ""


def training_name(form_values: FormValues) -> str:
    """Return a name for a training until its run has one: the name entered, or the files."""
    kind = chosen_kind(form_values)
    names = ("name", *(files.name for files in kind.inputs))
    return next((text for name in names if (text := form_values.get(name, "").strip())), kind.title)


def training_arguments(form_values: FormValues, checkpoints: Path) -> list[str]:
    """Return the `rnntui` arguments that start a training; only values other than the default are passed.

    The form must have no problems.
    """
    kind = chosen_kind(form_values)
    arguments = [kind.command, "--checkpoints", str(checkpoints.absolute())]
    # A value that may begin with a dash is joined to its flag by =.
    if form_values.get("name", "").strip():
        arguments.append(f"--name={form_values['name'].strip()}")
    main, *flags = (files.name for files in kind.inputs)
    arguments += [f"{flag_of(name)}={file}" for name in flags for file in named_files(form_values, name)]
    for config_class in kind.settings.values():
        defaults = {f.name: f.default for f in fields(config_class)}
        settings = settings_of(config_class)
        for name, value in _values(config_class, form_values).items():
            option = settings[name].option_name
            if value == defaults[name]:
                continue
            if isinstance(value, bool):
                arguments.append(flag_of(option) if value else flag_of(f"no_{option}"))
            else:
                arguments += [flag_of(option), str(value)]
    for form_option in form_options(kind):
        text = form_values.get(form_option.name, "").strip()
        if form_option.heading == _READING and text not in ("", form_option.default):
            arguments += [flag_of(form_option.name), text]
    return [*arguments, "--", *named_files(form_values, main)]


def resume_arguments(kind: ModelKind, name: str, checkpoints: Path, budget: Sequence[str] = ()) -> list[str]:
    """Return the `rnntui` arguments that resume a run; `budget` is the flag and value of a new budget."""
    return [kind.command, "--resume", "--checkpoints", str(checkpoints.absolute()), f"--name={name}", *budget]


def parse_number(text: str) -> int | float | str:
    """Return the text as a number if it is one, else unchanged."""
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


def _values(config_class: type[Settings], form_values: FormValues) -> dict[str, Any]:
    """Return the values entered for the settings of a class, by field name.

    Text that cannot be converted stays text, which then fails validation.
    """
    values: dict[str, Any] = {}
    for name, setting in settings_of(config_class).items():
        text = form_values.get(setting.option_name, "").strip()
        if not text or not setting.in_form:
            continue
        if setting.choices or is_text(config_class, name):
            values[name] = text
        elif is_bool(config_class, name):
            values[name] = {"yes": True, "no": False}.get(text, text)
        elif text == setting.none:
            values[name] = None
        else:
            values[name] = parse_number(text)
    return values
