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

    @property
    def unsent_line(self) -> str:
        """What is typed and not sent."""

    def show_unsent_line(self, line: str) -> None:
        """Show the line that was typed for a text that is opened, to be sent."""

    def edited_text(self, pane: ChatPane) -> str | None:
        """Return the text of a pane as it is being edited as a whole; None if it is not, or not changed."""

    def resume_edit(self, pane: ChatPane, edited: str) -> None:
        """Go on with an edit of a pane's text that was not finished, to be accepted or discarded."""

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
        self._closed_panes: list[Autosave] = []  # those whose last text may not be saved yet
        self.early_lines: list[str] = []
        """Lines that were sent before a model was open."""

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
        """Save the text of a pane and its turns under a typed name. Raises as `transcript_files.save` does.

        Where its draft cannot be saved, the unsent line goes along, as nothing else has it.
        """
        from rnntui.sessions.saved_transcript import typed_lines
        from rnntui.sessions.transcript_files import save

        if pane.conversation is not None:
            unsent = self._unsent if pane.autosave.problem else ""
            text_file, turns_file = save(pane.conversation, name, pane.run_name, confirmed=confirmed, unsent=unsent)
            typed = typed_lines(unsent)
            pane.autosave.count_as_saved(pane.text, pane.conversation.tree.revision, typed, text_file)
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
        return lambda: "; ".join(filter(None, [autosave.write(job) for autosave, job in pending]))

    def autosave(self, *, leaving: bool = False) -> None:
        """Save every text that has changed, in the background.

        The unsent line goes along with the prompt, so a text that is being left (`leaving`) is saved without it.
        """
        for autosave, job in self._pending("" if leaving else None):
            self._screen.save_in_background(autosave, job)

    def keep_whole_texts(self) -> None:
        """Save every text as it is now until it changes: a line is about to be taken back from it."""
        from rnntui.sessions.transcript_files import version_of

        self.autosave()
        for pane, conversation in open_panes(self._panes):
            if not conversation.can_put_back:  # else that of the first line counts
                pane.whole_text = version_of(conversation)

    def close_pane(self, pane: ChatPane) -> None:
        """Save the text of a pane that is closed, in the background."""
        self.autosave()
        self._closed_panes = [autosave for autosave in self._closed_panes if autosave.is_waiting]
        self._closed_panes.append(pane.autosave)

    @property
    def problem(self) -> str:
        """Why a text is not saved; "" while all are."""
        return next((autosave.problem for autosave in self._autosaves() if autosave.problem), "")

    def save_at_exit(self) -> str:
        """Save every text that has changed, and the unsent line. Return what failed, or ""."""
        for pane in self._panes:
            pane.settle()
        jobs = dict(self._pending())
        failures = [autosave.write_last(jobs.get(autosave)) for autosave in self._autosaves()]
        return next((f"the text could not be saved: {failure}" for failure in reversed(failures) if failure), "")

    @property
    def where_saved(self) -> str:
        """A line that says where the texts of this session are saved; "" if none is."""
        from rnntui.sessions.autosave import files_of

        autosaves = [pane.autosave for pane in self._panes]
        drafts = [autosave for autosave in autosaves if autosave.path is not None and files_of(autosave.path)]
        copies = [str(autosave.saved_elsewhere) for autosave in autosaves if autosave.saved_elsewhere is not None]
        if copies:
            is_older = any(autosave.saved_elsewhere is not None for autosave in drafts)
            older = "; rnntui chat --reopen has an older state" if is_older else ""
            return f"the text is saved in {', '.join(copies)}{older}"
        return "the text is saved; continue it with: rnntui chat --reopen" if drafts else ""

    @property
    def _unsent(self) -> str:
        """The unsent line: that of the prompt, after those that were sent before a model was open."""
        return "\n".join(filter(None, [*self.early_lines, self._screen.unsent_line]))

    def _autosaves(self) -> list[Autosave]:
        return [*self._closed_panes, *(pane.autosave for pane in self._panes)]

    def _pending(self, unsent: str | None = None) -> list[tuple[Autosave, SaveJob]]:
        """Return what is to be saved, with what is typed: an unsent line, by default that of the prompt, and edits.

        A text of which a line is taken back to be edited is saved as it was before.
        """
        from rnntui.sessions.transcript_files import pending_transcript

        if unsent is None:
            unsent = self._unsent
        jobs = []
        for pane in self._panes:
            if pane.conversation is None or not pane.conversation.can_put_back:
                pane.whole_text = None
            text, edited = pane.whole_text or pane.conversation, self._screen.edited_text(pane)
            jobs.append((pane.autosave, pending_transcript(pane.autosave, text, unsent, edited)))
        return [(autosave, job) for autosave, job in jobs if job is not None]
