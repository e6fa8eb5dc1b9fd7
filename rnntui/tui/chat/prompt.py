"""The prompt: the text area at the bottom of the Chat tab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual import events

from rnntui.text.control_chars import decode_control_chars, encode_control_chars
from rnntui.tui.chat.messages import LineSent, PutBackWanted, RedoWanted, UndoWanted
from rnntui.tui.keys import KEYS, bindings
from rnntui.tui.widgets.editors import ClusterTextArea, editing_action

if TYPE_CHECKING:
    from rnntui.sessions.prompt_history import PromptHistory

_FOCUS_ACTIONS = {"tab": "app.focus_next", "shift+tab": "app.focus_previous"}


class Prompt(ClusterTextArea):
    """Enter sends, Ctrl+J breaks the line; up and down go through the lines that were sent."""

    BINDINGS = bindings("prompt")
    can_put_back = False  # True while Esc puts a turn back that is being edited

    def __init__(self, keymap: Mapping[str, str], history: PromptHistory) -> None:
        """
        Args:
            keymap: keys by id, in place of those of the key table.
            history: the lines that were sent.
        """
        self._history = history
        super().__init__(soft_wrap=True, show_line_numbers=False, compact=True, highlight_cursor_line=False)
        self._actions = {
            key_name: key.action for key in KEYS["prompt"] for key_name in keymap.get(key.id, key.keys).split(",")
        }

    async def _on_key(self, event: events.Key) -> None:
        # Bindings are handled after the key has bubbled up to the app, when letters that were typed later are in the
        # text already. Here all keys of the prompt are handled in the order in which they were typed.
        if self.screen.focused is not self:  # a Tab before it has moved the focus; as a binding, the key arrives there
            return
        action = self._actions.get(event.key) or _FOCUS_ACTIONS.get(event.key) or editing_action(self, event.key)
        if action is not None and self.check_action(action, ()):
            event.prevent_default().stop()
            await self.run_action(action)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for putting back a turn while none is being edited."""
        return self.can_put_back if action == "put_back" else True

    @property
    def line(self) -> str:
        """The text, as it is sent."""
        return decode_control_chars(self.text)

    def action_send(self) -> None:
        """Send the line and empty the prompt."""
        line = self.line
        self.clear()
        self.post_message(LineSent(line))

    def action_put_back(self) -> None:
        """Put the turn that is being edited back into the text."""
        self.post_message(PutBackWanted())

    def fill(self, line: str) -> None:
        """Show another line, to be edited."""
        self.text = encode_control_chars(line)
        self.move_cursor(self.document.end)

    def action_undo(self) -> None:
        """Undo typing; in an empty prompt, undo what cut the text."""
        if self.text:
            super().action_undo()
        else:
            self.post_message(UndoWanted())

    def action_redo(self) -> None:
        """Redo typing; in an empty prompt where none was undone, redo what cut the text."""
        if self.text or self.history.redo_stack:
            super().action_redo()
        else:
            self.post_message(RedoWanted())

    def action_line_break(self) -> None:
        """Insert a line break."""
        self.insert("\n")

    def action_older(self) -> None:
        """Move up; from the first row, to the line that was sent before."""
        if self._row > 0:
            self.action_cursor_up()
        elif (line := self._history.older(self.line)) is not None:
            self.fill(line)

    def action_newer(self) -> None:
        """Move down; from the last row, to the line that was sent after this one, or to the unsent one."""
        if self._row < self.wrapped_document.height - 1:
            self.action_cursor_down()
        elif (line := self._history.newer(self.line)) is not None:
            self.fill(line)

    @property
    def _row(self) -> int:
        """The row of the cursor, counting those of wrapped lines."""
        return self.wrapped_document.location_to_offset(self.cursor_location).y
