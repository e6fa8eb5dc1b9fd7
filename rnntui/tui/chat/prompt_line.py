"""The line in the prompt, typed and not sent or taken back from the text to be edited, and the history of the lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.widget import Widget

from rnntui.errors import RnntuiError

if TYPE_CHECKING:
    from rnntui.sessions.prompt_history import PromptHistory
    from rnntui.tui.chat.prompt import Prompt
    from rnntui.tui.notifications import Notifications


class PromptLine:
    """Loses no typed line: one that is replaced in the prompt goes to the history, which is saved at once."""

    def __init__(self, tab: Widget, prompt: Prompt, history: PromptHistory, notifications: Notifications) -> None:
        """
        Args:
            tab: the tab, in whose threads the history is saved.
            prompt: the editor of the line.
            history: the lines that were sent or set aside.
            notifications: for a history that cannot be saved.
        """
        self._tab, self._prompt, self._history, self._notifications = tab, prompt, history, notifications
        self._taken_line = ""  # a line that was taken back to be edited, as it was
        self._line_before: str | None = None  # what the prompt held before; None if no line was taken back

    @property
    def unsent(self) -> str:
        """What the prompt holds; while an unchanged line is taken back, what it held before."""
        if self._line_before is not None and self._prompt.line == self._taken_line:
            return self._line_before
        return self._prompt.line

    def show(self, line: str) -> None:
        """Fill the prompt with the line that was typed for a text; if it holds another, the history has this one."""
        if self._prompt.line:
            self._remember(line)
        else:
            self._prompt.fill(line)

    def take_back(self, line: str) -> None:
        """Show a line of the text, to be edited. Once it is sent or put back, the prompt has again what it held."""
        if self._line_before is None:
            self._line_before = self._prompt.line
            self._remember(self._line_before)
        else:
            self._remember_edited()
        self._taken_line = line
        self._prompt.fill(line)

    def put_back(self) -> None:
        """Show what the prompt held before a line was taken back."""
        self._remember_edited()
        self._prompt.fill(self._line_before or "")
        self._line_before = None

    def sent(self, line: str) -> None:
        """Remember a line that was sent."""
        self._remember(line)
        if self._line_before:
            self._prompt.fill(self._line_before)
        self._line_before = None

    def _remember_edited(self) -> None:
        if self._prompt.line != self._taken_line:
            self._remember(self._prompt.line)

    def _remember(self, line: str) -> None:
        self._history.add(line)
        if line.strip():
            self._tab.run_worker(self._save_in_thread, thread=True, group="history")

    def _save_in_thread(self) -> None:
        self._save(lambda problem: self._tab.app.call_from_thread(self._notifications.warn, problem))

    def save_history(self) -> None:
        """Save the history at once, as the app is about to end."""
        self._save(self._notifications.warn)

    def _save(self, warn: Callable[[str], object]) -> None:
        try:
            self._history.save()
        except RnntuiError as error:
            warn(f"The prompt history is not saved: {error}")
