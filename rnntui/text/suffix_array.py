"""Suffix arrays in numpy: the positions of a text, sorted by the text that begins at each.

Prefix doubling (Manber and Myers 1993, "Suffix arrays: a new method for on-line string searches", section 3) by packed
integer keys: the first sort compares as many symbols as fit into 63 bits, each later one twice as many as the one
before, and only among suffixes that are equal so far. In natural language few are after two rounds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sort_suffixes(symbols: NDArray[np.unsignedinteger], count: int, depth: int) -> NDArray[np.int32]:
    """Return the positions `(count,)` of the first suffixes of a text, sorted by their first `depth` symbols.

    Suffixes that are equal in these are in any order. Takes about 45 bytes of memory for each symbol.

    Args:
        symbols: the text `(N,)`, at most 2³¹ - 1 symbols; what is beyond it counts as smaller than any symbol.
        count: number of suffixes to sort, from the first on.
        depth: number of symbols to compare.
    """
    size = len(symbols)
    keys, compared = _first_keys(symbols)
    order = np.argsort(keys).astype(np.int32)
    keys = keys[order]
    is_first = np.empty(size, dtype=bool)  # of a group of suffixes that are equal so far
    is_first[:1] = True
    np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
    del keys
    ranks = np.full(size + 1, -1, dtype=np.int32)  # of each suffix: where its group begins; the last is the empty one
    ranks[order] = np.maximum.accumulate(np.where(is_first, np.arange(size, dtype=np.int32), 0))
    slots = np.flatnonzero(_in_groups(is_first)).astype(np.int32)  # of `order` that may still change
    while len(slots) and compared < depth:
        positions = order[slots]
        # The rank of a suffix, and that of what follows the symbols compared so far.
        pairs = ranks[positions].astype(np.int64) << 32
        pairs |= ranks[np.minimum(positions.astype(np.int64) + compared, size)] + np.int64(1)
        within = np.argsort(pairs)
        pairs, positions = pairs[within], positions[within]
        order[slots] = positions
        is_first = np.empty(len(slots), dtype=bool)
        is_first[:1] = True
        np.not_equal(pairs[1:], pairs[:-1], out=is_first[1:])
        ranks[positions] = np.maximum.accumulate(np.where(is_first, slots, 0))
        slots = slots[_in_groups(is_first)]
        compared *= 2
    return order[order < count]


def _first_keys(symbols: NDArray[np.unsignedinteger]) -> tuple[NDArray[np.int64], int]:
    """Return a key `(N,)` of the first symbols of each suffix, and how many symbols that are."""
    size = len(symbols)
    bits = max(1, int(symbols.max() if size else 0).bit_length())
    packed = max(1, 63 // bits)
    padded = np.zeros(size + packed, dtype=symbols.dtype)
    padded[:size] = symbols
    keys = np.zeros(size, dtype=np.int64)
    for offset in range(packed):
        keys <<= bits
        keys |= padded[offset : size + offset]
    return keys, packed


def _in_groups(is_first: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for each of the sorted suffixes `(N,)` if another one is in its group."""
    grouped = ~is_first
    grouped[:-1] |= ~is_first[1:]
    return grouped
