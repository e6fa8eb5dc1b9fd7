"""Levels of a unit at each token of a conversation, which follow its text while it is written.

The conversation's own model is not asked to record anything: new tokens are read once more, in another thread, from the
end of what was read before or from the conversation's last state checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnntui.inference.cells import Array
from rnntui.inference.numpy_language_model import Ids, NumpyLanguageModel
from rnntui.inspection.unit_probes import UnitName
from rnntui.inspection.unit_report import UnitScale

if TYPE_CHECKING:
    from rnntui.sessions.conversation import Conversation

_AT_ONCE = 256  # tokens read at a time, so that the screen soon has the first


@dataclass(frozen=True)
class ColouredUnit:
    """A unit, the scale of its colours, and what they mean, in forms of decreasing length for a status line."""

    name: UnitName
    scale: UnitScale
    forms: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class LevelRequest:
    """Tokens to read: `ids (N,)` after a `state`, the first of which has index `start`; levels count from `first`."""

    network: NumpyLanguageModel
    state: Array
    ids: Ids
    start: int
    first: int


@dataclass(frozen=True, eq=False)
class TokenLevels:
    """Levels `(N,)` of the tokens from index `first` on, and the state behind the last of them."""

    first: int
    levels: Array
    ids: Ids
    state: Array


class UnitColours:
    """The levels of a unit in a conversation. Called in the screen's thread, but for `compute`."""

    def __init__(self, conversation: Conversation, unit: ColouredUnit) -> None:
        self.conversation, self.unit = conversation, unit
        self._network = conversation.loaded.network
        self._ids = np.zeros(0, dtype=np.int64)
        self._levels = np.zeros(0, dtype=np.float32)
        self._state: Array | None = None  # behind the last token of `_ids`

    @property
    def fits(self) -> bool:
        """True while the conversation has the model that the unit belongs to."""
        return self._network is self.conversation.loaded.network

    def level(self, token: int) -> float | None:
        """Return the level of a token, -1 to 1; None while it is unknown."""
        return float(self._levels[token]) if token < len(self._levels) else None

    def request(self) -> LevelRequest | None:
        """Return what to read next; None if all levels are known. Levels of tokens that have changed are dropped."""
        ids = self.conversation.transcript.ids()
        size = min(len(ids), len(self._ids))
        differing = np.flatnonzero(ids[:size] != self._ids[:size])
        known = int(differing[0]) if len(differing) else size
        if known < len(self._ids):
            self._ids, self._levels, self._state = self._ids[:known], self._levels[:known], None
        if known == len(ids):
            return None
        if self._state is not None:
            start, state = known, self._state
        else:
            start, state = self.conversation.state_before(known)
        return LevelRequest(self._network, state, ids[start : known + _AT_ONCE], start, known)

    def compute(self, request: LevelRequest) -> TokenLevels:
        """Read the tokens of a request. Called in a thread of its own."""
        ids, name = request.ids[:, None], self.unit.name
        layers = request.network.trace(ids, request.state)
        values = layers[name.layer - 1].values(name.quantity)[request.first - request.start :, 0, name.unit - 1]
        state = request.network.state_after(layers, ids, request.state)
        new_ids = request.ids[request.first - request.start :]
        return TokenLevels(request.first, self.unit.scale.levels(values), new_ids, state)

    def store(self, computed: TokenLevels) -> bool:
        """Take computed levels. Return False if the text has changed before them meanwhile."""
        if computed.first != len(self._ids):
            return False
        self._ids = np.concatenate((self._ids, computed.ids))
        self._levels = np.concatenate((self._levels, computed.levels))
        self._state = computed.state
        return True
