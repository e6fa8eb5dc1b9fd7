"""An editor and the pane of its results side by side: one row for a line, one cursor line, scrolled together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.widget import Widget

from rnntui.sessions.line_change import Viewport
from rnntui.tui.lines.aligned_text_area import AlignedTextArea, align_rows
from rnntui.tui.lines.text_panes import LineEditor, ResultPane


class PanePair:
    """Keeps an editor and the pane of its results together. `active` is the one that had the focus last."""

    def __init__(self, editor: LineEditor, results: ResultPane) -> None:
        self.editor, self.results = editor, results
        self.active: AlignedTextArea = editor

    @property
    def cursor_line(self) -> int:
        """The index of the line at the cursor of the active pane."""
        return min(self.active.cursor_location[0], self.editor.document.line_count - 1)

    @property
    def viewport(self) -> Viewport:
        """The line at the cursor, and the visible lines."""
        return Viewport(self.cursor_line, *self.editor.visible_lines)

    def couple_scrolling(self, tab: Widget, on_scrolled: Callable[[], None]) -> None:
        """Scroll both together from now on, and call `on_scrolled` when other lines have become visible."""

        def editor_scrolled(y: float) -> None:
            self.results.scroll_to(y=y, animate=False, force=True)
            on_scrolled()

        tab.watch(self.editor, "scroll_y", editor_scrolled, init=False)
        tab.watch(
            self.results,
            "scroll_y",
            lambda y: self.editor.scroll_to(y=y, animate=False, force=True),
            init=False,
        )

    def show(self, results: Sequence[str]) -> None:
        """Show a result for each line, beside it."""
        self.results.show(results)
        self.align()

    def align(self) -> None:
        """Let each line begin on the same row in both panes."""
        align_rows(self.editor, self.results)

    def activate(self, widget: Widget) -> bool:
        """Make the widget that got the focus the active pane. Returns False if it is no pane, or was the active one."""
        if widget is self.active or widget not in (self.editor, self.results):
            return False
        assert isinstance(widget, AlignedTextArea)
        self.active = widget
        return True

    def follow_cursor(self) -> bool:
        """Move the other pane's cursor to the line of the active one's. Returns whether it was in another line."""
        other = self.editor if self.active is self.results else self.results
        line = self.cursor_line
        if other.cursor_location[0] != line < other.document.line_count:
            other.move_cursor((line, 0))
            return True
        return False

    def leave_hidden_widget(self) -> None:
        """Focus the editor if the focused widget has been hidden."""
        screen = self.editor.screen
        focused = screen.focused
        if (
            focused is None
            or not focused.display
            or not all(node.display for node in focused.ancestors if node is not screen)
        ):
            self.editor.focus()
