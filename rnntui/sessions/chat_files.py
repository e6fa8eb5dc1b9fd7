"""Files of the chat session: saving, reading and autosaving its texts."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from rnntui.errors import read_error
from rnntui.sessions.chat_pane import ChatPane, open_panes

if TYPE_CHECKING:
    from rnntui.sessions.autosave import Autosave, SaveJob
    from rnntui.sessions.saved_texts import SavedTexts
    from rnntui.sessions.saved_transcript import SavedTranscript


class Notifier(Protocol):
    """Shows short texts to the user."""

    def info(self, text: str, *, title: str = "", seconds: float = 5) -> None:
        """Show something that went well, or a hint."""

    def warn(self, text: str, *, title: str = "", seconds: float = 5) -> None:
        """Show that something cannot be done."""

    def error(self, text: str, *, title: str = "", seconds: float = 5) -> None:
        """Show that something failed."""


class ChatScreen(Protocol):
    """The view of a session."""

    @property
    def notifications(self) -> Notifier:
        """Notifications of the session."""

    def show_changes(self) -> None:
        """Show the session again: panes, texts, models or alternatives have changed."""

    def save_in_background(self, autosave: Autosave, job: SaveJob) -> object:
        """Run `autosave.write(job)` in a thread, for a disk may be slow."""


class SavedChat(NamedTuple):
    """A text that was opened, and the saved text that goes on, or None for another file."""

    path: Path | None
    content: SavedTranscript


class ChatFiles:
    """Saves the texts of panes, and reports to their screen."""

    def __init__(self, panes: list[ChatPane], screen: ChatScreen) -> None:
        """`panes` is the session's own list, whose changes are seen here."""
        self._panes, self._screen = panes, screen

    def suggested_name(self, pane: ChatPane) -> str | None:
        """Return a file name for the text of a pane, its own or an unused one; None, with a warning, if it is empty."""
        from rnntui.sessions.autosave import is_named
        from rnntui.sessions.text_files import free_name

        if not pane.text:
            self._screen.notifications.warn("There is nothing to save yet.")
            return None
        path = pane.autosave.path
        return path.name if path is not None and is_named(path) else str(free_name(pane.run_name, Path()))

    def save(self, pane: ChatPane, name: str, confirmed: bool = False) -> None:
        """Save the text of a pane and its turns under a typed name. Raises as `transcript_files.save` does."""
        from rnntui.sessions.transcript_files import save

        if pane.conversation is not None:
            text_file, turns_file = save(pane.conversation, name, pane.run_name, confirmed=confirmed)
            self._screen.notifications.info(f"{text_file}, and its turns in {turns_file.name}", title="Saved")

    @cached_property
    def saved_texts(self) -> SavedTexts:
        """The saved texts of the Chat tab."""
        from rnntui.sessions.saved_texts import SavedTexts

        return SavedTexts(self._panes[0].drafts_folder, lambda: [pane.autosave for pane in self._panes])

    def read(self, name: str) -> SavedChat:
        """Read a saved text or a text file, given by its path as typed. Raises `RnntuiError` if that is impossible."""
        from rnntui.sessions.text_files import path_from
        from rnntui.sessions.transcript_files import read

        try:
            path = path_from(name)
            content = read(path)
        except OSError as error:
            raise read_error(name, error) from error
        saved_path = path.with_suffix(".txt") if self.saved_texts.contains(path) else None
        if saved_path is not None:
            self.saved_texts.touch(saved_path)
        return SavedChat(saved_path, content)

    def read_last(self) -> SavedChat | None:
        """Read the saved text that was written or opened last; None if there is none. Raises as `read` does."""
        path = self._panes[0].autosave.newest()
        return self.read(str(path)) if path is not None else None

    def writes(self) -> Callable[[], str]:
        """Return a function, to be called in a thread, that saves every changed text and returns what failed."""
        pending = self._pending()
        return lambda: "; ".join(filter(None, [pane.autosave.write(job) for pane, job in pending]))

    def autosave(self) -> None:
        """Save every text that has changed, in the background."""
        for pane, job in self._pending():
            self._screen.save_in_background(pane.autosave, job)

    def save_at_exit(self) -> str:
        """Save every text that has changed. Return what to print once the app has closed, or ""."""
        for pane in self._panes:
            pane.settle()
        failures = [failure for pane, job in self._pending() if (failure := pane.autosave.write_last(job))]
        if failures:
            return f"the text could not be saved: {failures[-1]}"
        saved = any(pane.autosave.path is not None for pane, _ in open_panes(self._panes))
        return "the text is saved; continue it with: rnntui chat --reopen" if saved else ""

    def _pending(self) -> list[tuple[ChatPane, SaveJob]]:
        """Return what is to be saved. A text of which a line is taken back to be edited was saved before that."""
        from rnntui.sessions.transcript_files import pending_transcript

        jobs = [
            (pane, pending_transcript(pane.autosave, conversation))
            for pane, conversation in open_panes(self._panes)
            if not conversation.can_put_back
        ]
        return [(pane, job) for pane, job in jobs if job is not None]
