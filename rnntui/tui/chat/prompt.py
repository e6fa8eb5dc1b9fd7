"""The line one types in."""

from __future__ import annotations

from collections.abc import Mapping

from textual import events
from textual.message import Message
from textual.widgets import TextArea

from rnntui.text.control_chars import decode_control_chars, encode_control_chars, encode_pasted_text
from rnntui.tui.keys import KEYS, bindings


class Prompt(TextArea):
    """Enter sends, Ctrl+J breaks the line; up in an empty prompt takes back the last line to edit it."""

    BINDINGS = bindings("prompt")

    class Sent(Message):
        """The line is to be said; it may be empty."""

        def __init__(self, line: str) -> None:
            super().__init__()
            self.line = line

    class UpWhenEmpty(Message):
        """Up was pressed where there is nothing to go up in."""

    class UndoWhenEmpty(Message):
        """Undo was asked for where nothing is typed."""

    def __init__(self, keymap: Mapping[str, str]) -> None:
        """`keymap` gives other keys to the ids of the key table."""
        super().__init__(soft_wrap=True, show_line_numbers=False, compact=True, highlight_cursor_line=False)
        self._own = {one: key.action for key in KEYS["prompt"] for one in keymap.get(key.id, key.keys).split(",")}

    async def _on_key(self, event: events.Key) -> None:
        # A text area takes Enter for itself, unless the binding had priority. With that, it would be acted on before
        # letters that were typed earlier and still wait to be put in.
        if event.key in self._own:
            event.prevent_default().stop()
            await self.run_action(self._own[event.key])

    def action_send(self) -> None:
        """Send what is typed, and empty the prompt."""
        line = decode_control_chars(self.text)
        self.clear()
        self.post_message(self.Sent(line))

    def fill(self, line: str) -> None:
        """Put a line in, to be edited."""
        self.text = encode_control_chars(line)
        self.move_cursor(self.document.end)
        self.focus()

    async def _on_paste(self, event: events.Paste) -> None:
        # An editor would show an escape as it is, and make one line break of another.
        # Textual calls the text area's own handler after this one.
        event.text = encode_pasted_text(event.text)

    def action_undo(self) -> None:
        """Undo of what is typed; where nothing is, of what cut the text."""
        if self.text:
            super().action_undo()
        else:
            self.post_message(self.UndoWhenEmpty())

    def action_line_break(self) -> None:
        """A line break in the prompt itself."""
        self.insert("\n")

    def action_cursor_up(self, select: bool = False) -> None:
        """Up; in an empty prompt that takes back the last line."""
        if self.text:
            super().action_cursor_up(select)
        else:
            self.post_message(self.UpWhenEmpty())
