"""A language model's reading position in a transcript, with checkpoints of its state to return to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnntui.config_generation import SamplingConfig
from rnntui.inference.adaptation import OutputLearner
from rnntui.inference.cells import Array
from rnntui.inference.generate import REMEMBERED, Snapshot, Token, begin_generation, generators_from
from rnntui.inference.loaded_model import LoadedLanguageModel
from rnntui.inference.numpy_language_model import Ids, NumpyLanguageModel
from rnntui.inference.scoring import log_probabilities
from rnntui.sessions.transcript import Transcript

CHECKPOINT_SPACING = 64
"""Tokens between two state checkpoints until they fill their room; reading that many takes some hundredths of a second.
"""

_ROOM = 16 << 20  # bytes
_LEARNED_ROOM = 64 << 20  # bytes, where each checkpoint has an output layer of its own


@dataclass(frozen=True)
class StateCheckpoint:
    """The state `(L, C, 1, H + K)` after some tokens, and the model then, which is another one where it learns."""

    state: Array
    network: NumpyLanguageModel


class StateCheckpoints:
    """Checkpoints at evenly spaced positions of a text, as many as fit into some room.

    When they fill it, every other one is dropped and the spacing is doubled: however long the text, the distance from
    the nearest checkpoint to any token is a small part of it.
    """

    def __init__(self, start: StateCheckpoint, capacity: int) -> None:
        """`capacity` is the number of checkpoints, at least 2."""
        self.spacing = CHECKPOINT_SPACING
        self._capacity = max(2, capacity)
        self._checkpoints = {0: start}

    def __len__(self) -> int:
        return len(self._checkpoints)

    def wants(self, tokens: int) -> bool:
        """Return True if there should be a checkpoint after `tokens` tokens."""
        return tokens % self.spacing == 0

    def add(self, tokens: int, checkpoint: StateCheckpoint) -> None:
        """Keep the checkpoint after `tokens` tokens."""
        self._checkpoints[tokens] = checkpoint
        if len(self._checkpoints) > self._capacity:
            self.spacing *= 2
            self._checkpoints = {tokens: point for tokens, point in self._checkpoints.items() if self.wants(tokens)}

    def before(self, tokens: int) -> tuple[int, StateCheckpoint]:
        """Return the last position not after `tokens` that has a checkpoint, and that."""
        position = tokens - tokens % self.spacing
        while position not in self._checkpoints:
            position -= self.spacing
        return position, self._checkpoints[position]

    def cut(self, tokens: int) -> None:
        """Drop the checkpoints after position `tokens`."""
        self._checkpoints = {
            position: checkpoint for position, checkpoint in self._checkpoints.items() if position <= tokens
        }


class ModelCursor:
    """A model at a `position` (in tokens) of a transcript, reading up to `target` and generating from there.

    If it `learns`, its output layer adapts to what the person wrote. The model's own tokens are only read: they tell it
    nothing new (at temperature 1 their expected gradient is zero, below that it makes the model repeat itself), and so
    generating costs no more than without.

    Not safe for threads: `Conversation` holds its lock around every call.
    """

    def __init__(self, loaded: LoadedLanguageModel, *, learns: bool = False) -> None:
        self.learns = learns
        self._network = loaded.network
        self._end_id, self._unknown_id = loaded.tokenizer.end_id, loaded.tokenizer.unknown_id
        self._learner: OutputLearner | None = None
        self.generation = begin_generation(loaded.network, loaded.tokenizer, generators_from(0, 1))
        self._start = StateCheckpoint(self.generation.state, loaded.network)
        self.restart()

    @property
    def unread(self) -> int:
        """Number of tokens that the model has to read before it can generate."""
        return max(0, self.target - self.position)

    def restart(self) -> None:
        """Go to the start of an empty transcript."""
        size, room = self._start.state.nbytes, _ROOM
        if self.learns:
            size, room = size + sum(array.nbytes for array in self._network.output_layer), _LEARNED_ROOM
        self.checkpoints = StateCheckpoints(self._start, room // size)
        self.target = 0
        self._return_to(0, self._start, np.zeros(0, dtype=np.int64))

    def return_to_end(self, transcript: Transcript) -> None:
        """Go to the last checkpoint within the transcript, with its end as the target."""
        self.target = len(transcript)
        self.checkpoints.cut(self.target)
        position, checkpoint = self.checkpoints.before(self.target)
        self._return_to(position, checkpoint, self._recent(transcript, position))

    def postpone_reading(self) -> None:
        """Leave what is unread until a new target is set."""
        self.target = self.position

    def learned_tokens(self, transcript: Transcript, start: int, end: int) -> NDArray[np.bool_]:
        """Return for tokens `start` to `end` if the model learns from them, `(N,)`: those typed, but no `<unk>`."""
        if not self.learns:
            return np.zeros(end - start, dtype=bool)
        learned: NDArray[np.bool_] = transcript.is_prompt(start, end) & (transcript.ids(start, end) != self._unknown_id)
        return learned

    def read_some(self, transcript: Transcript) -> None:
        """Read to the next checkpoint or the target, and record the surprisal of the tokens read."""
        end = min(self.target, self.position - self.position % CHECKPOINT_SPACING + CHECKPOINT_SPACING)
        ids = transcript.ids(self.position, end)
        if self._learner is None:
            logits, state = self._network.forward(ids[:, None], self.generation.state)
        else:
            learned = self.learned_tokens(transcript, self.position, end)
            logits, state = self._learner.read(ids, self.generation.state, learned)
            self.generation.model = self._learner.network
        transcript.set_bits(self.position, log_probabilities(self.generation.logits, logits, ids) / -np.log(2.0))
        self._move_to(end, state, logits[-1], self._recent(transcript, end))
        self._add_checkpoint()

    def seed(self, seed: int) -> None:
        """Draw the following tokens with a new random generator."""
        self.generation.generators = generators_from(seed, 1)

    def step(self, sampling: SamplingConfig) -> Token:
        """Draw a token and move past it."""
        token = self.generation.step(sampling)[0]
        if self._learner is not None and self._learner.skip():
            self.generation.model = self._learner.network
            self.generation.logits = self.generation.model.logits_of(self.generation.state)
        self.position += 1
        self.target = self.position
        self._add_checkpoint()
        return token

    def _add_checkpoint(self) -> None:
        if self.checkpoints.wants(self.position):
            self.checkpoints.add(self.position, StateCheckpoint(self.generation.state, self.generation.model))

    def _return_to(self, position: int, checkpoint: StateCheckpoint, recent: Ids) -> None:
        self._learner = OutputLearner(checkpoint.network, position) if self.learns else None
        self.generation.model = checkpoint.network
        self._move_to(position, checkpoint.state, checkpoint.network.logits_of(checkpoint.state), recent)

    def _move_to(self, position: int, state: Array, logits: Array, recent: Ids) -> None:
        self.position = position
        generators = tuple(generator.state for generator in self.generation.generators)
        self.generation.restore(Snapshot(state, logits, (recent,), generators))

    def _recent(self, transcript: Transcript, position: int) -> Ids:
        """Return the ids before `position` that a repetition penalty may look at."""
        ids = transcript.ids(max(0, position - REMEMBERED), position)
        return ids if self._end_id is None else ids[ids != self._end_id]
