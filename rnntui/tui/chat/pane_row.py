"""The row of panes of the Chat tab."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal

from rnntui.tui.chat.pane_view import PaneView

if TYPE_CHECKING:
    from rnntui.sessions.chat_pane import ChatPane
    from rnntui.sessions.chat_session import ChatSession


class PaneRow(Horizontal):
    """A view for each pane of a session, side by side."""

    def __init__(self, session: ChatSession, status_keys: Mapping[str, str]) -> None:
        """`status_keys` are the keys of the ids in `STATUS_KEYS`."""
        super().__init__(id="panes")
        self._session, self._status_keys = session, status_keys
        self.views = [PaneView(pane, status_keys) for pane in session.panes]

    def compose(self) -> ComposeResult:
        yield from self.views

    @property
    def active(self) -> PaneView:
        """The view of the active pane."""
        return next(view for view in self.views if view.pane is self._session.active)

    def poll(self) -> None:
        """Show the tokens generated since the last call."""
        for view in self.views:
            view.poll()

    def update_views(self) -> None:
        """Show every pane again."""
        for view in self.views:
            view.update()

    def scroll_to_ends(self) -> None:
        """Show the end of every text."""
        for view in self.views:
            view.scroll_to_end()

    def shade(self, by_surprisal: bool) -> None:
        """Shade the tokens of every text by their surprisal, or not."""
        for view in self.views:
            view.text.shade = by_surprisal

    def view_of(self, pane: ChatPane) -> PaneView | None:
        """Return the view of a pane; None once it is closed."""
        return next((view for view in self.views if view.pane is pane), None)

    def shade_by(self, pane: ChatPane, level_of: Callable[[int], float | None] | None) -> None:
        """Shade a pane's text by the level of each token, or for None no longer."""
        view = self.view_of(pane)
        if view is not None:
            view.shade_by(level_of)

    def show_colouring(self, pane: ChatPane, *forms: str) -> None:
        """Say in a pane's status line what its text is coloured by, in forms of decreasing length; none for nothing."""
        pane.colouring = forms
        view = self.view_of(pane)
        if view is not None:
            view.update_status()

    def show_alternatives(self, pane: ChatPane | None, count: int) -> None:
        """Let digits choose that many alternatives in a pane, and none in the others."""
        for view in self.views:
            view.show_alternatives(count if view.pane is pane else 0)

    def show_temperature(self, in_status: bool) -> None:
        """Show the temperature in the status lines, or not, where a slider does."""
        for view in self.views:
            view.show_temperature(in_status)

    def mark_active(self) -> None:
        """Highlight the active pane."""
        for view in self.views:
            view.set_class(view.pane is self._session.active, "-active")

    async def match_panes(self) -> None:
        """Mount views for new panes and remove those of closed ones."""
        closed = [view for view in self.views if view.pane not in self._session.panes]
        shown = [view.pane for view in self.views]
        opened = [PaneView(pane, self._status_keys) for pane in self._session.panes if pane not in shown]
        self.views = [view for view in self.views if view not in closed] + opened
        await self.mount(*opened)
        for view in closed:
            await view.remove()
        self.update_views()
        self.mark_active()
