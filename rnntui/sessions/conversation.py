"""A person and a model writing one text in turns, the model in a thread of its own.

The screen's thread calls everything here but `work`, which a `GenerationWorker` calls in its thread. They meet at
a lock that is held for one token at a time, and at a queue: tokens that are drawn wait in it until the screen takes
them by `drain`. What the screen has not taken is not part of the text yet, so that stopping drops it.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from rnntui.config import SamplingConfig, WritingConfig
from rnntui.inference.cells import Array
from rnntui.inference.generate import REMEMBERED, Generation, Snapshot, generators_from, initial_context_ids
from rnntui.inference.loaded_model import LoadedModel
from rnntui.inference.scoring import log_probabilities
from rnntui.inference.text_stream import TextStream
from rnntui.sessions.alternatives import Alternative, top_alternatives
from rnntui.sessions.throughput import Throughput
from rnntui.sessions.transcript import SPACING, Role, States, Transcript, Turn
from rnntui.sessions.undo_history import UndoHistory
from rnntui.text.tokenizer import Tokenizer
from rnntui.text.turns import SpeakerLabels, speaker_labels_of

_AHEAD = 256  # tokens drawn and not yet taken by the screen; more would only be dropped by a stop
_FARTHEST = 4096  # tokens read again to find alternatives


@dataclass(frozen=True)
class Drawn:
    """A token drawn, with the settings it was drawn under."""

    id: int
    bits: float
    text: str
    settings: SamplingConfig


class Conversation:
    """One text and the model that goes on with it.

    `settings` and `writing` may be replaced at any time and act on the very next token drawn. `seed` is that of the
    next turn, or None for a new one each time.
    """

    def __init__(self, run: LoadedModel, name: str, settings: SamplingConfig | None = None) -> None:
        self.transcript = Transcript()
        self.settings = settings or SamplingConfig()
        self.writing = WritingConfig()
        self.seed: int | None = None
        self.chat = True  # take the turns of a model that was trained on turns
        self._lock = threading.Lock()
        self._wanted = False
        self._queue: deque[Drawn] = deque()
        self._rate = Throughput()
        self._history = UndoHistory()
        self.problem = ""  # why the model can write no more
        self._active = False
        self._drawn = 0
        self._until_line_break = False
        self._due = 0.0
        self._use(run, name)

    # -- what stands ---------------------------------------------------------------------------------------------

    @property
    def is_writing(self) -> bool:
        """Whether the model writes, or has written what the screen has not taken yet."""
        return self._active or bool(self._queue)

    @property
    def to_read(self) -> int:
        """How many tokens of the text the model has yet to read before it can go on."""
        return max(0, self._read_to - self._position)

    @property
    def takes_turns(self) -> bool:
        """Whether the model was trained on turns."""
        return speaker_labels_of(self.run.config.corpus) is not None

    @property
    def turns(self) -> SpeakerLabels | None:
        """The speakers, if the model was trained on turns and is to take them."""
        return speaker_labels_of(self.run.config.corpus) if self.chat else None

    @property
    def tokens_per_second(self) -> float:
        """The speed of the last two seconds of writing."""
        return self._rate.per_second

    # -- what a person does --------------------------------------------------------------------------------------

    def say(self, line: str) -> list[str]:
        """Add what a person typed, and let the model go on. Returns the characters that the vocabulary lacks.

        To a model of turns it is the person's line. Else it is added as it is, on a line of its own unless it begins
        with a space.
        """
        self.stop()
        before = self.transcript.text
        if self.turns is not None:
            text = self.turns.prompt(line, before)
        else:
            apart = before and before[-1] != "\n" and line[:1] not in ("", " ", "\n")
            text = ("\n" if apart else "") + line
        self._type(text)
        self._write()
        return self._tokenizer.unknown_characters(line)

    def go_on(self) -> None:
        """Let the model write on from where the text ends."""
        self.stop()
        turns = self.turns
        text = self.transcript.text
        if turns is not None and (not text or text.endswith("\n")):
            self._type(f"{turns.model}:", role="model")  # it goes on with a turn of its own
        self._write()

    def stop(self) -> None:
        """Stop at once. The text stays as the screen has shown it; tokens it has not taken are dropped."""
        with self._held():
            dropped = self.is_writing
            self._active = False
            self._queue.clear()
            if dropped:
                self._drop_half_characters()
                self._return_to_end()
            self._read_to = self._position  # what is still to be read can wait until it is needed

    def rewind(self, offset: int) -> str:
        """Cut the text after the token that ends at `offset` characters, or before; returns what is cut off."""
        self.stop()
        self._history.remember(self.transcript)
        with self._held():
            before = self.transcript.text
            self.transcript.cut(self.transcript.token_at(offset))
            self._drop_half_characters()
            self._return_to_end()
        return before[len(self.transcript.text) :]

    def replace(self, text: str) -> list[str]:
        """Make the text another one; the model reads on from where they part. Returns unknown characters."""
        before = self.transcript.text
        if text == before:
            return []
        ahead = _common(before, text)
        behind = min(_common(before[::-1], text[::-1]), len(before) - ahead, len(text) - ahead)
        kept = self.transcript.tail(len(before) - behind)
        self.rewind(ahead)
        # A token may reach over the place where the texts part: it is typed again, up to what both end with alike.
        start, end = len(self.transcript.text), len(text) - behind
        if end < start:
            kept, end = [(turn, part) for turn, part in _without(kept, start - end)], start
        self._type(text[start:end])
        with self._held():
            self._take_over(kept)
        return self._tokenizer.unknown_characters(text[start:end])

    def regenerate(self) -> bool:
        """Write the last turn of the model again with another seed; False if it has none."""
        self.stop()
        written = [turn for turn in self.transcript.turns if turn.role == "model"]
        if not written:
            return False
        self.rewind(self.transcript.start_of(written[-1].start))
        self._write()
        return True

    def last_prompt(self) -> tuple[int, str] | None:
        """Where what the person typed last begins, in characters, and the line; None if there is nothing."""
        for turn, text in reversed(list(self.transcript.stretches())):
            if turn.role == "prompt" and text.strip():
                turns = self.turns
                line = text.strip("\n") if turns is None else text.strip("\n").partition("\n")[0]
                if turns is not None:
                    line = line.removeprefix(f"{turns.person}: ")
                return self.transcript.start_of(turn.start), line
        return None

    def alternatives(self, token: int, count: int = 5) -> list[Alternative]:
        """The likeliest tokens at the place of a token, `len(transcript)` being the next one, as the model sees it.

        May take some hundredths of a second: the tokens since the nearest state kept are read again. Where the model
        has not read that far yet, there are none.
        """
        with self._held():
            at, state = self._states.before(token)
            ids = self.transcript.ids(at, token)
            model, tokenizer = self.run.model, self._tokenizer
        if len(ids) > _FARTHEST:
            return []
        logits = model.feed(ids[:, None], state)[0] if len(ids) else model.logits_of(state)
        return top_alternatives(logits[0], tokenizer, count)

    def branch(self, token: int, alternative: int) -> None:
        """Put an alternative in the place of a token, drop what follows, and let the model go on from there."""
        self.rewind(self.transcript.start_of(token))
        with self._held():
            self.transcript.begin(Turn("model", len(self.transcript), self.name))
            self.transcript.append([alternative], [self._tokenizer.stream().push(alternative)])
            self._read_to = len(self.transcript)
        self._write()

    @property
    def undoable(self) -> float | None:
        """When the last change was made that `undo` would take back, by the monotonic clock; None if there is none."""
        return self._history.undoable

    def undo(self) -> bool:
        """Take back the last change that cut the text; False if there is none."""
        self.stop()
        return self._return_to(self._history.undo(self.transcript))

    def redo(self) -> bool:
        """Take back the last `undo`; False if there is none, or the text has been changed since."""
        self.stop()
        return self._return_to(self._history.redo(self.transcript))

    def _return_to(self, transcript: Transcript | None) -> bool:
        if transcript is None:
            return False
        with self._held():
            self._states.cut(transcript.in_common(self.transcript))
            self.transcript = transcript
            self._return_to_end()
        return True

    def clear(self) -> None:
        """Start over with an empty text."""
        self.stop()
        self._history.remember(self.transcript)
        with self._held():
            self.transcript = Transcript()
            self._forget()

    def reopen(self, stretches: Iterable[tuple[Turn, str]]) -> None:
        """Go on with a text that was saved: its turns, as `inference.saving.read` gives them."""
        self.clear()
        with self._held():
            self._take_over(stretches)

    def use(self, run: LoadedModel, name: str) -> None:
        """Go on with another model, which reads the whole text first."""
        self.stop()
        self._history.clear()  # its tokens are those of the model before
        with self._held():
            before = self.transcript
            self.transcript = Transcript()
            self._use(run, name)
            self._take_over(before.stretches(), before)

    def fork(self) -> Conversation:
        """Another conversation with the same model and settings, on the same text up to the model's last turn.

        It writes that turn anew, if there is one.
        """
        other = Conversation(self.run, self.name, self.settings)
        other.writing, other.chat, other.seed = self.writing, self.chat, self.seed
        stretches = list(self.transcript.stretches())
        written = max((at for at, (turn, _) in enumerate(stretches) if turn.role == "model"), default=None)
        other._take_over(stretches[:written], self.transcript)
        if written is not None:
            other._write()
        return other

    # -- what the screen takes -----------------------------------------------------------------------------------

    def drain(self) -> int:
        """Take the tokens drawn since the last time into the transcript; returns how many characters they are."""
        taken = []
        while self._queue:
            taken.append(self._queue.popleft())
        if not taken:
            return 0
        turn = self.transcript.turns[-1]
        for number, token in enumerate(taken, start=len(self.transcript)):
            if not turn.settings or turn.settings[-1][1] != token.settings:
                turn.settings.append((number, token.settings))
        self.transcript.append([t.id for t in taken], [t.text for t in taken], [t.bits for t in taken])
        self._rate.add(len(taken))
        return sum(len(token.text) for token in taken)

    # -- the writer's thread -------------------------------------------------------------------------------------

    def work(self, now: float) -> float | None:
        """Read some of the text, or draw one token. Returns when to come again: 0 at once, None when woken."""
        if self._wanted:
            return now + 0.001  # the screen waits for the lock; taken again at once, it might never get it
        with self._lock:
            if self._position < self._read_to and not self.problem:
                self._read_some()
                return 0.0
            if not self._active or self.problem:
                return None
            if len(self._queue) >= _AHEAD:
                return now + 0.005
            if now < self._due:
                return self._due
            self._draw(now)
            return self._due if self._active else None

    def fail(self, problem: str) -> None:
        """The model cannot go on, for this reason; another one may."""
        self.problem = problem
        self._active = False
        self._read_to = self._position

    def _read_some(self) -> None:
        end = min(self._read_to, self._position - self._position % SPACING + SPACING)
        ids = self.transcript.ids(self._position, end)
        following, state = self.run.model.forward(ids[:, None], self._generation.state)
        bits = log_probabilities(self._generation.logits, following, ids) / -np.log(2.0)
        self.transcript.read(self._position, bits)
        self._stand_at(end, state, following[-1])
        if self._states.wants(end):
            self._states.keep(end, state)

    def _draw(self, now: float) -> None:
        settings = self.settings
        token = self._generation.step(settings)[0]
        text = self._stream.push(token.id)
        self._position += 1
        self._read_to = self._position
        if self._states.wants(self._position):
            self._states.keep(self._position, self._generation.state)
        self._drawn += 1
        enough = self._drawn >= self.writing.length
        if enough:
            text += self._stream.finish()
        if enough or (self._until_line_break and "\n" in text):
            self._active = False
        self._queue.append(Drawn(token.id, token.bits, text, settings))
        # Never more than a moment behind: after a wait it must not race to catch up.
        self._due = max(self._due + len(text) / self.writing.chars_per_second, now - 0.1)

    # -- below ---------------------------------------------------------------------------------------------------

    @contextmanager
    def _held(self) -> Iterator[None]:
        """The lock, for the screen's thread."""
        self._wanted = True
        with self._lock:
            self._wanted = False
            yield

    def _use(self, run: LoadedModel, name: str) -> None:
        self.run, self.name, self.problem = run, name, ""
        self._tokenizer: Tokenizer = run.tokenizer
        self._stream = TextStream(run.tokenizer.stream())
        self._generation = Generation(run.model, generators_from(0, 1), banned=(run.tokenizer.unknown_id,))
        self._generation.feed(initial_context_ids(run.tokenizer))
        self._start: Array = self._generation.state
        self._forget()

    def _forget(self) -> None:
        """Stand before the text, with none of it read."""
        self._states = States(self._start)
        self._read_to = 0
        self._stand_at(0, self._start, self.run.model.logits_of(self._start))

    def _stand_at(self, tokens: int, state: Array, logits: Array) -> None:
        self._position = tokens
        past = self.transcript.ids(max(0, tokens - REMEMBERED), tokens)
        generators = tuple(generator.state for generator in self._generation.generators)
        self._generation.restore(Snapshot(state, logits, (past,), generators))

    def _return_to_end(self) -> None:
        """Stand at the last state kept of the text; what follows it is read by the writer's thread."""
        self._read_to = len(self.transcript)
        self._states.cut(self._read_to)
        at, state = self._states.before(self._read_to)
        self._stand_at(at, state, self.run.model.logits_of(state))

    def _drop_half_characters(self) -> None:
        """Cut tokens at the end that are only the first bytes of a character."""
        tokens = len(self.transcript)
        while tokens and self.transcript.start_of(tokens) == self.transcript.start_of(tokens - 1):
            tokens -= 1
        self.transcript.cut(tokens)

    def _take_over(self, stretches: Iterable[tuple[Turn, str]], before: Transcript | None = None) -> None:
        """Append the turns of another transcript, whose tokens may be others: those of `before`, if it is given."""
        for turn, text in stretches:
            start, begins = len(self.transcript), len(self.transcript.text)
            taken = Turn(turn.role, start, turn.run, turn.seed)
            self.transcript.begin(taken)
            self._encode(text)
            for at, settings in turn.settings:
                token = start + at - turn.start
                if before is not None:
                    token = self.transcript.token_at(begins + before.start_of(at) - before.start_of(turn.start))
                taken.settings.append((token, settings))
        self._read_to = len(self.transcript)

    def _type(self, text: str, role: Role = "prompt") -> None:
        if not text:
            return
        with self._held():
            self.transcript.begin(Turn(role, len(self.transcript), self.name if role == "model" else ""))
            self._encode(text)
            self._read_to = len(self.transcript)

    def _encode(self, text: str) -> None:
        """Append a text's tokens, each with the stretch of it that is its own."""
        ids = self._tokenizer.encode(text).tolist()
        if len(ids) == len(text):  # characters; one that is unknown stays as it was typed
            pieces = list(text)
        else:
            stream = self._tokenizer.stream()
            pieces = [stream.push(i) for i in ids]
        if "".join(pieces) != text:  # something that no id stands for, such as a lone surrogate
            pieces = [""] * (len(ids) - 1) + [text] if ids else []
        self.transcript.append(ids, pieces)

    def _write(self) -> None:
        with self._held():
            seed = int.from_bytes(os.urandom(4)) if self.seed is None else self.seed
            self.transcript.begin(Turn("model", len(self.transcript), self.name, seed))
            self._generation.generators = generators_from(seed, 1)
            self._stream = TextStream(self._tokenizer.stream())
            self._drawn = 0
            self._until_line_break = self.turns is not None
            self._read_to = len(self.transcript)
            self._due = 0.0
            self._active = not self.problem  # a model that failed goes on failing, until another takes its place


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return len(os.path.commonprefix([one, other]))  # noqa: RUF071 - characters are what is meant


def _without(stretches: list[tuple[Turn, str]], count: int) -> Iterator[tuple[Turn, str]]:
    """The stretches without their first so many characters."""
    for turn, text in stretches:
        if len(text) > count:
            yield turn, text[count:]
        count = max(0, count - len(text))
