"""Generation of a turn at a set pace: tokens wait in a queue until the screen takes them."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

from rnntui.config_generation import GenerationConfig, SamplingConfig
from rnntui.inference.text_stream import TextStream
from rnntui.sessions.model_cursor import ModelCursor
from rnntui.text.documents import DocumentFormat
from rnntui.text.turns import SpeakerLabels

_QUEUE_LIMIT = 256  # tokens; more would only be dropped by a stop
_FULL_QUEUE_WAIT = 0.005  # seconds
_MAX_LAG = 0.1  # seconds
_RATE_WINDOW = 2.0  # seconds


@dataclass(frozen=True)
class GeneratedToken:
    """A token with its surprisal, its text and the settings it was drawn with."""

    id: int
    bits: float
    text: str
    settings: SamplingConfig


class TurnEnd:
    """Passes on the tokens of a turn, and finds its end in a dialogue; without speakers, a turn has no end.

    A turn ends at a line break, or with messages of several lines where the label of a speaker begins a line. Tokens
    that may be the start of a label are held back until that is decided; those of the label itself are never passed on.
    """

    def __init__(self, speakers: SpeakerLabels | None) -> None:
        multiline = speakers is not None and speakers.format.multiline
        self._labels = speakers.turn_starts if speakers is not None and multiline else ()
        self._ends_at_line_break = speakers is not None and not multiline
        self.held: list[GeneratedToken] = []
        """Tokens that are not decided yet."""
        self._line: str | None = None  # the start of a line, while it may become a label
        self.reached = False

    @property
    def has_held_tokens(self) -> bool:
        """True if tokens were drawn that have not been passed on."""
        return bool(self.held)

    def push(self, token: GeneratedToken) -> list[GeneratedToken]:
        """Return the tokens that are decided with this one."""
        if self._line is None and "\n" not in token.text:
            return [token]
        if not self._labels:
            self.reached = self._ends_at_line_break
            return [token]
        self.held.append(token)
        if self._line is None:
            line = token.text.rpartition("\n")[2]
            if not line:
                self._line = ""
                return self.flush()
        else:
            line = self._line + token.text
        if line.startswith(self._labels):
            self.reached = True
            return []
        if any(label.startswith(line) for label in self._labels):
            self._line = line
            return []
        self._line = "" if line.endswith("\n") else None
        return self.flush()

    def flush(self) -> list[GeneratedToken]:
        """Return the tokens held back, and hold none any more."""
        tokens, self.held = self.held, []
        return tokens


class PacedGeneration:
    """The turn that is being generated, with the queue of tokens that the screen has not taken yet.

    The generation worker's thread calls `draw`, with the conversation's lock held; the screen's thread takes tokens
    without it, for the two ends of a deque are safe, and calls `begin` and `stop` with it.
    """

    def __init__(self, documents: DocumentFormat) -> None:
        self._documents = documents
        self._stream = TextStream(documents.tokenizer.stream())
        self._queue: deque[GeneratedToken] = deque()
        self._throughput = Throughput()
        self._drawn = 0  # tokens of this turn
        self._due = 0.0  # time of the next token, on the clock of `draw`
        self._end = TurnEnd(None)
        self.active = False

    @property
    def is_running(self) -> bool:
        """True while the turn is being generated or has tokens that the screen has not taken."""
        return self.active or bool(self._queue)

    @property
    def tokens_per_second(self) -> float:
        """Tokens taken a second, over the last two seconds."""
        return self._throughput.per_second

    @property
    def waiting_text(self) -> str:
        """The text of the tokens that were drawn and are not part of the text yet."""
        return "".join(token.text for token in [*self._queue, *self._end.held])

    def begin(self, speakers: SpeakerLabels | None, after: str) -> None:
        """Start a turn after a text; in a dialogue, that of a speaker."""
        self._stream = TextStream(self._documents.tokenizer.stream(after))
        self._drawn = 0
        self._due = 0.0
        self._end = TurnEnd(speakers)
        self.active = True

    def stop(self) -> bool:
        """End the turn and drop the queue. Return True if the model may have gone past what the screen has taken."""
        was_running = self.is_running or self._end.has_held_tokens
        self.active = False
        self._end.flush()
        self._queue.clear()
        return was_running

    def draw(
        self, now: float, cursor: ModelCursor, sampling: SamplingConfig, generation: GenerationConfig
    ) -> float | None:
        """Draw a token if one is due.

        Args:
            now: seconds on any clock that only goes forward.
            cursor: the model, at the end of the text and of the queue.
            sampling: settings by which the token is chosen.
            generation: length and speed of the turn; a character begun within the length is completed.

        Returns the time of the next token, or None at the end of the turn.
        """
        if len(self._queue) >= _QUEUE_LIMIT:
            return now + _FULL_QUEUE_WAIT
        if now < self._due:
            return self._due
        token = cursor.step(sampling)
        text = self._stream.push(token.id)
        self._drawn += 1
        is_long_enough = self._drawn >= generation.length and not self._stream.is_incomplete
        is_end = token.id == self._documents.tokenizer.end_id
        if is_end:
            text = self._documents.separator
        self._queue.extend(self._end.push(GeneratedToken(token.id, token.bits, text, sampling)))
        if not self._end.reached and (is_end or is_long_enough):
            self._queue.extend(self._end.flush())
        # Last: the screen, which does not wait for the lock, must not find an ended turn without its last tokens.
        self.active = not (self._end.reached or is_end or is_long_enough)
        # After a wait it must not race to catch up.
        self._due = max(self._due + len(text) / generation.chars_per_second, now - _MAX_LAG)
        return self._due if self.active else None

    def take(self) -> list[GeneratedToken]:
        """Remove and return the queued tokens."""
        tokens = []
        while self._queue:
            tokens.append(self._queue.popleft())
        if tokens:
            self._throughput.add(len(tokens))
        return tokens


class Throughput:
    """A rate over the last two seconds."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()

    def add(self, count: int) -> None:
        """Count `count` events now."""
        now = time.monotonic()
        self._counts.append((now, count))
        while now - self._counts[0][0] > _RATE_WINDOW:
            self._counts.popleft()

    @property
    def per_second(self) -> float:
        """Events a second; 0 if there was none for two seconds."""
        if len(self._counts) < 2 or time.monotonic() - self._counts[-1][0] > _RATE_WINDOW:
            return 0.0
        (first, _), (last, _) = self._counts[0], self._counts[-1]
        return sum(count for _, count in list(self._counts)[1:]) / max(last - first, 1e-3)
