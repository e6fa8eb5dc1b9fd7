"""Beam search: right, the same in any company, without repeats, and with an end."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from pair_runs import LETTERS, sources_of, tiny_models, tiny_translator, word

from rnntui.config_seq2seq import BeamConfig
from rnntui.errors import UsageError
from rnntui.inference.beam_search import normalised, search
from rnntui.inference.repetition_blocker import RepetitionBlocker
from rnntui.inference.translator import Translator
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.vocabulary import BOS, EOS, Vocabulary

SIZE = 8
NEVER = (0, 1, 3)


def found_by(model, sources, settings, limit: int = 6):
    def text(ids: list[int]) -> str:
        return " ".join(map(str, ids))

    return search(model, sources, settings, [limit] * len(sources), text, NEVER)


def log_probability(model, source, ids: list[int]) -> float:
    """By the chain rule, one token after the other."""
    memory, decoder_state = model.encode([source])
    total = 0.0
    for before, token in itertools.pairwise([BOS, *ids, EOS]):
        _, decoder_state = model.step(np.array([before]), decoder_state, memory)
        logits = model.logits(decoder_state)[0].astype(np.float64)
        total += logits[token] - np.log(np.exp(logits).sum())
    return total


def test_a_beam_wide_enough_finds_the_likeliest_of_all_targets() -> None:
    _, model = tiny_models(SIZE, SIZE, False)
    [source] = sources_of([4], SIZE)
    written = [token for token in range(SIZE) if token not in (*NEVER, EOS)]
    every = [list(ids) for n in range(3) for ids in itertools.product(written, repeat=n)]
    best = max(every, key=lambda ids: log_probability(model, source, ids))
    settings = BeamConfig(beam=64, length_penalty=0.0)
    [found] = found_by(model, [source], settings, limit=3)
    assert found.hypotheses[0].ids == best
    assert found.hypotheses[0].log_probability == pytest.approx(log_probability(model, source, best), abs=1e-4)
    settings = BeamConfig(beam=len(written) ** 2, n_best=4, length_penalty=0.0)
    [found] = found_by(model, [source], settings, limit=3)
    ranked = sorted(every, key=lambda ids: -log_probability(model, source, ids))
    assert [h.ids for h in found.hypotheses] == ranked[:4]


def test_the_tokens_and_attention_of_a_hypothesis_are_those_it_was_scored_by() -> None:
    longest = 0
    for seed in range(6):
        _, model = tiny_models(SIZE, SIZE, False, seed)
        [source] = sources_of([5], SIZE, seed)
        [found] = found_by(model, [source], BeamConfig(beam=6, n_best=6))
        for h in found.hypotheses:
            if not h.ended:
                continue
            longest = max(longest, len(set(h.ids)))
            assert h.log_probability == pytest.approx(log_probability(model, source, h.ids), abs=1e-4)
            memory, decoder_state = model.encode([source])
            for token, row in zip([BOS, *h.ids], h.attention, strict=True):
                weights, decoder_state = model.step(np.array([token]), decoder_state, memory)
                np.testing.assert_allclose(row, weights[0, 0], atol=1e-5)
    assert longest > 1, "no hypothesis that could have been mixed up"


def test_a_hypothesis_of_a_batch_ends_at_the_limit_of_its_own_source() -> None:
    model = Scripted({(4,) * n: {4: -0.15, 5: -4.0, EOS: -5.0 if n < 3 else -2.5} for n in range(9)})
    sources, settings = [np.array([4, EOS])] * 2, BeamConfig(beam=2, n_best=2, length_penalty=0.0)
    short, long = search(model, sources, settings, [2, 5], str, NEVER)
    assert [(h.ids, h.ended) for h in short.hypotheses] == [([4, 4], False), ([4, 5], False)]
    assert [(h.ids, h.ended) for h in long.hypotheses] == [([4] * 3, True), ([4] * 4, True)]


def test_no_hypothesis_stands_in_the_beam_twice() -> None:
    # The vocabulary is no multiple of the blocks that it is looked through in, and its last token the likeliest.
    last = SIZE - 1
    model = Scripted({(): {last: -1.0, 4: -1.5, 5: -2.0}, **{(token,): {EOS: -0.1} for token in (last, 4, 5)}})
    [found] = found_by(model, [np.array([4, EOS])], BeamConfig(beam=3, n_best=3))
    assert [h.ids for h in found.hypotheses] == [[last], [4], [5]]


def test_what_ended_by_itself_comes_before_what_was_cut_off() -> None:
    model = Scripted({(): {4: -0.3, EOS: -2.5, 5: -3.0}})
    [found] = found_by(model, [np.array([4, EOS])], BeamConfig(beam=2, n_best=2), limit=1)
    assert [(h.ids, h.ended) for h in found.hypotheses] == [([], True), ([4], False)]


def test_a_search_breaks_circles_by_the_measure_of_each_source() -> None:
    model = Scripted({(6,) * n: {6: -0.05, EOS: -4.0, 5: -9.0} for n in range(40)})
    sources = [np.array([4, EOS]), np.array([5] * 20 + [EOS])]
    once, often = found_by(model, sources, BeamConfig(beam=1), limit=40)
    assert [one.hypotheses[0].ids for one in (once, often)] == [[6] * 13, [6] * 23]


def test_a_beam_of_one_takes_the_likeliest_token_each_time() -> None:
    for seed in range(5):
        _, model = tiny_models(SIZE, SIZE, False, seed)
        [source] = sources_of([5], SIZE, seed)
        memory, decoder_state = model.encode([source])
        token, ids = BOS, []
        while len(ids) < 6:
            _, decoder_state = model.step(np.array([token]), decoder_state, memory)
            logits = model.logits(decoder_state)[0]
            logits[list(NEVER)] = -np.inf
            token = int(logits.argmax())
            if token == EOS:
                break
            ids.append(token)
        [found] = found_by(model, [source], BeamConfig(beam=1))
        assert found.hypotheses[0].ids == ids
        assert found.hypotheses[0].ended == (len(ids) < 6)


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
def test_a_line_gets_the_same_in_any_batch_and_any_order(shape: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    lines = [word(rng, 1, 12) for _ in range(60)]
    translator = tiny_translator(2, **shape)
    settings = BeamConfig(beam=4, n_best=3)
    alone = [translator.translate([line], settings)[0] for line in lines]
    shuffled = list(range(len(lines)))
    rng.shuffle(shuffled)
    for batch in (2, 7, 60):
        monkeypatch.setattr("rnntui.inference.translator.BATCH", batch)
        together = dict(zip(shuffled, translator.translate([lines[i] for i in shuffled], settings), strict=True))
        for number, one in enumerate(alone):
            other = together[number]
            assert [h.text for h in one.hypotheses] == [h.text for h in other.hypotheses]
            for ours, theirs in zip(one.hypotheses, other.hypotheses, strict=True):
                assert ours.ids == theirs.ids and ours.score == pytest.approx(theirs.score, abs=1e-4)
                np.testing.assert_allclose(ours.attention, theirs.attention, atol=1e-4)


def test_a_choice_nearer_than_rounding_is_settled_in_double_precision() -> None:
    # All logits alike but for some millionths: single precision alone would let the batch decide.
    translator = tiny_translator(4, sharpness=1e-6)
    lines = [word(random.Random(i), 2, 9) for i in range(20)]
    sources = [translator.encode(line) for line in lines]
    found = search(translator.model, sources, BeamConfig(beam=3), [6] * 20, translator._text_of, NEVER)
    assert all(one.near_tie for one in found)
    together = translator.translate(lines, BeamConfig(beam=3))
    assert [one.text for one in together] == [
        translator.translate([line], BeamConfig(beam=3))[0].text for line in lines
    ]


class Scripted:
    """A model that says what a table says: the log-probabilities of tokens after a prefix, the rest on a banned one."""

    dtype = np.float32

    def __init__(self, table: dict[tuple[int, ...], dict[int, float]]) -> None:
        self._table = table
        self.steps = 0

    def encode(self, sources):
        return Prefixes([()] * len(sources)), Prefixes([()] * len(sources))

    def step(self, tokens, decoder_state, memory):
        self.steps += 1
        grown = [(*prefix, int(token)) for prefix, token in zip(decoder_state.prefixes, tokens, strict=True)]
        batch = len(memory.prefixes)
        return np.ones((batch, len(grown) // batch, 1), dtype=np.float32), Prefixes(grown)

    def logits(self, decoder_state):
        logits = np.tile(-30.0 - 1.3 * np.arange(SIZE), (len(decoder_state.prefixes), 1))  # no two alike
        for row, (_, *prefix) in zip(logits, decoder_state.prefixes, strict=True):
            said = self._table.get(tuple(prefix), {})
            row[list(said)] = list(said.values())
            row[NEVER[-1]] = np.log(1 - np.exp(list(said.values())).sum())
        return logits.astype(np.float32)


class Prefixes:
    """What a scripted model has read of each hypothesis."""

    def __init__(self, prefixes: list[tuple[int, ...]]) -> None:
        self.prefixes = prefixes

    def keep(self, rows):
        return Prefixes([self.prefixes[row] for row in rows])


CHOICES = {
    "which hypotheses go on": lambda gap: {
        (): {4: -0.5, 5: -2.5, 6: -2.5 - gap},
        **{(token,): {EOS: -0.1 * token} for token in (4, 5, 6)},
    },
    "whether one may end": lambda gap: {
        (): {4: -0.6, 5: -2.0, EOS: -2.0 - gap},
        **{(token,): {EOS: -0.1 * token} for token in (4, 5)},
    },
    "whether the search is over": lambda gap: {
        (): {4: -0.5, EOS: -2.0, 5: -4.0},
        (4,): {6: -0.8, EOS: -0.8 - gap, 5: -6.0},
    },
    "which of two that ended is better": lambda gap: {
        (): {4: -0.7, EOS: -1.2, 5: -2.0},
        (4,): {EOS: -0.5 - gap, 6: -3.0, 5: -4.0},
    },
    "which of two that read alike is kept": lambda gap: {
        (): {4: -1.0, 5: -1.5},
        (4,): {EOS: -1.0, 6: -3.0},
        (5,): {EOS: -0.5 - gap, 6: -3.5},
        (4, 6): {EOS: -0.5},
    },
}


@pytest.mark.parametrize("choice", CHOICES)
def test_every_near_choice_leaves_a_doubt_and_no_other(choice: str) -> None:
    settings = BeamConfig(beam=2, length_penalty=0.0)
    alike = "4" if "alike" in choice else "5"  # how a 5 is written
    for gap, doubted in ((1e-5, True), (-1e-5, True), (0.2, False)):
        model = Scripted(CHOICES[choice](gap))
        [found] = search(model, [np.array([4, EOS])], settings, [6], lambda ids: str(ids).replace("5", alike), NEVER)
        assert found.near_tie is doubted, gap


@pytest.mark.parametrize(("n_best", "best", "steps"), [(1, [[4, 6]], 3), (2, [[4, 6], [4, 6, 5]], 4)])
def test_the_search_goes_on_while_something_better_may_come_and_no_longer(n_best: int, best: list, steps: int) -> None:
    model = Scripted(
        {
            (): {4: -0.3, EOS: -2.5, 5: -3.0},
            (4,): {6: -0.2, EOS: -2.5},
            (5,): {6: -0.5},
            (4, 6): {EOS: -0.8, 5: -0.9},
            (4, 6, 5): {EOS: -0.1},
        }
    )
    [found] = found_by(model, [np.array([4, EOS])], BeamConfig(beam=2, n_best=n_best, length_penalty=0.0))
    assert [h.ids for h in found.hypotheses] == best
    assert model.steps == steps


def test_a_line_in_doubt_is_searched_again_by_the_exact_model() -> None:
    translator, other = tiny_translator(4, sharpness=1e-6), tiny_translator(9)
    translator.model.exact = other.model.exact  # another, so that one sees whose answer it is
    settings = BeamConfig(beam=3)
    for line in ("abc", "gfedh"):
        [settled], [fallen] = (translator.translate([line], settings, resolve_ties) for resolve_ties in (True, False))
        assert settled.text == other.translate([line], settings)[0].text != fallen.text


def test_what_a_model_writes_across_lines_is_put_on_one() -> None:
    vocabulary = Vocabulary(CharTokenizer(list("ab\n\u2028\r")))
    translator = Translator(tiny_translator().model, vocabulary, vocabulary)
    assert translator._text_of(list(vocabulary.encode("\na\nb\u2028b\r\na\n"))) == "a b b a"


def test_of_hypotheses_that_read_alike_the_likelier_is_given() -> None:
    model = Scripted(CHOICES["which of two that read alike is kept"](-0.2))
    settings = BeamConfig(beam=2, length_penalty=0.0)
    [found] = search(model, [np.array([4, EOS])], settings, [6], lambda ids: str(ids).replace("5", "4"), NEVER)
    assert found.hypotheses[0].ids == [5]


def test_no_two_of_the_n_best_read_alike_and_the_best_come_first() -> None:
    translator = tiny_translator(5)
    for line in ("abc", "hhhh", "a"):
        [found] = translator.translate([line], BeamConfig(beam=8, n_best=8, length_penalty=0.6))
        texts = [h.text for h in found.hypotheses]
        assert len(texts) == len(set(texts)) > 1
        scores = [h.score for h in found.hypotheses]
        assert scores == sorted(scores, reverse=True)
        for h in found.hypotheses:
            assert h.score == pytest.approx(normalised(h.log_probability, len(h.ids) + h.ended, 0.6))
            assert h.attention.shape == (len(h.ids) + h.ended, len(found.source_tokens))
            np.testing.assert_allclose(h.attention.sum(axis=1), 1.0, atol=1e-5)


def test_texts_that_different_tokens_make_are_given_once() -> None:
    _, model = tiny_models(SIZE, SIZE, False, 3)
    [found] = search(model, sources_of([4], SIZE), BeamConfig(beam=5, n_best=5), [6], lambda ids: "x" * len(ids), NEVER)
    lengths = [len(h.ids) for h in found.hypotheses]
    assert len(lengths) == len(set(lengths))


def test_a_longer_target_gains_by_the_length_penalty() -> None:
    assert normalised(-6.0, 10, 0.0) == -6.0
    assert normalised(-6.0, 10, 1.0) == pytest.approx(-6.0 / 2.5)
    assert normalised(-6.0, 20, 0.6) > normalised(-6.0, 10, 0.6)


def test_no_target_is_longer_than_asked_for() -> None:
    translator = tiny_translator(6)
    lines = [word(random.Random(i)) for i in range(10)]
    for most in (1, 3):
        for found in translator.translate(lines, BeamConfig(beam=3, max_length=most)):
            assert all(len(h.ids) <= most for h in found.hypotheses) and found.hypotheses


def test_nothing_goes_round_in_circles_more_often_than_the_source_does() -> None:
    sources = [np.array([5, 6, 7, EOS]), np.array([5] * 20 + [EOS])]
    for source, most in ((sources[0], 13), (sources[1], 23)):
        guard, written = RepetitionBlocker([source], 1), 0
        while written < 40:
            logits = np.zeros((1, 10), dtype=np.float32)
            guard.ban(logits)
            if logits[0, 5] == -np.inf:
                break
            guard = guard.follow(np.array([0]), np.array([0]), np.array([5]))
            written += 1
        assert written == most
        assert np.isfinite(logits[0, [4, 6]]).all()


def test_a_circle_is_followed_when_hypotheses_change_places() -> None:
    guard = RepetitionBlocker([np.array([4, EOS])], 2)
    for n in range(13):
        guard = guard.follow(np.array([0]), np.array([0, 1]), np.array([5, 6 + n % 3]))
    guard = guard.follow(np.array([0]), np.array([1, 0]), np.array([7, 5]))
    logits = np.zeros((2, 10), dtype=np.float32)
    guard.ban(logits)
    assert np.isneginf(logits).tolist() == [[False] * 10, [token == 5 for token in range(10)]]


def test_a_circle_of_several_tokens_is_broken_too() -> None:
    guard = RepetitionBlocker([np.array([4, EOS])], 1)
    for token in (6, 7, 8) * 6:
        logits = np.zeros((1, 10), dtype=np.float32)
        guard.ban(logits)
        if logits[0, token] == -np.inf:
            return
        guard = guard.follow(np.array([0]), np.array([0]), np.array([token]))
    raise AssertionError("the circle was never broken")


def test_blank_lines_stay_blank_and_strange_ones_get_an_answer() -> None:
    translator = tiny_translator(7)
    lines = ["", "abc", "   ", "\U0001f600\U0001f680", "a" * 5000, "\t"]
    found = translator.translate(lines, BeamConfig(beam=2))
    assert [bool(one.hypotheses) for one in found] == [False, True, False, True, True, False]
    assert found[0].text == found[2].text == ""
    assert len(found[4].hypotheses[0].ids) <= 12


def test_more_answers_than_hypotheses_cannot_be_had() -> None:
    with pytest.raises(UsageError, match="--beam of 9"):
        BeamConfig(beam=5, n_best=9).check()


def test_what_is_never_written_is_not() -> None:
    translator = tiny_translator(8)
    for found in translator.translate([LETTERS, "ab"], BeamConfig(beam=8, n_best=8)):
        for h in found.hypotheses:
            assert not set(h.ids) & {*translator.target.banned_ids, EOS}
