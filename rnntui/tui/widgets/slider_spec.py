"""The number that a slider sets: its scale, default and bounds, and how it is written and parsed."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rnntui.tui.widgets.slider_scale import SliderScale


class SliderSpec:
    """Scale, default and bounds of a number, and words for special values.

    `max_length` is the length of the longest text among the ends of the bar, the default and the words.

    Args:
        scale: The part of the range that the bar spans, and its steps.
        default: The value that a reset restores; if it is an int, only whole numbers are allowed.
        low: The smallest value that can be typed or assigned; that of the scale if None.
        high: The largest value; that of the scale if None.
        words: Words shown in place of values with a special meaning, such as `{0: "off"}`; they can be typed, too.

    Raises `ValueError` if the default is out of bounds.
    """

    def __init__(
        self,
        scale: SliderScale,
        default: float,
        *,
        low: float | None = None,
        high: float | None = None,
        words: Mapping[float, str] | None = None,
    ) -> None:
        self.scale = scale
        self.default = default
        self.low = scale.low if low is None else low
        self.high = scale.high if high is None else high
        self.words = dict(words or {})
        self._whole = isinstance(default, int)
        if not self.low <= default <= self.high:
            raise ValueError(f"the default must be {self.bounds} (got {default})")
        self.max_length = max(len(self.format(value)) for value in (scale.low, scale.high, default, *self.words))

    @property
    def bounds(self) -> str:
        """The bounds in words: `0 to 2`."""
        return self.hints[0]

    @property
    def hints(self) -> tuple[str, str]:
        """The numbers that can be typed, in a longer and a shorter form: `0 to 2`, `0–2`."""
        # A negative number that stands for a word, such as -1 for "new", is no number to type.
        low = self.low + 1 if self._whole and self.low < 0 and self.low in self.words else self.low
        return f"{_plain(low)} to {_plain(self.high)}", f"{_plain(low)}–{_plain(self.high)}"

    def clamp(self, value: float) -> float:
        """Return the value within the bounds, rounded if only whole numbers are allowed.

        Raises `ValueError` for a value that is not finite.
        """
        if not math.isfinite(value):
            raise ValueError(f"a slider's value cannot be {value}")
        value = min(max(value, self.low), self.high)
        return round(value) if self._whole else float(value)

    def format(self, value: float) -> str:
        """Return the word for a value, or the number with two decimals, or more or fewer where the scale needs it."""
        if value in self.words:
            return self.words[value]
        if self._whole:
            return str(int(value))
        max_digits = self.scale.digits
        texts = (f"{value:.{digits}f}" for digits in range(min(2, max_digits), max_digits + 1))
        return next((text for text in texts if float(text) == value), f"{value:g}")

    def parse(self, text: str) -> float | None:
        """Return the value of a typed word or number; None if it is neither, or out of bounds."""
        for value, word in self.words.items():
            if text.lower() == word.lower():
                return value
        try:
            number = int(text) if self._whole else float(text)
        except ValueError:
            return None
        return number if self.low <= number <= self.high else None

    def problems(self, text: str) -> tuple[str, ...]:
        """Return the reason why `parse` refuses a text, in forms of decreasing length."""
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            return "not a number", "number?"
        if number > self.high:
            return f"at most {_plain(self.high)}", f"≤ {_plain(self.high)}"
        if number < self.low:
            return f"at least {_plain(self.low)}", f"≥ {_plain(self.low)}"
        return "whole numbers only", "whole number", "whole?"


def _plain(number: float) -> str:
    """Return a bound without an exponent, if it is whole."""
    return f"{number:.0f}" if number == int(number) else f"{number:g}"
