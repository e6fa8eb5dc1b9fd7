"""The text to translate."""

from __future__ import annotations

from textual import events

from rnntui.text.control_chars import encode_control_chars, encode_pasted_text
from rnntui.tui.translate.aligned_text_area import AlignedArea


class Source(AlignedArea):
    """An editor. Its text has gone through `encode_control_chars`."""

    def __init__(self) -> None:
        super().__init__(id="source", placeholder="Type here: it is translated as you type.")

    async def _on_paste(self, event: events.Paste) -> None:
        # Textual calls the text area's own handler after this one.
        event.text = encode_pasted_text(event.text)

    def fill(self, text: str) -> None:
        """Show another text, with the cursor at its start."""
        self.load_text(encode_control_chars(text))
