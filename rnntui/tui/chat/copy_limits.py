"""Limits of what the models of the Chat tab copy: the index of a training text is opened or built when it is needed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from textual.widget import Widget
from textual.worker import Worker, get_current_worker

from rnntui.errors import CancelledError, RnntuiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rnntui.inference.numpy_language_model import NumpyLanguageModel
    from rnntui.inspection.novelty_index import NoveltyIndex
    from rnntui.sessions.chat_session import ChatSession
    from rnntui.sessions.conversation import Conversation
    from rnntui.tui.notifications import Notifications

_TITLE = "Cannot limit copies"


class CopyLimits:
    """Gives conversations with a limit of copies the training text of their model.

    Args:
        owner: the tab, whose workers open and build indexes.
        session: the panes and their models.
        notifications: for problems, and for what takes long.
        show_settings: shows the settings of the active pane again.
    """

    def __init__(
        self,
        owner: Widget,
        session: ChatSession,
        notifications: Notifications,
        show_settings: Callable[[], None],
    ) -> None:
        self._owner, self._session, self._notifications = owner, session, notifications
        self._show_settings = show_settings
        self._openings: dict[Conversation, Worker[None]] = {}

    def poll(self) -> None:
        """Look for limits that have no training text yet. Called about twenty times a second."""
        for pane in self._session.panes:
            conversation = pane.conversation
            if conversation is None or conversation in self._openings or conversation.training_text is not None:
                continue
            if conversation.novelty.novel:
                opening = partial(self._open, conversation, conversation.loaded.network, pane.run_name)
                self._openings[conversation] = self._owner.run_worker(opening, thread=True, exit_on_error=False)
        for conversation, worker in self._openings.items():
            if not conversation.novelty.novel:
                worker.cancel()

    def _open(self, conversation: Conversation, network: NumpyLanguageModel, run_name: str) -> None:
        """Open the index of a run, or build it."""
        from rnntui.inspection.novelty_index import build_novelty_index, open_novelty_index

        worker, call = get_current_worker(), self._owner.app.call_from_thread

        def on_progress(fraction: float) -> None:
            if worker.is_cancelled:
                raise CancelledError

        try:
            run = self._session.cache.find(run_name)
            index = open_novelty_index(run)
            if index is None:
                call(self._notifications.info, "The training text is being indexed; until then, any copy is allowed.")
                index = build_novelty_index(run, on_progress)
        except CancelledError:
            call(self._openings.pop, conversation)
        except (RnntuiError, OSError, ValueError, MemoryError) as error:
            call(self._failed, conversation, network, str(error) or type(error).__name__)
        else:
            call(self._opened, conversation, network, index)

    def _opened(self, conversation: Conversation, network: NumpyLanguageModel, index: NoveltyIndex) -> None:
        del self._openings[conversation]
        if conversation.loaded.network is network:  # else another model was opened meanwhile
            conversation.limit_copies(conversation.novelty, index.text)
            if index.unseen_copies:
                self._notifications.info(f"Not limited: {index.unseen_copies}.")

    def _failed(self, conversation: Conversation, network: NumpyLanguageModel, problem: str) -> None:
        """Turn a limit off that cannot be kept, unless another model was opened meanwhile, which may keep it."""
        del self._openings[conversation]
        if conversation.loaded.network is not network:
            return
        conversation.limit_copies(replace(conversation.novelty, novel=0), None)
        self._show_settings()
        self._notifications.error(problem, title=_TITLE)
