"""Messages of the Translate tab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from rnntui.config_seq2seq import BeamConfig


@dataclass
class HypothesisChosen(Message):
    """The user has chosen a hypothesis for the line at the cursor."""

    index: int


@dataclass
class BeamSettingsChanged(Message):
    """A slider of the beam has moved."""

    settings: BeamConfig
