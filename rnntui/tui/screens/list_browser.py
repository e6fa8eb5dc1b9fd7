"""Screen of a list that is searched by typing: a preview, and keys to choose, rename, delete and restore a row."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.input import Selection

from rnntui.sessions.saved_texts import search_words
from rnntui.text.control_chars import decode_control_chars, encode_control_chars, one_line
from rnntui.tui.screens.dialogs import pass_on_typing
from rnntui.tui.widgets.editors import ClusterInput

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_CALLED = 24
"""Cells of a name in a question or message, so that it takes one row at 80 columns."""

_WIDE = 110  # columns of the terminal from which the preview is beside the list


class ListBrowser(ModalScreen[Result | None], Generic[Item, Result]):
    """A list of items, filtered by what is typed. The result is what was chosen, or None.

    A subclass lists the items and does what is asked of one. The screen is in a mode: searching, typing a name for the
    highlighted item, asking whether to delete it, or a mode of the subclass in which a line is typed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Close", show=False, priority=True),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "move(-10)", "Page up", show=False),
        Binding("pagedown", "move(10)", "Page down", show=False),
        Binding("ctrl+r", "rename", "Rename", show=False, priority=True),
        Binding("ctrl+d", "delete", "Delete", show=False, priority=True),
        Binding("ctrl+z", "restore", "Restore", show=False, priority=True),
    ]
    HEADING: ClassVar[str]
    HINTS: ClassVar[dict[str, str]]
    """Keys of each mode, in words."""
    LINE_LABELS: ClassVar[dict[str, str]]
    """Label before the line of each mode that has one."""

    mode = "search"

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog full") as dialog:
            dialog.border_title = self.HEADING
            with Horizontal(classes="line"):
                yield Label("Search ", id="line-label")
                yield ClusterInput(compact=True, select_on_focus=False, id="search")
                yield ClusterInput(compact=True, select_on_focus=False, id="line")
                yield Label("", id="count")
            yield Label("", id="columns", markup=False)
            with Vertical(id="rows-and-preview"):
                rows = OptionList(compact=True, markup=False, id="rows")
                rows.can_focus = False
                yield rows
                yield Static("", id="preview", markup=False)
            yield Label("", id="message", markup=False)
            yield Label("", classes="hint", markup=False)

    def on_mount(self) -> None:
        self.set_mode("search")
        self.load()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= _WIDE, "-wide")
        self.call_after_refresh(self.show_rows)

    # -- of the subclass -------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def current(self) -> Item | None:
        """The highlighted item; None for a row that is not an item."""

    @abstractmethod
    def load(self) -> None:
        """Read the items and show them."""

    @abstractmethod
    def show_rows(self) -> None:
        """Show the items that match what is typed, and keep one highlighted."""

    @abstractmethod
    def show_preview(self) -> None:
        """Show the preview of the highlighted item."""

    @abstractmethod
    def choose(self) -> None:
        """Do what Enter does with the highlighted row."""

    @abstractmethod
    def submit(self, line: str) -> None:
        """Do what Enter does with a line that was typed in another mode than the search."""

    @abstractmethod
    def name_to_edit(self, item: Item) -> str:
        """Return the text that renaming an item begins with."""

    @abstractmethod
    def called(self, item: Item) -> str:
        """Return an item in words, for a question."""

    @abstractmethod
    def delete(self, item: Item) -> None:
        """Delete an item."""

    @abstractmethod
    def restore(self) -> None:
        """Bring back what was deleted last."""

    # -- modes and messages ----------------------------------------------------------------------------------------

    @property
    def search_input(self) -> Input:
        return self.query_one("#search", Input)

    @property
    def words(self) -> list[str]:
        """The words that are searched for."""
        return search_words(decode_control_chars(self.search_input.value))

    def set_mode(self, mode: str, value: str = "", suggester: Suggester | None = None) -> None:
        """Enter a mode; `value` is the line that is edited in it, selected if it is a name."""
        self.mode = mode
        search, line = self.search_input, self.query_one("#line", Input)
        search.display = mode in ("search", "delete")
        line.display = not search.display
        line.suggester = suggester
        line.value = value
        line.selection = Selection(0 if mode == "rename" else len(value), len(value))
        self.query_one("#line-label", Label).update(self.LINE_LABELS.get(mode, "Search "))
        self.query_one("#count").display = search.display
        self.query_one(".hint", Label).update(self.HINTS[mode])
        self.show_message("", False)
        self.set_focus(search if mode == "search" else line if mode != "delete" else None)

    def show_message(self, message: str, is_problem: bool) -> None:
        """Show a message below the list; "" removes it."""
        label = self.query_one("#message", Label)
        label.update(one_line(message))
        label.display = bool(message)
        label.set_class(is_problem, "-problem")

    # -- keys --------------------------------------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.show_message("", False)
        if event.input is self.search_input:
            self.show_rows()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.show_preview()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.choose()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self.mode == "search":
            self.choose()
        else:
            self.submit(decode_control_chars(event.value))

    def on_key(self, event: events.Key) -> None:
        if self.mode == "delete":  # without a focus, all keys come here
            event.stop()
            item = self.current
            self.set_mode("search")
            if event.key in ("y", "Y") and item is not None:
                self.delete(item)
        else:
            pass_on_typing(self, event)

    def action_back(self) -> None:
        """Go back to the search, or close the browser."""
        if self.mode == "search":
            self.dismiss(None)
        else:
            self.set_mode("search")

    def action_move(self, rows: int) -> None:
        """Move the highlight."""
        options = self.query_one(OptionList)
        if self.mode == "search" and options.option_count:
            options.highlighted = min(options.option_count - 1, max(0, (options.highlighted or 0) + rows))

    def action_rename(self) -> None:
        """Ask for a name for the highlighted item."""
        if (item := self.current) is not None:
            self.set_mode("rename", encode_control_chars(self.name_to_edit(item)))

    def action_delete(self) -> None:
        """Ask whether to delete the highlighted item."""
        if (item := self.current) is not None and self.mode == "search":
            self.set_mode("delete")
            self.show_message(f"Delete {self.called(item)}?", True)

    def action_restore(self) -> None:
        """Bring back what was deleted last; during the question whether to delete, keep it."""
        if self.mode == "search":
            self.restore()
        elif self.mode == "delete":
            self.set_mode("search")
