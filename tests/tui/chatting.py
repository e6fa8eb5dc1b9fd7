"""The app with a writer that works only when a test says so: a busy thread would keep Pilot waiting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot
from waiting import wait_until

from rnntui.config import MAX_CHARS_PER_SECOND
from rnntui.sessions.conversation import Conversation
from rnntui.sessions.generation_worker import GenerationWorker
from rnntui.tui.app import RnntuiApp
from rnntui.tui.chat.pane import Pane
from rnntui.tui.chat.tab import ChatTab


def _fail(conversation: Conversation, error: Exception) -> None:
    raise error


class Chatting:
    """An app under test, and what a test does with it."""

    def __init__(self, app: RnntuiApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def chat(self) -> ChatTab:
        return self.app.chat

    @property
    def panes(self) -> list[Pane]:
        return self.chat.panes

    @property
    def pane(self) -> Pane:
        return self.chat.active

    @property
    def conversation(self) -> Conversation:
        assert self.pane.conversation is not None
        return self.pane.conversation

    @property
    def text(self) -> str:
        return self.conversation.transcript.text

    @property
    def notices(self) -> str:
        """All that the app has told, a line each."""
        return "\n".join(f"{n.title}: {n.message}" for n in self.app._notifications)

    def work(self, rounds: int) -> None:
        """So many tokens for each conversation, taken to the screen."""
        assert self.chat.writer is not None
        for _ in range(rounds):
            self.chat.writer.work()
        for pane in self.panes:
            pane.take()

    async def write(self) -> None:
        """Let the models read and write to their ends."""
        while any(c.is_writing or c.unread for c in self.chat.conversations):
            self.work(20)
        await self.pilot.pause()

    async def say(self, line: str) -> None:
        """Type a line into the prompt, and Enter."""
        for character in line:
            await self.pilot.press("space" if character == " " else character)
        await self.pilot.press("enter")

    async def told(self, part: str) -> None:
        """Wait until the app has told something."""
        await wait_until(self.pilot, lambda: part in self.notices)


@asynccontextmanager
async def chatting(
    checkpoints: Path, run: str | None = None, size: tuple[int, int] = (80, 24), length: int = 40
) -> AsyncIterator[Chatting]:
    """The app with its model open, at full pace, with a seed that stays."""
    app = RnntuiApp(checkpoints, run, make_writer=lambda: GenerationWorker(_fail))
    async with app.run_test(size=size) as pilot:
        driven = Chatting(app, pilot)
        await wait_until(pilot, lambda: driven.chat.conversations)
        conversation = driven.conversation
        conversation.writing = replace(conversation.writing, chars_per_second=MAX_CHARS_PER_SECOND, length=length)
        conversation.seed = 7
        driven.chat.activate(driven.pane)
        await pilot.pause()
        yield driven
