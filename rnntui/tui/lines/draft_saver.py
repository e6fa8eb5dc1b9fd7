"""Autosave of the editor of a tab, and the browser of its saved texts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.widget import Widget

from rnntui.errors import RnntuiError
from rnntui.sessions.editor_drafts import EditorDrafts
from rnntui.tui.lines.messages import AutosaveFailed
from rnntui.tui.lines.text_panes import LineEditor
from rnntui.tui.messages import TextsSaved
from rnntui.tui.notifications import Notifications

if TYPE_CHECKING:
    from rnntui.sessions.autosave import SaveJob
    from rnntui.sessions.saved_texts import OpenedSource

_INTERVAL = 10.0  # seconds


class DraftSaver:
    """Saves the text of a tab's editor in threads, and opens other texts in it. Posts `AutosaveFailed` to the tab."""

    def __init__(self, tab: Widget, editor: LineEditor, drafts: EditorDrafts, notifications: Notifications) -> None:
        self._tab, self._editor, self._drafts, self._notifications = tab, editor, drafts, notifications

    def start(self) -> OpenedSource | None:
        """Save the text from now on every few seconds; show the last one, and return it if there is one."""
        self._tab.set_interval(_INTERVAL, self.save)
        last: OpenedSource | None = None
        try:
            last = self._drafts.read_last()
        except RnntuiError as error:
            self._notifications.warn(str(error), title="Cannot open the last text")
        if last is not None:
            self._drafts.begin(last)
            self._editor.fill(last.text)
        return last

    @property
    def is_empty(self) -> bool:
        """True if there is no text, or only white space."""
        return not self._editor.text.strip()

    def save(self) -> None:
        """Save the text, if it has changed."""
        job = self._drafts.pending()
        if job is not None:
            self._tab.run_worker(partial(self._write, job), thread=True, group="autosave")  # a disk may take its time

    @property
    def problem(self) -> str:
        """Why the text is not saved; "" while it is."""
        return self._drafts.autosave.problem

    def count_as_saved(self) -> None:
        """Let the present text count as saved: the user saved it elsewhere, as its draft cannot be."""
        self._drafts.count_as_saved()
        self._tab.post_message(TextsSaved())

    def save_last(self) -> str:
        """Save the text when the app closes. Returns a line to print if that fails, or ""."""
        problem = self._drafts.autosave.write_last(self._drafts.pending())
        return f"the text could not be saved: {problem}" if problem else ""

    def begin(self, opened: OpenedSource) -> None:
        """Show another text; the present one is saved."""
        self.save()
        self._drafts.begin(opened)
        self._editor.fill(opened.text)

    def begin_new(self) -> None:
        """Begin another text; the present one is saved."""
        from rnntui.sessions.saved_texts import OpenedSource

        self.begin(OpenedSource(""))
        self._editor.focus()

    async def browse(self, has_run: Callable[[str], bool], when_empty: str) -> OpenedSource | None:
        """Show the saved texts, and open one or a text file. Returns it; None if nothing was chosen.

        Args:
            has_run: returns False for the name of a run that is gone; called in a thread.
            when_empty: says what will be in the list.
        """
        from rnntui.tui.screens.text_browser import TextBrowser

        drafts, job = self._drafts, self._drafts.pending()
        browser = TextBrowser(
            drafts.saved_texts,
            has_run,
            drafts.read,
            lambda: drafts.autosave.write(job) if job is not None else "",
            when_empty,
        )
        opened = await self._tab.app.push_screen_wait(browser)
        if opened is not None:
            self.begin(opened)
            self._editor.focus()
            if opened.note:
                self._notifications.info(opened.note)
        return opened

    def suggested_name(self, otherwise: str, suffix: str) -> str:
        """Return a file name for saving results: that of the text if it has one."""
        from rnntui.sessions.autosave import is_named

        path = self._drafts.autosave.path
        return path.with_suffix(suffix).name if path is not None and is_named(path) else otherwise

    def _write(self, job: SaveJob) -> None:
        problem = self._drafts.autosave.write(job)
        self._tab.post_message(TextsSaved())
        if problem:
            self._tab.post_message(AutosaveFailed(problem))
