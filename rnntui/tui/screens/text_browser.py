"""Browser of saved texts: search, preview, open, rename, delete, or open any file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import cache
from typing import ClassVar, TypeVar

from rich.cells import cell_len, set_cell_size
from textual import work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Label, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import Worker, get_current_worker

from rnntui.errors import RnntuiError
from rnntui.formatting import format_count
from rnntui.sessions.saved_texts import SavedText, SavedTexts, format_date, passage
from rnntui.text.control_chars import (
    escape_control_chars,
    one_line,
    truncate,
)
from rnntui.tui.path_completion import PathSuggester
from rnntui.tui.screens.list_browser import MAX_CALLED, ListBrowser
from rnntui.tui.widgets.colours import MUTED

Opened = TypeVar("Opened")

_DATE, _MODEL, _LENGTH = 12, 13, 8  # widths of the columns in cells; the title has the rest
_HEADER = f"{'date':{_DATE}}{'model':{_MODEL}}{'length':>{_LENGTH - 2}}  title"
_BATCH = 50  # texts that are read before they are shown
_MAX_PREVIEW = 2000  # characters
_FILE = "file"  # id of the row that opens a file


class TextBrowser(ListBrowser[SavedText, Opened]):
    """A list of saved texts, filtered by what is typed. The result is the opened text, or None if it was closed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+o", "file", "Open a file", show=False, priority=True)]
    HEADING = "Saved texts"
    HINTS: ClassVar[dict[str, str]] = {
        "search": "Enter opens, Ctrl+R renames, Ctrl+D deletes, Ctrl+O a file, Esc closes",
        "rename": "Enter renames, Esc goes back",
        "file": "Enter opens the file, → completes its path, Esc goes back",
        "delete": "y deletes, any other key keeps it",
    }
    LINE_LABELS: ClassVar[dict[str, str]] = {"rename": "New name ", "file": "File "}

    def __init__(
        self,
        texts: SavedTexts,
        has_run: Callable[[str], bool],
        read: Callable[[str], Opened],
        save: Callable[[], str],
        when_empty: str,
    ) -> None:
        """
        Args:
            texts: the saved texts.
            has_run: returns False for the name of a run that is gone; called in a thread.
            read: reads a text by its path as typed; called in a thread. Raises `RnntuiError` if it cannot be read.
            save: saves the texts that are open and returns what failed; called in a thread before the list is read.
            when_empty: says what will be in the list.
        """
        super().__init__()
        self._texts, self._read, self._save, self._when_empty = texts, read, save, when_empty
        self._has_run = has_run
        self._gone: set[str] = set()  # the runs of texts that are gone
        self._saved: list[SavedText] = []
        self._is_read = False

    def on_mount(self) -> None:
        self.query_one("#columns", Label).update(_HEADER)

    # -- the list --------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Read the texts and show them."""
        self._load()

    @work(thread=True, exclusive=True)
    def _load(self, highlight: str = "") -> None:
        """Read the texts in a thread, and show the first ones early. A newer call or the end of the screen stops it."""
        saved: list[SavedText] = []
        has_run, gone = cache(self._has_run), set[str]()
        worker, problem = get_current_worker(), self._save()
        try:
            for text in self._texts.read_all():
                if worker.is_cancelled:
                    return
                saved.append(text)
                if text.run and not has_run(text.run):
                    gone.add(text.run)
                if len(saved) == _BATCH:
                    self.app.call_from_thread(self._take, worker, list(saved), set(gone), highlight)
        except OSError as error:
            problem = f"cannot list the saved texts: {error.strerror or error}"
        self.app.call_from_thread(self._take, worker, saved, gone, highlight, is_all=True, problem=problem)

    def _take(
        self,
        worker: Worker[None],
        saved: list[SavedText],
        gone: set[str],
        highlight: str,
        is_all: bool = False,
        problem: str = "",
    ) -> None:
        if worker.is_cancelled or not self.is_attached:
            return
        self._saved, self._gone, self._is_read = saved, gone, is_all
        self.show_rows(highlight)
        if problem:
            self.show_message(problem, True)

    @property
    def current(self) -> SavedText | None:
        """The highlighted text."""
        option = self.query_one(OptionList).highlighted_option
        return next((text for text in self._saved if option is not None and str(text.path) == option.id), None)

    def show_rows(self, highlight: str = "") -> None:
        """Show the texts that match, and highlight the one with this path, or else the one highlighted before."""
        rows, words, now = self.query_one(OptionList), self.words, time.time()
        current = highlight or (str(self.current.path) if self.current is not None else "")
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
        self.show_preview()

    def _row(self, text: SavedText, width: int, now: float) -> Content:
        is_open = self._texts.is_open(text.path)
        date = _cut("open now" if is_open else format_date(text.modified, now), _DATE)
        model = f"gone: {text.run}" if text.run in self._gone else text.run
        facts = f"{_cut(one_line(model), _MODEL)}{format_count(len(text.text)).rjust(_LENGTH - 2)}  "
        title_width = max(8, width - _DATE - _MODEL - _LENGTH)
        name = one_line(text.name)
        title = truncate(f"{name}  {text.title}" if name else text.title, title_width, cell_len)
        return Content.assemble(
            date, (facts, MUTED), (title[: len(name)], "bold"), (title[len(name) :], MUTED if name else "")
        )

    def show_preview(self) -> None:
        text, preview = self.current, self.query_one("#preview", Static)
        if text is None:
            preview.update("")
            return
        part, spans = passage(text.text, self.words, _MAX_PREVIEW)
        pieces: list[tuple[str, str]] = []
        if text.run in self._gone:
            pieces.append((f"{one_line(text.run)} is gone; another model opens the text.\n", "italic"))
        at = 0
        for start, end in spans:
            pieces += [(escape_control_chars(part[at:start]), ""), (escape_control_chars(part[start:end]), "reverse")]
            at = end
        preview.update(Content.assemble(*pieces, (escape_control_chars(part[at:]), "")))

    # -- actions ---------------------------------------------------------------------------------------------------

    def choose(self) -> None:
        """Open the highlighted text, or ask for a file."""
        text = self.current
        if text is None:
            self.action_file()
        else:
            self._open(str(text.path))

    def submit(self, line: str) -> None:
        """Open the file of a path, or rename the highlighted text."""
        if self.mode == "file":
            self._open(line)
        elif (text := self.current) is not None:
            self._rename(text, line)

    def action_file(self) -> None:
        """Ask for the path of a file to open; what was typed as a path is taken along."""
        typed = self.search_input.value
        self.set_mode("file", typed if "/" in typed or typed.startswith("~") else "", PathSuggester())

    def name_to_edit(self, item: SavedText) -> str:
        """Return the text's name, or its beginning."""
        return item.name or item.title

    def called(self, item: SavedText) -> str:
        """Return the text's name or beginning in quotation marks."""
        return f"“{truncate(item.name or item.title, MAX_CALLED, cell_len)}”"

    def restore(self) -> None:
        """Bring back the text that was deleted last."""
        self._restore()

    def delete(self, item: SavedText) -> None:
        """Delete a text."""
        self._delete(item)

    @work
    async def _restore(self) -> None:
        try:
            path = await asyncio.to_thread(self._texts.restore)
        except RnntuiError as error:
            self.show_message(str(error), True)
        else:
            if path is not None:
                self._load(str(path))
            self.show_message("Restored." if path is not None else "Nothing to restore.", False)

    @work(exclusive=True, group="open")
    async def _open(self, name: str) -> None:
        try:
            opened = await asyncio.to_thread(self._read, name)
        except RnntuiError as error:
            self.show_message(str(error), True)
        else:
            self.dismiss(opened)

    @work(exclusive=True, group="change")
    async def _rename(self, text: SavedText, name: str) -> None:
        try:
            path = await asyncio.to_thread(self._texts.rename, text.path, name)
        except RnntuiError as error:
            self.show_message(str(error), True)
        else:
            self.set_mode("search")
            self._load(str(path))

    @work(exclusive=True, group="change")
    async def _delete(self, item: SavedText) -> None:
        try:
            await asyncio.to_thread(self._texts.delete, item.path)
        except RnntuiError as error:
            self.show_message(str(error), True)
        else:
            self.load()
            self.show_message(f"Deleted {self.called(item)}; Ctrl+Z brings it back.", False)


def _cut(text: str, width: int) -> str:
    return set_cell_size(truncate(text, width - 1, cell_len), width)
