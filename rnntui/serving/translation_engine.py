"""The thread that translates the lines of all requests to one Seq2Seq model."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rnntui.config_seq2seq import BeamConfig
from rnntui.errors import CancelledError
from rnntui.processors import usable_cpus
from rnntui.runs.folder import RunFolder
from rnntui.serving.api_errors import ApiError, queue_is_full, server_is_stopping, unexpected_failure
from rnntui.serving.server_config import ServerConfig

if TYPE_CHECKING:
    from rnntui.inference.translation import Translation
    from rnntui.inference.translator import Translator

# Lines translated together: the search has batches of 64 sentences at most. Every request that waits gets an equal
# share of them, so that a line does not wait for a book.
_LINES = 64


@dataclass(eq=False)
class _Work:
    """The lines of a request, as far as they have been translated."""

    lines: Sequence[str]
    settings: BeamConfig
    loop: asyncio.AbstractEventLoop
    result: asyncio.Future[list[Translation]]
    translations: list[Translation] = field(default_factory=list)
    is_cancelled: bool = False

    @property
    def unfinished(self) -> Sequence[str]:
        return self.lines[len(self.translations) :]


class TranslationEngine:
    """Translates the lines of all requests to one model in common batches, in a thread of its own.

    Args:
        translator: the model.
        config: size of the queue, in lines.
    """

    def __init__(self, translator: Translator, config: ServerConfig) -> None:
        self.translator = translator
        self._max_lines = config.max_batch + config.max_queue
        self._changed = threading.Condition()
        self._waiting: deque[_Work] = deque()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="translation", daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """True while a request has not ended."""
        return bool(self._waiting)

    async def translate(self, lines: Sequence[str], settings: BeamConfig) -> list[Translation]:
        """Return the translations of the lines of a request; lines of one with the same settings share batches.

        A request that is cancelled is dropped. Raises `ApiError` if the queue is full or the engine is being stopped.
        """
        if not lines:
            return []
        loop = asyncio.get_running_loop()
        work = _Work(lines, settings, loop, loop.create_future())
        with self._changed:
            if self._is_stopping:
                raise server_is_stopping()
            # A request of many lines is accepted when nothing else waits.
            if self._waiting and sum(len(each.unfinished) for each in self._waiting) + len(lines) > self._max_lines:
                raise queue_is_full()
            self._waiting.append(work)
            self._changed.notify()
        try:
            return await work.result
        finally:
            work.is_cancelled = True

    def stop(self) -> None:
        """End all requests with an error, and the thread; returns when it has ended."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next_batch():
            share = max(1, _LINES // len(batch))
            try:
                self._translate(batch, share)
            except CancelledError:
                continue
            except Exception as error:
                if len(batch) == 1:
                    self._finish(batch, unexpected_failure(error))
                else:
                    self._translate_alone(batch, share)
        self._finish(list(self._waiting), server_is_stopping())

    def _translate_alone(self, batch: list[_Work], share: int) -> None:
        """Translate a share of each request alone: one with a line that fails takes no other with it."""
        for work in batch:
            try:
                self._translate([work], share)
            except CancelledError:
                continue
            except Exception as error:
                self._finish([work], unexpected_failure(error))

    def _translate(self, batch: list[_Work], share: int) -> None:
        """Translate the next lines of each request, at most `share`, together."""
        shares = [list(work.unfinished[:share]) for work in batch]
        translations = iter(
            self.translator.translate(
                [line for lines in shares for line in lines],
                batch[0].settings,
                is_cancelled=lambda: self._is_stopping or all(work.is_cancelled for work in batch),
                workers=usable_cpus(),
            )
        )
        for work, lines in zip(batch, shares, strict=True):
            work.translations += [next(translations) for _ in lines]
        self._finish([work for work in batch if not work.unfinished], None)

    def _next_batch(self) -> list[_Work]:
        """Return requests with the same settings that wait longest, waiting for one; none at the end."""
        with self._changed:
            while not self._is_stopping:
                self._waiting = deque(work for work in self._waiting if not work.is_cancelled)
                if self._waiting:
                    settings = self._waiting[0].settings
                    batch = [work for work in self._waiting if work.settings == settings][:_LINES]
                    # Behind those that are not in it.
                    self._waiting = deque([work for work in self._waiting if work not in batch] + batch)
                    return batch
                self._changed.wait()
            return []

    def _finish(self, finished: list[_Work], error: ApiError | None) -> None:
        with self._changed:
            self._waiting = deque(work for work in self._waiting if work not in finished)
        for work in finished:
            try:
                work.loop.call_soon_threadsafe(_resolve, work, error)
            except RuntimeError:  # the loop is closed: the server has ended
                work.is_cancelled = True


def _resolve(work: _Work, error: ApiError | None) -> None:
    if work.result.done():
        return
    if error is not None:
        work.result.set_exception(error)
    else:
        work.result.set_result(work.translations)


def make_translation_engine(run: RunFolder, config: ServerConfig) -> TranslationEngine:
    """Load a Seq2Seq model and start its engine."""
    from rnntui.inference.translator import load_translator

    return TranslationEngine(load_translator(run), config)
