"""Scrollable view of a growing text; only new lines are wrapped and painted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from rnntui.tui.widgets.document import Document, DocumentSpan, Role
from rnntui.tui.widgets.paint import (
    LEVELS,
    SpanStyles,
    StyledRange,
    glyph_styles,
    level_of,
    overlaid,
    paint,
    paint_offsets,
)
from rnntui.tui.widgets.wrapped_text import Glyph, WrappedText

_CACHED_STRIPS = 512  # painted lines: a few screens
_ROLES: tuple[Role, ...] = ("prompt", "model")
_SIDES = ("top", "right", "bottom", "left")
FAR = 10**9
"""A column beyond the end of any line."""


def visible_offset(text: str, offset: int) -> int:
    """Return the first offset from one on that is not a line break, on which no mark could be seen."""
    while offset < len(text) and text[offset] == "\n":
        offset += 1
    return offset


class StreamText(ScrollView):
    """Shows a `Document`, and follows its end while that is in view. `StreamView` adds cursor, selection and search.

    Notify it of changes: `notify_appended` after text was added at the end (once for many tokens), `notify_truncated`
    after text was removed there, `notify_restyled` after spans changed, `reset` after any other change.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "stream-view--prompt",
        "stream-view--model",
        "stream-view--surprisal",
        "stream-view--high",
        "stream-view--low",
        "stream-view--placeholder",
        "stream-view--dimmed",
        "stream-view--bookmark",
    }
    DEFAULT_CSS = """
    StreamText {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        color: $foreground;
        & > .stream-view--prompt { color: $text-accent; text-style: bold; }
        & > .stream-view--model { color: $foreground; }
        & > .stream-view--surprisal { background: $error; }
        & > .stream-view--high { background: $primary; }
        & > .stream-view--low { background: $warning; }
        & > .stream-view--placeholder { color: $text-muted; text-style: italic; }
        & > .stream-view--dimmed { color: $foreground 55%; text-style: not bold; }
        & > .stream-view--bookmark { background: $accent; color: $background; text-style: bold; }
    }
    """

    shade: reactive[bool] = reactive(False, repaint=False, init=False)
    """Shade the background of each token by its surprisal."""

    has_levels: reactive[bool] = reactive(False, repaint=False, init=False)
    """Shade the background of each token by its level instead, in one colour above 0 and in another below."""

    def __init__(
        self,
        document: Document | None = None,
        *,
        placeholder: str = "",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._placeholder = placeholder
        self._document = document
        self._wrapped = WrappedText(80)  # until the width is known
        self._wrapped.append(self._text())
        self._at_end = True
        self._painting = False
        self._bookmarks: tuple[int, ...] = ()
        self._dimmed = 0
        self._span_styles: SpanStyles | None = None
        self._level_styles: tuple[SpanStyles, SpanStyles] | None = None  # above 0 and below
        self._strips: LRUCache[int, Strip] = LRUCache(_CACHED_STRIPS)
        self._frame = (0, 0)  # the padding left of the text, and the width of a strip

    # The document

    @property
    def document(self) -> Document | None:
        """The document; a new one is shown from its end."""
        return self._document

    @document.setter
    def document(self, document: Document | None) -> None:
        self._document = document
        self.reset()

    @property
    def placeholder(self) -> str:
        """The text shown, dimmed, while the document is empty."""
        return self._placeholder

    @placeholder.setter
    def placeholder(self, placeholder: str) -> None:
        self._placeholder = placeholder
        self._repaint()

    @property
    def bookmarks(self) -> tuple[int, ...]:
        """Offsets of the characters that are marked."""
        return self._bookmarks

    @bookmarks.setter
    def bookmarks(self, offsets: tuple[int, ...]) -> None:
        if offsets != self._bookmarks:
            self._bookmarks = offsets
            self._repaint()

    @property
    def dimmed(self) -> int:
        """The number of characters at the start that are dimmed."""
        return self._dimmed

    @dimmed.setter
    def dimmed(self, length: int) -> None:
        self._dimmed = length
        self._repaint()

    @property
    def following(self) -> bool:
        """True if the view scrolls as the text grows: its end is in view."""
        return self._at_end

    def notify_appended(self) -> None:
        """Show the text that was added at the end of the document."""
        wrapped_length = len(self._wrapped)
        text = self._text()
        if len(text) > wrapped_length:
            follow = self.following
            self._lines_changed(self._wrapped.append(text[wrapped_length:]), follow)

    def notify_truncated(self, length: int) -> None:
        """Show the document after it was truncated to `length` characters."""
        follow = self.following
        self._lines_changed(self._wrapped.truncate(length), follow)

    def notify_restyled(self, start: int = 0, end: int | None = None) -> None:
        """Repaint after spans changed, but not the text: all, or those between two offsets."""
        if end is None:
            self._repaint()
        elif start < end:
            self._repaint((start, end))

    def reset(self) -> None:
        """Show the whole document again, from its end."""
        self._wrapped.clear()
        self._wrapped.append(self._text())
        self._lines_changed(0, follow=True)

    def _text(self) -> str:
        return self._document.text if self._document is not None else ""

    # Geometry

    def on_resize(self) -> None:
        """Rewrap to the new width, and keep the scroll position: the end, or the character at the top."""
        width = self.scrollable_content_region.width
        if width < 2:  # hidden, as in a tab that is not active
            return
        follow = self.following
        top = self._wrapped.line(min(self.scroll_offset.y, self._wrapped.lines - 1))[0]
        # The last column stays free for a cursor on a hanging blank or on a line break.
        if width - 1 != self._wrapped.width:
            self._wrapped.rewrap(width - 1)
        self._lines_changed(0, follow)
        if not follow:
            self._scroll(self._wrapped.locate(top)[0])

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Call Textual's watcher, and record whether the end is in view."""
        super().watch_scroll_y(old_value, new_value)
        self._at_end = round(new_value) >= self.max_scroll_y

    def _lines_changed(self, first: int, follow: bool) -> None:
        for line in list(self._strips.keys()):
            if line >= first:
                self._strips.discard(line)
        lines = self._wrapped.lines
        end = max(lines, self.virtual_size.height)
        width, height = self.scrollable_content_region.size
        size = Size(width, lines)
        if (lines > height) is self.show_vertical_scrollbar:
            # A plain assignment would lay out the whole screen for each new line; only the scrollbar needs the size.
            self.set_reactive(Widget.virtual_size, size)
            if self.show_vertical_scrollbar:
                self.vertical_scrollbar.window_virtual_size = lines
        else:
            self.virtual_size = size
            self._scroll_update(size)  # shows or hides the scrollbar, as Textual's own views do
        if follow or self.scroll_y > self.max_scroll_y:
            self._scroll(self.max_scroll_y)
        if follow:
            self._at_end = True
        self._refresh_lines(first, end)

    def _refresh_lines(self, first: int, end: int) -> None:
        """Redraw the lines from `first` up to `end` that are in view."""
        top, (width, height) = self.scroll_offset.y, self.outer_size
        top_row, end_row = max(0, first - top), min(height, end - top)
        if top_row < end_row:
            self.refresh(Region(0, top_row, width, end_row - top_row))

    def _scroll(self, line: float) -> None:
        if self.is_mounted:
            self.scroll_to(y=min(line, self.max_scroll_y), animate=False, force=True)
            # Textual moves the scrollbar only if it is visible; with the first long text, it is not yet.
            self.vertical_scrollbar.position = self.scroll_y

    def _reveal(self, offset: int, margin: int = 0) -> None:
        """Scroll, if necessary, to the line of an offset, `margin` lines from the edge."""
        line = self._wrapped.locate(offset)[0]
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        if line < top:
            self._scroll(max(0, line - margin))
        elif height and line >= top + height:
            self._scroll(line - height + 1 + margin)

    def show_below(self, offset: int, rows: int) -> None:
        """Scroll so that the line of an offset has so many rows above it, as far as there is text."""
        self._scroll(max(0, self._wrapped.locate(offset)[0] - rows))

    # Painting

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the lines that the screen shows; called by Textual."""
        styles = self._refresh_span_styles()
        width = self.scrollable_content_region.width
        decorated = self._is_decorated()
        frame = (0, width) if decorated else (self.styles.padding.left, self.outer_size.width)
        if frame != self._frame:
            self._frame = frame
            self._strips.clear()
        if decorated:
            self._painting = True
            try:
                return super().render_lines(crop)
            finally:
                self._painting = False
        # Textual's own implementation renders each line again at every scroll. Cached strips keep their filtered,
        # cropped and rendered forms.
        top, background = self.scroll_offset.y, self.background_colors[1]
        strips = [self._strip(top + y, width, styles) for y in crop.line_range]
        for line_filter in self.get_line_filters():
            strips = [strip.apply_filter(line_filter, background) for strip in strips]
        return [strip.crop(*crop.column_span) for strip in strips]

    def _is_decorated(self) -> bool:
        styles = self.styles
        edges = styles.gutter != styles.padding or any(styles.has_rule(f"outline_{side}") for side in _SIDES)
        vertical = styles.padding.top or styles.padding.bottom
        return bool(edges or vertical or self.opacity < 1 or styles.text_opacity < 1 or styles.tint.a > 0)

    def render_line(self, y: int) -> Strip:
        """Return the line at a row of the view; outside of painting, a strip with the offsets of its clusters."""
        line = self.scroll_offset.y + y
        width = self.scrollable_content_region.width
        if self._painting:
            return self._strip(line, width, self._refresh_span_styles())
        glyphs = self._wrapped.glyphs(line) if line < self._wrapped.lines else []
        return paint_offsets(glyphs, self._wrapped.offset_at(line, FAR), width)

    def _strip(self, line: int, width: int, styles: SpanStyles) -> Strip:
        strip = self._strips.get(line)
        if strip is None:
            strip = self._paint_line(line, width, styles)
            left, outer = self._frame
            if (left, outer) != (0, width):
                blanks = [Segment(" " * cells, styles.base) for cells in (left, outer) if cells]
                strip = Strip([*blanks[:-1], *strip, blanks[-1]]).crop(0, outer)
            self._strips[line] = strip
        return strip

    def _paint_line(self, line: int, width: int, styles: SpanStyles) -> Strip:
        if not len(self._wrapped) and self._placeholder:
            return self._paint_placeholder(line, width, styles)
        if line >= self._wrapped.lines:
            return Strip.blank(width, styles.base)
        start, end = self._wrapped.line(line)
        glyphs = self._wrapped.glyphs(line)
        spans = self._document.spans(start, end) if self._document is not None and start < end else ()
        span_styles = glyph_styles(glyphs, spans, styles.base, lambda span: self._style_of(span, styles))
        glyph_style = overlaid(glyphs, span_styles, self._overlays(start, end))
        return paint(glyphs, glyph_style, styles.base, width, self._caret_behind(line, glyphs))

    def _style_of(self, span: DocumentSpan, styles: SpanStyles) -> Style:
        if not self.has_levels:
            return styles.style(span.role, level_of(span.bits) if self.shade else 0)
        level = span.level or 0.0
        assert self._level_styles is not None
        return self._level_styles[level < 0].style(span.role, round(min(abs(level), 1.0) * LEVELS))

    def _paint_placeholder(self, line: int, width: int, styles: SpanStyles) -> Strip:
        wrapped = WrappedText(max(1, width - 1))
        wrapped.append(self._placeholder)
        if line >= wrapped.lines:
            return Strip.blank(width, styles.base)
        glyphs = wrapped.glyphs(line)
        style = styles.base + self.get_component_rich_style("stream-view--placeholder")
        return paint(glyphs, [style] * len(glyphs), styles.base, width)

    def _overlays(self, start: int, end: int) -> Iterable[StyledRange]:
        """Yield the styles to lay over the text from `start` to `end`."""
        if start < self._dimmed:
            yield start, self._dimmed, self._overlay("dimmed")
        for offset in self._bookmarks:
            if start <= offset < end:
                yield offset, offset + 1, self._overlay("bookmark")

    def _caret_behind(self, line: int, glyphs: Sequence[Glyph]) -> tuple[int, Style] | None:
        """Return column and style of a cursor in a line that is on no visible glyph; None if there is none."""
        return None

    def _overlay(self, name: str) -> Style:
        """Return the rules of a component class alone, with translucent colours blended with the view's background."""
        full = self.get_component_rich_style(f"stream-view--{name}")
        own = self.get_component_rich_style(f"stream-view--{name}", partial=True)
        return own + Style(color=full.color if own.color else None, bgcolor=full.bgcolor if own.bgcolor else None)

    def _refresh_span_styles(self) -> SpanStyles:
        base = self.rich_style
        if self._span_styles is None or self._span_styles.base != base:
            roles = {role: self.get_component_rich_style(f"stream-view--{role}") for role in _ROLES}
            self._span_styles = SpanStyles(base, roles, self._overlay("surprisal"))
            high, low = (SpanStyles(base, roles, self._overlay(name)) for name in ("high", "low"))
            self._level_styles = high, low
            self._strips.clear()
        return self._span_styles

    def notify_style_update(self) -> None:
        """Discard the styles after a change of style or theme; called by Textual."""
        super().notify_style_update()
        self._span_styles = None

    def watch_shade(self) -> None:
        """Repaint with or without shading."""
        self._repaint()

    def watch_has_levels(self) -> None:
        """Repaint with or without levels."""
        self._repaint()

    def _repaint(self, *ranges: tuple[int, int]) -> None:
        """Repaint the lines of some ranges of offsets, or without any, everything."""
        if not ranges:
            self._strips.clear()
            self.refresh()
        for start, end in ranges:
            first, last = self._wrapped.locate(start)[0], self._wrapped.locate(max(start, end - 1))[0]
            for line in range(first, last + 1):
                self._strips.discard(line)
            self._refresh_lines(first, last + 1)
