"""A language model's reading position in a transcript, with checkpoints of its state to return to."""

from __future__ import annotations

import numpy as np

from rnntui.config_generation import SamplingConfig
from rnntui.inference.cells import Array
from rnntui.inference.generate import REMEMBERED, Snapshot, Token, begin_generation, generators_from
from rnntui.inference.loaded_model import LoadedLanguageModel
from rnntui.inference.numpy_language_model import Ids
from rnntui.inference.scoring import log_probabilities
from rnntui.sessions.transcript import Transcript

CHECKPOINT_SPACING = 64
"""Tokens between two state checkpoints until they fill their room; reading that many takes some hundredths of a second.
"""

_ROOM = 16 << 20  # bytes


class StateCheckpoints:
    """Model states `(L, C, 1, H)` at evenly spaced positions of a text, in at most `room` bytes.

    When they fill it, every other one is dropped and the spacing is doubled: however long the text, the distance from
    the nearest checkpoint to any token is a small part of it.
    """

    def __init__(self, start: Array, room: int = _ROOM) -> None:
        self.spacing = CHECKPOINT_SPACING
        self._capacity = max(2, room // start.nbytes)
        self._states: dict[int, Array] = {0: start}

    def __len__(self) -> int:
        return len(self._states)

    def wants(self, tokens: int) -> bool:
        """Return True if the state after `tokens` tokens should be kept."""
        return tokens % self.spacing == 0

    def add(self, tokens: int, state: Array) -> None:
        """Keep the state after `tokens` tokens."""
        self._states[tokens] = state
        if len(self._states) > self._capacity:
            self.spacing *= 2
            self._states = {position: state for position, state in self._states.items() if self.wants(position)}

    def before(self, tokens: int) -> tuple[int, Array]:
        """Return the last position not after `tokens` that has a checkpoint, and its state."""
        position = tokens - tokens % self.spacing
        while position not in self._states:
            position -= self.spacing
        return position, self._states[position]

    def cut(self, tokens: int) -> None:
        """Drop the checkpoints after position `tokens`."""
        self._states = {position: state for position, state in self._states.items() if position <= tokens}


class ModelCursor:
    """A model at a `position` (in tokens) of a transcript, reading up to `target` and generating from there.

    Not safe for threads: `Conversation` holds its lock around every call.
    """

    def __init__(self, loaded: LoadedLanguageModel) -> None:
        self._network = loaded.network
        self._end_id = loaded.tokenizer.end_id
        self.generation = begin_generation(loaded.network, loaded.tokenizer, generators_from(0, 1))
        self._start: Array = self.generation.state
        self.restart()

    @property
    def unread(self) -> int:
        """Number of tokens that the model has to read before it can generate."""
        return max(0, self.target - self.position)

    def restart(self) -> None:
        """Go to the start of an empty transcript."""
        self.checkpoints = StateCheckpoints(self._start)
        self.target = 0
        self._move_to(0, self._start, self._network.logits_of(self._start), np.zeros(0, dtype=np.int64))

    def return_to_end(self, transcript: Transcript) -> None:
        """Go to the last checkpoint within the transcript, with its end as the target."""
        self.target = len(transcript)
        self.checkpoints.cut(self.target)
        position, state = self.checkpoints.before(self.target)
        self._move_to(position, state, self._network.logits_of(state), self._recent(transcript, position))

    def postpone_reading(self) -> None:
        """Leave what is unread until a new target is set."""
        self.target = self.position

    def read_some(self, transcript: Transcript) -> None:
        """Read to the next checkpoint or the target, and record the surprisal of the tokens read."""
        end = min(self.target, self.position - self.position % CHECKPOINT_SPACING + CHECKPOINT_SPACING)
        ids = transcript.ids(self.position, end)
        logits, state = self._network.forward(ids[:, None], self.generation.state)
        transcript.set_bits(self.position, log_probabilities(self.generation.logits, logits, ids) / -np.log(2.0))
        self._move_to(end, state, logits[-1], self._recent(transcript, end))
        if self.checkpoints.wants(end):
            self.checkpoints.add(end, state)

    def seed(self, seed: int) -> None:
        """Draw the following tokens with a new random generator."""
        self.generation.generators = generators_from(seed, 1)

    def step(self, sampling: SamplingConfig) -> Token:
        """Draw a token and move past it."""
        token = self.generation.step(sampling)[0]
        self.position += 1
        self.target = self.position
        if self.checkpoints.wants(self.position):
            self.checkpoints.add(self.position, self.generation.state)
        return token

    def _move_to(self, position: int, state: Array, logits: Array, recent: Ids) -> None:
        self.position = position
        generators = tuple(generator.state for generator in self.generation.generators)
        self.generation.restore(Snapshot(state, logits, (recent,), generators))

    def _recent(self, transcript: Transcript, position: int) -> Ids:
        """Return the ids before `position` that a repetition penalty may look at."""
        ids = transcript.ids(max(0, position - REMEMBERED), position)
        return ids if self._end_id is None else ids[ids != self._end_id]
