"""The prompt: the text area at the bottom of the Chat tab."""

from __future__ import annotations

from collections.abc import Mapping

from textual import events

from rnntui.text.control_chars import decode_control_chars, encode_control_chars
from rnntui.tui.chat.messages import LastPromptWanted, LineSent, UndoWanted
from rnntui.tui.keys import KEYS, bindings
from rnntui.tui.widgets.editors import ClusterTextArea


class Prompt(ClusterTextArea):
    """Enter sends, Ctrl+J breaks the line; up in an empty prompt brings back the last line to edit it."""

    BINDINGS = bindings("prompt")

    def __init__(self, keymap: Mapping[str, str]) -> None:
        """`keymap` replaces the keys of ids of the key table."""
        super().__init__(soft_wrap=True, show_line_numbers=False, compact=True, highlight_cursor_line=False)
        self._actions = {
            key_name: key.action for key in KEYS["prompt"] for key_name in keymap.get(key.id, key.keys).split(",")
        }

    async def _on_key(self, event: events.Key) -> None:
        # A text area takes Enter for itself, unless the binding has priority. With priority, it would be handled
        # before letters that were typed earlier and are still queued.
        if event.key in self._actions:
            event.prevent_default().stop()
            await self.run_action(self._actions[event.key])

    def action_send(self) -> None:
        """Send the line and empty the prompt."""
        line = decode_control_chars(self.text)
        self.clear()
        self.post_message(LineSent(line))

    def fill(self, line: str) -> None:
        """Put a line into the prompt, to be edited."""
        self.text = encode_control_chars(line)
        self.move_cursor(self.document.end)
        self.focus()

    def action_undo(self) -> None:
        """Undo typing; in an empty prompt, undo what cut the text."""
        if self.text:
            super().action_undo()
        else:
            self.post_message(UndoWanted())

    def action_line_break(self) -> None:
        """Insert a line break."""
        self.insert("\n")

    def action_cursor_up(self, select: bool = False) -> None:
        """Move up; in an empty prompt, bring back the last line."""
        if self.text:
            super().action_cursor_up(select)
        else:
            self.post_message(LastPromptWanted())
