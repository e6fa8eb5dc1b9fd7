"""Batches for truncated backpropagation through time (TBPTT).

The training text is a ring. B streams start at B positions spread evenly over it, and all advance by T tokens a step:

    text     a b c d e f g h i j k l m n o p q r         N tokens, the last joined to the first
    streams  ^           ^           ^                   B = 3
    step 0   a b . .     g h . .     m n . .             T = 2: inputs a b, targets b c
    step 1       c d         i j         o p             and so on; after the end comes the start

Each stream thus continues where its last window ended: the hidden state carried from that window is the state of the
text before. A stream that reaches the start of the next one reads on, so no epoch ends with a reset, no tail is left
out, and windows begin elsewhere in each round.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnntui.text.ngram_predictions import EARLIER


class BPTTBatches:
    """B contiguous streams over ids `(N,)`, read in windows of T tokens.

    `cursor`, the distance that every stream has read from its start, is the whole position.

    Args:
        ids: The token ids of the text, `(N,)`.
        batch: The number of streams, B.
        window: The number of tokens in a window, T.
    """

    def __init__(self, ids: NDArray[np.unsignedinteger], batch: int, window: int) -> None:
        self._ids = ids
        self._starts = np.arange(batch, dtype=np.int64) * len(ids) // batch  # (B,)
        self._steps = np.arange(window + 1, dtype=np.int64)[:, None]  # (T + 1, 1)
        self._window = window
        self.cursor = 0

    def next(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return inputs, targets and the targets' positions of the next window, `(T, B)` each.

        The targets are one token ahead of the inputs.
        """
        positions = (self._starts + self.cursor + self._steps) % len(self._ids)  # (T + 1, B)
        window = self._ids[positions].astype(np.int64)
        self.cursor = (self.cursor + self._window) % len(self._ids)
        return window[:-1], window[1:], positions[1:]

    def position(self) -> NDArray[np.int64]:
        """Return the position in the text, as `seek` takes it."""
        return np.array(self.cursor)

    def seek(self, position: NDArray[np.generic]) -> None:
        """Return to a position. Raises `ValueError` if there is no such position."""
        cursor = int(position)
        if cursor < 0:
            raise ValueError(f"the position in the text is negative, {cursor}")
        self.cursor = cursor


class MixedBatches:
    """Windows of two texts side by side: some streams read the training text, the others an earlier one.

    Args:
        new: Batches of the training text.
        earlier: Batches of the earlier text, with windows of the same length.
    """

    def __init__(self, new: BPTTBatches, earlier: BPTTBatches) -> None:
        self._new, self._earlier = new, earlier

    def next(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return inputs, targets and positions as `BPTTBatches.next` does; those of the earlier text are the last.

        `EARLIER` is added to their positions.
        """
        inputs, targets, positions = self._new.next()
        earlier_inputs, earlier_targets, earlier_positions = self._earlier.next()
        return (
            np.concatenate((inputs, earlier_inputs), axis=1),
            np.concatenate((targets, earlier_targets), axis=1),
            np.concatenate((positions, earlier_positions + EARLIER), axis=1),
        )

    def position(self) -> NDArray[np.int64]:
        """Return the positions in both texts, as `seek` takes them."""
        return np.array([self._new.cursor, self._earlier.cursor])

    def seek(self, position: NDArray[np.generic]) -> None:
        """Return to a position. Raises `ValueError` or `TypeError` if there is no such position."""
        for batches, cursor in zip((self._new, self._earlier), position, strict=True):
            batches.seek(np.asarray(cursor))


def mixed_streams(batch_size: int, mix: float) -> int:
    """Return how many of the streams of a batch read the earlier text: about a share `mix`, but never all."""
    return min(batch_size - 1, max(1, round(mix * batch_size))) if mix else 0
