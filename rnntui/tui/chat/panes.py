"""The panes of the Chat tab: which there are, which one is active, and the thread that writes for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.containers import Vertical

from rnntui.tui.chat.pane import Pane
from rnntui.tui.chat.prompt import Prompt
from rnntui.tui.chat.settings_panel import SettingsPanel
from rnntui.tui.notifications import Notifications

if TYPE_CHECKING:
    from rnntui.sessions.alternatives import Alternative
    from rnntui.sessions.conversation import Conversation
    from rnntui.sessions.generation_worker import GenerationWorker

MOST_PANES = 4
_NARROWEST_PANE = 40  # columns; with less, the settings make room
_PANEL = 30  # columns of the settings


class Panes(Vertical):
    """One to four panes side by side; the settings are those of the active one."""

    def __init__(self, run_name: str | None, make_writer: Callable[[], GenerationWorker]) -> None:
        super().__init__(id="chat")
        self.notifications = Notifications(self.notify)
        self.farewell = ""  # printed once the app has closed
        self._make_writer = make_writer
        self.writer: GenerationWorker | None = None
        self.panes = [Pane(run_name or "")]
        self.shown_alternatives: tuple[Pane, int, list[Alternative]] | None = None
        self.wants_panel = True
        self.surprise = False

    def on_resize(self) -> None:
        self._make_room()

    @property
    def active(self) -> Pane:
        """The pane that the settings are of."""
        return next((pane for pane in self.panes if pane.active), self.panes[0])

    @property
    def conversations(self) -> list[Conversation]:
        """The conversations of all panes whose model is open."""
        return [pane.conversation for pane in self.panes if pane.conversation is not None]

    def _text(self) -> str:
        """The text of the active pane."""
        conversation = self.active.conversation
        return conversation.transcript.text if conversation is not None else ""

    def take(self) -> None:
        """Take what the models have written since the last time to the screen."""
        for pane in self.panes:
            pane.take()

    def _make_room(self) -> None:
        """Hide the settings where the panes would be too narrow beside them."""
        panes = len(self.panes)
        self.set_class(panes > 1, "-several")
        fits = self.size.width - _PANEL >= _NARROWEST_PANE * panes
        self.set_class(not (self.wants_panel and fits), "-bare")

    def _wake(self) -> None:
        """The conversations have changed: the writer looks at them again."""
        if self.writer is None:
            self.writer = self._make_writer()
        self.writer.serve(self.conversations)
        self._forget_alternatives()

    def _forget_alternatives(self) -> None:
        """What is shown of another text or model is not to be chosen from."""
        self.shown_alternatives = None
        self.query_one(SettingsPanel).show_alternatives(None, None, [])

    def activate(self, pane: Pane) -> None:
        """Let the settings be those of this pane."""
        for other in self.panes:
            other.active = other is pane
        if pane.conversation is not None:
            conversation = pane.conversation
            self.query_one(SettingsPanel).show(conversation.settings, conversation.writing, conversation.seed)

    def on_pane_activated(self, event: Pane.Activated) -> None:
        self.activate(event.pane)

    async def action_add_pane(self) -> None:
        """A pane beside the active one, with the same model and prompt."""
        source = self.active
        if source.conversation is None:
            self.notifications.warn("The model is not open yet; choose one by F5.")
            return
        if len(self.panes) == MOST_PANES:
            self.notifications.warn(f"{MOST_PANES} panes are the most there are.")
            return
        pane = Pane(source.run_name)
        self.panes.append(pane)
        await self.query_one("#panes").mount(pane)
        pane.show(source.conversation.fork())
        pane.text.shade = self.surprise
        self._make_room()
        self.activate(pane)
        self._wake()

    async def action_close_pane(self) -> None:
        """Close the active pane, unless it is the only one."""
        pane = self.active
        if len(self.panes) == 1:
            self.notifications.warn("This is the only pane.")
            return
        if pane.conversation is not None:
            pane.conversation.stop()
        self.panes.remove(pane)
        await pane.remove()
        self._make_room()
        self.activate(self.panes[0])
        self._wake()
        self.query_one(Prompt).focus()
