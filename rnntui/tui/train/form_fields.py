"""Fields of the training form, with completion of file names."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Iterator

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.suggester import Suggester
from textual.widgets import Input, Label, Select, Static

from rnntui.sessions.training_form import FormOption
from rnntui.text.control_chars import one_line
from rnntui.tui.path_completion import rest_of_path
from rnntui.tui.widgets.editors import ClusterInput


class Field(Horizontal):
    """One option: its label, an input or a selection, and its help text, which an error message replaces."""

    def __init__(self, option: FormOption, value: str = "") -> None:
        super().__init__(classes="field -long" if option.files else "field")
        self.option = option
        self._value = value

    def compose(self) -> ComposeResult:
        option, value = self.option, self._value
        yield Label(option.label, classes="label", markup=False)
        if option.choices:
            # Without a default in the form, the option can be left to the training.
            selected = value if value in option.choices else option.default
            choices = [(choice, choice) for choice in option.choices]
            if option.default:
                yield Select(choices, value=selected, allow_blank=False, compact=True)
            else:
                yield Select(choices, value=selected or Select.NULL, prompt="default", compact=True)
        else:
            suggester = FileSuggester(option.files.endings) if option.files else None
            # A field for file names is so long that it has no room for help beside it.
            placeholder = option.help if suggester else option.default
            if not placeholder and "[default" in option.help:
                placeholder = "default"
            yield ClusterInput(value, placeholder=placeholder, compact=True, suggester=suggester, select_on_focus=False)
        yield Static(option.help, classes="help", markup=False)

    @property
    def value(self) -> str:
        """The text entered or selected; empty for the default."""
        if not self.is_mounted:
            return self._value
        if self.option.choices:
            selected = self.query_one(Select).value
            return "" if selected in (Select.NULL, self.option.default) else str(selected)
        return self.query_one(Input).value

    @value.setter
    def value(self, value: str) -> None:
        if self.option.choices:
            self.query_one(Select).value = value or self.option.default or Select.NULL
        else:
            self.query_one(Input).value = value

    def show_problem(self, problem: str) -> None:
        """Show an error message beside the field; if empty, the help text."""
        self.set_class(bool(problem), "-wrong")
        self.query_one(".help", Static).update(one_line(problem) if problem else self.option.help)

    def take_focus(self) -> None:
        """Focus the field."""
        self.query_one(Select if self.option.choices else Input).focus()


class FileSuggester(Suggester):
    """Completes the last word to a folder, or to a file with one of the given endings."""

    def __init__(self, endings: tuple[str, ...]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._endings = endings

    async def get_suggestion(self, value: str) -> str | None:
        """Return the value with its last word completed; None if there is no completion."""
        return await asyncio.to_thread(complete_path, value, self._endings)


def complete_path(value: str, endings: tuple[str, ...]) -> str | None:
    """Return the value with its last word completed to a folder or to a file with one of the endings; None if none.

    The completion is appended, as the field can do no more: spaces and quotes in it get a backslash; an open quote is
    closed after a file. A value that begins the name of a single file, as it is, is completed as it is.
    """
    for word, quote in _readings(value):
        if (rest := rest_of_path(word, endings)) is not None:
            return value + (rest if quote is None else _quoted(rest, quote))
    return None


def _readings(value: str) -> Iterator[tuple[str, str | None]]:
    """Yield the last word of a value with the quote that is open in it, then the whole value with None."""
    trailing_backslashes = len(value) - len(value.rstrip("\\"))
    for quote in ("", "'", '"') if trailing_backslashes % 2 == 0 else ():
        with contextlib.suppress(ValueError):  # a quote is open
            [*_, word] = shlex.split(f"{value}|{quote}")
            if len(word) > 1:
                yield word.removesuffix("|"), quote
            break
    if value:
        yield value, None


def _quoted(text: str, quote: str) -> str:
    """Return the text as it continues a word that `shlex` splits off, within a quote if one is open."""
    if quote == "'":
        escaped = text.replace("'", "'\\''")
    else:
        special = '"\\' if quote else " '\"\\"
        escaped = "".join(f"\\{c}" if c in special else c for c in text)
    return escaped if text.endswith("/") else escaped + quote
