"""Shading of the texts of the Chat tab by what their models copied from the training text."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.widget import Widget
from textual.worker import Worker, get_current_worker

from rnntui.errors import CancelledError, RnntuiError
from rnntui.text.control_chars import one_line
from rnntui.tui.keys import key_name

if TYPE_CHECKING:
    from rnntui.inference.numpy_language_model import NumpyLanguageModel
    from rnntui.inspection.novelty_index import SourceLine
    from rnntui.sessions.chat_pane import ChatPane
    from rnntui.sessions.chat_session import ChatSession
    from rnntui.sessions.conversation import Conversation
    from rnntui.sessions.copy_levels import CopyLevels, CopyRequest, TurnCopies
    from rnntui.tui.chat.pane_row import PaneRow
    from rnntui.tui.notifications import Notifications

_MAX_LINE = 1000  # characters of a line of the corpus, which may be all of it; no status line has room for more


class CopyShading:
    """The copies by which texts are shaded, in any number of panes.

    Args:
        owner: the tab, whose workers search.
        session: the panes and their models.
        row: the views of the panes.
        notifications: for problems.
        key: the key that turns the shading on and off, for the status line.
    """

    def __init__(
        self, owner: Widget, session: ChatSession, row: PaneRow, notifications: Notifications, key: str
    ) -> None:
        self._owner, self._session, self._row, self._notifications = owner, session, row, notifications
        self._key = key_name(key)
        self._levels: dict[ChatPane, CopyLevels] = {}
        self._sources: dict[tuple[str, str], SourceLine | None] = {}  # by run and copy
        self._cursor_copy: dict[ChatPane, str] = {}  # the copy that the status line tells the source of
        self._searching: set[ChatPane] = set()
        self._is_finding = False  # a source: one at a time, as each reads the corpus
        self._indexing: Worker[None] | None = None  # None again once its index is no longer wanted
        self._indexed_pane: ChatPane | None = None

    def is_on(self, pane: ChatPane) -> bool:
        """True if a pane's text is shaded."""
        return pane in self._levels

    # -- on and off ----------------------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Shade the active pane, or no longer; the index of the training text is built first, once for each run."""
        pane = self._session.active
        if pane.conversation is None:
            self._notifications.info("The model is still being opened.")
        elif self.is_on(pane):
            self.turn_off(pane)
        elif self._indexing is not None and self._indexing.is_running:
            self._notifications.info("The training text is being indexed; Esc stops that.")
        else:
            self._row.show_colouring(pane, "looking for copies …")
            self._indexed_pane = pane
            self._indexing = self._owner.run_worker(
                partial(self._open, pane, pane.conversation), thread=True, exit_on_error=False
            )

    def stop_indexing(self) -> bool:
        """Stop building an index; return False if nothing was under way."""
        if self._indexing is None or not self._indexing.is_running or self._indexed_pane is None:
            return False
        self._indexing.cancel()
        self._indexing = None  # its progress is ignored from now on: the status line may belong to another task
        self._row.show_colouring(self._indexed_pane)
        return True

    def turn_off(self, pane: ChatPane) -> None:
        """Show a pane's text without shading again, if it was shaded by copies, or was to be."""
        if self._indexed_pane is pane:
            self.stop_indexing()
        if self._levels.pop(pane, None) is None:
            return
        self._cursor_copy.pop(pane, None)
        self._row.shade_by(pane, None)
        self._row.show_colouring(pane)

    def turn_all_off(self) -> None:
        """Show all texts without shading again."""
        self.stop_indexing()
        for pane in list(self._levels):
            self.turn_off(pane)

    def _open(self, pane: ChatPane, conversation: Conversation) -> None:
        """Open the index of a pane's run, or build it."""
        from rnntui.inspection.novelty_index import open_or_build_novelty_index
        from rnntui.sessions.copy_levels import CopyLevels

        worker, call, shown = get_current_worker(), self._owner.app.call_from_thread, -1
        network = conversation.loaded.network

        def on_progress(fraction: float) -> None:
            nonlocal shown
            if worker.is_cancelled:
                raise CancelledError
            if int(100 * fraction) > shown:
                shown = int(100 * fraction)
                call(self._show_progress, worker, pane, shown)

        try:
            index = open_or_build_novelty_index(self._session.cache.find(pane.run_name), on_progress)
            levels = CopyLevels(conversation, index)
        except CancelledError:
            return
        except (RnntuiError, OSError, ValueError, MemoryError) as error:
            call(self._indexing_failed, worker, pane, str(error) or type(error).__name__)
        else:
            call(self._shade, worker, pane, levels, network)

    def _show_progress(self, worker: Worker[None], pane: ChatPane, percent: int) -> None:
        if self._indexing is worker:
            text = f"indexing the training text {percent}% (Esc: stop)"
            self._row.show_colouring(pane, text, f"indexing {percent}%")

    def _indexing_failed(self, worker: Worker[None], pane: ChatPane, problem: str) -> None:
        if self._indexing is worker:
            self._indexing = None
            self._row.show_colouring(pane)
            self._notifications.error(problem, title="Cannot look for copies")

    def _shade(self, worker: Worker[None], pane: ChatPane, levels: CopyLevels, network: NumpyLanguageModel) -> None:
        """Shade a pane, unless it has got another model than the `network` whose training text was indexed."""
        if self._indexing is not worker:
            return
        self._indexing = None
        conversation = levels.conversation
        if pane.conversation is not conversation or conversation.loaded.network is not network:
            self._row.show_colouring(pane)
            return
        self._levels[pane] = levels
        self._row.shade_by(pane, levels.level)
        self._restate(pane)
        if levels.index.unseen_copies:
            self._notifications.info(f"Not shaded: {levels.index.unseen_copies}.")

    # -- following -----------------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Follow the texts and the cursors. Called about twenty times a second."""
        for pane, levels in list(self._levels.items()):
            if pane not in self._session.panes or pane.conversation is not levels.conversation or not levels.fits:
                self.turn_off(pane)
                continue
            if pane not in self._searching:
                request = levels.request()
                if request is not None:
                    self._searching.add(pane)
                    self._owner.run_worker(partial(self._search, pane, levels, request), thread=True)
            self._follow_cursor(pane, levels)

    def _search(self, pane: ChatPane, levels: CopyLevels, request: CopyRequest) -> None:
        computed = levels.compute(request)
        self._owner.app.call_from_thread(self._computed, pane, levels, request, computed)

    def _computed(self, pane: ChatPane, levels: CopyLevels, request: CopyRequest, computed: TurnCopies) -> None:
        self._searching.discard(pane)
        view = self._row.view_of(pane)
        if view is not None and self._levels.get(pane) is levels:
            changed = levels.store(request, computed)
            if changed is not None:
                view.text.notify_restyled(*changed)

    # -- the source of a copy ------------------------------------------------------------------------------------

    def _follow_cursor(self, pane: ChatPane, levels: CopyLevels) -> None:
        view = self._row.view_of(pane)
        cursor = view.text.cursor if view is not None and view.text.has_focus else None
        copy = levels.copy_at(cursor) if cursor is not None else ""
        if copy != self._cursor_copy.get(pane, ""):
            self._cursor_copy[pane] = copy
            self._restate(pane)
        if copy and not self._is_finding and (levels.index.run.name, copy) not in self._sources:
            self._is_finding = True
            self._owner.run_worker(partial(self._find_source, pane, levels, copy), thread=True)

    def _find_source(self, pane: ChatPane, levels: CopyLevels, copy: str) -> None:
        source = levels.source_of(copy)
        self._owner.app.call_from_thread(self._found_source, pane, levels, copy, source)

    def _found_source(self, pane: ChatPane, levels: CopyLevels, copy: str, source: SourceLine | None) -> None:
        self._is_finding = False
        self._sources[levels.index.run.name, copy] = source
        if self._levels.get(pane) is levels:
            self._restate(pane)

    def _restate(self, pane: ChatPane) -> None:
        """Say in the status line what is shaded, or where the copy at the cursor stands."""
        levels = self._levels[pane]
        copy = self._cursor_copy.get(pane, "")
        if not copy:
            forms = (f"blue: copies of {levels.shortest} characters or more ({self._key}: off)", "blue: copies")
            self._row.show_colouring(pane, *forms)
            return
        length = f"{len(copy):,} characters"
        source = self._sources.get((levels.index.run.name, copy))
        if source is None:
            self._row.show_colouring(pane, f"copied: {length}")
            return
        place = one_line(source.place)
        self._row.show_colouring(
            pane,
            f"copied: {length}, {place} “{one_line(source.text[:_MAX_LINE])}”",
            f"copied: {length}, {place}",
            f"copied: {place}",
        )
