"""Beam search: finds the likeliest targets, independently of the batch, without duplicates or endless loops."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from pair_runs import LETTERS, sources_of, tiny_models, tiny_translator, word

from rnntui.config_seq2seq import BeamConfig
from rnntui.errors import UsageError
from rnntui.inference.beam_search import BeamSearch, SearchResult, _best_continuations, length_normalized
from rnntui.inference.utf8_masks import Utf8Masks
from rnntui.text.vocabulary import BOS, EOS

SIZE = 8
BANNED = (0, 1, 3)


def text_of_ids(ids: list[int]) -> str:
    return " ".join(map(str, ids))


def search(model, sources, settings, limit: int = 6, detokenize=text_of_ids) -> list[SearchResult]:
    return BeamSearch(model, settings, detokenize, BANNED).search(sources, [limit] * len(sources))


def chain_rule_log_probability(model, source, ids: list[int]) -> float:
    """The log-probability of a target by the chain rule, one token after another."""
    encoder_output, decoder_state = model.encode([source])
    total = 0.0
    for before, token in itertools.pairwise([BOS, *ids, EOS]):
        _, decoder_state = model.step(np.array([before]), decoder_state, encoder_output)
        logits = model.logits(decoder_state)[0].astype(np.float64)
        total += logits[token] - np.log(np.exp(logits).sum())
    return total


def test_a_beam_wide_enough_finds_the_likeliest_of_all_targets() -> None:
    _, model = tiny_models(SIZE, SIZE, False)
    [source] = sources_of([4], SIZE)
    allowed = [token for token in range(SIZE) if token not in (*BANNED, EOS)]
    targets = [list(ids) for n in range(3) for ids in itertools.product(allowed, repeat=n)]
    best = max(targets, key=lambda ids: chain_rule_log_probability(model, source, ids))
    settings = BeamConfig(beam=64, length_penalty=0.0)
    [result] = search(model, [source], settings, limit=3)
    assert result.hypotheses[0].ids == best
    assert result.hypotheses[0].log_probability == pytest.approx(
        chain_rule_log_probability(model, source, best), abs=1e-4
    )
    settings = BeamConfig(beam=len(allowed) ** 2, n_best=4, length_penalty=0.0)
    [result] = search(model, [source], settings, limit=3)
    ranked = sorted(targets, key=lambda ids: -chain_rule_log_probability(model, source, ids))
    assert [h.ids for h in result.hypotheses] == ranked[:4]


def test_the_tokens_and_attention_of_a_hypothesis_are_those_it_was_scored_by() -> None:
    longest = 0
    for seed in range(6):
        _, model = tiny_models(SIZE, SIZE, False, seed)
        [source] = sources_of([5], SIZE, seed)
        [result] = search(model, [source], BeamConfig(beam=6, n_best=6))
        for h in result.hypotheses:
            if not h.ended:
                continue
            longest = max(longest, len(set(h.ids)))
            assert h.log_probability == pytest.approx(chain_rule_log_probability(model, source, h.ids), abs=1e-4)
            encoder_output, decoder_state = model.encode([source])
            for token, row in zip([BOS, *h.ids], h.attention, strict=True):
                weights, decoder_state = model.step(np.array([token]), decoder_state, encoder_output)
                np.testing.assert_allclose(row, weights[0, 0], atol=1e-5)
    assert longest > 1, "no hypothesis has distinct tokens that could be mixed up"


def test_a_hypothesis_of_a_batch_ends_at_the_limit_of_its_own_source() -> None:
    model = Scripted({(4,) * n: {4: -0.15, 5: -4.0, EOS: -5.0 if n < 3 else -2.5} for n in range(9)})
    sources, settings = [np.array([4, EOS])] * 2, BeamConfig(beam=2, n_best=2, length_penalty=0.0)
    short, long = BeamSearch(model, settings, str, BANNED).search(sources, [2, 5])
    assert [(h.ids, h.ended) for h in short.hypotheses] == [([4, 4], False), ([4, 5], False)]
    assert [(h.ids, h.ended) for h in long.hypotheses] == [([4] * 3, True), ([4] * 4, True)]


def test_a_source_is_not_searched_beyond_its_own_limit() -> None:
    model = Scripted({(4,) * n: {4: -0.15, 5: -4.0, EOS: -5.0 if n < 2 else -2.5} for n in range(9)})
    sources, settings = [np.array([4, EOS])] * 2, BeamConfig(beam=2, n_best=2, length_penalty=0.0)
    short, _ = BeamSearch(model, settings, str, BANNED).search(sources, [2, 5])
    assert [(h.ids, h.ended) for h in short.hypotheses] == [([4, 4], False), ([4, 5], False)]


@pytest.mark.parametrize("vocab_size", [5, 64, 65, 1000, 20_000])
def test_the_best_continuations_are_those_of_a_full_sort(vocab_size: int) -> None:
    rng = np.random.default_rng(vocab_size)
    for count in (1, 3, 6):
        logits = rng.normal(size=(6, vocab_size)).astype(np.float32)
        logits[:, 2] = -np.inf
        normalizers, totals = rng.normal(size=6), rng.normal(size=(2, 3))
        found = _best_continuations(logits, normalizers, totals, count)
        scores = (logits + (totals.ravel() - normalizers)[:, None]).reshape(2, -1)
        order = np.argsort(-scores, axis=1)[:, :count]
        for ours, expected in zip(
            found, (np.take_along_axis(scores, order, 1), order // vocab_size, order % vocab_size), strict=True
        ):
            np.testing.assert_array_equal(ours, expected)


def test_of_equal_continuations_the_first_are_the_best_on_any_machine() -> None:
    logits = np.tile(np.array([0.0, 1.0, 1.0, 0.0], dtype=np.float32), (3, 16))
    _, slots, tokens = _best_continuations(logits, np.zeros(3), np.zeros((1, 3)), 40)
    ones = np.flatnonzero(logits[0]).tolist()
    assert slots.tolist() == [[0] * 32 + [1] * 8] and tokens.tolist() == [[*ones, *ones[:8]]]


@pytest.mark.parametrize("token", [0, 1, 63, 64, 65, 127, 128, 191, 192, 199])
def test_the_best_continuation_is_found_wherever_it_is_in_the_vocabulary(token: int) -> None:
    logits = np.random.default_rng(token).normal(size=(2, 200)).astype(np.float32)
    logits[:, token] = 20.0
    totals, slots, tokens = _best_continuations(logits, np.zeros(2), np.array([[-1.0, -2.0]]), 2)
    assert (totals.tolist(), slots.tolist(), tokens.tolist()) == ([[19.0, 18.0]], [[0, 1]], [[token, token]])


def test_the_beam_has_no_duplicates() -> None:
    # The vocabulary size is not a multiple of the block size of top-k selection; the last token is the most probable.
    last = SIZE - 1
    model = Scripted({(): {last: -1.0, 4: -1.5, 5: -2.0}, **{(token,): {EOS: -0.1} for token in (last, 4, 5)}})
    [result] = search(model, [np.array([4, EOS])], BeamConfig(beam=3, n_best=3))
    assert [h.ids for h in result.hypotheses] == [[last], [4], [5]]


def test_banned_tokens_hide_no_others_of_a_large_vocabulary() -> None:
    model = Scripted({(): {4: -0.5, 300: -1.5}, (4,): {EOS: -0.1}, (300,): {EOS: -0.1}}, vocab_size=500)
    [result] = search(model, [np.array([4, EOS])], BeamConfig(beam=2, n_best=2))
    assert [h.ids for h in result.hypotheses] == [[4], [300]]


def test_ended_hypotheses_rank_before_truncated_ones() -> None:
    model = Scripted({(): {4: -0.3, EOS: -2.5, 5: -3.0}})
    [result] = search(model, [np.array([4, EOS])], BeamConfig(beam=2, n_best=2), limit=1)
    assert [(h.ids, h.ended) for h in result.hypotheses] == [([], True), ([4], False)]


def test_a_search_breaks_loops_depending_on_each_source() -> None:
    model = Scripted({(6,) * n: {6: -0.05, EOS: -4.0, 5: -9.0} for n in range(40)})
    sources = [np.array([4, EOS]), np.array([5] * 20 + [EOS])]
    short, long = search(model, sources, BeamConfig(beam=1), limit=40)
    assert [result.hypotheses[0].ids for result in (short, long)] == [[6] * 13, [6] * 23]


def test_a_beam_of_one_is_greedy_search() -> None:
    for seed in range(5):
        _, model = tiny_models(SIZE, SIZE, False, seed)
        [source] = sources_of([5], SIZE, seed)
        encoder_output, decoder_state = model.encode([source])
        token, ids = BOS, []
        while len(ids) < 6:
            _, decoder_state = model.step(np.array([token]), decoder_state, encoder_output)
            logits = model.logits(decoder_state)[0]
            logits[list(BANNED)] = -np.inf
            token = int(logits.argmax())
            if token == EOS:
                break
            ids.append(token)
        [result] = search(model, [source], BeamConfig(beam=1))
        assert result.hypotheses[0].ids == ids
        assert result.hypotheses[0].ended == (len(ids) < 6)


def test_a_near_tie_is_resolved_in_double_precision() -> None:
    # All logits are equal but for some millionths: in single precision, the batch would decide.
    translator = tiny_translator(4, sharpness=1e-6)
    lines = [word(random.Random(i), 2, 9) for i in range(20)]
    sources = [translator.encode(line) for line in lines]
    results = search(translator.model, sources, BeamConfig(beam=3), detokenize=translator._search.target_text)
    assert all(result.near_tie for result in results)
    together = translator.translate(lines, BeamConfig(beam=3))
    assert [translation.text for translation in together] == [
        translator.translate([line], BeamConfig(beam=3))[0].text for line in lines
    ]


class Scripted:
    """A fake model: a table of log-probabilities of tokens after a prefix; a banned token has the rest."""

    def __init__(
        self, table: dict[tuple[int, ...], dict[int, float]], dtype: type = np.float32, vocab_size: int = SIZE
    ) -> None:
        self._table, self.dtype, self._vocab_size = table, dtype, vocab_size
        self.steps = 0

    def encode(self, sources):
        return Prefixes([()] * len(sources)), Prefixes([()] * len(sources))

    def step(self, tokens, decoder_state, encoder_output):
        self.steps += 1
        grown = [(*prefix, int(token)) for prefix, token in zip(decoder_state.prefixes, tokens, strict=True)]
        batch = len(encoder_output.prefixes)
        return np.ones((batch, len(grown) // batch, 1), dtype=np.float32), Prefixes(grown)

    def logits(self, decoder_state):
        logits = np.tile(-30.0 - 1.3 * np.arange(self._vocab_size), (len(decoder_state.prefixes), 1))  # all distinct
        for row, (_, *prefix) in zip(logits, decoder_state.prefixes, strict=True):
            entries = self._table.get(tuple(prefix), {})
            row[list(entries)] = list(entries.values())
            row[BANNED[-1]] = np.log(1 - np.exp(list(entries.values())).sum())
        return logits.astype(self.dtype)


class Prefixes:
    """State of a scripted model: the tokens of each hypothesis so far."""

    def __init__(self, prefixes: list[tuple[int, ...]]) -> None:
        self.prefixes = prefixes

    def select(self, rows):
        return Prefixes([self.prefixes[row] for row in rows])


CHOICES = {
    "which hypotheses stay in the beam": lambda gap: {
        (): {4: -0.5, 5: -2.5, 6: -2.5 - gap},
        **{(token,): {EOS: -0.1 * token} for token in (4, 5, 6)},
    },
    "whether a hypothesis may end": lambda gap: {
        (): {4: -0.6, 5: -2.0, EOS: -2.0 - gap},
        **{(token,): {EOS: -0.1 * token} for token in (4, 5)},
    },
    "whether the search is over": lambda gap: {
        (): {4: -0.5, EOS: -2.0, 5: -4.0},
        (4,): {6: -0.8, EOS: -0.8 - gap, 5: -6.0},
    },
    "which of two ended hypotheses is better": lambda gap: {
        (): {4: -0.7, EOS: -1.2, 5: -2.0},
        (4,): {EOS: -0.5 - gap, 6: -3.0, 5: -4.0},
    },
    "which of two with the same text is kept": lambda gap: {
        (): {4: -1.0, 5: -1.5},
        (4,): {EOS: -1.0, 6: -3.0},
        (5,): {EOS: -0.5 - gap, 6: -3.5},
        (4, 6): {EOS: -0.5},
    },
}


@pytest.mark.parametrize("choice", CHOICES)
def test_every_close_choice_is_reported_as_a_near_tie_and_no_other(choice: str) -> None:
    settings = BeamConfig(beam=2, length_penalty=0.0)
    text_of_5 = "4" if "same text" in choice else "5"

    def detokenize(ids: list[int]) -> str:
        return str(ids).replace("5", text_of_5)

    for gap, near_tie in ((1e-5, True), (-1e-5, True), (0.2, False)):
        model = Scripted(CHOICES[choice](gap))
        [result] = search(model, [np.array([4, EOS])], settings, detokenize=detokenize)
        assert result.near_tie is near_tie, gap


def test_a_tie_among_hypotheses_that_are_not_returned_is_none() -> None:
    ends = {(4,): {EOS: -0.2}, (5,): {EOS: -1.0}, (6,): {EOS: -0.50001}}
    model = Scripted({(): {4: -0.3, 5: -2.0, 6: -2.5}, **ends})
    for n_best, near_tie in ((1, False), (2, True)):
        [result] = search(model, [np.array([4, EOS])], BeamConfig(beam=3, n_best=n_best, length_penalty=0.0))
        assert [h.ids for h in result.hypotheses] == [[4], [5]][:n_best] and result.near_tie is near_tie


def test_an_exact_tie_of_the_end_and_a_continuation_ends_the_search_in_double_precision() -> None:
    model = Scripted({(): {4: -0.7, EOS: -0.7}, (4,): {EOS: -0.1}}, np.float64)
    [result] = search(model, [np.array([4, EOS])], BeamConfig(beam=1, length_penalty=0.0))
    assert ([h.ids for h in result.hypotheses], model.steps, result.near_tie) == ([[]], 1, False)


@pytest.mark.parametrize(("text_of_5", "best"), [("5", [[4], [5]]), ("4", [[4]])])
def test_of_exactly_equal_hypotheses_the_first_is_the_best_in_double_precision(text_of_5: str, best: list) -> None:
    model = Scripted({(): dict.fromkeys((4, 5, 6), -1.2), **{(token,): {EOS: -0.1} for token in (4, 5, 6)}}, np.float64)
    settings = BeamConfig(beam=2, n_best=2, length_penalty=0.0)
    sources = [np.array([4, EOS])]
    [result] = search(model, sources, settings, detokenize=lambda ids: str(ids).replace("5", text_of_5))
    assert ([h.ids for h in result.hypotheses if len(h.ids) == 1], result.near_tie) == (best, False)


def test_what_has_left_the_beam_does_not_come_back_at_the_length_limit() -> None:
    model = Scripted({(): {4: -0.5, 5: -1.5, 6: -2.5}})
    settings = BeamConfig(beam=2, n_best=2)
    [result] = search(model, [np.array([4, EOS])], settings, 1, lambda ids: str(ids).replace("5", "4"))
    assert [h.ids for h in result.hypotheses] == [[4]], "both of the beam have the same text"


class Shifted(Scripted):
    """A scripted model with another constant added to each row of logits, all eighths: exact in single precision."""

    shift = 0.0

    def logits(self, decoder_state):
        logits = np.round(super().logits(decoder_state) * 8) / 8
        return logits + np.float32(self.shift) * np.arange(1, len(logits) + 1, dtype=np.float32)[:, None]


@pytest.mark.parametrize("choice", CHOICES)
def test_a_constant_added_to_all_logits_of_a_step_changes_no_log_probability(choice: str) -> None:
    model, settings = Shifted(CHOICES[choice](0.3)), BeamConfig(beam=2, n_best=2)
    [result] = search(model, [np.array([4, EOS])], settings)
    model.shift = 1024.0  # log-probabilities of logits of this size would be off by 0.00003 in single precision
    [shifted] = search(model, [np.array([4, EOS])], settings)
    for h, expected in zip(shifted.hypotheses, result.hypotheses, strict=True):
        assert h.ids == expected.ids
        assert h.log_probability == pytest.approx(expected.log_probability, rel=0, abs=1e-6)


@pytest.mark.parametrize(("n_best", "best", "steps"), [(1, [[4, 6]], 3), (2, [[4, 6], [4, 6, 5]], 4)])
def test_the_search_ends_once_no_live_hypothesis_can_be_better(n_best: int, best: list, steps: int) -> None:
    model = Scripted(
        {
            (): {4: -0.3, EOS: -2.5, 5: -3.0},
            (4,): {6: -0.2, EOS: -2.5},
            (5,): {6: -0.5},
            (4, 6): {EOS: -0.8, 5: -0.9},
            (4, 6, 5): {EOS: -0.1},
        }
    )
    [result] = search(model, [np.array([4, EOS])], BeamConfig(beam=2, n_best=n_best, length_penalty=0.0))
    assert [h.ids for h in result.hypotheses] == best
    assert model.steps == steps


def test_of_hypotheses_with_the_same_text_the_likeliest_is_kept() -> None:
    model = Scripted(CHOICES["which of two with the same text is kept"](-0.2))
    settings = BeamConfig(beam=2, length_penalty=0.0)
    [result] = search(model, [np.array([4, EOS])], settings, detokenize=lambda ids: str(ids).replace("5", "4"))
    assert result.hypotheses[0].ids == [5]


def test_the_n_best_have_distinct_texts_and_are_sorted_by_score() -> None:
    translator = tiny_translator(5)
    for line in ("abc", "hhhh", "a"):
        [result] = translator.translate([line], BeamConfig(beam=8, n_best=8, length_penalty=0.6))
        texts = [h.text for h in result.hypotheses]
        assert len(texts) == len(set(texts)) > 1
        scores = [h.score for h in result.hypotheses]
        assert scores == sorted(scores, reverse=True)
        for h in result.hypotheses:
            assert h.score == pytest.approx(length_normalized(h.log_probability, len(h.ids) + h.ended, 0.6))
            assert h.attention.shape == (len(h.ids) + h.ended, len(result.source_tokens))
            np.testing.assert_allclose(h.attention.sum(axis=1), 1.0, atol=1e-5)


def test_a_text_with_several_tokenizations_is_returned_once() -> None:
    _, model = tiny_models(SIZE, SIZE, False, 3)
    settings = BeamConfig(beam=5, n_best=5)
    [result] = search(model, sources_of([4], SIZE), settings, detokenize=lambda ids: "x" * len(ids))
    lengths = [len(h.ids) for h in result.hypotheses]
    assert len(lengths) == len(set(lengths))


def test_the_length_penalty_favours_longer_targets() -> None:
    assert length_normalized(-6.0, 10, 0.0) == -6.0
    assert length_normalized(-6.0, 10, 1.0) == pytest.approx(-6.0 / 2.5)
    assert length_normalized(-6.0, 20, 0.6) > length_normalized(-6.0, 10, 0.6)


def test_no_target_is_longer_than_max_length() -> None:
    translator = tiny_translator(6)
    lines = [word(random.Random(i)) for i in range(10)]
    for max_length in (1, 3):
        for result in translator.translate(lines, BeamConfig(beam=3, max_length=max_length)):
            assert all(len(h.ids) <= max_length for h in result.hypotheses) and result.hypotheses


def test_n_best_above_the_beam_width_is_refused() -> None:
    with pytest.raises(UsageError, match="--beam of 9"):
        BeamConfig(beam=5, n_best=9).check()


def test_banned_tokens_are_never_generated() -> None:
    translator = tiny_translator(8)
    for found in translator.translate([LETTERS, "ab"], BeamConfig(beam=8, n_best=8)):
        for h in found.hypotheses:
            assert not set(h.ids) & {*translator.target.banned_ids, EOS}


@pytest.mark.parametrize("seed", range(4))
def test_no_hypothesis_has_half_a_character(seed: int) -> None:
    byte_tokens = {10 + byte: byte for byte in range(256)}
    _, model = tiny_models(266, 266, True, seed)
    sources = sources_of([3, 6, 9], 10, seed)
    banned = [0, 1, *range(6, 10)]  # three words and the bytes

    def text(ids: list[int]) -> str:
        return bytes(byte_tokens.get(token, ord("w")) for token in ids).decode("utf-8", "replace")

    free = BeamSearch(model, BeamConfig(n_best=5), text, banned).search(sources, [60] * 3)
    assert any("\ufffd" in hypothesis.text for result in free for hypothesis in result.hypotheses)
    masks = Utf8Masks(byte_tokens, 266)
    masked = BeamSearch(model, BeamConfig(n_best=5), text, banned, None, masks).search(sources, [60] * 3)
    for result in masked:
        for hypothesis in result.hypotheses:
            end = 0 if hypothesis.ended else 1  # only at the length limit, a character may be cut off
            assert "\ufffd" not in hypothesis.text[: len(hypothesis.text) - end]
