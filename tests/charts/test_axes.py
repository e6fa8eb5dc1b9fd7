"""Axis scales, ticks and their labels."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rnntui.charts.axes import AxisScale, axis_scale, ticks
from rnntui.charts.labels import format_duration, format_exact, format_short, tick_labels
from rnntui.charts.styled_text import cell_width
from rnntui.text.control_chars import truncate

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=100)
anything = st.floats() | st.floats(-10, 10) | st.integers(-5, 5).map(float)


@repeatable
@given(anything, anything, st.booleans())
@example(9.6e299, 9.6e299, False)
@example(1e300, 1e300, True)
@example(1e-300, 1e-300, True)
def test_an_axis_can_be_made_of_any_two_numbers(low: float, high: float, log: bool) -> None:
    scale = axis_scale(low, high, log)
    assert math.isfinite(scale.low) and math.isfinite(scale.high) and scale.low < scale.high
    assert scale.low > 0 or not log
    edges = scale.bin_edges(40)
    assert (np.diff(edges) >= 0).all() and edges[0] == scale.low and edges[-1] == scale.high
    found = scale.fraction(np.array([scale.low, scale.high]))
    assert np.allclose(found, [0, 1])
    for fraction in (0.0, 0.25, 0.5, 1.0):
        assert scale.position(scale.value(fraction)) == pytest.approx(fraction, abs=1e-6)
    if -1e300 <= low <= high <= 1e300 and (low >= 1e-300 or not log):
        inside = scale.fraction(np.array([low, high]))
        assert (inside >= -1e-9).all() and (inside <= 1 + 1e-9).all(), "both numbers are on the axis"


@repeatable
@given(anything, anything, st.booleans(), st.integers(-1, 30), st.booleans(), st.booleans())
def test_ticks_are_few_in_order_and_on_the_axis(
    low: float, high: float, log: bool, most: int, seconds: bool, whole: bool
) -> None:
    scale = axis_scale(low, high, log)
    found = ticks(scale, most, seconds=seconds, whole=whole)
    assert len(found) <= max(2, most + 2)
    assert all(a < b for a, b in pairwise(found))
    places = scale.fraction(np.array(found))
    assert ((places >= -1e-6) & (places <= 1 + 1e-6)).all()
    for unit in ("number", "count", "seconds"):
        labels = tick_labels(found, unit, log=log)
        assert len(labels) == len(found) and all(labels)


@repeatable
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 12))
def test_labels_tell_ticks_apart_and_say_what_they_are(low: float, span: float, most: int) -> None:
    found = ticks(axis_scale(low, low + span), most)
    labels = tick_labels(found)
    assert len(set(labels)) == len(labels)
    factor = {"k": 1e3, "M": 1e6}
    for tick, label in zip(found, labels, strict=True):
        said = float(label[:-1]) * factor[label[-1]] if label[-1] in factor else float(label)
        assert said == pytest.approx(tick, rel=1e-6, abs=1e-9)


def number_of(label: str) -> float:
    factors = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
    return float(label[:-1]) * factors[label[-1]] if label[-1] in factors else float(label)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("ratio", [1, 1 + 1e-7, 1.0001, 1.02, 1.3, 2, 9, 10, 15, 90, 1e3, 1e8])
def test_the_ticks_of_every_range_can_be_read(ratio: float, log: bool) -> None:
    for exponent in range(-8, 9):
        for digit, most in ((1, 2), (1, 5), (1.4, 3), (2, 4), (3.7, 6), (9, 8)):
            low = digit * 10.0**exponent
            found = ticks(axis_scale(low, low * ratio, log), most)
            labels = tick_labels(found, log=log)
            assert 2 <= len(found) <= most + 2 and len(set(labels)) == len(labels), (low, labels)
            step = min(b - a for a, b in pairwise(found))
            for tick, label in zip(found, labels, strict=True):
                assert abs(number_of(label) - tick) <= 0.01 * max(step, 0.001 * tick), (low, tick, label)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [(0.0, 0.0, 1.0), (1.44, 1.368, 1.512), (2e-7, 1.9e-7, 2.1e-7), (-3.0, -3.15, -2.85)],
)
def test_an_axis_of_a_single_value_is_around_it(value: float, low: float, high: float) -> None:
    scale = axis_scale(value, value)
    assert (scale.low, scale.high) == pytest.approx((low, high))


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 17_573, 6, ["0", "5k", "10k", "15k"]),
        (1.3, 4.4, 8, ["1.5", "2.0", "2.5", "3.0", "3.5", "4.0"]),
        (0, 0.004, 4, ["0", "0.001", "0.002", "0.003", "0.004"]),
        (0, 0.0004, 4, ["0", "1e-4", "2e-4", "3e-4", "4e-4"]),
        (0, 2.5e6, 5, ["0", "0.5M", "1.0M", "1.5M", "2.0M", "2.5M"]),
        (-5, 5, 2, ["-5", "0", "5"]),
        (0, 7e18, 2, ["0", "5e18"]),
        (0, 900, 2, ["0", "500"]),
    ],
)
def test_even_ticks(low: float, high: float, most: int, expected: list[str]) -> None:
    assert tick_labels(ticks(axis_scale(low, high), most)) == expected


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0.5, 2000, 5, ["1", "10", "100", "1000"]),
        (1, 100, 9, ["1", "2", "5", "10", "20", "50", "100"]),
        (1e-7, 0.004, 5, ["1e-7", "1e-6", "1e-5", "1e-4", "0.001"]),
        (1e-20, 1e20, 5, ["1e-20", "1e-10", "1", "10G", "1e20"]),
        (2.2, 4.1, 4, ["2.5", "3.0", "3.5", "4.0"]),
        (7e-8, 0.002, 2, ["1e-6", "1e-4"]),
        (7e-8, 0.002, 3, ["1e-6", "1e-4"]),
        (8e-7, 2e-4, 2, ["1e-6", "1e-4"]),
    ],
)
def test_ticks_of_a_log_axis(low: float, high: float, most: int, expected: list[str]) -> None:
    assert tick_labels(ticks(axis_scale(low, high, True), most), log=True) == expected


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 100, 4, ["0", "0:30", "1:00", "1:30"]),
        (0, 1310, 4, ["0", "10min", "20min"]),
        (0, 9000, 5, ["0", "30min", "1h", "1h30", "2h", "2h30"]),
        (3600, 3700, 4, ["1:00:00", "1:00:30", "1:01:00", "1:01:30"]),
        (0, 5 * 86_400, 5, ["0", "1d", "2d", "3d", "4d", "5d"]),
        (0, 2, 4, ["0s", "0.5s", "1.0s", "1.5s", "2.0s"]),
        (0, 1e12, 2, ["0", "10Md"]),
    ],
)
def test_ticks_of_time(low: float, high: float, most: int, expected: list[str]) -> None:
    assert tick_labels(ticks(axis_scale(low, high), most, seconds=True), "seconds") == expected


def test_whole_numbers_have_whole_ticks() -> None:
    assert ticks(axis_scale(0, 3), 12, whole=True) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1.44164, "number", "1.4416"), (12_340, "count", "12,340"), (3753, "seconds", "1:02:33"),
        (7498.2, "number", "7,498.2"), (2.149e-7, "number", "2.149e-7"), (0, "number", "0.0000"),
        (math.nan, "number", "–"), (math.inf, "number", "inf"), (3e12, "number", "3e12"), (1e300, "count", "1e300"),
    ],
)  # fmt: skip
def test_values_to_read_off(value: float, unit: str, expected: str) -> None:
    assert format_exact(value, unit) == expected  # type: ignore[arg-type]


def test_short_numbers() -> None:
    assert [format_short(value) for value in (0, 12_000, 1_250_000, 0.004, 0.0003, -25_000, 1e20, math.inf)] == [
        "0", "12k", "1.25M", "0.004", "3e-4", "-25k", "1e20", "inf",
    ]  # fmt: skip


@repeatable
@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([1.0, 60.0, 3600.0, 86_400.0]))
def test_every_number_can_be_written(value: float, step: float) -> None:
    for text in (
        format_short(value),
        format_exact(value),
        format_exact(value, "count"),
        format_exact(value, "seconds"),
        format_duration(value, step),
    ):
        assert 0 < len(text) < 25


def test_numbers_without_a_logarithm_have_no_place() -> None:
    found = AxisScale(1.0, 100.0, True).fraction(np.array([10.0, 0.0, -3.0, np.nan]))
    assert found[0] == 0.5 and np.isnan(found[1:]).all()


@repeatable
@given(st.text(max_size=12), st.integers(0, 15))
def test_what_is_fitted_fits(text: str, width: int) -> None:
    shown = truncate(text, width, cell_width)
    assert cell_width(shown) <= width
    assert shown == text or cell_width(text) > width


def test_wide_characters_take_two_cells_and_marks_none() -> None:
    assert [cell_width(text) for text in ("abc", "日本語", "é", "e\u0301", "\u200b")] == [3, 6, 1, 1, 0]
    assert truncate("日本語", 4, cell_width) == "日…" and truncate("日本語", 6, cell_width) == "日本語"
