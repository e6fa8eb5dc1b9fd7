"""Sampling: every function against its definition, implemented independently in float64."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnntui.config_generation import SamplingConfig
from rnntui.inference.sampling import (
    UniformGenerator,
    apply_repetition_penalty,
    apply_temperature,
    ban_tokens,
    min_p,
    next_distributions,
    softmax,
    surprisal_bits,
    top_k,
    top_p,
)
from rnntui.inference.sampling import sample as sample_rows

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=70)

Logits = NDArray[np.float32]
Exact = NDArray[np.float64]


def logits_from(values: st.SearchStrategy[float]) -> st.SearchStrategy[Logits]:
    """Logits of one or more tokens, at least one of them above -inf."""
    lists = st.lists(values, min_size=1, max_size=30).filter(lambda row: max(row) > -math.inf)
    return lists.map(lambda row: np.array(row, dtype=np.float32))


usual = st.floats(-30, 30, width=32)
ties = st.integers(-2, 2).map(float)
huge = st.sampled_from([1e30, -1e30, 1e20, -1e20])
ordinary_logits = logits_from(st.one_of(usual, ties, st.just(-math.inf)))
any_logits = logits_from(st.one_of(usual, ties, st.just(-math.inf), huge))
probabilities = st.floats(0.0, 1.0)


def exact_softmax(logits: Sequence[float] | Logits | Exact) -> Exact:
    row = np.asarray(logits, dtype=np.float64)
    raised = np.exp(row - row.max())
    return np.asarray(raised / raised.sum())


def kept_of(before: Logits, after: Logits) -> list[int]:
    """The tokens that are still possible; asserts that their logits are unchanged and the others -inf."""
    kept = [i for i in range(len(after)) if after[i] != -np.inf]
    assert all(after[i] == before[i] for i in kept)
    assert after.shape == before.shape
    return kept


def next_distribution(
    logits: Logits, config: SamplingConfig, recent: Sequence[int] = (), banned: Sequence[int] = ()
) -> Logits:
    """The distribution of one text."""
    return next_distributions(logits[None], config, [recent], banned)[0]


def sample(probabilities: Logits, generator: UniformGenerator) -> int:
    """One draw."""
    return int(sample_rows(probabilities[None], [generator])[0])


def surprisal(logits: Logits, token: int) -> float:
    return float(surprisal_bits(logits[None], np.array([token]))[0])


def possible(logits: Logits) -> int:
    return int((logits > -np.inf).sum())


@pytest.mark.parametrize(
    "function",
    [
        lambda logits: apply_repetition_penalty(logits, [0], 1.5),
        lambda logits: ban_tokens(logits, [0]),
        lambda logits: apply_temperature(logits, 0.5),
        lambda logits: apply_temperature(logits, 0.0),
        lambda logits: top_k(logits, 1),
        lambda logits: top_p(logits, 0.5),
        lambda logits: min_p(logits, 0.5),
        softmax,
        lambda logits: surprisal(logits, 0),
        lambda logits: next_distribution(logits, SamplingConfig(0.5, 2, 0.5, 0.1, 1.5), [0], [1]),
    ],
)
def test_no_function_changes_its_argument(function: Callable[[Logits], object]) -> None:
    logits = np.array([1.0, -2.0, 3.0, 3.0], dtype=np.float32)
    # A write into it would raise.
    logits.flags.writeable = False
    function(logits)
    assert logits.tolist() == [1.0, -2.0, 3.0, 3.0]


# Each function.


@repeatable
@given(any_logits)
def test_temperature_zero_leaves_only_the_likeliest_token(logits: Logits) -> None:
    chosen = apply_temperature(logits, 0.0)
    best = logits.tolist().index(max(logits.tolist()))
    assert [i for i, value in enumerate(chosen) if value > -np.inf] == [best]
    assert next_distribution(logits, SamplingConfig(temperature=0.0)).tolist() == [
        float(i == best) for i in range(len(logits))
    ]


@repeatable
@given(ordinary_logits, st.floats(0.05, 20.0))
def test_temperature_divides_the_logits(logits: Logits, temperature: float) -> None:
    expected = exact_softmax(logits.astype(np.float64) / temperature)
    assert np.allclose(softmax(apply_temperature(logits, temperature)), expected, rtol=1e-3, atol=1e-6)


@repeatable
@given(any_logits, st.sampled_from([5e-324, 1e-300, 1e-45, 1e-30, 1e-10]))
def test_a_tiny_temperature_leaves_the_likeliest_tokens_and_gives_no_nan(logits: Logits, temperature: float) -> None:
    best = logits == logits.max()
    # Every other logit must be so far below that its probability is 0 at this temperature.
    assume(all(logits.max() - value > 1e-6 for value in logits[~best]))
    assert np.allclose(softmax(apply_temperature(logits, temperature)), best / best.sum())


@repeatable
@given(ordinary_logits)
def test_a_huge_temperature_makes_all_possible_tokens_equally_likely_and_gives_no_nan(logits: Logits) -> None:
    allowed = logits > -np.inf
    even = allowed / allowed.sum()
    assert np.allclose(softmax(apply_temperature(logits, 1e9)), even, rtol=1e-5)


@repeatable
@given(any_logits, st.integers(1, 35))
def test_top_k_keeps_exactly_the_k_likeliest_and_of_equal_ones_the_first(logits: Logits, k: int) -> None:
    kept = kept_of(logits, top_k(logits, k))
    ranked = sorted(range(len(logits)), key=lambda i: (-float(logits[i]), i))
    assert kept == sorted(i for i in ranked[:k] if logits[i] > -np.inf)
    assert len(kept) == min(k, possible(logits))


@repeatable
@given(any_logits)
def test_top_k_of_zero_keeps_all(logits: Logits) -> None:
    assert np.array_equal(top_k(logits, 0), logits)


@repeatable
@given(any_logits, probabilities)
@example(np.zeros(10, dtype=np.float32), 0.5)
@example(np.array([0.0, -np.inf], dtype=np.float32), 0.999)
def test_top_p_keeps_the_fewest_likeliest_tokens_that_reach_p(logits: Logits, p: float) -> None:
    kept = kept_of(logits, top_p(logits, p))
    exact = exact_softmax(logits)
    assert len(kept) >= 1
    dropped = [i for i in range(len(logits)) if i not in kept and logits[i] > -np.inf]
    assert all(logits[i] >= logits[j] for i in kept for j in dropped)
    held = [float(exact[i]) for i in kept]
    assert not dropped or sum(held) >= p - 1e-5, "enough"
    assert len(kept) == 1 or sum(held) - min(held) < p + 1e-5, "no more than needed"


@repeatable
@given(any_logits)
def test_top_p_of_one_keeps_all_and_of_zero_the_likeliest(logits: Logits) -> None:
    assert np.array_equal(top_p(logits, 1.0), logits)
    assert kept_of(logits, top_p(logits, 0.0)) == [int(logits.argmax())]


@pytest.mark.parametrize("size", [10, 100, 3000])
def test_of_equal_tokens_top_p_keeps_the_first_on_any_machine(size: int) -> None:
    logits = np.zeros(size, dtype=np.float32)
    assert kept_of(logits, top_p(logits, 0.5 - 0.1 / size)) == list(range(size // 2))
    # Two levels in turn: sorting such a row in the fastest way moves equal numbers past one another.
    logits[::2] = 1.0
    share = float(exact_softmax(logits)[1]) * (size // 5)
    expected = sorted([*range(0, size, 2), *range(1, size, 2)[: size // 5]])
    assert kept_of(logits, top_p(logits, float(exact_softmax(logits)[::2].sum()) + share - 0.1 / size)) == expected


@pytest.mark.parametrize("size", [2, 8, 1024])
def test_top_p_keeps_no_further_token_where_the_sum_is_p_exactly(size: int) -> None:
    logits = np.zeros(size, dtype=np.float32)
    assert len(kept_of(logits, top_p(logits, 0.5))) == size // 2


def test_top_p_reaches_p_in_a_vocabulary_of_tens_of_thousands() -> None:
    # Sums of many small numbers drift in float32; the probability that is kept must not.
    logits = np.random.default_rng(1).normal(0.0, 1.0, 50_000).astype(np.float32)
    for p in (0.1, 0.5, 0.9, 0.99):
        kept = kept_of(logits, top_p(logits, p))
        assert exact_softmax(logits)[kept].sum() == pytest.approx(p, abs=2e-4)


@repeatable
@given(any_logits, probabilities)
def test_min_p_keeps_tokens_at_least_p_times_as_likely_as_the_likeliest(logits: Logits, p: float) -> None:
    kept = kept_of(logits, min_p(logits, p))
    exact = exact_softmax(logits)
    ratios = exact / exact.max()
    assert int(logits.argmax()) in kept
    for i, ratio in enumerate(ratios):
        if ratio > p * (1 + 1e-4):
            assert i in kept
        # A ratio too small for float64 is 0, whatever p.
        if ratio < p * (1 - 1e-4) and p > 1e-300:
            assert i not in kept


@repeatable
@given(any_logits)
def test_min_p_of_zero_keeps_all_and_of_one_only_the_likeliest(logits: Logits) -> None:
    assert np.array_equal(min_p(logits, 0.0), logits)
    assert kept_of(logits, min_p(logits, 1.0)) == np.flatnonzero(logits == logits.max()).tolist()


@repeatable
@given(any_logits, st.floats(0.01, 100.0), st.data())
def test_recent_tokens_are_penalized_once_each_and_no_others(
    logits: Logits, penalty: float, data: st.DataObject
) -> None:
    recent = data.draw(st.lists(st.integers(0, len(logits) - 1), max_size=10))
    changed = apply_repetition_penalty(logits, recent, penalty)
    for i, (before, after) in enumerate(zip(logits.tolist(), changed.tolist(), strict=True)):
        expected = before if i not in recent else before / penalty if before > 0 else before * penalty
        assert after == pytest.approx(expected, rel=1e-5)


def test_a_penalty_above_one_makes_a_token_less_likely_whatever_its_sign() -> None:
    logits = np.array([2.0, -2.0, 0.5], dtype=np.float32)
    assert apply_repetition_penalty(logits, [0, 1, 0], 2.0).tolist() == [1.0, -4.0, 0.5]
    assert apply_repetition_penalty(logits, [0, 1], 0.5).tolist() == [4.0, -1.0, 0.5]


@repeatable
@given(any_logits, st.data())
def test_banned_tokens_are_ruled_out_and_no_others(logits: Logits, data: st.DataObject) -> None:
    banned = data.draw(st.lists(st.integers(0, len(logits) - 1), max_size=5))
    kept = kept_of(logits, ban_tokens(logits, banned))
    assert kept == [i for i in range(len(logits)) if logits[i] > -np.inf and i not in banned]


@pytest.mark.parametrize(
    "function",
    [
        lambda logits: apply_temperature(logits, 0.5), lambda logits: apply_temperature(logits, 0.0),
        lambda logits: top_k(logits, 2), lambda logits: top_p(logits, 0.7), lambda logits: min_p(logits, 0.1),
    ],
    ids=["temperature", "greedy", "top-k", "top-p", "min-p"],
)  # fmt: skip
def test_a_row_is_changed_as_if_it_were_alone_however_large_the_logits_beside_it_are(
    function: Callable[[Logits], Logits],
) -> None:
    row = np.array([3.0, 1.5, 2.0, -4.0, 1.0], dtype=np.float32)
    rows = np.stack([row, row + 50, row[::-1] - 50])
    assert np.array_equal(function(rows), np.stack([function(each) for each in rows]))


@repeatable
@given(any_logits)
def test_softmax_matches_its_definition(logits: Logits) -> None:
    assert np.allclose(softmax(logits), exact_softmax(logits), rtol=1e-5, atol=1e-7)


def test_the_probabilities_of_a_text_do_not_depend_on_how_large_the_logits_beside_it_are() -> None:
    logits = np.array([[1000.0, 1000.0], [-1000.0, -1000.0], [0.0, -np.inf]], dtype=np.float32)
    assert softmax(logits).tolist() == [[0.5, 0.5], [0.5, 0.5], [1.0, 0.0]]
    assert surprisal_bits(logits, np.array([0, 1, 0])).tolist() == [1.0, 1.0, 0.0]


@repeatable
@given(any_logits, st.data())
def test_surprisal_is_the_tokens_information_in_bits(logits: Logits, data: st.DataObject) -> None:
    token = data.draw(st.integers(0, len(logits) - 1))
    row = logits.astype(np.float64)
    expected = ((row.max() - row[token]) + math.log(np.exp(row - row.max()).sum())) / math.log(2)
    assert surprisal(logits, token) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert surprisal(logits, token) >= 0


def test_surprisal_of_a_uniform_choice_among_eight_is_three_bits() -> None:
    assert surprisal(np.full(8, -7.25, dtype=np.float32), 5) == pytest.approx(3.0)
    assert surprisal(np.zeros(1, dtype=np.float32), 0) == 0.0


# All functions together.

some_settings = st.builds(
    SamplingConfig,
    temperature=st.sampled_from([0.0, 1e-30, 0.3, 1.0, 100.0]) | st.floats(0.0, 100.0),
    top_k=st.integers(0, 40),
    top_p=probabilities,
    min_p=probabilities,
    repetition_penalty=st.floats(0.01, 100.0),
    repetition_window=st.integers(0, 8),
)


@settings(repeatable, max_examples=140)
@given(any_logits, some_settings, st.data())
def test_probabilities_add_up_to_one_and_those_of_banned_tokens_are_zero(
    logits: Logits, config: SamplingConfig, data: st.DataObject
) -> None:
    tokens = st.lists(st.integers(0, len(logits) - 1), max_size=8)
    recent, banned = data.draw(tokens), data.draw(tokens)
    assume(any(logits[i] > -np.inf and i not in banned for i in range(len(logits))))
    result = next_distribution(logits, config, recent, banned)
    assert result.shape == logits.shape
    assert (result >= 0).all()
    assert result.sum() == pytest.approx(1.0, abs=1e-5)
    assert not result[banned].any()
    assert not result[logits == -np.inf].any()
    for seed in range(3):
        assert sample(result, random.Random(seed)) not in banned


def by_definition(
    logits: Logits, config: SamplingConfig, recent: Sequence[int], banned: Sequence[int]
) -> dict[int, float]:
    """The probabilities of the remaining tokens, by the published definitions in plain Python."""
    scores = {i: float(value) for i, value in enumerate(logits)}
    for i in set(recent[-config.repetition_window :] if config.repetition_window else ()):
        scores[i] = scores[i] / config.repetition_penalty if scores[i] > 0 else scores[i] * config.repetition_penalty
    for i in banned:
        scores.pop(i, None)
    scores = {i: score / config.temperature for i, score in scores.items()}
    ranked = sorted(scores, key=lambda i: -scores[i])
    ranked = ranked[: config.top_k or None]

    def shares(tokens: Sequence[int]) -> list[float]:
        return [float(share) for share in exact_softmax([scores[i] for i in tokens])]

    held = list(itertools.accumulate(shares(ranked), initial=0.0))
    ranked = [i for i, before in zip(ranked, held, strict=False) if before < config.top_p]
    top = shares(ranked)[0]
    ranked = [i for i, share in zip(ranked, shares(ranked), strict=True) if share >= config.min_p * top]
    return dict(zip(ranked, shares(ranked), strict=True))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
@pytest.mark.parametrize(("k", "p", "low"), [(0, 1.0, 0.0), (8, 1.0, 0.0), (0, 0.7, 0.0), (0, 1.0, 0.2), (9, 0.8, 0.1)])
@pytest.mark.parametrize(("penalty", "window"), [(1.0, 64), (1.5, 64), (0.7, 3), (2.0, 0)])
def test_the_functions_apply_in_the_documented_order(
    temperature: float, k: int, p: float, low: float, penalty: float, window: int
) -> None:
    rng = np.random.default_rng(7)
    config = SamplingConfig(temperature, k, p, low, penalty, window)
    for _ in range(5):
        logits = rng.normal(0.0, 2.0, 20).astype(np.float32)
        recent = rng.integers(0, 20, 6).tolist()
        banned = rng.integers(0, 20, 2).tolist()
        result = next_distribution(logits, config, recent, banned)
        expected = by_definition(logits, config, recent, banned)
        assert {i for i in range(20) if result[i] > 0} == set(expected)
        assert all(result[i] == pytest.approx(share, rel=1e-4) for i, share in expected.items())


def log_of(*shares: float) -> Logits:
    return np.array([math.log(share) for share in shares], dtype=np.float32)


@pytest.mark.parametrize(
    ("logits", "config", "recent", "banned", "kept"),
    [
        # Of the two that top-k leaves, the first has 0.57: enough for top-p, which would keep two of all four.
        (log_of(0.4, 0.3, 0.2, 0.1), SamplingConfig(1.0, top_k=2, top_p=0.5), [], [], {0}),
        # Two of all three are needed to reach 0.6; after min-p, one with 0.625 would be enough.
        (log_of(0.5, 0.3, 0.2), SamplingConfig(1.0, top_p=0.6, min_p=0.5), [], [], {0, 1}),
        # A low temperature sharpens the distribution before top-p and min-p.
        (log_of(0.4, 0.3, 0.3), SamplingConfig(0.1, top_p=0.6), [], [], {0}),
        (log_of(0.4, 0.3, 0.3), SamplingConfig(0.1, min_p=0.5), [], [], {0}),
        # A banned token is not counted among the k.
        (log_of(0.4, 0.3, 0.2, 0.1), SamplingConfig(1.0, top_k=2), [], [0], {1, 2}),
        (log_of(0.4, 0.3, 0.2, 0.1), SamplingConfig(0.0), [], [0], {1}),
        # The penalty comes before temperature and top-k.
        (log_of(0.4, 0.3, 0.2, 0.1), SamplingConfig(0.0, repetition_penalty=3.0), [0], [], {1}),
        (log_of(0.4, 0.3, 0.2, 0.1), SamplingConfig(1.0, top_k=1, repetition_penalty=3.0), [0], [], {1}),
    ],
)
def test_the_order_of_the_functions_where_it_matters(
    logits: Logits, config: SamplingConfig, recent: list[int], banned: list[int], kept: set[int]
) -> None:
    result = next_distribution(logits, config, recent, banned)
    assert set(np.flatnonzero(result).tolist()) == kept


def test_the_penalty_applies_only_within_its_window() -> None:
    logits = np.array([3.0, 2.0, 1.0], dtype=np.float32)
    recent = [0, 1, 2]

    def penalized(window: int) -> list[bool]:
        config = SamplingConfig(1.0, repetition_penalty=2.0, repetition_window=window)
        result = np.log(next_distribution(logits, config, recent)) - np.log(softmax(logits))
        return [bool(change < result.max() - 0.1) for change in result]

    assert penalized(1) == [False, False, True]
    assert penalized(2) == [False, True, True]
    assert next_distribution(
        logits, SamplingConfig(1.0, repetition_penalty=2.0, repetition_window=0), recent
    ).tolist() == (softmax(logits).tolist())


def test_a_vocabulary_of_one_token_always_gives_that_token() -> None:
    for config in (SamplingConfig(), SamplingConfig(0.0), SamplingConfig(1.0, 1, 0.0, 1.0, 5.0)):
        result = next_distribution(np.array([-3.5], dtype=np.float32), config, [0])
        assert result.tolist() == [1.0]
        assert sample(result, random.Random(1)) == 0


# Drawing a token.


class Constant(random.Random):
    """A generator that always returns the same number."""

    def __init__(self, number: float) -> None:
        super().__init__(0)
        self.number = number

    def random(self) -> float:
        return self.number


EDGES = (0.0, 5e-324, 2**-53, 0.5, 1 - 2**-24, math.nextafter(1.0, 0.0))


@repeatable
@given(
    st.lists(st.floats(0.0, 1.0, width=32) | st.sampled_from([0.0, 1e-45, 1.0]), min_size=1, max_size=20).filter(
        lambda shares: sum(shares) > 0
    ),
    st.sampled_from(EDGES) | st.floats(0.0, 1.0, exclude_max=True),
)
@example([0.0, 1.0, 0.0], 0.0)
@example([0.0, 1.0, 0.0], EDGES[-1])
def test_a_token_without_any_probability_is_never_drawn(shares: list[float], number: float) -> None:
    weights = np.array(shares, dtype=np.float32)
    token = sample(weights, Constant(number))
    assert weights[token] > 0
    assert sample_rows(np.stack([weights, weights]), [Constant(number)] * 2).tolist() == [token, token]


@repeatable
@given(any_logits, some_settings, st.sampled_from(EDGES))
def test_a_token_that_was_ruled_out_is_never_drawn_even_at_the_edges(
    logits: Logits, config: SamplingConfig, number: float
) -> None:
    result = next_distribution(logits, config)
    assert result[sample(result, Constant(number))] > 0


@pytest.mark.parametrize("shares", [[0.5, 0.25, 0.125, 0.125], [0.01, 0.0, 0.9, 0.09], [0.1] * 10])
def test_tokens_are_drawn_as_often_as_their_probabilities_say(shares: list[float]) -> None:
    generator, weights, draws = random.Random(11), np.array(shares, dtype=np.float32), 10_000
    drawn = Counter(sample(weights, generator) for _ in range(draws))
    assert set(drawn) == {i for i, share in enumerate(shares) if share}
    squares = sum((drawn[i] - draws * share) ** 2 / (draws * share) for i, share in enumerate(shares) if share)
    # Chi-square with nine degrees of freedom exceeds 33.7 once in ten thousand times; with fewer, less often.
    assert squares < 33.7


def test_a_draw_takes_one_number_from_the_generator_whatever_the_distribution() -> None:
    for shares in ([1.0], [0.5, 0.5], [0.0, 1.0, 0.0], [0.01] * 100):
        used, reference = random.Random(5), random.Random(5)
        sample(np.array(shares, dtype=np.float32), used)
        reference.random()
        assert used.getstate() == reference.getstate()


@repeatable
@given(st.lists(st.lists(st.one_of(usual, ties), min_size=9, max_size=9), min_size=2, max_size=6), some_settings)
def test_a_text_is_sampled_bit_for_bit_as_if_it_were_alone(rows: list[list[float]], config: SamplingConfig) -> None:
    logits = np.array(rows, dtype=np.float32)
    recent = [[i % 9, (2 * i) % 9] for i in range(len(rows))]
    together = next_distributions(logits, config, recent, [0])
    tokens = sample_rows(together, [random.Random(i) for i in range(len(rows))])
    bits = surprisal_bits(logits, tokens)
    for i in range(len(rows)):
        alone = next_distributions(logits[i : i + 1], config, [recent[i]], [0])
        assert alone.tobytes() == together[i : i + 1].tobytes()
        assert sample_rows(alone, [random.Random(i)])[0] == tokens[i]
        assert surprisal_bits(logits[i : i + 1], tokens[i : i + 1])[0] == bits[i]
