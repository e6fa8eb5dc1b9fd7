"""Batches for truncated backpropagation through time.

The training text is a ring. B streams start at B places spread evenly round it and all move on by T tokens a step:

    text     a b c d e f g h i j k l m n o p q r         N tokens, the last joined to the first
    streams  ^           ^           ^                   B = 3
    step 0   a b . .     g h . .     m n . .             T = 2: inputs a b, targets b c
    step 1       c d         i j         o p             and so on; after the end comes the start

A stream thus reads on from where it was, at every step: the hidden state carried from the window before is the
state of the text before. When a stream reaches the place where the next began, it goes on, so no epoch ends with a
reset, no tail is left out, and windows fall elsewhere each time round.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class BPTTBatches:
    """B contiguous streams over ids `(N,)`; `cursor` is how far each has read and all there is to save."""

    def __init__(self, ids: NDArray[np.unsignedinteger], batch: int, window: int) -> None:
        self._ids = ids
        self._starts = np.arange(batch, dtype=np.int64) * len(ids) // batch
        self._steps = np.arange(window + 1, dtype=np.int64)[:, None]
        self._window = window
        self.cursor = 0

    def next(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The next window: inputs and targets `(T, B)`, the targets one token ahead."""
        places = (self._starts + self.cursor + self._steps) % len(self._ids)
        window = self._ids[places].astype(np.int64)
        self.cursor = (self.cursor + self._window) % len(self._ids)
        return window[:-1], window[1:]
