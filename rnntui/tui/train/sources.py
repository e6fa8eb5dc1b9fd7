"""The files that are named in the form: what was typed as a list of names, and whether there are such files."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from rnntui.errors import RnntuiError, UsageError
from rnntui.tui.train.kinds import FileOption, Kind


def sources(typed: Mapping[str, str], name: str) -> list[str]:
    """The files, folders and globs of a field. Raises `UsageError` if a quote is left open."""
    try:
        words = shlex.split(typed.get(name, ""))
    except ValueError:
        raise UsageError("a quote is open; close it, or write \\ before it") from None
    return [_at_home(word) if word.startswith("~") else word for word in words]


def called(typed: Mapping[str, str], kind: Kind) -> str:
    """What to call a training until its run has a name: the name that was typed, or the files."""
    names = ("name", *(option.name for option in kind.files))
    return next((text for name in names if (text := typed.get(name, "").strip())), kind.title)


def wrong_words(typed: Mapping[str, str], option: FileOption) -> str:
    """What is wrong with what was typed for a field of files; empty if nothing is."""
    try:
        words = sources(typed, option.name)
    except UsageError as error:
        return str(error)
    if "-" in words:
        return "- is standard input, which a training in the background has not; name a file"
    if len(words) > 1 and not option.many:
        return "this is one file; put a name with spaces in quotes"
    return ""


def not_found(typed: Mapping[str, str], kind: Kind) -> dict[str, str]:
    """What is wrong with the files themselves, by the option's name; slow where folders are large."""
    from rnntui.text.corpus import find_corpus

    found: dict[str, str] = {}
    encoding = typed.get("encoding", "").strip() or "utf-8"
    for option in kind.files:
        words = sources(typed, option.name)
        try:
            if words:
                find_corpus(words, encoding)
        except RnntuiError as error:
            told = str(error)
            if told.startswith("--encoding"):
                found["encoding"] = told
            else:
                # What to do about it follows, for those who type a command: standard input is among it.
                found[option.name] = told.rpartition("; ")[0] or told
        except OSError as error:
            found[option.name] = f"{error.filename or 'the file'}: {error.strerror or error}"
    return found


def _at_home(word: str) -> str:
    try:
        return str(Path(word).expanduser())
    except RuntimeError:  # of somebody whom the system does not know: training says that there is no such file
        return word
