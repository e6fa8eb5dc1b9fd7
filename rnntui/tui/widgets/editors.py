"""Editors of untrusted text: control characters encoded, cursor and deletion by grapheme clusters.

Textual's widgets count code points: Backspace would leave half a flag, and the cursor would stop within one.
"""

from __future__ import annotations

import unicodedata

from rich.style import Style
from rich.text import Text
from textual import events
from textual.document._document import EditResult, Location
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, TextArea
from textual.widgets.input import Selection

from rnntui.text.control_chars import encode_control_chars, encode_pasted_text
from rnntui.tui.widgets.cluster_boundaries import (
    boundary_after,
    boundary_at,
    boundary_before,
    word_end_after,
    word_start_before,
)


class ClusterText(Text):
    """A line whose styles, such as that of the cursor, cover whole clusters: a terminal draws no part of a family."""

    def stylize(self, style: str | Style, start: int = 0, end: int | None = None) -> None:
        """Apply a style to a range, widened to whole clusters."""
        plain = self.plain
        if not plain.isascii():
            start = boundary_at(plain, start)
            end = end and boundary_at(plain, end, forward=True)
        super().stylize(style, start, end)


def unprintable_text(event: events.Key) -> str:
    """Return the text of a key that Textual ignores, as Python does not call its character printable; else empty.

    Such are joiners, of which Persian has one in many words, blanks as of Japanese and French keyboards, and emoji that
    are newer than Python's Unicode tables.
    """
    character = event.character or ""
    if len(character) != 1 or event.is_printable:
        return ""
    return "" if unicodedata.category(character) in ("Cc", "Cs", "Co", "Zl", "Zp") else character


_CHARACTERS = {"at": "@", "backslash": "\\", "minus": "-", "plus": "+", "slash": "/", "underscore": "_"}
"""Characters of keys for which Textual has none. Without them, the footer offers / while a filter is typed."""


def editing_action(editor: Widget, key: str) -> str | None:
    """Return the action of an editor's own key, such as Backspace; those with an id may have another in the keymap."""
    return next((binding.action for binding in editor._bindings.key_to_bindings.get(key, ()) if not binding.id), None)


async def edit_at_once(editor: Widget, event: events.Key) -> None:
    """Run the action of an editor's own key at once, unless a key before it has moved the focus.

    Textual hands the key on to each parent before it runs the action, and characters that are typed meanwhile, which
    an editor inserts at once, would overtake it.
    """
    action = editing_action(editor, event.key) if editor.screen.focused is editor else None
    if action is not None and await editor.app.run_action(action, editor):
        event.prevent_default().stop()


