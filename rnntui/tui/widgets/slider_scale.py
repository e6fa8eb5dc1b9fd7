"""Scales of sliders: conversion between values and fractions of the bar, and the steps between values."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

_TOLERANCE = 1e-9  # of rounding errors, as a fraction of a step


class SliderScale(Protocol):
    """The values from one end of a bar to the other, and the steps between them.

    `low` and `high` are the values at its ends, `digits` the decimals that its values need.
    """

    low: float
    high: float
    digits: int

    def fraction(self, value: float) -> float:
        """Return the position of a value on the bar, 0 to 1; values beyond an end are at the end."""

    def value_at(self, fraction: float) -> float:
        """Return the step nearest to a position on the bar, 0 to 1."""

    def step(self, value: float, steps: int) -> float:
        """Return the value `steps` steps up (down if negative), but not beyond the end in that direction."""


class LinearScale:
    """Even steps from `low` to `high`. Raises `ValueError` if there is no step between them."""

    def __init__(self, low: float, high: float, step: float) -> None:
        if not 0 < step <= high - low:
            raise ValueError(f"no step of {step} from {low} to {high}")
        self.low = low
        self.high = high
        self.digits = _decimals((low, high, step))
        self._step = step
        self._steps = math.floor((high - low) / step + _TOLERANCE)

    def fraction(self, value: float) -> float:
        """Return the position of a value on the bar, 0 to 1; values beyond an end are at the end."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def value_at(self, fraction: float) -> float:
        """Return the step nearest to a position on the bar, 0 to 1."""
        if fraction >= 1:
            return self.high
        return self._value(round(fraction * (self.high - self.low) / self._step))

    def step(self, value: float, steps: int) -> float:
        """Return the value `steps` steps up (down if negative), but not beyond the end in that direction."""
        if (value >= self.high and steps > 0) or (value <= self.low and steps < 0):
            return value
        exact = (value - self.low) / self._step
        nearest = math.floor(exact + _TOLERANCE) if steps > 0 else math.ceil(exact - _TOLERANCE)
        return self._value(nearest + steps)

    def _value(self, index: int) -> float:
        if index > self._steps:  # the last step may be shorter
            return self.high
        return round(self.low + max(0, index) * self._step, self.digits)


class StopScale:
    """Listed values ("stops") at equal distances on the bar, for quantities that are perceived in ratios.

    Raises `ValueError` if there are fewer than two, or they do not ascend.
    """

    def __init__(self, values: Sequence[float]) -> None:
        if len(values) < 2 or any(a >= b for a, b in pairwise(values)):
            raise ValueError(f"two or more ascending numbers are needed (got {list(values)})")
        self.low = values[0]
        self.high = values[-1]
        self.digits = _decimals(values)
        self._values = tuple(values)

    def fraction(self, value: float) -> float:
        """Return the position of a value on the bar, 0 to 1; values beyond an end are at the end."""
        value = min(self.high, max(self.low, value))
        index = min(bisect_right(self._values, value), len(self._values) - 1) - 1
        below, above = self._values[index : index + 2]
        return (index + (value - below) / (above - below)) / (len(self._values) - 1)

    def value_at(self, fraction: float) -> float:
        """Return the stop nearest to a position on the bar, 0 to 1."""
        return self._values[round(min(1.0, max(0.0, fraction)) * (len(self._values) - 1))]

    def step(self, value: float, steps: int) -> float:
        """Return the value `steps` stops up (down if negative), but not beyond the end in that direction."""
        if (value >= self.high and steps > 0) or (value <= self.low and steps < 0):
            return value
        index = bisect_right(self._values, value) - 1 if steps > 0 else bisect_left(self._values, value)
        return self._values[min(max(0, index + steps), len(self._values) - 1)]


def _decimals(values: Sequence[float]) -> int:
    """Return the number of decimals needed to write all of these numbers."""
    return max(len(f"{value:.9f}".rstrip("0").partition(".")[2]) for value in values)
