"""Axes: from data to a place in the plot and back, and where the ticks are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_NARROWEST = 1e-6  # of the largest number on an axis: a shorter one could not be labelled
LARGEST = 1e300  # data beyond it have no place: the difference of two must still be a float
SMALLEST = 1e-300  # what is less has none on a log axis
_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
_DAY = 86_400.0


@dataclass(frozen=True)
class AxisScale:
    """One axis: `low` and `high` are data, at its ends. Made by `spanning`, which sees to it that low < high.

    `plane` is where the axis is even: the data themselves, or their decimal logarithm if it is `log`.
    """

    low: float
    high: float
    log: bool = False

    def plane(self, data: Floats) -> Floats:
        """Data `(N,)` on the even axis; NaN for what has no place there."""
        placed = np.abs(data) <= LARGEST
        if self.log:
            placed &= data >= SMALLEST
            return np.log10(np.where(placed, data, np.nan))
        return data if placed.all() else np.where(placed, data, np.nan)

    def fraction(self, data: Floats) -> Floats:
        """Where data `(N,)` lie between the ends: 0 at `low`, 1 at `high`; NaN for what has no place."""
        return self.plane_fraction(self.plane(data))

    def plane_fraction(self, plane: Floats) -> Floats:
        """The same for what is on the even axis already."""
        low, high = self._ends
        found: Floats = (plane - low) / (high - low)
        return found

    def place(self, x: float) -> float:
        """Where one datum lies between the ends; 0 for what has no place."""
        return float(np.nan_to_num(self.fraction(np.array([x]))[0]))

    def value(self, fraction: float) -> float:
        """The data at a place; one outside of 0..1 lies beyond an end."""
        if fraction in (0.0, 1.0):
            return self.high if fraction else self.low  # exact, so that a point at the end is in
        low, high = self._ends
        place = low * (1 - fraction) + high * fraction
        return float(10 ** min(max(place, -307), 307)) if self.log else place

    def edges(self, parts: int) -> Floats:
        """The data at the borders of so many equal parts, `(parts + 1,)`, ends included."""
        low, high = self._ends
        fractions = np.linspace(0, 1, parts + 1)
        borders = low * (1 - fractions) + high * fractions
        if self.log:
            borders = 10**borders
        borders[0], borders[-1] = self.low, self.high
        return borders

    @property
    def _ends(self) -> tuple[float, float]:
        return (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)


def spanning(low: float, high: float, log: bool = False) -> AxisScale:
    """An axis from `low` to `high`, in data; wider where that would be no length. Without data, 0 to 1 (log: 1 to 10).

    A log axis needs data above zero: what is not is left out, and so does not bound it.
    """
    low, high = max(low, SMALLEST if log else -LARGEST), min(high, LARGEST)
    if not low <= high:
        return AxisScale(1.0, 10.0, True) if log else AxisScale(0.0, 1.0)
    if log:
        if high < low * (1 + _NARROWEST):
            low, high = low / 2, high * 2
        return AxisScale(low, high, True)
    size = max(abs(low), abs(high))
    if size < SMALLEST:
        return AxisScale(-1.0, 1.0)
    if high - low < size * _NARROWEST:
        middle, half = (low + high) / 2, size * (0.05 if low == high else _NARROWEST)
        low, high = middle - half, middle + half
    return AxisScale(low, high)


def ticks(scale: AxisScale, most: int, *, seconds: bool = False, whole: bool = False) -> list[float]:
    """At most about so many round numbers on an axis, in order: steps of 1, 2 or 5; on a log axis decades, and 2 and 5.

    `seconds` steps as clocks do. `whole` gives no fractions. A log axis that is shorter than a decade has even steps.
    """
    most = max(1, most)
    if scale.log:
        found = _decades(scale.low, scale.high, most)
        if len(found) > 1 or (found and scale.high > 10 * scale.low):
            return found
    step = _step((scale.high - scale.low) / most, seconds, whole)
    first, last = math.ceil(scale.low / step), math.floor(scale.high / step)
    if scale.log:
        first = max(first, 1)
    return [number * step + 0.0 for number in range(first, min(last, first + most) + 1)]


def _step(least: float, seconds: bool, whole: bool) -> float:
    """The round step that is `least` or a little more."""
    if seconds and least > 0.5:
        clock = next((step for step in _SECONDS if step >= least), None)
        return float(clock) if clock else _DAY * _step(least / _DAY, False, True)
    if whole:
        least = max(least, 1.0)
    exponent = math.floor(math.log10(least))
    # 10.0 ** -5 is not the float nearest to a hundred-thousandth; what is read from text is.
    return next((step for text in "125" if (step := float(f"{text}e{exponent}")) >= least), float(f"1e{exponent + 1}"))


def _decades(low: float, high: float, most: int) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = range(first, last + 1)
    for digits in ("125", "13", "1"):
        found = [value for e in every for digit in digits if low <= (value := float(f"{digit}e{e}")) <= high]
        if len(found) <= most:
            return found
    apart = next((n for n in (2, 3, 5, 10, 20, 50, 100) if len(every) / n <= most), len(every))
    found = [value for e in every if low <= (value := float(f"1e{e}")) <= high]
    return [value for value in found if round(math.log10(value)) % apart == 0] or found[:1]
