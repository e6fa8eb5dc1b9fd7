"""The random generator: the published one, so that a seed gives the same text on any machine and in any version."""

from __future__ import annotations

import numpy as np
import pytest

from rnntui.inference.generate import generators_from
from rnntui.inference.splitmix import SplitMix

# Of SplitMix64 from the state 1234567: values that implementations in many languages are tested with (Rosetta Code).
PUBLISHED = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]


def test_numbers_are_the_upper_53_bits_of_the_published_ones() -> None:
    generator = SplitMix(0)
    generator.state = 1234567
    assert [generator.random() for _ in PUBLISHED] == [(number >> 11) / 2**53 for number in PUBLISHED]


def test_a_seed_is_hashed_and_any_integer_is_one() -> None:
    # By the same hash as the numbers: a generator that is one step before the seed gives it next.
    for seed in (0, 1, 2, 2**63, 2**64 - 1):
        generator = SplitMix(0)
        generator.state = (seed - 0x9E3779B97F4A7C15) % 2**64
        assert generator.random() == (SplitMix(seed).state >> 11) / 2**53
    assert SplitMix(-1).state == SplitMix(2**64 - 1).state
    assert SplitMix(2**64 + 5).state == SplitMix(5).state


def test_the_state_stays_one_64_bit_integer_and_is_all_there_is() -> None:
    generator = SplitMix(3)
    for _ in range(1000):
        assert 0 <= generator.state < 2**64
        generator.random()
    again = SplitMix(0)
    again.state = generator.state
    assert [again.random() for _ in range(5)] == [generator.random() for _ in range(5)]


@pytest.mark.parametrize("lag", [0, 1, 2])
def test_texts_of_neighbouring_seeds_have_unrelated_numbers(lag: int) -> None:
    numbers = np.array([[generator.random() for _ in range(4)] for generator in generators_from(100, 4000)])
    assert numbers.min() >= 0 and numbers.max() < 1
    # The mean of 16,000 uniform numbers has a standard deviation of 0.0023, a correlation of 4,000 pairs one of 0.016.
    assert numbers.mean() == pytest.approx(0.5, abs=0.01)
    one, next_one = numbers[:-1, lag], numbers[1:, 0]
    assert abs(np.corrcoef(one, next_one)[0, 1]) < 0.065
