"""Messages of the Translate tab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from rnntui.config_seq2seq import BeamConfig
    from rnntui.inference.translator import Translator


@dataclass
class ModelOpened(Message):
    """A run has been read from disk."""

    name: str
    translator: Translator


@dataclass
class ModelFailed(Message):
    """A run could not be opened. `none_yet`: there is none at all, and none was named."""

    problem: str
    none_yet: bool


class TranslationsUpdated(Message):
    """The worker has new results."""

    def can_replace(self, message: Message) -> bool:
        """One update reads the results of all that came before it."""
        return isinstance(message, TranslationsUpdated)


@dataclass
class LineFailed(Message):
    """The search for a line ended in an error."""

    line: str
    problem: str


@dataclass
class HypothesisChosen(Message):
    """The person has chosen a hypothesis for the line at the cursor."""

    index: int


@dataclass
class BeamSettingsChanged(Message):
    """A slider of the beam has moved."""

    settings: BeamConfig


@dataclass
class AutosaveFailed(Message):
    """The source could not be saved automatically."""

    problem: str
