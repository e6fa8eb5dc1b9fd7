"""The moving average, compared with a plain loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnntui.charts.smooth import smooth

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=60)


def by_the_loop(values: np.ndarray, weight: float) -> np.ndarray:
    average, count, found = 0.0, 0, []
    for value in values:
        if not math.isfinite(value):
            found.append(math.nan)
            continue
        count += 1
        average = weight * average + (1 - weight) * value
        found.append(average / -math.expm1(count * math.log(weight)) if weight else value)
    return np.array(found)


lengths = st.integers(0, 40) | st.integers(41, 700)
numbers = st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf])


@repeatable
@given(arrays(np.float64, lengths, elements=numbers), st.floats(0, 0.999) | st.just(0.0))
def test_it_is_what_the_loop_gives(values: np.ndarray, weight: float) -> None:
    assert np.allclose(smooth(values, weight), by_the_loop(values, weight), rtol=1e-9, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("weight", [0.0, 0.5, 0.9, 0.999, 0.999999])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 100, 10_000])
def test_a_constant_stays_what_it_is_from_the_first_value_on(weight: float, count: int) -> None:
    assert np.allclose(smooth(np.full(count, 3.7), weight), 3.7, rtol=1e-10)


@repeatable
@given(arrays(np.float64, st.integers(1, 300), elements=st.floats(-1e308, 1e308)), st.floats(0, 0.999))
def test_it_stays_between_the_least_and_the_greatest_value(values: np.ndarray, weight: float) -> None:
    found = smooth(values, weight)
    slack = 1e-9 * np.abs(values).max()
    assert (found >= values.min() - slack).all() and (found <= values.max() + slack).all()


def test_it_is_exact_for_long_and_strong_averages() -> None:
    values = np.random.default_rng(1).normal(size=30_000) + 5
    assert np.allclose(smooth(values, 0.9999), by_the_loop(values, 0.9999), rtol=1e-10)


def test_it_leaves_its_input_alone() -> None:
    values = np.array([1.0, math.nan, 3.0])
    smooth(values, 0.5)
    assert values[0] == 1.0 and math.isnan(values[1]) and values[2] == 3.0


@pytest.mark.parametrize("weight", [1.0, -0.1, math.nan, 2.0])
def test_a_weight_out_of_bounds_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        smooth(np.ones(3), weight)
