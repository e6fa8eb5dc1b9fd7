"""Checks of the arguments of the Python API: a value of the wrong type raises `UsageError`, which names it.

A type checker finds such mistakes, too, but not every program that writes with a model is checked by one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rnntui.errors import UsageError

_LARGEST_SEED = 1 << 63


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
    if not isinstance(path, str) or not path or "\0" in path:
        raise UsageError(f"{name} must be the name of a file or folder (got {path!r:.60})", setting=name)
    return path


def checked_paths(name: str, values: object) -> list[str]:
    """Return one or more names of files or folders as a list."""
    if isinstance(values, str | bytes | os.PathLike) or not isinstance(values, Iterable):
        values = [values]
    return [checked_path(name, value) for value in values]


def checked_file(name: str, value: object) -> Path:
    """Return the path of a file."""
    return Path(checked_path(name, value))


def checked_seed(name: str, value: object) -> int | None:
    """Return a seed: an integer from 0, or None."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LARGEST_SEED:
        raise _wrong_type(name, "an integer from 0, or None", value)
    return value


def checked_callable(name: str, value: Any) -> Callable[..., object] | None:
    """Return a function, or None."""
    if value is not None and not callable(value):
        raise _wrong_type(name, "a function, or None", value)
    return value  # type: ignore[no-any-return]


def checked_instance(name: str, value: object, kind: type) -> None:
    """Raise `UsageError` if a value is not an instance of a class."""
    if not isinstance(value, kind):
        raise _wrong_type(name, f"a {kind.__name__}", value)


def _wrong_type(name: str, expected: str, value: object) -> UsageError:
    return UsageError(f"{name} must be {expected} (got {value!r:.40})", setting=name)
