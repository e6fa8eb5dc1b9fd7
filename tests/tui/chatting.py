"""The app with a generation worker that works only when a test says so: a busy thread would keep Pilot waiting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot
from waiting import wait_until

from rnntui.config_generation import MAX_CHARS_PER_SECOND
from rnntui.sessions.conversation import Conversation
from rnntui.sessions.generation_worker import GenerationWorker
from rnntui.tui.app import RnntuiApp
from rnntui.tui.chat.pane_view import PaneView
from rnntui.tui.chat.prompt import Prompt
from rnntui.tui.chat.tab import ChatTab
from rnntui.tui.tabs import TABS, TabEntry


def _fail(conversation: Conversation, error: Exception) -> None:
    raise error


def chat_without_thread() -> dict[str, TabEntry]:
    """The table of tabs, with a Chat tab whose worker has no thread."""
    chat = replace(TABS["chat"], widget=lambda context: ChatTab(context, lambda: GenerationWorker(_fail)))
    return {**TABS, "chat": chat}


class Chatting:
    """An app under test, and what a test does with it."""

    def __init__(self, app: RnntuiApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def chat(self) -> ChatTab:
        chat = self.app.tabs["chat"]
        assert isinstance(chat, ChatTab)
        return chat

    @property
    def panes(self) -> list[PaneView]:
        return self.chat.row.views

    @property
    def pane(self) -> PaneView:
        return self.chat.row.active

    @property
    def conversations(self) -> list[Conversation]:
        return self.chat.session.conversations

    @property
    def conversation(self) -> Conversation:
        assert self.pane.pane.conversation is not None
        return self.pane.pane.conversation

    @property
    def text(self) -> str:
        return self.conversation.transcript.text

    @property
    def notices(self) -> str:
        """All notifications, a line each."""
        return "\n".join(f"{n.title}: {n.message}" for n in self.app._notifications)

    def work(self, rounds: int) -> None:
        """So many tokens for each conversation, taken to the screen."""
        assert self.chat.session.worker is not None
        for _ in range(rounds):
            self.chat.session.worker.work()
        self.chat.row.poll()

    async def write(self) -> None:
        """Let the models read and write to their ends."""
        while any(c.is_generating or c.unread for c in self.conversations):
            self.work(20)
        await self.pilot.pause()

    async def say(self, line: str) -> None:
        """Put a line into the prompt, and press Enter."""
        self.app.query_one(Prompt).insert(line)
        await self.pilot.press("enter")

    async def told(self, part: str) -> None:
        """Wait until a notification has this part."""
        await wait_until(self.pilot, lambda: part in self.notices)


@asynccontextmanager
async def chatting(
    checkpoints: Path, run: str | None = None, size: tuple[int, int] = (80, 24), length: int = 40
) -> AsyncIterator[Chatting]:
    """The app with its model open, at full speed, with a fixed seed."""
    app = RnntuiApp(checkpoints, run, tabs=chat_without_thread())
    async with app.run_test(size=size) as pilot:
        driven = Chatting(app, pilot)
        await wait_until(pilot, lambda: driven.conversations)
        conversation = driven.conversation
        conversation.generation = replace(conversation.generation, chars_per_second=MAX_CHARS_PER_SECOND, length=length)
        conversation.seed = 7
        driven.chat.activate(driven.pane.pane)
        await pilot.pause()
        yield driven
