"""Copying and saving the results of a tab's lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from textual.widget import Widget
from textual.widgets import TextArea

from rnntui.text.control_chars import decode_control_chars
from rnntui.tui.lines.draft_saver import DraftSaver
from rnntui.tui.notifications import Notifications

_SUFFIX = ".tsv"


class ResultExport:
    """Copies the results of a tab to the clipboard, and saves them in a file that the user names.

    Args:
        tab: the tab.
        drafts: suggest the name of the file where the text has one.
        notifications: say what was copied and saved.
    """

    def __init__(self, tab: Widget, drafts: DraftSaver, notifications: Notifications) -> None:
        self._tab, self._drafts, self._notifications = tab, drafts, notifications

    def copy(self, all_results: Callable[[], str]) -> None:
        """Copy the selection of the focused pane, or else all results."""
        focused = self._tab.screen.focused
        selected = focused.selected_text if isinstance(focused, TextArea) else ""
        text = decode_control_chars(selected) or all_results()
        self._tab.app.copy_to_clipboard(text)
        self._notifications.info(f"Copied {len(text):,} characters.", seconds=2)

    async def save(
        self, question: str, suggested: Path, write: Callable[[str, bool], Path], missing: Callable[[], int]
    ) -> None:
        """Ask for a file name, and save the results.

        Args:
            question: the title of the dialog.
            suggested: the file where the text has no name.
            write: takes the name, and whether an existing file may be replaced; returns the file that it wrote.
            missing: returns the number of lines that have no result yet.
        """
        from rnntui.tui.screens.dialogs import AskScreen

        if self._drafts.is_empty:
            self._notifications.warn("There is nothing to save yet.")
            return

        def save(name: str, confirmed: bool) -> None:
            path, count = write(name, confirmed), missing()
            self._drafts.count_as_saved()
            note = f"; {count:,} {'line has' if count == 1 else 'lines have'} no result yet" if count else ""
            self._notifications.info(f"{path}{note}", title="Saved")

        name = self._drafts.suggested_name(str(suggested), _SUFFIX)
        await self._tab.app.push_screen_wait(AskScreen(question, name, save))
