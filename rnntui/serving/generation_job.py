"""A request for generated texts, and the queue that their pieces arrive in."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from rnntui.config_generation import SamplingConfig
from rnntui.serving.api_errors import ApiError

if TYPE_CHECKING:
    from rnntui.inference.numpy_language_model import Ids  # at run time, numpy is loaded once the server is ready

FinishReason = Literal["stop", "length"]


class ScoredToken(NamedTuple):
    """A token's text, its log-probability in nats, and the most probable tokens in its place, best first.

    `data` are the bytes of a token that is a part of a character, whose text is empty.
    """

    text: str
    log_probability: float
    alternatives: tuple[ScoredToken, ...] = ()
    data: bytes = b""


class Piece(NamedTuple):
    """The next piece of a choice: text, its tokens if they are wanted, and the reason if the choice ends with it."""

    choice: int
    text: str
    tokens: tuple[ScoredToken, ...] = ()
    finish: FinishReason | None = None


class Echo(NamedTuple):
    """The prompt with which every choice begins, exactly as it was sent, and the number of its tokens.

    `pieces` has the part of the prompt that each token stands for; it may be empty, and its texts, which are what the
    model read, count. A prompt may end with a character that belongs to no token.
    """

    text: str = ""
    tokens: int = 0
    pieces: Sequence[str] = ()


class OutputQueue:
    """Pieces of all choices of a request: put by the engine's thread, taken by the server's event loop.

    Args:
        choices: number of choices that have to end.
    """

    def __init__(self, choices: int) -> None:
        self.is_cancelled = False
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.created = time.perf_counter()
        self.first_piece_seconds: float | None = None
        self._choices = choices
        self._items: deque[Piece | ApiError] = deque()
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()

    def put(self, item: Piece | ApiError) -> None:
        """Queue a piece, or the error that ends the request; for the engine's thread, which calls `notify` after it."""
        if self.first_piece_seconds is None:
            self.first_piece_seconds = time.perf_counter() - self.created
        self._items.append(item)

    def cancel(self) -> None:
        """Tell the engine that nobody waits for more."""
        self.is_cancelled = True

    async def pieces(self) -> AsyncIterator[list[Piece]]:
        """Yield the pieces that have arrived since the last time, until every choice has ended.

        Raises `ApiError` if the request failed.
        """
        unfinished = self._choices
        while unfinished:
            await self._ready.wait()
            self._ready.clear()
            pieces: list[Piece] = []
            while self._items:
                item = self._items.popleft()
                if isinstance(item, ApiError):
                    if pieces:
                        yield pieces
                    raise item
                pieces.append(item)
                unfinished -= item.finish is not None
            if pieces:
                yield pieces

    @staticmethod
    def notify(queues: list[OutputQueue]) -> None:
        """Wake the readers of some queues of one event loop; for any thread."""
        if queues:
            try:
                queues[0]._loop.call_soon_threadsafe(_wake, queues)
            except RuntimeError:  # the loop is closed: the server has ended
                for queue in queues:
                    queue.cancel()

    def _wake(self) -> None:
        self._ready.set()


def _wake(queues: list[OutputQueue]) -> None:
    for queue in queues:
        queue._wake()


@dataclass(frozen=True, eq=False)
class GenerationJob:
    """A prompt to continue, in one or more choices.

    Args:
        prompt: token ids `(N,)`, those included that every text is read after.
        after: the text of the prompt, which decides about the first word's space.
        output: where the pieces go.
        sampling: sampling settings.
        length: maximum number of tokens of a choice.
        seed: choice i is sampled with `seed + i`.
        is_reproducible: the same seed must give the same text, whatever else is generated at the same time.
        stops: strings that end a choice, and do not belong to it.
        choices: number of choices.
        first_choice: index of the first one in the response.
        alternatives: number of most probable tokens to report at each position; None: no log-probabilities.
        scored_from: also report the prompt's tokens, from this one on; None: not.
        echo: what every choice begins with, for the response; None: nothing.
    """

    prompt: Ids
    after: str
    output: OutputQueue
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    length: int = 16
    seed: int = 0
    is_reproducible: bool = False
    stops: tuple[str, ...] = ()
    choices: int = 1
    first_choice: int = 0
    alternatives: int | None = None
    scored_from: int | None = None
    echo: Echo | None = None
