"""The newest text is translated, line by line, and nothing twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pytest
from pair_runs import tiny_translator

from rnntui.config_seq2seq import BeamConfig
from rnntui.inference.beam_search import CancelledError, Hypothesis
from rnntui.inference.translator import BATCH, Translation
from rnntui.sessions import translation_worker as module
from rnntui.sessions.translation_worker import LONGEST, TranslationRequest, TranslationWorker

BEAM = BeamConfig(beam=3, n_best=2)


class Fake:
    """Answers in capitals. `during` is called within each search, and may ask for something else."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.during: Callable[[], None] = lambda: None
        self.fails: set[str] = set()

    def translate(
        self, lines: Sequence[str], settings: BeamConfig, is_cancelled: Callable[[], bool] = lambda: False
    ) -> list[Translation]:
        self.asked.append(list(lines))
        self.during()
        if is_cancelled():
            raise CancelledError
        if self.fails.intersection(lines):
            raise FloatingPointError("overflow")
        weights = np.ones((100, 100), dtype=np.float32)
        return [Translation(line, [], [Hypothesis([], line.upper(), -1.0, -1.0, weights, True)]) for line in lines]


class Driven:
    """A `TranslationWorker` that works when told, and what it has said."""

    def __init__(self) -> None:
        self.fake = Fake()
        self.found = 0
        self.errors: list[tuple[str, str]] = []
        self.translating = TranslationWorker(self._count, lambda line, error: self.errors.append((line, str(error))))
        self.request = self.ask()

    def _count(self) -> None:
        self.found += 1

    def ask(
        self, *lines: str, cursor: int = 0, settings: BeamConfig = BEAM, translator: Any = None
    ) -> TranslationRequest:
        self.request = TranslationRequest(translator or self.fake, settings, lines, cursor, 0, 5)
        self.translating.ask(self.request)
        return self.request

    def work(self) -> None:
        while self.translating.work():
            pass

    @property
    def texts(self) -> list[str | None]:
        return [answer and answer.text for answer in self.translating.answers(self.request)]


@pytest.fixture
def driven() -> Driven:
    return Driven()


def test_every_line_gets_its_translation_and_blanks_none(driven: Driven) -> None:
    driven.ask("one", "", "  ", "two ", " one")
    assert driven.texts == [None, "", "", None, None]
    driven.work()
    assert driven.texts == ["ONE", "", "", "TWO", "ONE"]
    assert sorted(chain(*driven.fake.asked)) == ["one", "two"]
    assert driven.found > 0


def test_a_changed_line_alone_is_searched_for(driven: Driven) -> None:
    driven.ask("one", "two", "three")
    driven.work()
    driven.fake.asked.clear()
    driven.ask("one", "two!", "three")
    driven.work()
    assert driven.fake.asked == [["two!"]]
    driven.ask("one", "two ", "three")
    driven.work()
    assert driven.fake.asked == [["two!"]]


def test_the_line_at_the_cursor_comes_first_and_alone_then_what_is_in_view(driven: Driven) -> None:
    lines = [f"line {number}" for number in range(200)]
    request = TranslationRequest(driven.fake, BEAM, lines, 120, 100, 140)  # type: ignore[arg-type]
    driven.translating.ask(request)
    driven.work()
    batches = driven.fake.asked
    assert batches[0] == ["line 120"]
    assert set(batches[1]) < {f"line {number}" for number in range(100, 140)}
    assert list(chain(*batches[1:6]))[:39] == [line for line in lines[100:140] if line != "line 120"]
    assert max(map(len, batches)) <= BATCH and sorted(chain(*batches)) == sorted(lines)


def test_a_search_is_given_up_where_another_line_is_wanted_sooner(driven: Driven) -> None:
    driven.ask("first")
    driven.fake.during = lambda: driven.ask("second")
    driven.translating.work()
    driven.fake.during = lambda: None
    driven.work()
    assert driven.texts == ["SECOND"] and driven.fake.asked == [["first"], ["second"]]
    assert driven.translating.answer(driven.request, "first") is None


def test_a_search_goes_on_where_what_it_looks_for_is_still_wanted(driven: Driven) -> None:
    driven.ask("first", "")
    driven.fake.during = lambda: driven.ask("first", "", cursor=1)
    driven.work()
    assert driven.fake.asked == [["first"]] and driven.texts == ["FIRST", ""]


def test_an_outdated_request_never_begins(driven: Driven) -> None:
    for text in ("a", "ab", "abc"):
        driven.ask(text)
    driven.work()
    assert driven.fake.asked == [["abc"]]


