"""Messages to the app, from any tab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textual.message import Message


@dataclass
class OpenRun(Message):
    """Open the run at a path in the tab with this id."""

    path: str
    tab: str


@dataclass
class RunRenamed(Message):
    """A run has another name, as the tabs show it."""

    old: str
    new: str


class TextsSaved(Message):
    """A tab has saved its texts, or has tried to."""


@dataclass
class RememberPreference(Message):
    """Save a preference for the next start."""

    name: str
    value: Any
