"""Messages of the tabs in which each line of an editor has a result, and the callbacks that post them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textual.message import Message
from textual.widget import Widget

_SHOWN = 60  # characters of a line in a notification


@dataclass
class ModelOpened(Message):
    """A run has been read from disk: `model` is what the loader of its kind returns."""

    name: str
    model: Any


@dataclass
class ModelFailed(Message):
    """A run could not be opened. `none_yet`: there is none at all, and none was named."""

    problem: str
    none_yet: bool


class ResultsUpdated(Message):
    """The worker has new results."""

    def can_replace(self, message: Message) -> bool:
        """One update reads the results of all that came before it."""
        return isinstance(message, ResultsUpdated)


@dataclass
class LineFailed(Message):
    """The computation for a line ended in an error."""

    line: str
    problem: str

    @property
    def text(self) -> str:
        """The start of the line and the problem, for a notification."""
        return f"{self.line[:_SHOWN]}: {self.problem}"


class WorkerCallbacks:
    """Callbacks of a line worker, which are called in its thread: they post messages to the tab."""

    def __init__(self, tab: Widget) -> None:
        self._tab = tab

    def results_updated(self) -> None:
        """Post `ResultsUpdated`."""
        self._tab.post_message(ResultsUpdated())

    def line_failed(self, line: str, error: Exception) -> None:
        """Post `LineFailed`."""
        self._tab.post_message(LineFailed(line, f"{type(error).__name__}: {error}"))


@dataclass
class AutosaveFailed(Message):
    """The text could not be saved automatically."""

    problem: str
