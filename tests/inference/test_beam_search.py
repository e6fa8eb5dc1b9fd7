"""Beam search: finds the likeliest targets, independently of the batch, without duplicates or endless loops."""

from __future__ import annotations

import itertools
import random
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from pair_runs import LETTERS, sources_of, tiny_models, tiny_translator, word

from rnntui.config_seq2seq import BeamConfig
from rnntui.errors import CancelledError, UsageError
from rnntui.inference.batched_search import BatchedSearch, SearchJob, SearchOptions
from rnntui.inference.beam_search import (
    BeamSearch,
    Hypothesis,
    SearchResult,
    _best_continuations,
    length_normalized,
)
from rnntui.inference.repetition_blocker import RepetitionBlocker
from rnntui.inference.utf8_masks import Utf8Masks
from rnntui.kinds.pair_corpus_info import PairLengths
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.placeholders import PLACEHOLDERS
from rnntui.text.subword_tokenizer import SubwordTokenizer
from rnntui.text.vocabulary import BOS, EOS, Vocabulary

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


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"cell": "gru", "input_feeding": True},
        {"cell": "rnn", "attention": "additive", "layers": 2},
        {"attention": "none"},
    ],
    ids=str,
)
def test_a_translation_does_not_depend_on_batch_or_order(shape: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    lines = [word(rng, 1, 12) for _ in range(60)]
    translator = tiny_translator(2, **shape)
    settings = BeamConfig(beam=4, n_best=3)
    alone = [translator.translate([line], settings)[0] for line in lines]
    shuffled = list(range(len(lines)))
    rng.shuffle(shuffled)
    for batch in (2, 7, 60):
        monkeypatch.setattr("rnntui.inference.batched_search.BATCH", batch)
        together = dict(zip(shuffled, translator.translate([lines[i] for i in shuffled], settings), strict=True))
        for index, single in enumerate(alone):
            other = together[index]
            assert [h.text for h in single.hypotheses] == [h.text for h in other.hypotheses]
            for ours, theirs in zip(single.hypotheses, other.hypotheses, strict=True):
                assert ours.ids == theirs.ids and ours.score == pytest.approx(theirs.score, abs=1e-4)
                np.testing.assert_allclose(ours.attention, theirs.attention, atol=1e-4)


def test_several_workers_translate_as_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.inference.batched_search.BATCH", 7)
    rng = random.Random(5)
    lines = [word(rng, 0, 12) for _ in range(60)]
    for sharpness in (1.0, 1e-6):  # with near ties too, which the exact model resolves
        translator = tiny_translator(2, sharpness)
        alone = translator.translate(lines, BeamConfig(beam=4))
        assert [line.source for line in alone] == lines
        for workers in (2, 5):
            together = translator.translate(lines, BeamConfig(beam=4), workers=workers)
            assert [line.text for line in together] == [line.text for line in alone]


def test_an_error_in_one_worker_stops_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.inference.batched_search.BATCH", 1)
    translator = tiny_translator(2)
    ends: list[str] = []
    both_search = threading.Barrier(2, timeout=10)

    def search(self, model, sources, settings, banned, is_cancelled):
        is_first = both_search.wait() == 0
        if is_first:
            ends.append("error")
            raise FloatingPointError("overflow")
        for _ in range(500):
            if is_cancelled():
                ends.append("told to stop")
                raise CancelledError
            time.sleep(0.01)
        ends.append("searched to the end")  # its result is not asked for, so that an error here would go unnoticed

    monkeypatch.setattr(BatchedSearch, "_search", search)
    with pytest.raises((FloatingPointError, CancelledError)):
        translator.translate(["abc"] * 2, BeamConfig(), workers=2)
    assert ends == ["error", "told to stop"]


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


def test_a_line_with_a_near_tie_is_searched_again_by_the_exact_model() -> None:
    translator, other = tiny_translator(4, sharpness=1e-6), tiny_translator(9)
    translator.model.exact = other.model.exact  # another model, to tell which of the two answered
    settings = BeamConfig(beam=3)
    for line in ("abc", "gfedh"):
        [resolved] = translator.translate([line], settings)
        [unresolved] = translator.translate([line], settings, resolve_ties=False)
        assert resolved.text == other.translate([line], settings)[0].text != unresolved.text


def test_line_breaks_in_a_translation_become_spaces() -> None:
    vocabulary = Vocabulary(CharTokenizer(list("ab\n\u2028\r")))
    search = BatchedSearch(tiny_translator().model, vocabulary, None)
    assert search.target_text(list(vocabulary.encode("\na\nb\u2028b\r\na\n"))) == "a b b a"


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


def tokens_until_banned(source: list[int], loop: list[int], limit: int = 100) -> int:
    """The number of tokens of a loop that a target may have, if it has nothing else."""
    blocker = RepetitionBlocker.for_sources([np.array([*source, EOS])], 1)
    for count, token in enumerate(itertools.islice(itertools.cycle(loop), limit)):
        logits = np.zeros((1, 20), dtype=np.float32)
        blocker.ban(logits)
        banned = np.flatnonzero(np.isneginf(logits[0])).tolist()
        if banned:
            assert banned == [token]
            return count
        blocker = blocker.advance(np.array([0]), np.array([0]), np.array([token]))
    return limit


@pytest.mark.parametrize("period", range(1, 9))
def test_a_loop_is_cut_three_repeats_after_those_of_the_source(period: int) -> None:
    loop = list(range(4, 4 + period))
    assert tokens_until_banned([5, 6, 7], loop) == period + max(3 * period, 12)
    assert tokens_until_banned(loop * 6, loop) == period + max(8 * period, 12)
    assert tokens_until_banned(loop * 2, loop) == period + max(4 * period, 12)
    assert tokens_until_banned(loop * 20, [15]) == 1 + max(22, 12), "repeats of the source may be of another loop"


def test_what_repeats_after_more_than_eight_tokens_is_no_loop() -> None:
    loop = list(range(4, 13))
    assert tokens_until_banned([5, 6, 7], loop) == 100
    assert tokens_until_banned(loop * 20, [15, 16]) == 2 + 12


def test_repeats_are_counted_across_reordered_hypotheses() -> None:
    blocker = RepetitionBlocker.for_sources([np.array([4, EOS])], 2)
    for n in range(13):
        blocker = blocker.advance(np.array([0]), np.array([0, 1]), np.array([5, 6 + n % 3]))
    blocker = blocker.advance(np.array([0]), np.array([1, 0]), np.array([7, 5]))
    logits = np.zeros((2, 10), dtype=np.float32)
    blocker.ban(logits)
    assert np.isneginf(logits).tolist() == [[False] * 10, [token == 5 for token in range(10)]]


def test_blank_lines_stay_blank_and_unusual_ones_get_a_translation() -> None:
    translator = tiny_translator(7)
    lines = ["", "abc", "   ", "\U0001f600\U0001f680", "a" * 5000, "\t"]
    result = translator.translate(lines, BeamConfig(beam=2))
    assert [bool(translation.hypotheses) for translation in result] == [False, True, False, True, True, False]
    assert result[0].text == result[2].text == ""
    assert len(result[4].hypotheses[0].ids) <= 12


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


def test_a_translation_has_whole_characters_only() -> None:
    tokenizer = SubwordTokenizer.train(["el erizo y la niña: été 日本\n" * 20], "bpe", 300, 30)
    target = Vocabulary(tokenizer)
    _, model = tiny_models(target.size, target.size, True, 3)
    bias = np.zeros(target.size, dtype=np.float32)
    bias[list(target.byte_tokens())] = 5.0
    model._output_bias = model._output_bias + bias
    search = BatchedSearch(model, target, PairLengths(40, 40, 40))
    jobs = [SearchJob(source, BeamConfig(n_best=4)) for source in sources_of([3, 6, 9], target.size, 3)]
    texts = [h.text[: len(h.text) - (not h.ended)] for found in search.search(jobs, SearchOptions()) for h in found]
    assert any(ord(character) > 0x7F for text in texts for character in text)
    assert not any("\ufffd" in text for text in texts)


class Recorder(BatchedSearch):
    """Records the batches in place of searching them; the results are near ties if it is told so."""

    def __init__(self, lengths: PairLengths | None = None) -> None:
        vocabulary = Vocabulary(CharTokenizer(["a", PLACEHOLDERS[0]]))
        super().__init__(SimpleNamespace(exact="exact"), vocabulary, lengths)  # type: ignore[arg-type]
        self.placeholder = vocabulary.placeholder_ids()
        self.banned_ids = [*vocabulary.banned_ids]
        self.batches: list[tuple[object, list[int], BeamConfig, list[int]]] = []
        self.near_tie = False

    def _search(self, model, sources, settings, banned, is_cancelled):
        self.batches.append((model, [len(source) for source in sources], settings, banned))
        found = [Hypothesis([len(source)], str(model), 0.0, 0.0, np.zeros((1, 1)), True) for source in sources]
        return [SearchResult([hypothesis], self.near_tie) for hypothesis in found]

    def lengths_of(self, jobs: list[SearchJob], options: SearchOptions | None = None) -> list[list[int]]:
        """The lengths of the sources of each batch."""
        found = self.search(jobs, options or SearchOptions(resolve_ties=False))
        assert [[h.ids for h in hypotheses] for hypotheses in found] == [[[len(job.source)]] for job in jobs]
        return [lengths for _, lengths, _, _ in self.batches]


def jobs_of(*lengths: int, settings: BeamConfig | None = None, has_placeholders: bool = True) -> list[SearchJob]:
    return [SearchJob(np.zeros(n, np.int64), settings or BeamConfig(), has_placeholders) for n in lengths]


def test_batches_are_of_similar_length_and_bounded_in_sources_and_in_tokens() -> None:
    jobs = jobs_of(*[3] * 65, *[2] * 65)
    assert [(len(batch), set(batch)) for batch in Recorder().lengths_of(jobs)] == [(64, {2}), (64, {2, 3}), (2, {3})]
    assert Recorder().lengths_of(jobs_of(5000, 2049, 2048, 2000)) == [[2000, 2048], [2049], [5000]]
    assert Recorder().lengths_of([]) == []


def test_a_batch_has_one_kind_of_settings_and_the_shortest_come_first() -> None:
    wide, recorder = BeamConfig(beam=9), Recorder()
    jobs = [*jobs_of(7, 3), *jobs_of(5, 2, settings=wide), *jobs_of(4, has_placeholders=False)]
    assert recorder.lengths_of(jobs) == [[4], [2, 5], [3, 7]]
    assert [settings for _, _, settings, _ in recorder.batches] == [BeamConfig(), wide, BeamConfig()]
    banned = [banned for _, _, _, banned in recorder.batches]
    assert banned == [recorder.banned_ids + recorder.placeholder, recorder.banned_ids, recorder.banned_ids]
    assert len(recorder.placeholder) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_is_the_share_of_the_source_tokens(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.inference.batched_search.BATCH", 2)
    fractions: list[float] = []
    options = SearchOptions(resolve_ties=False, workers=workers, on_progress=fractions.append)
    Recorder().lengths_of(jobs_of(1, 2, 3, 4), options)
    assert fractions == ([0.3, 1.0] if workers == 1 else [0.7, 1.0])


def test_near_ties_are_searched_alone_by_the_exact_model_if_that_is_wanted() -> None:
    recorder = Recorder()
    recorder.near_tie = True
    found = recorder.search(jobs_of(2, 3), SearchOptions())
    assert [[h.text for h in hypotheses] for hypotheses in found] == [["exact"], ["exact"]]
    assert [lengths for _, lengths, _, _ in recorder.batches] == [[2, 3], [2], [3]]
    found = recorder.search(jobs_of(2), SearchOptions(resolve_ties=False))
    assert found[0][0].text != "exact" and len(recorder.batches) == 4


def test_the_limit_of_a_target_is_the_users_or_that_of_training_or_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[list[int]] = []
    monkeypatch.setattr(BeamSearch, "search", lambda self, sources, lengths: limits.append(lengths) or [])
    for lengths, settings in ((None, 0), (None, 7), (PairLengths(9, 40, 1), 0)):
        search = BatchedSearch(tiny_translator().model, Vocabulary(CharTokenizer(["a"])), lengths)
        config = BeamConfig(max_length=settings) if settings else BeamConfig()
        search._search(search._model, [np.zeros(5), np.zeros(50)], config, [], None)  # type: ignore[list-item]
    assert limits == [[200, 200], [7, 7], [21, 52]]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_search_is_cancelled_before_its_next_step(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.inference.batched_search.BATCH", 1)
    translator = tiny_translator(2)
    with pytest.raises(CancelledError):
        translator._search.search(jobs_of(3, 4), SearchOptions(workers=workers, is_cancelled=lambda: True))


def test_a_search_in_double_precision_is_cancelled_before_its_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    translator, has_begun = tiny_translator(4, sharpness=1e-6), threading.Event()
    encode = translator.model.exact.encode
    monkeypatch.setattr(translator.model.exact, "encode", lambda sources: has_begun.set() or encode(sources))
    with pytest.raises(CancelledError):
        translator._search.search(
            [SearchJob(translator.encode("abc"), BeamConfig())], SearchOptions(is_cancelled=has_begun.is_set)
        )
    assert has_begun.is_set()


def test_as_many_batches_are_searched_at_the_same_time_as_there_are_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.inference.batched_search.BATCH", 1)
    two_search, threads = threading.Barrier(2, timeout=60), set()

    class Waiting(Recorder):
        def _search(self, *arguments):
            threads.add(threading.get_ident())
            two_search.wait()
            return super()._search(*arguments)

    Waiting().search(jobs_of(*range(1, 9)), SearchOptions(resolve_ties=False, workers=2))
    assert len(threads) == 2
