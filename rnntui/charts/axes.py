"""Axis scales: conversion between data and positions on an axis, and the choice of ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MIN_RELATIVE_LENGTH = 1e-6  # of the largest number on an axis: a shorter axis could not be labelled
MAX_VALUE = 1e300  # larger data have no position: the difference of two must still be a float
MIN_LOG_VALUE = 1e-300  # smaller data have no position on a log axis
_CLOCK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
_DAY = 86_400.0  # seconds


@dataclass(frozen=True)
class AxisScale:
    """The scale of one axis, from `low` to `high` in data, with low < high; created by `axis_scale`.

    A linear coordinate is the data itself, or its decimal logarithm if the scale is `log`. A fraction is a position
    on the axis: 0 at `low`, 1 at `high`.
    """

    low: float
    high: float
    log: bool = False

    def linearize(self, data: Floats) -> Floats:
        """Return the linear coordinates `(N,)` of data `(N,)`; NaN for data without a position."""
        has_position = np.abs(data) <= MAX_VALUE
        if self.log:
            has_position &= data >= MIN_LOG_VALUE
            return np.log10(np.where(has_position, data, np.nan))
        return data if has_position.all() else np.where(has_position, data, np.nan)

    def fraction(self, data: Floats) -> Floats:
        """Return the fractions `(N,)` of data `(N,)`; NaN for data without a position."""
        return self.linear_fraction(self.linearize(data))

    def linear_fraction(self, linear: Floats) -> Floats:
        """Return the fractions `(N,)` of linear coordinates `(N,)`."""
        low, high = self._linear_ends
        fractions: Floats = (linear - low) / (high - low)
        return fractions

    def position(self, x: float) -> float:
        """Return the fraction of one value; 0 for a value without a position."""
        return float(np.nan_to_num(self.fraction(np.array([x]))[0]))

    def value(self, fraction: float) -> float:
        """Return the data at a fraction; fractions outside 0..1 lie beyond the ends."""
        if fraction in (0.0, 1.0):
            return self.high if fraction else self.low  # exact, so that a point at the end is included
        low, high = self._linear_ends
        linear = low * (1 - fraction) + high * fraction
        return float(10 ** min(max(linear, -307), 307)) if self.log else linear

    def bin_edges(self, bins: int) -> Floats:
        """Return the edges `(bins + 1,)` of equally wide bins in data, ends included."""
        low, high = self._linear_ends
        fractions = np.linspace(0, 1, bins + 1)
        edges = low * (1 - fractions) + high * fractions
        if self.log:
            edges = 10**edges
        edges[0], edges[-1] = self.low, self.high
        return edges

    @property
    def _linear_ends(self) -> tuple[float, float]:
        return (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)


def axis_scale(low: float, high: float, log: bool = False) -> AxisScale:
    """Return the scale from `low` to `high`, widened where its length would be zero.

    Without data (low > high) it is 0 to 1 (log: 1 to 10). A log scale leaves out data that are not above zero, so they
    do not bound it.
    """
    low, high = max(low, MIN_LOG_VALUE if log else -MAX_VALUE), min(high, MAX_VALUE)
    if not low <= high:
        return AxisScale(1.0, 10.0, True) if log else AxisScale(0.0, 1.0)
    if log:
        if high < low * (1 + _MIN_RELATIVE_LENGTH):
            low, high = max(low / 2, MIN_LOG_VALUE), min(high * 2, MAX_VALUE)
        return AxisScale(low, high, True)
    largest = max(abs(low), abs(high))
    if largest < MIN_LOG_VALUE:
        return AxisScale(0.0, 1.0)
    if high - low < largest * _MIN_RELATIVE_LENGTH:
        middle, half = (low + high) / 2, largest * (0.05 if low == high else _MIN_RELATIVE_LENGTH)
        low, high = max(middle - half, -MAX_VALUE), min(middle + half, MAX_VALUE)
    return AxisScale(low, high)


def ticks(scale: AxisScale, max_ticks: int, *, seconds: bool = False, whole: bool = False) -> list[float]:
    """Return round numbers on an axis in ascending order: steps of 1, 2 or 5; on a log axis decades, and 2 and 5.

    A log axis shorter than a decade has even steps.

    Args:
        scale: The axis.
        max_ticks: The approximate largest number of ticks.
        seconds: The data are seconds; steps are those of a clock.
        whole: The ticks are whole numbers.
    """
    max_ticks = max(1, max_ticks)
    if scale.log:
        decades = _log_ticks(scale.low, scale.high, max_ticks)
        if len(decades) > 1 or (decades and scale.high > 10 * scale.low):
            return decades
    # Round steps may all but miss a short axis, which needs two ticks to be read.
    for divisions in range(max_ticks, max_ticks + 4):
        step = _round_step((scale.high - scale.low) / divisions, seconds, whole)
        first, last = math.ceil(scale.low / step), math.floor(scale.high / step)
        if scale.log:
            first = max(first, 1)
        if max_ticks == 1 or last > first:
            break
    stride = 1 if divisions == max_ticks or last - first <= max_ticks else 2
    return [index * step + 0.0 for index in range(first, min(last, first + stride * max_ticks) + 1, stride)]


def _round_step(min_step: float, seconds: bool, whole: bool) -> float:
    """Return the smallest round step of at least `min_step`."""
    if seconds and min_step > 0.5:
        clock = next((step for step in _CLOCK_STEPS if step >= min_step), None)
        return float(clock) if clock else _DAY * _round_step(min_step / _DAY, False, True)
    if whole:
        min_step = max(min_step, 1.0)
    exponent = math.floor(math.log10(min_step))
    # 10.0 ** -5 is not the float nearest to 1e-5; a parsed number is.
    steps = (float(f"{digit}e{exponent}") for digit in "125")
    return next((step for step in steps if step >= min_step), float(f"1e{exponent + 1}"))


def _log_ticks(low: float, high: float, max_ticks: int) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    exponents = range(first, last + 1)
    denser: list[float] = []
    for digits in ("125", "13", "1"):
        values = [value for e in exponents for digit in digits if low <= (value := float(f"{digit}e{e}")) <= high]
        if len(values) <= max_ticks:
            return denser if len(values) < 2 and 0 < len(denser) <= max_ticks + 1 else values
        denser = values
    decades = [value for e in exponents if low <= (value := float(f"1e{e}")) <= high]
    for stride in (2, 3, 5, 10, 20, 50, 100):
        multiples = [value for value in decades if round(math.log10(value)) % stride == 0]
        if min(2, max_ticks) <= len(multiples) <= max_ticks:
            return multiples
    return decades[:: -(-len(decades) // max_ticks) or 1]
