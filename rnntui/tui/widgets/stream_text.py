"""A text that is being written, shown line by line: only what is new is wrapped and painted."""

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

from rnntui.tui.widgets.document import Document, Role
from rnntui.tui.widgets.paint import Mark, Palette, for_pointer, paint
from rnntui.tui.widgets.wrapped_text import Glyph, WrappedText

_KEPT = 512  # painted lines: a few screens
_ROLES: tuple[Role, ...] = ("prompt", "model", "note")
_SIDES = ("top", "right", "bottom", "left")
FAR = 10**9
"""A column beyond the end of any line."""


class StreamText(ScrollView):
    """Shows a `Document`, and its end for as long as the end is in view. `StreamView` adds what a reader does with it.

    Tell it of changes: `grew` after text was added at the end (once for many tokens), `shrank` after it was cut back,
    `restyled` after spans changed, `reset` after anything else.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "stream-view--prompt",
        "stream-view--model",
        "stream-view--note",
        "stream-view--surprise",
        "stream-view--placeholder",
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
        & > .stream-view--note { color: $text-muted; text-style: italic; }
        & > .stream-view--surprise { background: $error; }
        & > .stream-view--placeholder { color: $text-muted; text-style: italic; }
    }
    """

    shade: reactive[bool] = reactive(False, repaint=False, init=False)
    """Whether the background shows how surprising each token was to the model."""

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
        self._palette: Palette | None = None
        self._strips: LRUCache[int, Strip] = LRUCache(_KEPT)
        self._frame = (0, 0)  # the padding left of the text, and the width of a strip

    # The document

    @property
    def document(self) -> Document | None:
        """What is shown; setting it shows the new document from its end."""
        return self._document

    @document.setter
    def document(self, document: Document | None) -> None:
        self._document = document
        self.reset()

    @property
    def placeholder(self) -> str:
        """What is shown, dimmed, while there is no text."""
        return self._placeholder

    @placeholder.setter
    def placeholder(self, placeholder: str) -> None:
        self._placeholder = placeholder
        self._repaint()

    @property
    def following(self) -> bool:
        """Whether the view moves along as the text grows: its end is in view, and nobody reads elsewhere."""
        return self._at_end

    def grew(self) -> None:
        """The document got longer: show what is new."""
        known = len(self._wrapped)
        text = self._text()
        if len(text) > known:
            follow = self.following
            self._lines_changed(self._wrapped.append(text[known:]), follow)

    def shrank(self, length: int) -> None:
        """The document was cut back to its first `length` characters."""
        follow = self.following
        self._lines_changed(self._wrapped.truncate(length), follow)

    def restyled(self) -> None:
        """The spans of the document are others than before, its text is the same."""
        self._repaint()

    def reset(self) -> None:
        """The document is another: show it anew, from its end."""
        self._wrapped.clear()
        self._wrapped.append(self._text())
        self._lines_changed(0, follow=True)

    def _text(self) -> str:
        return self._document.text if self._document is not None else ""

    # Geometry

    def on_resize(self) -> None:
        """Wrap anew to the new width, and keep the place: the end, or the character at the top."""
        width = self.scrollable_content_region.width
        if width < 2:  # hidden, as in a tab that is not open
            return
        follow = self.following
        top = self._wrapped.line(min(self.scroll_offset.y, self._wrapped.lines - 1))[0]
        # The last column stays free: a cursor stands there on a blank that hangs, or on a line break.
        if width - 1 != self._wrapped.width:
            self._wrapped.rewrap(width - 1)
        self._lines_changed(0, follow)
        if not follow:
            self._scroll(self._wrapped.locate(top)[0])

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Textual's watcher; and note whether the end is in view."""
        super().watch_scroll_y(old_value, new_value)
        self._at_end = round(new_value) >= self.max_scroll_y

    def _lines_changed(self, first: int, follow: bool) -> None:
        for line in list(self._strips.keys()):
            if line >= first:
                self._strips.discard(line)
        lines = self._wrapped.lines
        after = max(lines, self.virtual_size.height)
        width, height = self.scrollable_content_region.size
        size = Size(width, lines)
        if (lines > height) is self.show_vertical_scrollbar:
            # A plain assignment lays the whole screen out anew, at each new line; the scrollbar alone needs to know.
            self.set_reactive(Widget.virtual_size, size)
            if self.show_vertical_scrollbar:
                self.vertical_scrollbar.window_virtual_size = lines
        else:
            self.virtual_size = size
            self._scroll_update(size)  # shows or hides the scrollbar, as Textual's own views do it
        if follow or self.scroll_y > self.max_scroll_y:
            self._scroll(self.max_scroll_y)
        if follow:
            self._at_end = True
        self._refresh_lines(first, after)

    def _refresh_lines(self, first: int, after: int) -> None:
        """Have some lines drawn again, if they are in view."""
        top, (width, height) = self.scroll_offset.y, self.outer_size
        above, below = max(0, first - top), min(height, after - top)
        if above < below:
            self.refresh(Region(0, above, width, below - above))

    def _scroll(self, line: float) -> None:
        if self.is_mounted:
            self.scroll_to(y=min(line, self.max_scroll_y), animate=False, force=True)
            # Textual moves the scrollbar only where it is shown already; with the first long text, it is not yet.
            self.vertical_scrollbar.position = self.scroll_y

    def _reveal(self, offset: int, margin: int = 0) -> None:
        """Scroll, if need be, until the line of an offset is in view, `margin` lines from the edge."""
        line = self._wrapped.locate(offset)[0]
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        if line < top:
            self._scroll(max(0, line - margin))
        elif height and line >= top + height:
            self._scroll(line - height + 1 + margin)

    # Painting

    def render_lines(self, crop: Region) -> list[Strip]:
        """Textual's call for what the screen shows."""
        palette = self._refresh_palette()
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
        # Textual's own way makes each line anew at every scroll. These keep what it works out of a strip: filtered,
        # cut, and written for the terminal.
        top, background = self.scroll_offset.y, self.background_colors[1]
        strips = [self._strip(top + y, width, palette) for y in crop.line_range]
        for line_filter in self.get_line_filters():
            strips = [strip.apply_filter(line_filter, background) for strip in strips]
        return [strip.crop(*crop.column_span) for strip in strips]

    def _is_decorated(self) -> bool:
        styles = self.styles
        edges = styles.gutter != styles.padding or any(styles.has_rule(f"outline_{side}") for side in _SIDES)
        above = styles.padding.top or styles.padding.bottom
        return bool(edges or above or self.opacity < 1 or styles.text_opacity < 1 or styles.tint.a > 0)

    def render_line(self, y: int) -> Strip:
        """The line at a row of the view; asked for outside of painting, it tells the offsets of its clusters."""
        line = self.scroll_offset.y + y
        width = self.scrollable_content_region.width
        if self._painting:
            return self._strip(line, width, self._refresh_palette())
        glyphs = self._wrapped.glyphs(line) if line < self._wrapped.lines else []
        return for_pointer(glyphs, self._wrapped.offset_at(line, FAR), width)

    def _strip(self, line: int, width: int, palette: Palette) -> Strip:
        strip = self._strips.get(line)
        if strip is None:
            strip = self._painted(line, width, palette)
            left, outer = self._frame
            if (left, outer) != (0, width):
                blanks = [Segment(" " * cells, palette.base) for cells in (left, outer) if cells]
                strip = Strip([*blanks[:-1], *strip, blanks[-1]]).crop(0, outer)
            self._strips[line] = strip
        return strip

    def _painted(self, line: int, width: int, palette: Palette) -> Strip:
        if not len(self._wrapped) and self._placeholder:
            return self._painted_placeholder(line, width, palette)
        if line >= self._wrapped.lines:
            return Strip.blank(width, palette.base)
        start, end = self._wrapped.line(line)
        glyphs = self._wrapped.glyphs(line)
        spans = self._document.spans(start, end) if self._document is not None and start < end else ()
        marks, caret = list(self._marks(start, end)), self._caret_behind(line, glyphs)
        return paint(glyphs, spans, palette, shade=self.shade, marks=marks, caret=caret, width=width)

    def _painted_placeholder(self, line: int, width: int, palette: Palette) -> Strip:
        wrapped = WrappedText(max(1, width - 1))
        wrapped.append(self._placeholder)
        if line >= wrapped.lines:
            return Strip.blank(width, palette.base)
        mark = *wrapped.line(line), self.get_component_rich_style("stream-view--placeholder")
        return paint(wrapped.glyphs(line), (), palette, shade=False, marks=[mark], caret=None, width=width)

    def _marks(self, start: int, end: int) -> Iterable[Mark]:
        """Styles to lay over a part of the text."""
        return ()

    def _caret_behind(self, line: int, glyphs: Sequence[Glyph]) -> tuple[int, Style] | None:
        """The column of a cursor that stands in a line, but on nothing that is seen, and its style."""
        return None

    def _overlay(self, name: str) -> Style:
        """What a component class says, and no more: its background mixed with ours, where it lets some through."""
        full = self.get_component_rich_style(f"stream-view--{name}")
        own = self.get_component_rich_style(f"stream-view--{name}", partial=True)
        return own + Style(bgcolor=full.bgcolor if own.bgcolor else None)

    def _refresh_palette(self) -> Palette:
        base = self.rich_style
        if self._palette is None or self._palette.base != base:
            roles = {role: self.get_component_rich_style(f"stream-view--{role}") for role in _ROLES}
            self._palette = Palette(base, roles, self._overlay("surprise"))
            self._strips.clear()
        return self._palette

    def notify_style_update(self) -> None:
        """Textual's word that styles or the theme changed."""
        super().notify_style_update()
        self._palette = None

    def watch_shade(self) -> None:
        """Paint anew, with surprise or without."""
        self._repaint()

    def _repaint(self, *parts: tuple[int, int]) -> None:
        """Paint anew the lines of some parts of the text, or without any, everything."""
        if not parts:
            self._strips.clear()
            self.refresh()
        for start, end in parts:
            first, last = self._wrapped.locate(start)[0], self._wrapped.locate(max(start, end - 1))[0]
            for line in range(first, last + 1):
                self._strips.discard(line)
            self._refresh_lines(first, last + 1)
