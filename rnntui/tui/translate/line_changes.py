"""What has changed between two texts, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Change(NamedTuple):
    """Lines `start` to before `before` became lines `start` to before `after`; the others are as they were."""

    start: int
    before: int
    after: int


def change_between(old: Sequence[str], new: Sequence[str]) -> Change | None:
    """The smallest single change that makes one text of another; None if they are the same."""
    least = min(len(old), len(new))
    start = next((at for at in range(least) if old[at] != new[at]), least)
    if start == len(old) == len(new):
        return None
    most = least - start
    same = next((at for at in range(most) if old[-1 - at] != new[-1 - at]), most)
    return Change(start, len(old) - same, len(new) - same)


def carried(shown: Sequence[str], change: Change) -> list[str]:
    """What stands beside each line after a change: a changed line keeps what stood there, until there is better."""
    kept = list(shown[change.start : change.before])[: change.after - change.start]
    kept += [""] * (change.after - change.start - len(kept))
    return [*shown[: change.start], *kept, *shown[change.before :]]
