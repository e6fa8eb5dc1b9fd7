"""Messages of the tabs in which each line of an editor has a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textual.message import Message


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


@dataclass
class AutosaveFailed(Message):
    """The text could not be saved automatically."""

    problem: str
