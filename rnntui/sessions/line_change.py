"""Changes of an edited text, line by line, and the results of the lines that they leave alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

Result = TypeVar("Result")


class Viewport(NamedTuple):
    """The line at the cursor, and the visible lines: from `first` to before `end`."""

    cursor: int
    first: int
    end: int


class LineChange(NamedTuple):
    """Lines `start` to before `old_end` became lines `start` to before `new_end`; the others are unchanged."""

    start: int
    old_end: int
    new_end: int


def line_change(old: Sequence[str], new: Sequence[str]) -> LineChange | None:
    """Return the smallest single change that turns one text into another; None if they are equal."""
    shorter = min(len(old), len(new))
    start = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    if start == len(old) == len(new):
        return None
    rest = shorter - start
    same_at_end = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    return LineChange(start, len(old) - same_at_end, len(new) - same_at_end)


def carry_over(results: Sequence[Result], change: LineChange, empty: Result) -> list[Result]:
    """Return the results of lines after a change: a changed line has its old one until there is a new one.

    An added line has the result `empty`.
    """
    start, old_end, new_end = change
    carried = list(results[start:old_end])[: new_end - start]
    carried += [empty] * (new_end - start - len(carried))
    return [*results[:start], *carried, *results[old_end:]]
