"""Checks of the arguments of the Python API: a value of the wrong type raises `UsageError`, which names it.

A type checker finds such mistakes, too, but not every program that writes with a model is checked by one.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from rnntui.config_generation import LARGEST_SEED
from rnntui.errors import UsageError, did_you_mean
from rnntui.settings import shown_value


def checked_text(name: str, value: object) -> str:
    """Return a string."""
    if not isinstance(value, str):
        raise _wrong_type(name, "text", value)
    return value


def checked_texts(name: str, values: object) -> list[str]:
    """Return strings as a list. A single string is refused: it would be taken letter by letter."""
    if isinstance(values, str | bytes):
        raise UsageError(f"{name} must be a list of strings, not a string", hint=f"for one, give [{name}]")
    if not isinstance(values, Iterable):
        raise _wrong_type(name, "a list of strings", values)
    return [checked_text(name, value) for value in values]


def checked_path(name: str, value: object) -> str:
    """Return the name of a file or folder, given as a string or path. Raises `UsageError` for an empty one, too."""
    if not isinstance(value, str | os.PathLike):
        raise _wrong_type(name, "the name of a file or folder", value)
    path = os.fspath(value)
    if not isinstance(path, str) or not path or "\0" in path or not _can_be_encoded(path):
        raise UsageError(f"{name} must be the name of a file or folder (got {shown_value(path)})", setting=name)
    return path


def checked_paths(name: str, values: object) -> list[str]:
    """Return one or more names of files or folders as a list."""
    if isinstance(values, str | bytes | os.PathLike) or not isinstance(values, Iterable):
        values = [values]
    paths = [checked_path(name, value) for value in values]
    if not paths:
        raise _wrong_type(name, "the name of a file or folder, or several", values)
    return paths


def checked_file(name: str, value: object) -> Path:
    """Return the path of a file."""
    return Path(checked_path(name, value))


def checked_seed(name: str, value: object) -> int | None:
    """Return a seed: an integer from 0, or None."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST_SEED:
        raise _wrong_type(name, f"an integer from 0 to {LARGEST_SEED}, or None", value)
    return value


def checked_workers(name: str, value: object) -> int | None:
    """Return the value if it is a number of threads or None. Raises `UsageError`."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise _wrong_type(name, "a whole number of 1 or more, or None", value)


def checked_callable(name: str, value: Any) -> Callable[..., object] | None:
    """Return a function, or None."""
    if value is not None and not callable(value):
        raise _wrong_type(name, "a function, or None", value)
    return value  # type: ignore[no-any-return]


def checked_instance(name: str, value: object, kind: type) -> None:
    """Raise `UsageError` if a value is not an instance of a class."""
    if not isinstance(value, kind):
        raise _wrong_type(name, f"a {kind.__name__}", value)


def checked_token_ids(name: str, values: object, vocab_size: int) -> list[int]:
    """Return ids of tokens of a vocabulary as a list."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise _wrong_type(name, "a list of token ids", values)
    ids: list[int] = []
    for value in values:
        try:
            index = -1 if isinstance(value, bool) else operator.index(value)  # numpy's integers have one
        except TypeError:
            index = -1
        if not 0 <= index < vocab_size:
            raise _wrong_type(name, f"token ids, integers from 0 to {vocab_size - 1}", value)
        ids.append(index)
    return ids


def unknown_setting(name: str, known: Collection[str], hint: str) -> UsageError:
    """Return the error for a setting that does not exist; the hint is that of a similar name, if there is one."""
    return UsageError(f"unknown setting {name!r}", hint=did_you_mean(name, known) or hint)


def _can_be_encoded(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


def _wrong_type(name: str, expected: str, value: object) -> UsageError:
    return UsageError(f"{name} must be {expected} (got {shown_value(value)})", setting=name)
