"""UTF-8 masks: a subword model samples only bytes that continue a character, so that its text has no half characters.

A subword vocabulary spells characters outside it as byte tokens, and nothing in the model forces it to finish one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rnntui.inference.cells import Array
from rnntui.inference.numpy_language_model import Ids
from rnntui.text.tokenizer import Tokenizer

_START = "start"  # between two characters
# Well-formed UTF-8 (The Unicode Standard, table 3-7): in each state, ranges of the next byte and the state after it.
# A state comes after those that it leads to, so that one pass finds out which states a vocabulary can complete.
_TRANSITIONS: dict[str, tuple[tuple[int, int, str], ...]] = {
    "one more": ((0x80, 0xBF, _START),),
    "two more": ((0x80, 0xBF, "one more"),),
    "after E0": ((0xA0, 0xBF, "one more"),),  # less would be overlong
    "after ED": ((0x80, 0x9F, "one more"),),  # more would be a surrogate
    "three more": ((0x80, 0xBF, "two more"),),
    "after F0": ((0x90, 0xBF, "two more"),),  # less would be overlong
    "after F4": ((0x80, 0x8F, "two more"),),  # more would be beyond U+10FFFF
    _START: (
        (0x00, 0x7F, _START),
        (0xC2, 0xDF, "one more"),
        (0xE0, 0xE0, "after E0"),
        (0xE1, 0xEC, "two more"),
        (0xED, 0xED, "after ED"),
        (0xEE, 0xEF, "two more"),
        (0xF0, 0xF0, "after F0"),
        (0xF1, 0xF3, "three more"),
        (0xF4, 0xF4, "after F4"),
    ),
}


class Utf8Masks:
    """The tokens that may follow a text, for each state of an incomplete UTF-8 character at its end.

    Args:
        byte_tokens: the byte of each byte token, by token id; other tokens are whole characters.
        vocab_size: the number of tokens.
        banned: ids that are never sampled.
    """

    def __init__(self, byte_tokens: dict[int, int], vocab_size: int, banned: Sequence[int] = ()) -> None:
        self._byte_tokens = byte_tokens
        self._allowed: dict[str, bytes] = {}  # for each state, 1 or 0 for each token
        self._banned: dict[str, NDArray[np.intp]] = {}
        self._is_byte = np.zeros(vocab_size + 1, dtype=bool)  # the last is that of -1, before the first token
        self._is_byte[list(byte_tokens)] = True
        token_of_byte = np.full(256, -1)
        token_of_byte[list(byte_tokens.values())] = list(byte_tokens)
        completable = {_START}
        for state, transitions in _TRANSITIONS.items():
            allowed = np.full(vocab_size, state == _START)
            allowed[list(byte_tokens)] = False
            for low, high, after in transitions:
                if after in completable:
                    tokens = token_of_byte[low : high + 1]
                    allowed[tokens[tokens >= 0]] = True
            allowed[list(banned)] = False
            if allowed.any():
                completable.add(state)
            else:
                allowed[:] = True  # something has to be sampled
                allowed[list(banned)] = False
            self._allowed[state] = allowed.tobytes()
            self._banned[state] = np.flatnonzero(~allowed)

    def allows(self, token: int, recent: Sequence[int]) -> bool:
        """Return True if `token` may follow the tokens `recent`, oldest first."""
        return bool(self._allowed[self._state_after(recent)][token])

    def banned_after(self, recent: Sequence[int]) -> NDArray[np.intp]:
        """Return the ids `(N,)` that may not follow the tokens `recent`, in ascending order."""
        return self._banned[self._state_after(recent)]

    def ban(self, logits: Array, recent: Ids, end_scores: NDArray[np.float64]) -> None:
        """Set to -inf what may not follow the texts of a beam, in place.

        Args:
            logits: `(N, V)`.
            recent: `(N, M)`, the last tokens of each text, the newest first; -1 before the first token.
            end_scores: `(N,)`, scores of ending each text here: -inf in the middle of a character.
        """
        rows = np.flatnonzero(self._is_byte[recent[:, 0]])
        states = [self._state_after([int(token) for token in recent[row, 2::-1] if token >= 0]) for row in rows]
        unfinished = [(row, state) for row, state in zip(rows.tolist(), states, strict=True) if state != _START]
        continuations = [logits[row].copy() for row, _ in unfinished]
        logits[:, self._banned[_START]] = -np.inf
        for (row, state), continuation in zip(unfinished, continuations, strict=True):
            logits[row] = continuation
            logits[row, self._banned[state]] = -np.inf
            end_scores[row] = -np.inf

    def _state_after(self, recent: Sequence[int]) -> str:
        """Return the state at the end of a text: it depends on the last three tokens alone."""
        if not recent or recent[-1] not in self._byte_tokens:
            return _START
        unfinished: list[int] = []
        for token in reversed(recent[-3:]):
            byte = self._byte_tokens.get(token, 0)
            if byte < 0x80:
                return _START
            unfinished.append(byte)
            if byte >= 0xC0:
                break
        state = _START
        for byte in reversed(unfinished):
            state = _next_state(state, byte) or _START
        return state


def utf8_masks(tokenizer: Tokenizer) -> Utf8Masks | None:
    """Return the masks of a tokenizer, which also ban `<unk>`; None if each of its tokens is whole characters."""
    if not tokenizer.byte_tokens:
        return None
    return Utf8Masks(tokenizer.byte_tokens, tokenizer.vocab_size, (tokenizer.unknown_id,))


def _next_state(state: str, byte: int) -> str | None:
    """Return the state after a byte, or None if it cannot follow."""
    return next((after for low, high, after in _TRANSITIONS[state] if low <= byte <= high), None)
