"""Messages of the Classify tab."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message


@dataclass
class LabelChosen(Message):
    """The user has chosen a label to explain."""

    label: str


@dataclass
class NextLineWanted(Message):
    """The user wants the next line with this label."""

    label: str
