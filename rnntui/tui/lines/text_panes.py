"""An editor, and a pane beside it with a result for each of its lines."""

from __future__ import annotations

from collections.abc import Sequence

from rnntui.sessions.line_change import LineChange, line_change
from rnntui.text.control_chars import decode_control_chars, encode_control_chars
from rnntui.tui.lines.aligned_text_area import AlignedTextArea


class LineEditor(AlignedTextArea):
    """The editor. It holds its text encoded by `encode_control_chars`."""

    def __init__(self, placeholder: str, *, id: str) -> None:
        super().__init__(id=id, placeholder=placeholder)
        self._seen_lines = [""]  # as the area held them at the last `pop_change`

    def fill(self, text: str) -> None:
        """Replace the text, with the cursor at its start."""
        self.load_text(encode_control_chars(text))

    @property
    def has_change(self) -> bool:
        """True if the text has changed since the last `pop_change`."""
        return self._seen_lines != self.encoded_lines

    def pop_change(self) -> tuple[LineChange, list[str]] | None:
        """Return what has changed since the last call and the new lines, decoded; None if nothing has."""
        lines = self.encoded_lines
        change = line_change(self._seen_lines, lines)
        self._seen_lines = lines
        if change is None:
            return None
        return change, [decode_control_chars(line) for line in lines[change.start : change.new_end]]


class ResultPane(AlignedTextArea):
    """The results: to read, select and copy."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, read_only=True)
        self._results = [""]

    def show(self, results: Sequence[str]) -> None:
        """Show a line for each result. Unchanged lines keep their place and cost nothing."""
        change = line_change(self._results, results)
        if change is None:
            return
        start, old_end, new_end = change
        old_lines, encoded = self.encoded_lines, []
        for index, text in enumerate(results[start:new_end], start):
            # Of thousands of lines between two changed ones, few have changed.
            same = index < old_end and text == self._results[index]
            encoded.append(old_lines[index] if same else encode_control_chars(text))
        self._results = list(results)
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
