"""Beam search: right, the same in any company, without repeats, and with an end."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from pair_runs import LETTERS, sources_of, tiny_models, tiny_translator, word

from rnntui.config_seq2seq import BeamConfig
from rnntui.errors import UsageError
from rnntui.inference.beam import normalised, search
from rnntui.inference.repetition import Repetition
from rnntui.text.vocabulary import BOS, EOS

SIZE = 8
NEVER = (0, 1, 3)


def found_by(model, sources, settings, limit: int = 6):
    def text(ids: list[int]) -> str:
        return " ".join(map(str, ids))

    return search(model, sources, settings, [limit] * len(sources), text, NEVER)


def log_probability(model, source, ids: list[int]) -> float:
    """By the chain rule, one token after the other."""
    memory, decoding = model.encode([source])
    total = 0.0
    for before, token in itertools.pairwise([BOS, *ids, EOS]):
        _, decoding = model.step(np.array([before]), decoding, memory)
        logits = model.logits(decoding)[0].astype(np.float64)
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


def test_a_beam_of_one_takes_the_likeliest_token_each_time() -> None:
    for seed in range(5):
        _, model = tiny_models(SIZE, SIZE, False, seed)
        [source] = sources_of([5], SIZE, seed)
        memory, decoding = model.encode([source])
        token, ids = BOS, []
        while len(ids) < 6:
            _, decoding = model.step(np.array([token]), decoding, memory)
            logits = model.logits(decoding)[0]
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
        monkeypatch.setattr("rnntui.inference.translate.BATCH", batch)
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
    assert all(one.doubt for one in found)
    together = translator.translate(lines, BeamConfig(beam=3))
    assert [one.text for one in together] == [
        translator.translate([line], BeamConfig(beam=3))[0].text for line in lines
    ]


def test_no_two_of_the_n_best_read_alike_and_the_best_come_first() -> None:
    translator = tiny_translator(5)
    for line in ("abc", "hhhh", "a"):
        [found] = translator.translate([line], BeamConfig(beam=8, n_best=8))
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
        guard, written = Repetition([source], 1), 0
        while written < 40:
            logits = np.zeros((1, 10), dtype=np.float32)
            guard.ban(logits)
            if logits[0, 5] == -np.inf:
                break
            guard = guard.follow(np.array([0]), np.array([0]), np.array([5]))
            written += 1
        assert written == most
        assert np.isfinite(logits[0, [4, 6]]).all()


def test_a_circle_of_several_tokens_is_broken_too() -> None:
    guard = Repetition([np.array([4, EOS])], 1)
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
            assert not set(h.ids) & {*translator.target.never_written, EOS}
