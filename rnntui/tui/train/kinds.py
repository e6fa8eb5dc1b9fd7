"""The kinds of model that one can train: which files each reads, which settings it has, and what the form asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args

from rnntui.config import (
    Budget,
    DecodingErrors,
    LanguageModelConfig,
    LanguageModelTrainingConfig,
    Settings,
    TokenizerConfig,
    bounds_of,
    described_settings,
    is_yes_or_no,
)
from rnntui.config_seq2seq import PAIR_FILES, Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.errors import UsageError
from rnntui.runs.folder import LANGUAGE_MODEL, SEQ2SEQ

Groups = dict[str, type[Settings]]
Check = Callable[[Mapping[type[Settings], Any]], None]

_TEXTS = (".txt", ".md", ".gz", ".xz")
_TABLES = (".tsv", ".tab", ".csv", ".txt", ".gz", ".xz")
_KIND = "kind"


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


@dataclass(frozen=True)
class FileOption(Option):
    """A field that names files: one, or `many` parted by spaces. Names with one of `endings` are offered; "": all."""

    many: bool = False
    endings: tuple[str, ...] = ("",)


@dataclass(frozen=True)
class Kind:
    """A kind of model.

    `title` names it in the form, `short` in a column. The first of `files` are arguments of the command, the others
    flags. `first` are the settings that most people want to choose; the others are under "all options". `check` raises
    `UsageError` where settings do not go together, `check_files` where the files do not, given which are named.
    """

    id: str
    title: str
    short: str
    files: tuple[FileOption, ...]
    groups: Groups
    first: tuple[str, ...]
    check: Check
    check_files: Callable[[Callable[[str], bool]], None]


def options(kind: Kind) -> list[Option]:
    """All that can be chosen for a training of a kind, in the order in which it is declared."""
    titles = tuple(known.title for known in KINDS.values())
    main = kind.files[0].name
    found = [
        Option(_KIND, "what to train", "", titles[0], titles),
        *(option for option in kind.files if not option.group),
        Option("name", "what to call the run", "", f"after {main}"),
        *(option for option in kind.files if option.group),
    ]
    for group, settings in kind.groups.items():
        defaults = {f.name: f.default for f in fields(settings)}
        for name, described in described_settings(settings).items():
            choices = described.choices or (("yes", "no") if is_yes_or_no(settings, name) else ())
            bounds = bounds_of(described)
            text = f"{described.help}; {bounds}" if bounds else described.help
            found.append(Option(described.option, text, group, _shown(defaults[name]), choices))
    return [
        *found,
        Option("encoding", "encoding of the text files", "Reading", "utf-8"),
        Option("errors", "what to do with bytes that are not of the encoding", "Reading", "strict",
               get_args(DecodingErrors)),
    ]  # fmt: skip


def _shown(value: object) -> str:
    """A default as it is typed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def chosen_kind(typed: Mapping[str, str]) -> Kind:
    """The kind that is chosen in the form; the first one unless another is."""
    return next((kind for kind in KINDS.values() if kind.title == typed.get(_KIND)), next(iter(KINDS.values())))


def _check_language_model(made: Mapping[type[Settings], Any]) -> None:
    made[LanguageModelConfig].resolved(made[TokenizerConfig].tokenizer)


def _check_seq2seq(made: Mapping[type[Settings], Any]) -> None:
    """Nothing beyond what each group checks by itself."""


def _check_corpus(named: Callable[[str], bool]) -> None:
    if not named("corpus"):
        raise UsageError("name a text file, a folder or a glob to learn from")


def _check_pairs(named: Callable[[str], bool]) -> None:
    from rnntui.text.pairs import check_pair_sources

    check_pair_sources(named("pairs"), named("source"), named("target"), ("--source", "--target"))
    if not (named("pairs") or named("source")):
        raise UsageError("name a table of pairs to learn from, or two files: sources and targets")
    flags = ("--validation-source", "--validation-target")
    check_pair_sources(named("validation_pairs"), named("validation_source"), named("validation_target"), flags)


KINDS = {
    LANGUAGE_MODEL: Kind(
        LANGUAGE_MODEL, "language model", "LM",
        (FileOption("corpus", "text files, folders, globs, parted by spaces", "", many=True, endings=_TEXTS),),
        {"Budget": Budget, "Model": LanguageModelConfig, "Tokenizer": TokenizerConfig,
         "Training": LanguageModelTrainingConfig},
        ("cell", "layers", "hidden", "minutes"), _check_language_model, _check_corpus,
    ),
    SEQ2SEQ: Kind(
        SEQ2SEQ, "Seq2Seq", "S2S",
        (
            FileOption("pairs", "tables: source, a tab, target", "", many=True, endings=_TABLES),
            *(
                FileOption(name, text, "Validation" if name.startswith("validation") else "",
                           endings=_TABLES if name.endswith("pairs") else ("",))
                for name, text in PAIR_FILES.items()
            ),
        ),
        {"Budget": Budget, "Model": Seq2SeqConfig, "Tokenizer": Seq2SeqTokenizerConfig,
         "Training": Seq2SeqTrainingConfig},
        ("tokenizer", "hidden", "minutes"), _check_seq2seq, _check_pairs,
    ),
}  # fmt: skip
"""The kinds by their name in `config.json`."""
