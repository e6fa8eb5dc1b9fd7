"""Opening models of the Chat tab's panes: a run by name, the last text with its model, a saved text with its model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from textual.widget import Widget

from rnntui.errors import RnntuiError

if TYPE_CHECKING:
    from rnntui.sessions.chat_files import SavedChat
    from rnntui.sessions.chat_pane import ChatPane
    from rnntui.sessions.chat_session import ChatSession

Opened = TypeVar("Opened")


class PaneModelOpener:
    """Reads models in threads of the tab, and gives them to the session, which reports failures."""

    def __init__(self, tab: Widget, session: ChatSession) -> None:
        self._tab, self._session = tab, session
        self._opening_texts: list[ChatPane] = []  # a pane as often as it is to get another text

    def is_opening_text(self, pane: ChatPane) -> bool:
        """Return True while another text is being opened in a pane."""
        return pane in self._opening_texts

    def open_run(self, pane: ChatPane, name: str | None) -> None:
        """Continue a pane with the run of that name or path."""
        session = self._session
        self._start(pane, lambda: session.load(name), lambda opened: session.set_model(pane, *opened))

    def open_last(self, pane: ChatPane, name: str | None) -> None:
        """Continue the last text with the run of that name or path; for None, with the one that wrote it."""
        session = self._session
        self._start(
            pane, lambda: session.load_last(name), lambda opened: session.open_text(pane, *opened), is_text=True
        )

    def open_text(self, pane: ChatPane, saved: SavedChat) -> None:
        """Continue a saved text with the model that wrote it."""
        session, present = self._session, pane.run_name if pane.conversation is not None else ""
        self._start(
            pane,
            lambda: session.cache.load_for_text(saved.content.run, present),
            lambda model: session.open_text(pane, saved, model),
            is_text=True,
        )

    def _start(
        self, pane: ChatPane, read: Callable[[], Opened], show: Callable[[Opened], None], *, is_text: bool = False
    ) -> None:
        if is_text:
            self._opening_texts.append(pane)
        self._tab.run_worker(partial(self._open, pane, read, show, is_text), thread=True)

    def _open(self, pane: ChatPane, read: Callable[[], Opened], show: Callable[[Opened], None], is_text: bool) -> None:
        finish = partial(self._tab.app.call_from_thread, self._finish, pane, is_text)
        try:
            opened = read()
        except (RnntuiError, OSError, ValueError, MemoryError) as error:
            finish(partial(self._session.loading_failed, pane, f"{error}" or type(error).__name__))
        else:
            finish(partial(show, opened))

    def _finish(self, pane: ChatPane, is_text: bool, show: Callable[[], None]) -> None:
        """Show what was read, or that it could not be; called in the thread of the screen."""
        if is_text:
            self._opening_texts.remove(pane)
        show()
