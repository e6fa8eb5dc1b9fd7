"""How the bar of a slider stands for numbers: evenly, or by a list of stops."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

_SLIP = 1e-9  # what floating point may lose of a step


class SliderScale(Protocol):
    """The numbers from one end of a bar to the other, and the steps between them.

    `low` and `high` are the numbers at its ends, `digits` the decimals that its numbers need.
    """

    low: float
    high: float
    digits: int

    def part(self, value: float) -> float:
        """Where on the bar a value is, 0 to 1; what is beyond an end is at the end."""

    def at(self, part: float) -> float:
        """The step nearest to a place on the bar, 0 to 1."""

    def stepped(self, value: float, steps: int) -> float:
        """The value so many steps on, or back if negative, and not beyond the end in that direction."""


class Linear:
    """Even steps from `low` to `high`. Raises `ValueError` if there is no step between them."""

    def __init__(self, low: float, high: float, step: float) -> None:
        if not 0 < step <= high - low:
            raise ValueError(f"no step of {step} from {low} to {high}")
        self.low = low
        self.high = high
        self.digits = _decimals((low, high, step))
        self._step = step
        self._steps = math.floor((high - low) / step + _SLIP)

    def part(self, value: float) -> float:
        """Where on the bar a value is, 0 to 1; what is beyond an end is at the end."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def at(self, part: float) -> float:
        """The step nearest to a place on the bar, 0 to 1."""
        if part >= 1:
            return self.high
        return self._number(round(part * (self.high - self.low) / self._step))

    def stepped(self, value: float, steps: int) -> float:
        """The value so many steps on, or back if negative, and not beyond the end in that direction."""
        if (value >= self.high and steps > 0) or (value <= self.low and steps < 0):
            return value
        exact = (value - self.low) / self._step
        nearest = math.floor(exact + _SLIP) if steps > 0 else math.ceil(exact - _SLIP)
        return self._number(nearest + steps)

    def _number(self, step: int) -> float:
        if step > self._steps:  # the last step may be a short one
            return self.high
        return round(self.low + max(0, step) * self._step, self.digits)


class Stops:
    """The numbers of a list, evenly spaced on the bar: for what is felt in doublings rather than in differences.

    Raises `ValueError` if there are fewer than two, or they do not rise.
    """

    def __init__(self, values: Sequence[float]) -> None:
        if len(values) < 2 or any(a >= b for a, b in pairwise(values)):
            raise ValueError(f"two or more rising numbers are needed (got {list(values)})")
        self.low = values[0]
        self.high = values[-1]
        self.digits = _decimals(values)
        self._values = tuple(values)

    def part(self, value: float) -> float:
        """Where on the bar a value is, 0 to 1; what is beyond an end is at the end."""
        value = min(self.high, max(self.low, value))
        index = min(bisect_right(self._values, value), len(self._values) - 1) - 1
        below, above = self._values[index : index + 2]
        return (index + (value - below) / (above - below)) / (len(self._values) - 1)

    def at(self, part: float) -> float:
        """The stop nearest to a place on the bar, 0 to 1."""
        return self._values[round(min(1.0, max(0.0, part)) * (len(self._values) - 1))]

    def stepped(self, value: float, steps: int) -> float:
        """The value so many stops on, or back if negative, and not beyond the end in that direction."""
        if (value >= self.high and steps > 0) or (value <= self.low and steps < 0):
            return value
        index = bisect_right(self._values, value) - 1 if steps > 0 else bisect_left(self._values, value)
        return self._values[min(max(0, index + steps), len(self._values) - 1)]


def _decimals(values: Sequence[float]) -> int:
    """How many decimals it takes to write every one of these numbers, as a person would."""
    return max(len(f"{value:.9f}".rstrip("0").partition(".")[2]) for value in values)
