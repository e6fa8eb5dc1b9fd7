"""Messages of the Chat tab's widgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from rnntui.sessions.chat_pane import ChatPane, ChatSettings

# Prompt


@dataclass
class LineSent(Message):
    """A line was entered; it may be empty."""

    line: str


@dataclass
class PutBackWanted(Message):
    """Put the turn that is being edited back into the text."""


@dataclass
class PromptWanted(Message):
    """Stop generating, and go back to the prompt."""


@dataclass
class UndoWanted(Message):
    """Undo was pressed in an empty prompt: undo the last change of the text."""


@dataclass
class RedoWanted(Message):
    """Redo was pressed in an empty prompt: redo the change of the text that was undone last."""


# Panes


@dataclass
class PaneActivated(Message):
    """A pane was clicked or has got the focus."""

    pane: ChatPane

    def can_replace(self, message: Message) -> bool:
        """Replace earlier ones: only one pane is active."""
        return isinstance(message, PaneActivated)


@dataclass
class RewindWanted(Message):
    """Cut the text of a pane at a character offset."""

    pane: ChatPane
    offset: int


@dataclass
class BranchWanted(Message):
    """Replace the token at the cursor by the alternative of this number, from 1."""

    pane: ChatPane
    number: int


# Settings


@dataclass
class SettingsChanged(Message):
    """A slider was moved; these are all settings."""

    settings: ChatSettings

    def can_replace(self, message: Message) -> bool:
        """Replace earlier ones: a slider that is dragged posts many."""
        return isinstance(message, SettingsChanged)


@dataclass
class PresetChosen(Message):
    """A preset was clicked."""

    name: str


# Find bar


@dataclass
class SearchClosed(Message):
    """The find bar was closed."""
