"""The two text areas of the Translate tab: source and translation."""

from __future__ import annotations

from collections.abc import Sequence

from rnntui.sessions.translation_session import LineChange, line_change
from rnntui.text.control_chars import decode_control_chars, encode_control_chars
from rnntui.tui.translate.aligned_text_area import AlignedTextArea


class SourcePane(AlignedTextArea):
    """The editor of the source. It holds its text encoded by `encode_control_chars`."""

    def __init__(self) -> None:
        super().__init__(id="source", placeholder="Type here: it is translated as you type.")
        self._seen_lines = [""]  # as the area held them at the last `pop_change`

    def fill(self, text: str) -> None:
        """Replace the text, with the cursor at its start."""
        self.load_text(encode_control_chars(text))

    def pop_change(self) -> tuple[LineChange, list[str]] | None:
        """Return what has changed since the last call and the new lines, decoded; None if nothing has."""
        lines = self.encoded_lines
        change = line_change(self._seen_lines, lines)
        self._seen_lines = lines
        if change is None:
            return None
        return change, [decode_control_chars(line) for line in lines[change.start : change.new_end]]


class TargetPane(AlignedTextArea):
    """The translation: to read, select and copy."""

    def __init__(self) -> None:
        super().__init__(id="translation", read_only=True)
        self._translations = [""]

    def show(self, translations: Sequence[str]) -> None:
        """Show a line for each translation. Unchanged lines keep their place and cost nothing."""
        change = line_change(self._translations, translations)
        if change is None:
            return
        start, old_end, new_end = change
        old_lines, encoded = self.encoded_lines, []
        for index, text in enumerate(translations[start:new_end], start):
            # Of thousands of lines between two changed ones, few have changed.
            same = index < old_end and text == self._translations[index]
            encoded.append(old_lines[index] if same else encode_control_chars(text))
        self._translations = list(translations)
        # A range of lines is replaced whole; where it is empty on one side, with the line before or after it.
        if start in (old_end, new_end):
            if start > 0:
                start -= 1
                encoded.insert(0, old_lines[start])
            else:
                encoded.append(old_lines[old_end])
                old_end += 1
        end = (old_end - 1, len(old_lines[old_end - 1]))
        result = self.document.replace_range((start, 0), end, "\n".join(encoded))
        self.wrapped_document.wrap_range((start, 0), end, result.end_location)
        self._line_cache.clear()
        self.selection = self.selection  # within the text, as it is now
        self._refresh_size()
        self.refresh()
