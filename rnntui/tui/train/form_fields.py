"""Fields of the training form, with completion of file names."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.suggester import Suggester
from textual.widgets import Input, Label, Select, Static

from rnntui.sessions.training_form import FormOption
from rnntui.text.control_chars import one_line
from rnntui.tui.path_completion import rest_of_path
from rnntui.tui.widgets.editors import ClusterInput

_MAX_WORDS = 16  # of a value, from which a name with spaces may begin


class Field(Horizontal):
    """One option: its label, an input or a selection, and its help text, which an error message replaces.

    A field for file names has its message below it. Another one has it beside it, in no fewer rows than the help, so
    that it moves nothing up.
    """

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
            input_class = FileInput if option.files else ClusterInput
            # Typing replaces a value, but goes on with file names, of which there can be several.
            selects = suggester is None
            yield input_class(
                value, placeholder=placeholder, compact=True, suggester=suggester, select_on_focus=selects
            )
        yield Static(option.help, classes="help", markup=False)

    @property
    def has_editor(self) -> bool:
        """True from when the field is mounted until it is being removed."""
        return bool(self.query("Select, Input"))

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
        for label in self.query(".help").results(Static):  # none while the fields are replaced, for another kind
            if label.display:
                label.styles.min_height = label.outer_size.height
            label.update(one_line(problem) if problem else self.option.help)

    def on_resize(self) -> None:
        for label in self.query(".help"):
            label.styles.min_height = None  # it may need fewer rows now

    def take_focus(self) -> None:
        """Focus the field."""
        self.query_one(Select if self.option.choices else Input).focus()


class FileInput(ClusterInput):
    """An input for file names, in which Right takes a completion, quoted if the name has spaces."""

    def action_cursor_right(self, select: bool = False) -> None:
        """Take the completion, or move the cursor."""
        value = self.value
        super().action_cursor_right(select)
        if self.value != value:
            self.value = quote_completed(self.value)
            self.cursor_position = len(self.value)


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

    The completion is appended, as a suggestion can do no more: spaces and quotes in it get a backslash; an open quote
    is closed after a file. Words that begin the name of a file as they are, without quotes, are completed as they are;
    `quote_completed` then quotes them.
    """
    for word, quote in _readings(value):
        if (rest := rest_of_path(word, endings)) is not None:
            return value + (rest if quote is None else _quoted(rest, quote))
    return None


def quote_completed(value: str) -> str:
    """Return the value with the file that it ends with in quotes, if its name has spaces and is not quoted yet."""
    with contextlib.suppress(ValueError):
        if _is_file((shlex.split(value) or [""])[-1]):
            return value
    for start in _word_starts(value):
        with contextlib.suppress(ValueError):
            if _is_file(value[start:]):
                shlex.split(value[:start])  # fails within a quote
                return value[:start] + shlex.quote(value[start:])
    return value


def _is_file(name: str) -> bool:
    try:
        return Path(name).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def _word_starts(value: str) -> list[int]:
    """Return where the value and each of its words begins, as indices."""
    return [0, *(index + 1 for index, character in enumerate(value) if character == " ")][:_MAX_WORDS]


def _readings(value: str) -> Iterator[tuple[str, str | None]]:
    """Yield the last word of a value with the quote that is open in it, then its last words as they are with None."""
    trailing_backslashes = len(value) - len(value.rstrip("\\"))
    for quote in ("", "'", '"') if trailing_backslashes % 2 == 0 else ():
        with contextlib.suppress(ValueError):  # a quote is open
            [*_, word] = shlex.split(f"{value}|{quote}")
            if len(word) > 1:
                yield word.removesuffix("|"), quote
            break
    for start in _word_starts(value):
        if value[start:].strip():
            yield value[start:], None


def _quoted(text: str, quote: str) -> str:
    """Return the text as it continues a word that `shlex` splits off, within a quote if one is open."""
    if quote == "'":
        escaped = text.replace("'", "'\\''")
    else:
        special = '"\\' if quote else " '\"\\"
        escaped = "".join(f"\\{c}" if c in special else c for c in text)
    return escaped if text.endswith("/") else escaped + quote
