"""Browser of saved texts: search, preview, open, rename, delete, or open any file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import ClassVar, Generic, Literal, TypeVar

from rich.cells import cell_len, set_cell_size
from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.input import Selection
from textual.widgets.option_list import Option
from textual.worker import Worker, get_current_worker

from rnntui.errors import RnntuiError
from rnntui.formatting import format_count
from rnntui.sessions.saved_texts import SavedText, SavedTexts, format_date, passage, search_words
from rnntui.text.control_chars import (
    decode_control_chars,
    encode_control_chars,
    escape_control_chars,
    one_line,
    truncate,
)
from rnntui.tui.path_completion import PathSuggester
from rnntui.tui.screens.dialogs import pass_on_typing
from rnntui.tui.widgets.colours import MUTED
from rnntui.tui.widgets.editors import ClusterInput

Opened = TypeVar("Opened")

_DATE, _MODEL, _LENGTH = 12, 13, 8  # widths of the columns in cells; the title has the rest
_HEADER = f"{'date':{_DATE}}{'model':{_MODEL}}{'length':>{_LENGTH - 2}}  title"
_BATCH = 50  # texts that are read before they are shown
_MAX_PREVIEW = 2000  # characters
_WIDE = 110  # columns of the terminal from which the preview is beside the list
_FILE = "file"  # id of the row that opens a file
_HINTS = {
    "search": "Enter opens, Ctrl+R renames, Ctrl+D deletes, Ctrl+O a file, Esc closes",
    "rename": "Enter renames, Esc goes back",
    "file": "Enter opens the file, → completes its path, Esc goes back",
    "delete": "y deletes, any other key keeps it",
}


class TextBrowser(ModalScreen[Opened | None], Generic[Opened]):
    """A list of saved texts, filtered by what is typed. The result is the opened text, or None if it was closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Close", show=False, priority=True),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "move(-10)", "Page up", show=False),
        Binding("pagedown", "move(10)", "Page down", show=False),
        Binding("ctrl+r", "rename", "Rename", show=False, priority=True),
        Binding("ctrl+d", "delete", "Delete", show=False, priority=True),
        Binding("ctrl+z", "restore", "Restore", show=False, priority=True),
        Binding("ctrl+o", "file", "Open a file", show=False, priority=True),
    ]

    def __init__(
        self, texts: SavedTexts, read: Callable[[str], Opened], save: Callable[[], str], when_empty: str
    ) -> None:
        """
        Args:
            texts: the saved texts.
            read: reads a text by its path as typed; called in a thread. Raises `RnntuiError` if it cannot be read.
            save: saves the texts that are open and returns what failed; called in a thread before the list is read.
            when_empty: says what will be in the list.
        """
        super().__init__()
        self._texts, self._read, self._save, self._when_empty = texts, read, save, when_empty
        self._mode: Literal["search", "rename", "file", "delete"] = "search"
        self._saved: list[SavedText] = []
        self._is_read = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog full") as dialog:
            dialog.border_title = "Saved texts"
            with Horizontal(classes="line"):
                yield Label("Search ", id="line-label")
                yield ClusterInput(compact=True, select_on_focus=False, id="search")
                yield ClusterInput(compact=True, select_on_focus=False, id="line")
                yield Label("", id="count")
            yield Label(_HEADER, id="columns")
            with Vertical(id="texts-and-preview"):
                texts = OptionList(compact=True, markup=False, id="saved-texts")
                texts.can_focus = False
                yield texts
                yield Static("", id="preview", markup=False)
            yield Label("", id="message", markup=False)
            yield Label("", classes="hint", markup=False)

    def on_mount(self) -> None:
        self._set_mode("search")
        self._load()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= _WIDE, "-wide")
        self.call_after_refresh(self._show_texts)

    # -- the list --------------------------------------------------------------------------------------------------

    @work(thread=True, exclusive=True)
    def _load(self, highlight: str = "") -> None:
        """Read the texts in a thread, and show the first ones early. A newer call or the end of the screen stops it."""
        saved: list[SavedText] = []
        worker, problem = get_current_worker(), self._save()
        try:
            for text in self._texts.read_all():
                if worker.is_cancelled:
                    return
                saved.append(text)
                if len(saved) == _BATCH:
                    self.app.call_from_thread(self._take, worker, list(saved), highlight)
        except OSError as error:
            problem = f"cannot list the saved texts: {error.strerror or error}"
        self.app.call_from_thread(self._take, worker, saved, highlight, is_all=True, problem=problem)

    def _take(
        self, worker: Worker[None], saved: list[SavedText], highlight: str, is_all: bool = False, problem: str = ""
    ) -> None:
        if worker.is_cancelled or not self.is_attached:
            return
        self._saved, self._is_read = saved, is_all
        self._show_texts(highlight)
        if problem:
            self._show_message(problem, True)

    @property
    def _words(self) -> list[str]:
        return search_words(decode_control_chars(self.query_one("#search", Input).value))

    @property
    def _current(self) -> SavedText | None:
        """The highlighted text."""
        option = self.query_one(OptionList).highlighted_option
        return next((text for text in self._saved if option is not None and str(text.path) == option.id), None)

    def _show_texts(self, highlight: str = "") -> None:
        """Show the texts that match, and highlight the one with this path, or else the one highlighted before."""
        rows, words, now = self.query_one(OptionList), self._words, time.time()
        current = highlight or (str(self._current.path) if self._current is not None else "")
        matching = [text for text in self._saved if text.matches(words)]
        width = rows.scrollable_content_region.width or 80
        options = [Option(self._row(text, width, now), id=str(text.path)) for text in matching]
        if not matching and self._is_read:
            empty = "No saved text matches." if self._saved else f"No saved texts yet. {self._when_empty}"
            options.append(Option(Content.styled(empty, MUTED), disabled=True))
        options.append(Option(Content.styled("Open a file …", MUTED), id=_FILE))
        rows.set_options(options)
        index = next((index for index, option in enumerate(options) if option.id == current), 0)
        rows.highlighted = index if not options[index].disabled else len(options) - 1
        count = f" {len(matching):,} of {len(self._saved):,}" if words else f" {len(self._saved):,}"
        self.query_one("#count", Label).update(count if self._is_read else f"{count} …")
        self._show_preview()

    def _row(self, text: SavedText, width: int, now: float) -> Content:
        is_open = self._texts.is_open(text.path)
        date = _cut("open now" if is_open else format_date(text.modified, now), _DATE)
        facts = f"{_cut(one_line(text.run), _MODEL)}{format_count(len(text.text)).rjust(_LENGTH - 2)}  "
        title_width = max(8, width - _DATE - _MODEL - _LENGTH)
        name = one_line(text.name)
        title = f"{name}  " if name else ""
        rest = truncate(f"{title}{text.title}", title_width, cell_len)[len(title) :]
        return Content.assemble(date, (facts, MUTED), (title, "bold"), (rest, MUTED if name else ""))

    def _show_preview(self) -> None:
        text, preview = self._current, self.query_one("#preview", Static)
        if text is None:
            preview.update("")
            return
        part, spans = passage(text.text, self._words, _MAX_PREVIEW)
        pieces: list[tuple[str, str]] = []
        at = 0
        for start, end in spans:
            pieces += [(escape_control_chars(part[at:start]), ""), (escape_control_chars(part[start:end]), "reverse")]
            at = end
        preview.update(Content.assemble(*pieces, (escape_control_chars(part[at:]), "")))

    # -- keys --------------------------------------------------------------------------------------------------------

    def _set_mode(self, mode: Literal["search", "rename", "file", "delete"], value: str = "") -> None:
        self._mode = mode
        search, line = self.query_one("#search", Input), self.query_one("#line", Input)
        search.display = mode in ("search", "delete")
        line.display = not search.display
        line.suggester = PathSuggester() if mode == "file" else None
        line.value = value
        line.selection = Selection(0 if mode == "rename" else len(value), len(value))
        self.query_one("#line-label", Label).update({"rename": "New name ", "file": "File "}.get(mode, "Search "))
        self.query_one("#count").display = search.display
        self.query_one(".hint", Label).update(_HINTS[mode])
        self._show_message("", False)
        self.set_focus(search if mode == "search" else line if mode != "delete" else None)

    def _show_message(self, message: str, is_problem: bool) -> None:
        label = self.query_one("#message", Label)
        label.update(one_line(message))
        label.display = bool(message)
        label.set_class(is_problem, "-problem")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show_message("", False)
        if event.input.id == "search":
            self._show_texts()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._show_preview()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._choose()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        value = decode_control_chars(event.value)
        if self._mode == "search":
            self._choose()
        elif self._mode == "file":
            self._open(value)
        elif (text := self._current) is not None:
            self._rename(text, value)

    def on_key(self, event: events.Key) -> None:
        if self._mode == "delete":  # without a focus, all keys come here
            event.stop()
            text = self._current
            self._set_mode("search")
            if event.key in ("y", "Y") and text is not None:
                self._delete(text)
        else:
            pass_on_typing(self, event)

    def action_back(self) -> None:
        """Go back to the search, or close the browser."""
        if self._mode == "search":
            self.dismiss(None)
        else:
            self._set_mode("search")

    def action_move(self, rows: int) -> None:
        """Move the highlight."""
        texts = self.query_one(OptionList)
        if self._mode == "search" and texts.option_count:
            last = texts.option_count - 1
            texts.highlighted = min(last, max(0, (texts.highlighted or 0) + rows))

    def action_file(self) -> None:
        """Ask for the path of a file to open; what was typed as a path is taken along."""
        typed = self.query_one("#search", Input).value
        self._set_mode("file", typed if "/" in typed or typed.startswith("~") else "")

    def action_rename(self) -> None:
        """Ask for a name for the highlighted text."""
        if (text := self._current) is not None:
            self._set_mode("rename", encode_control_chars(text.name or text.title))

    def action_delete(self) -> None:
        """Ask whether to delete the highlighted text."""
        if (text := self._current) is not None and self._mode == "search":
            self._set_mode("delete")
            self._show_message(f"Delete “{text.name or text.title}”?", True)

    def action_restore(self) -> None:
        """Bring back the text that was deleted last; during the question whether to delete, keep the text."""
        if self._mode == "search":
            self._restore()
        elif self._mode == "delete":
            self._set_mode("search")

    @work
    async def _restore(self) -> None:
        try:
            path = await asyncio.to_thread(self._texts.restore)
        except RnntuiError as error:
            self._show_message(str(error), True)
        else:
            if path is not None:
                self._load(str(path))
            self._show_message("Restored." if path is not None else "Nothing to restore.", False)

    # -- what they do ------------------------------------------------------------------------------------------------

    def _choose(self) -> None:
        text = self._current
        if text is None:
            self.action_file()
        else:
            self._open(str(text.path))

    @work(exclusive=True, group="open")
    async def _open(self, name: str) -> None:
        try:
            opened = await asyncio.to_thread(self._read, name)
        except RnntuiError as error:
            self._show_message(str(error), True)
        else:
            self.dismiss(opened)

    @work(exclusive=True, group="change")
    async def _rename(self, text: SavedText, name: str) -> None:
        try:
            path = await asyncio.to_thread(self._texts.rename, text.path, name)
        except RnntuiError as error:
            self._show_message(str(error), True)
        else:
            self._set_mode("search")
            self._load(str(path))

    @work(exclusive=True, group="change")
    async def _delete(self, text: SavedText) -> None:
        try:
            await asyncio.to_thread(self._texts.delete, text.path)
        except RnntuiError as error:
            self._show_message(str(error), True)
        else:
            self._load()
            self._show_message(f"Deleted “{text.name or text.title}”; Ctrl+Z brings it back.", False)


def _cut(text: str, width: int) -> str:
    return set_cell_size(truncate(text, width - 1, cell_len), width)
