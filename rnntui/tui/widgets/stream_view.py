"""View of a growing text with a text cursor, selection and search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Offset
from textual.message import Message
from textual.reactive import reactive
from textual.selection import Selection

from rnntui.tui.widgets.caret import Caret, Motion, word_bounds
from rnntui.tui.widgets.document import Document
from rnntui.tui.widgets.paint import StyledRange
from rnntui.tui.widgets.search_matches import SearchMatches
from rnntui.tui.widgets.stream_text import StreamText
from rnntui.tui.widgets.wrapped_text import Glyph


def _move(keys: str, motion: Motion, description: str) -> Binding:
    return Binding(keys, f"move('{motion}')", description, show=False, id=f"stream.{motion}")


class StreamView(StreamText, can_focus=True, inherit_bindings=False):
    """Shows a `Document`, and follows its end while that is in view and no cursor is within the text.

    The text cursor appears with the first arrow key or click. Its offset is `cursor`; None hides it. At the end of
    the text it moves along as the text grows. Text can be selected with the mouse and copied, as anywhere in Textual;
    a double click selects a word.

    It is notified of changes as `StreamText` is. Its height must come from its container (`1fr`, not `auto`).
    """

    ALLOW_SELECT = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "stream-view--token",
        "stream-view--cursor",
        "stream-view--match",
        "stream-view--current-match",
        "stream-view--selected",
    }
    DEFAULT_CSS = """
    StreamView {
        & > .stream-view--token { text-style: underline; }
        & > .stream-view--cursor { text-style: reverse; }
        & > .stream-view--match { background: $warning 40%; }
        & > .stream-view--current-match { background: $warning; color: $background; }
        & > .stream-view--selected { background: $primary 50%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        _move("left", "left", "Back one character"),
        _move("right", "right", "Forward one character"),
        _move("ctrl+left", "word_left", "Back one word"),
        _move("ctrl+right", "word_right", "Forward one word"),
        _move("up", "up", "Up one line"),
        _move("down", "down", "Down one line"),
        _move("pageup", "page_up", "Page up"),
        _move("pagedown", "page_down", "Page down"),
        _move("home", "home", "Start of the line"),
        _move("end", "end", "End of the line"),
        _move("ctrl+home", "start", "Start of the text"),
        _move("ctrl+end", "finish", "End of the text"),
    ]

    cursor: reactive[int | None] = reactive(None, repaint=False, init=False)
    """The offset of the text cursor in characters, clamped to the text; None without a cursor."""

    class CursorMoved(Message):
        """The text cursor moved to another offset, or was removed (None)."""

        def __init__(self, view: StreamView, offset: int | None) -> None:
            super().__init__()
            self.view = view
            self.offset = offset

        @property
        def control(self) -> StreamView:
            """The view that sent the message."""
            return self.view

    def __init__(
        self,
        document: Document | None = None,
        *,
        placeholder: str = "",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(document, placeholder=placeholder, name=name, id=id, classes=classes)
        self._matches = SearchMatches()
        self._caret = Caret()
        self._token: tuple[int, int] | None = None  # the span at the cursor
        self._carried = False  # the text moves the cursor, not the user

    # The document

    @property
    def following(self) -> bool:
        """True if the view scrolls as the text grows."""
        return super().following and self.cursor in (None, len(self._wrapped))

    def notify_appended(self) -> None:
        """Show the text that was added at the end of the document."""
        old_length = len(self._wrapped)
        super().notify_appended()
        match = self._matches.extend(self._text())
        if match is not None and match < old_length:
            self._repaint((match, old_length))
        if self.cursor == old_length < len(self._wrapped):
            self._carry(len(self._wrapped))

    def notify_truncated(self, length: int) -> None:
        """Show the document after it was truncated to `length` characters."""
        super().notify_truncated(length)
        self._matches.truncate(length)
        if self.cursor is not None and self.cursor >= length:
            if self._token is not None:
                self._repaint(self._token)
            self._carry(length)
            self._token = None  # the cursor may already have been there

    def reset(self) -> None:
        """Show the whole document again, from its end, without a cursor."""
        self.cursor = None
        super().reset()
        self._matches = SearchMatches(self._matches.needle)
        self._matches.extend(self._text())

    # The cursor

    def validate_cursor(self, cursor: int | None) -> int | None:
        """Clamp the cursor to the text."""
        return None if cursor is None else min(max(0, cursor), len(self._wrapped))

    def watch_cursor(self, old: int | None, new: int | None) -> None:
        """Repaint the cursor, and post a message."""
        old_token = self._token
        self._token = self._token_at(new)
        changed = [token for token in (old_token, self._token) if token is not None]
        changed += [(offset, offset + 1) for offset in (old, new) if offset is not None]
        self._repaint(*changed)
        if new is not None and not self._carried:
            self._reveal(new)
        self.post_message(self.CursorMoved(self, new))

    def action_move(self, motion: Motion) -> None:
        """Move the cursor; without one, start at the end of the visible text."""
        origin = self.cursor
        page = max(1, self.scrollable_content_region.height - 1)
        if origin is None:
            last_line = self.scroll_offset.y + page
            origin = len(self._wrapped) if self._at_end else self._wrapped.offset_at(last_line, 0)
        self.cursor = self._caret.move(self._wrapped, origin, motion, page)

    def _carry(self, offset: int) -> None:
        self._carried = True
        self.cursor = offset
        self._carried = False

    def _token_at(self, offset: int | None) -> tuple[int, int] | None:
        if offset is None or self._document is None or offset >= len(self._wrapped):
            return None
        spans = self._document.spans(offset, offset + 1)
        return next(((span.start, span.end) for span in spans if span.start <= offset < span.end), None)

    async def _on_click(self, event: events.Click) -> None:
        event.prevent_default()  # Textual would select the whole text at a double click
        position = event.get_content_offset(self)
        if position is None:
            return
        offset = self._wrapped.offset_at(position.y + self.scroll_offset.y, position.x)
        if event.chain == 2:
            start, end = self._wrapped.line(self._wrapped.locate(offset)[0])
            for left, right in word_bounds(self._wrapped, start, end):
                if left <= offset < right:
                    self.screen.selections = {self: Selection(Offset(left, 0), Offset(right, 0))}
        elif self._selected() is None:  # a drag ends with a click, which must not move the cursor
            self.cursor = offset

    # Painting

    def _overlays(self, start: int, end: int) -> Iterable[StyledRange]:
        yield from super()._overlays(start, end)
        for match_start, match_end, current in self._matches.in_range(start, end):
            yield match_start, match_end, self._overlay("current-match" if current else "match")
        if (selected := self._selected()) is not None:
            yield *selected, self._overlay("selected")
        if self.cursor is not None:
            if self._token is not None:
                yield *self._token, self._overlay("token")
            yield self.cursor, self.cursor + 1, self._overlay("cursor")

    def _caret_behind(self, line: int, glyphs: Sequence[Glyph]) -> tuple[int, Style] | None:
        if self.cursor is None:
            return None
        cursor_line, column = self._wrapped.locate(self.cursor)
        at_cursor = [glyph.text for glyph in glyphs if glyph.start <= self.cursor < glyph.end]
        return None if cursor_line != line or any(at_cursor) else (column, self._overlay("cursor"))

    # Selection with the mouse. Offsets are those of `paint_offsets`: x is the offset in the text, y is 0.

    def _selected(self) -> tuple[int, int] | None:
        selection = self.text_selection if self.is_attached else None
        return None if selection is None else self._span_of(selection)

    def _span_of(self, selection: Selection) -> tuple[int, int]:
        start, end = selection.get_span(0) or (0, 0)
        if not 0 <= end < len(self._wrapped):
            return start, len(self._wrapped)
        if end > start:  # include the whole cluster of the last cell under the pointer
            line = self._wrapped.locate(end - 1)[0]
            end = next(glyph.end for glyph in self._wrapped.glyphs(line) if glyph.end >= end)
        return start, end

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the selected text for Textual to copy, as it is in the document, not as displayed."""
        return self._wrapped.slice(*self._span_of(selection)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Repaint after the selection changed; called by Textual."""
        self._repaint()

    # Find

    @property
    def matches(self) -> int:
        """The number of matches of the last `find`."""
        return len(self._matches)

    @property
    def current_match(self) -> int | None:
        """The index of the selected match, counted from 0; None without one."""
        return self._matches.current

    def find(self, needle: str) -> int:
        """Highlight all matches of the needle, ignoring case, also in future text; return their number.

        An empty needle has no matches.
        """
        self._matches = SearchMatches(needle)
        self._matches.extend(self._wrapped.text)
        self._repaint()
        return len(self._matches)

    def clear_find(self) -> None:
        """Remove the highlights."""
        self.find("")

    def next_match(self) -> int | None:
        """Scroll to the next match and return its offset; None without matches.

        The search begins at the cursor, or without a cursor at the top of the visible text.
        """
        return self._step(forward=True)

    def previous_match(self) -> int | None:
        """Scroll to the previous match and return its offset; None without matches."""
        return self._step(forward=False)

    def _step(self, forward: bool) -> int | None:
        line = min(self.scroll_offset.y, self._wrapped.lines - 1)
        origin = self._wrapped.line(line)[0] if self.cursor is None else self.cursor
        match = self._matches.step(forward, origin)
        if match is None:
            return None
        self._repaint()
        self._reveal(match[0], margin=self.scrollable_content_region.height // 3)
        return match[0]