def test_a_stop_ends_the_search_and_keeps_what_was_found(driven: Driven) -> None:
    driven.ask("one")
    driven.work()
    driven.ask("one", "two", "three")
    driven.fake.during = driven.translating.stop
    driven.work()
    assert driven.texts == ["ONE", None, None]
    driven.fake.during = lambda: None
    driven.ask("one", "two", "three")
    driven.work()
    assert driven.texts == ["ONE", "TWO", "THREE"]


def test_other_settings_and_another_model_translate_anew_and_the_old_ones_are_remembered(driven: Driven) -> None:
    driven.ask("one")
    driven.work()
    driven.ask("one", settings=BeamConfig(beam=1))
    assert driven.texts == [None]
    driven.work()
    other = Fake()
    driven.ask("one", translator=other)
    driven.work()
    assert other.asked == [["one"]]
    driven.ask("one")
    assert driven.texts == ["ONE"] and len(driven.fake.asked) == 2


def test_a_line_that_fails_is_told_once_and_the_others_go_on(driven: Driven) -> None:
    driven.fake.fails = {"bad"}
    driven.ask("one", "two", "bad", "three")
    driven.work()
    assert driven.texts == ["ONE", "TWO", "", "THREE"]
    assert driven.errors == [("bad", "overflow")]
    answer = driven.translating.answer(driven.request, "bad")
    assert answer is not None and "overflow" in answer.problem
    driven.ask("one", "two", "bad", "four", cursor=2)
    driven.work()
    assert driven.errors == [("bad", "overflow")]


def test_a_line_without_end_is_not_searched_for(driven: Driven) -> None:
    driven.ask("x" * (LONGEST + 1), "short")
    driven.work()
    answer = driven.translating.answer(driven.request, "x" * (LONGEST + 1))
    assert answer is not None and "10,001 characters" in answer.problem and not driven.errors
    assert driven.texts[1] == "SHORT"


def test_attention_beyond_the_room_for_it_is_given_up_and_found_again(
    driven: Driven, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HEAVY", 100_000)  # two of the answers
    driven.ask(*"abcde")
    driven.work()
    assert driven.texts == list("ABCDE")
    kept = [one for one in driven.translating.answers(driven.request) if one is not None and one.translation]
    assert len(kept) == 2
    lost = next(n for n, one in enumerate(driven.translating.answers(driven.request)) if one and not one.translation)
    driven.fake.asked.clear()
    driven.ask(*"abcde", cursor=lost)
    driven.work()
    assert driven.fake.asked == [["abcde"[lost]]]
    answer = driven.translating.answer(driven.request, "abcde"[lost])
    assert answer is not None and answer.translation is not None


def test_what_no_text_has_any_more_is_forgotten_in_the_end(driven: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 10)
    for number in range(30):
        driven.ask(f"line {number}")
        driven.work()
    assert driven.translating.answer(driven.request, "line 1") is None
    assert driven.texts == ["LINE 29"]


def test_the_thread_works_and_ends() -> None:
    found = threading.Event()
    translating = TranslationWorker(found.set, lambda line, error: None)
    translating.start()
    request = TranslationRequest(tiny_translator(), BEAM, ["abc"], 0, 0, 1)
    translating.ask(request)
    assert found.wait(30)
    answer = translating.answer(request, "abc")
    assert answer is not None and answer.translation is not None and answer.text == answer.translation.text
    translating.close()
    assert translating._thread is not None and not translating._thread.is_alive()


def test_a_beam_search_ends_at_the_next_step_when_it_is_cancelled() -> None:
    steps = 0

    def cancelled() -> bool:
        nonlocal steps
        steps += 1
        return steps == 3

    with pytest.raises(CancelledError):
        tiny_translator(sharpness=0.1).translate(["abcdefgh"], BeamConfig(beam=4), is_cancelled=cancelled)
    assert steps == 3


def test_spans_of_a_translation_lie_in_its_text() -> None:
    translator = tiny_translator()
    (one,) = translator.translate(["  abc  "], BeamConfig(beam=3, n_best=3))
    assert translator.source_spans("  abc  ") == [(2, 3), (3, 4), (4, 5), (5, 5)]
    for hypothesis in one.hypotheses:
        spans = translator.target_spans(hypothesis)
        assert len(spans) == len(hypothesis.attention) == len(translator.tokens(hypothesis))
        assert "".join(hypothesis.text[start:end] for start, end in spans) == hypothesis.text
