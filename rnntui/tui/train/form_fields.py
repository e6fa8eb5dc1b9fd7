"""A field of the form that starts a training, and the completion of file names in it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
from itertools import islice
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.suggester import Suggester
from textual.widgets import Input, Label, Select, Static

from rnntui.sessions.training_form import FormOption
from rnntui.text.control_chars import one_line

_ENTRIES = 2000  # of a folder, looked through for a completion


class Field(Horizontal):
    """One option: its name, what is typed or chosen for it, and its help, which makes room for what is wrong."""

    def __init__(self, option: FormOption, value: str = "") -> None:
        super().__init__(classes="field -long" if option.files else "field")
        self.option = option
        self._value = value

    def compose(self) -> ComposeResult:
        option, value = self.option, self._value
        yield Label(option.label, classes="label", markup=False)
        if option.choices:
            # One that has no default can be left to training.
            chosen = value if value in option.choices else option.default
            choices = [(choice, choice) for choice in option.choices]
            if option.default:
                yield Select(choices, value=chosen, allow_blank=False, compact=True)
            else:
                yield Select(choices, value=chosen or Select.NULL, prompt="default", compact=True)
        else:
            suggester = FileSuggester(option.files.endings) if option.files else None
            # Where a long name may be typed there is no room for help beside it.
            hint = option.help if suggester else option.default or ("default" if "[default" in option.help else "")
            yield Input(value, placeholder=hint, compact=True, suggester=suggester, select_on_focus=False)
        yield Static(option.help, classes="help", markup=False)

    @property
    def value(self) -> str:
        """What is typed or chosen; empty for the default."""
        if not self.is_mounted:
            return self._value
        if self.option.choices:
            chosen = self.query_one(Select).value
            return "" if chosen in (Select.NULL, self.option.default) else str(chosen)
        return self.query_one(Input).value

    @value.setter
    def value(self, value: str) -> None:
        if self.option.choices:
            self.query_one(Select).value = value or self.option.default or Select.NULL
        else:
            self.query_one(Input).value = value

    def tell(self, problem: str) -> None:
        """Say what is wrong beside the field; nothing, if empty."""
        self.set_class(bool(problem), "-wrong")
        self.query_one(".help", Static).update(one_line(problem) if problem else self.option.help)

    def take_focus(self) -> None:
        """Put the cursor here."""
        self.query_one(Select if self.option.choices else Input).focus()


class FileSuggester(Suggester):
    """Completes the last word to a folder, or to a file whose name has one of some endings."""

    def __init__(self, endings: tuple[str, ...]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._endings = endings

    async def get_suggestion(self, value: str) -> str | None:
        """The value with its last word completed; None if nothing fits."""
        return await asyncio.to_thread(completion, value, self._endings)


def completion(value: str, endings: tuple[str, ...]) -> str | None:
    """The value with its last word completed to a folder or a file with such an ending; None if nothing fits."""
    try:
        words = shlex.split(value)
    except ValueError:  # within quotes
        return None
    if not words or not value.endswith(words[-1]):
        return None
    folder, _, start = words[-1].rpartition("/")
    place = Path(f"{folder}/" if folder or words[-1].startswith("/") else ".")
    with contextlib.suppress(OSError, RuntimeError, ValueError), os.scandir(place.expanduser()) as entries:
        fitting = [
            entry.name + ("/" if entry.is_dir() else "")
            for entry in islice(entries, _ENTRIES)
            if entry.name.startswith(start) and (start or not entry.name.startswith("."))
            and (entry.is_dir() or entry.name.endswith(endings))
        ]  # fmt: skip
        for name in sorted(fitting):
            # A name that must be quoted is none that one can go on typing.
            if name != start and shlex.quote(name) == name and name.isprintable():
                return value + name[len(start) :]
    return None
