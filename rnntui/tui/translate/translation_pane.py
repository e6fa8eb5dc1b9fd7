"""The translation, line by line beside its source."""

from __future__ import annotations

from collections.abc import Sequence

from rnntui.tui.translate.aligned_text_area import AlignedArea
from rnntui.tui.translate.line_changes import change_between


class TranslationPane(AlignedArea):
    """Shows lines; one can move in them, select and copy, but not type."""

    def __init__(self) -> None:
        super().__init__(id="translation", read_only=True)

    def show(self, lines: Sequence[str]) -> None:
        """Show these lines, encoded by `encode_control_chars`; unchanged ones keep their place and cost nothing."""
        old = self.raw_lines
        change = change_between(old, lines)
        if change is None:
            return
        start, before, after = change
        # A range of lines is replaced whole; where it is empty on one side, with the line before or after it.
        if start in (before, after):
            if start > 0:
                start -= 1
            else:
                before, after = before + 1, after + 1
        end = (before - 1, len(old[before - 1]))
        result = self.document.replace_range((start, 0), end, "\n".join(lines[start:after]))
        self.wrapped_document.wrap_range((start, 0), end, result.end_location)
        self._line_cache.clear()
        self.selection = self.selection  # within the text, as it is now
        self._refresh_size()
        self.refresh()