class ClusterTextArea(TextArea):
    """A text area in which one key press passes or removes one grapheme cluster; its text is encoded when pasted.

    Its text is that of `encode_control_chars`.
    """

    async def _on_key(self, event: events.Key) -> None:
        text = unprintable_text(event)
        if text and not self.read_only:
            event.prevent_default().stop()
            self._insert(encode_control_chars(text))
        elif not text:
            await edit_at_once(self, event)

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        """Return True if the key is typed into the text."""
        return super().check_consume_key(key, character or _CHARACTERS.get(key))

    async def _on_paste(self, event: events.Paste) -> None:
        # A text area would show an escape character as it is, and take CR for a character of the line.
        # Textual calls the text area's own handler after this one.
        event.text = encode_pasted_text(event.text)

    def action_paste(self) -> None:
        """Insert what was copied in the app."""
        if not self.read_only:
            self._insert(encode_pasted_text(self.app.clipboard))

    def _insert(self, text: str) -> None:
        """Replace the selection, which may be empty, and move the cursor behind the text."""
        result = self.replace(text, *self.selection)
        self.move_cursor(result.end_location)

    def _recompute_cursor_offset(self) -> None:
        """Compute where the cursor is on the screen, within the text.

        An undo that takes lines away, and with them the need of a scrollbar, scrolls to the cursor while it is still
        behind the end of the text, and Textual fails then.
        """
        row, column = self.cursor_location
        location = min(row, self.document.line_count - 1), column
        self._cursor_offset = self.wrapped_document.location_to_offset(location)

    def render_line(self, y: int) -> Strip:
        """Paint a row; nothing where there is no room at all, in which Textual fails to wrap the placeholder."""
        return super().render_line(y) if self.content_size.width > 0 else Strip([])

    def get_line(self, line_index: int) -> Text:
        """Return a line, to be styled."""
        return ClusterText(self.document.get_line(line_index), end="", no_wrap=True)

    def clamp_visitable(self, location: Location) -> Location:
        """Return the nearest location that is not within a cluster: the way that the cursor moves in its line."""
        row, column = super().clamp_visitable(location)
        cursor_row, cursor_column = self.cursor_location
        return row, boundary_at(self.document[row], column, forward=row == cursor_row and column > cursor_column)

    def get_cursor_left_location(self) -> Location:
        """Return the location one cluster to the left."""
        row, column = self.cursor_location
        return (row, boundary_before(self.document[row], column)) if column else super().get_cursor_left_location()

    def get_cursor_right_location(self) -> Location:
        """Return the location one cluster to the right."""
        row, column = self.cursor_location
        line = self.document[row]
        return (row, boundary_after(line, column)) if column < len(line) else super().get_cursor_right_location()

    def get_cursor_word_left_location(self) -> Location:
        """Return the start of the word to the left."""
        row, column = self.cursor_location
        line = self.document[row]
        if line.isascii() or not column:
            return super().get_cursor_word_left_location()
        return row, word_start_before(line, column)

    def get_cursor_word_right_location(self) -> Location:
        """Return the end of the word to the right."""
        row, column = self.cursor_location
        line = self.document[row]
        if line.isascii() or column == len(line):
            return super().get_cursor_word_right_location()
        return row, word_end_after(line, column)

    def action_delete_word_right(self) -> None:
        """Delete the selection, or the word to the right."""
        row, column = self.cursor_location
        line = self.document[row]
        if self.read_only or not self.selection.is_empty or line.isascii() or column == len(line):
            super().action_delete_word_right()
        else:
            self.delete((row, column), (row, word_end_after(line, column)), maintain_selection_offset=False)

    def delete(self, start: Location, end: Location, *, maintain_selection_offset: bool = True) -> EditResult:
        """Delete the text between two locations, and the rest of a cluster that one of them is within."""
        (top_row, top), (bottom_row, bottom) = sorted((start, end))
        if start != end:
            top = boundary_at(self.document[top_row], top)
            if bottom_row < self.document.line_count:
                bottom = boundary_at(self.document[bottom_row], bottom, forward=True)
        return super().delete((top_row, top), (bottom_row, bottom), maintain_selection_offset=maintain_selection_offset)


class ClusterInput(Input):
    """An input line in which one key press passes or removes one grapheme cluster.

    Its value may hold any character; of control characters and line breaks it shows others in their places.
    """

    async def _on_key(self, event: events.Key) -> None:
        text = unprintable_text(event)
        if text:
            event.prevent_default().stop()
            self.replace(text, *self.selection)
        else:
            await edit_at_once(self, event)

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        """Return True if the key is typed into the line."""
        return super().check_consume_key(key, character or _CHARACTERS.get(key))

    @property
    def _value(self) -> Text:
        # A pasted line, or one that a settings file has kept, can hold escape sequences. The value stays as it is.
        shown = encode_control_chars(self.value).replace("\n", "⏎")
        return ClusterText(shown, no_wrap=True, overflow="ignore", end="")

    def validate_selection(self, selection: Selection) -> Selection:
        """Return the selection without ends within a cluster: they move the way that the cursor moves."""
        start, end = super().validate_selection(selection)
        forward = end > self.selection.end
        return Selection(boundary_at(self.value, start, forward), boundary_at(self.value, end, forward))

    def delete(self, start: int, end: int) -> None:
        """Delete the text between two offsets, and the rest of a cluster that one of them is within."""
        start, end = sorted((max(0, start), end))
        if start != end:
            start, end = boundary_at(self.value, start), boundary_at(self.value, end, forward=True)
        super().delete(start, end)

    def action_cursor_left_word(self, select: bool = False) -> None:
        """Move to the start of the word to the left."""
        if self.value.isascii():
            super().action_cursor_left_word(select)
        else:
            self._move(word_start_before(self.value, self.cursor_position), select)

    def action_cursor_right_word(self, select: bool = False) -> None:
        """Move to the end of the word to the right."""
        if self.value.isascii():
            super().action_cursor_right_word(select)
        else:
            self._move(word_end_after(self.value, self.cursor_position), select)

    def _move(self, position: int, select: bool) -> None:
        self.selection = Selection(self.selection.start if select else position, position)

    def action_delete_left_word(self) -> None:
        """Delete the selection, or the word to the left."""
        if self.value.isascii() or not self.selection.is_empty:
            super().action_delete_left_word()
        else:
            self.delete(word_start_before(self.value, self.cursor_position), self.cursor_position)

    def action_delete_right_word(self) -> None:
        """Delete the selection, or the word to the right."""
        if self.value.isascii() or not self.selection.is_empty:
            super().action_delete_right_word()
        else:
            self.delete(self.cursor_position, word_end_after(self.value, self.cursor_position))
