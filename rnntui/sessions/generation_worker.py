"""The thread in which language models generate: one for all conversations, one token each in turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rnntui.sessions.conversation import Conversation


class GenerationWorker:
    """Runs the work of conversations until it is closed.

    `on_error` is called in the worker's thread when the work of a conversation fails; that one is not run any more.
    """

    def __init__(self, on_error: Callable[[Conversation, Exception], None]) -> None:
        self._on_error = on_error
        self._conversations: list[Conversation] = []
        self._condition = threading.Condition()
        self._woken = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="generation", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, after the current token."""
        self._closed = True
        self.wake()
        if self._thread is not None:
            self._thread.join(timeout=2)

    def wake(self) -> None:
        """Look for work now: something has changed."""
        with self._condition:
            self._woken = True
            self._condition.notify()

    def serve(self, conversations: list[Conversation]) -> None:
        """Work on these conversations from now on."""
        self._conversations = list(conversations)
        self.wake()

    def work(self) -> float | None:
        """Do one round: a token for each conversation that generates. Return when the next one is due, or None."""
        soonest: float | None = None
        for conversation in self._conversations:
            try:
                when = conversation.work(time.monotonic())
            except Exception as error:  # reported; the other conversations continue
                conversation.fail(f"{type(error).__name__}: {error}")
                self._on_error(conversation, error)
                continue
            if when is not None:
                soonest = when if soonest is None else min(soonest, when)
        return soonest

    def _run(self) -> None:
        while not self._closed:
            soonest = self.work()
            wait = None if soonest is None else soonest - time.monotonic()
            if wait is not None and wait <= 0:
                continue
            with self._condition:
                if not self._woken:
                    self._condition.wait(wait)
                self._woken = False
