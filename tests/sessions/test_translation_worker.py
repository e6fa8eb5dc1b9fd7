"""The translation worker: the newest text only, and no line twice."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pytest
from fake_translator import translation_of
from pair_runs import tiny_translator

from rnntui.config_seq2seq import BeamConfig
from rnntui.errors import CancelledError
from rnntui.inference.batched_search import BATCH
from rnntui.inference.translation import Translation
from rnntui.sessions import line_worker as module
from rnntui.sessions.translation_worker import MAX_LINE_LENGTH, TranslationRequest, translation_worker

BEAM = BeamConfig(beam=3, n_best=2)


class UppercaseTranslator:
    """Translates to capitals. `during` is called within each search, and may submit another request."""

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
        return [translation_of(line, line.upper(), weights) for line in lines]


class DrivenWorker:
    """A worker that works when a test says so, with what it has reported."""

    def __init__(self) -> None:
        self.translator = UppercaseTranslator()
        self.updates = 0
        self.errors: list[tuple[str, str]] = []
        self.worker = translation_worker(self._count, lambda line, error: self.errors.append((line, str(error))))
        self.request = self.submit()

    def _count(self) -> None:
        self.updates += 1

    def submit(
        self, *lines: str, cursor: int = 0, settings: BeamConfig = BEAM, translator: Any = None
    ) -> TranslationRequest:
        self.request = TranslationRequest(translator or self.translator, settings, lines, cursor, 0, 5)
        self.worker.submit(self.request)
        return self.request

    def work(self) -> None:
        while self.worker.work():
            pass

    @property
    def texts(self) -> list[str | None]:
        return [result and result.text for result in self.worker.results(self.request)]


@pytest.fixture
def driven() -> DrivenWorker:
    return DrivenWorker()


def test_every_line_is_translated_and_a_blank_one_stays_blank(driven: DrivenWorker) -> None:
    driven.submit("one", "", "  ", "two ", " one")
    assert driven.texts == [None, "", "", None, None]
    driven.work()
    assert driven.texts == ["ONE", "", "", "TWO", "ONE"]
    assert sorted(chain(*driven.translator.asked)) == ["one", "two"]
    assert driven.updates > 0


def test_only_a_changed_line_is_searched(driven: DrivenWorker) -> None:
    driven.submit("one", "two", "three")
    driven.work()
    driven.translator.asked.clear()
    driven.submit("one", "two!", "three")
    driven.work()
    assert driven.translator.asked == [["two!"]]
    driven.submit("one", "two ", "three")
    driven.work()
    assert driven.translator.asked == [["two!"]]


def test_the_line_at_the_cursor_comes_first_and_alone_then_visible_lines(driven: DrivenWorker) -> None:
    lines = [f"line {number}" for number in range(200)]
    request = TranslationRequest(driven.translator, BEAM, lines, 120, 100, 140)  # type: ignore[arg-type]
    driven.worker.submit(request)
    driven.work()
    batches = driven.translator.asked
    assert batches[0] == ["line 120"]
    assert set(batches[1]) < {f"line {number}" for number in range(100, 140)}
    assert list(chain(*batches[1:6]))[:39] == [line for line in lines[100:140] if line != "line 120"]
    assert max(map(len, batches)) <= BATCH and sorted(chain(*batches)) == sorted(lines)


def test_a_search_is_cancelled_for_a_more_urgent_line(driven: DrivenWorker) -> None:
    driven.submit("first")
    driven.translator.during = lambda: driven.submit("second")
    driven.worker.work()
    driven.translator.during = lambda: None
    driven.work()
    assert driven.texts == ["SECOND"] and driven.translator.asked == [["first"], ["second"]]
    assert driven.worker.result(driven.request, "first") is None


def test_a_search_continues_if_its_line_is_still_wanted(driven: DrivenWorker) -> None:
    driven.submit("first", "")
    driven.translator.during = lambda: driven.submit("first", "", cursor=1)
    driven.work()
    assert driven.translator.asked == [["first"]] and driven.texts == ["FIRST", ""]


def test_an_outdated_request_never_begins(driven: DrivenWorker) -> None:
    for text in ("a", "ab", "abc"):
        driven.submit(text)
    driven.work()
    assert driven.translator.asked == [["abc"]]


def test_stopping_cancels_the_search_and_keeps_the_results(driven: DrivenWorker) -> None:
    driven.submit("one")
    driven.work()
    driven.submit("one", "two", "three")
    driven.translator.during = driven.worker.stop
    driven.work()
    assert driven.texts == ["ONE", None, None]
    driven.translator.during = lambda: None
    driven.submit("one", "two", "three")
    driven.work()
    assert driven.texts == ["ONE", "TWO", "THREE"]


def test_results_are_cached_by_model_and_settings(driven: DrivenWorker) -> None:
    driven.submit("one")
    driven.work()
    driven.submit("one", settings=BeamConfig(beam=1))
    assert driven.texts == [None]
    driven.work()
    other = UppercaseTranslator()
    driven.submit("one", translator=other)
    driven.work()
    assert other.asked == [["one"]]
    driven.submit("one")
    assert driven.texts == ["ONE"] and len(driven.translator.asked) == 2


def test_models_that_were_left_long_ago_are_let_go(driven: DrivenWorker) -> None:
    left = UppercaseTranslator()
    driven.submit("one", translator=left)
    driven.work()
    gone = weakref.ref(left)
    del left
    for _ in range(module.MAX_CACHE_KEYS):
        driven.submit("one", translator=UppercaseTranslator())
        driven.work()
        assert driven.texts == ["ONE"]
    gc.collect()
    assert gone() is None
    assert {key for key, _ in driven.worker._detail_bytes} <= set(driven.worker._cache)


def test_a_failed_line_is_reported_once_and_the_others_are_translated(driven: DrivenWorker) -> None:
    driven.translator.fails = {"bad"}
    driven.submit("one", "two", "bad", "three")
    driven.work()
    assert driven.texts == ["ONE", "TWO", "", "THREE"]
    assert driven.errors == [("bad", "overflow")]
    result = driven.worker.result(driven.request, "bad")
    assert result is not None and "overflow" in result.problem
    driven.submit("one", "two", "bad", "four", cursor=2)
    driven.work()
    assert driven.errors == [("bad", "overflow")]


def test_a_line_that_is_too_long_is_not_searched(driven: DrivenWorker) -> None:
    driven.submit("x" * (MAX_LINE_LENGTH + 1), "short")
    driven.work()
    result = driven.worker.result(driven.request, "x" * (MAX_LINE_LENGTH + 1))
    assert result is not None and "10,001 characters" in result.problem and not driven.errors
    assert driven.texts[1] == "SHORT"


def test_attention_beyond_the_cache_size_is_dropped_and_computed_again(
    driven: DrivenWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_DETAIL_BYTES", 100_000)  # two of the results
    driven.submit(*"abcde")
    driven.work()
    assert driven.texts == list("ABCDE")
    kept = [result for result in driven.worker.results(driven.request) if result is not None and result.translation]
    assert len(kept) == 2
    lost = next(n for n, one in enumerate(driven.worker.results(driven.request)) if one and not one.translation)
    driven.translator.asked.clear()
    driven.submit(*"abcde", cursor=lost)
    driven.work()
    assert driven.translator.asked == [["abcde"[lost]]]
    result = driven.worker.result(driven.request, "abcde"[lost])
    assert result is not None and result.translation is not None


def test_only_the_last_lines_that_were_typed_keep_their_hypotheses(
    driven: DrivenWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SPARE_DETAILS", 10)
    typed = "a line that is typed letter by letter"
    for length in range(1, len(typed) + 1):
        driven.submit(typed[:length], "above", "below")
        driven.work()
    results = [driven.worker.result(driven.request, typed[:length]) for length in range(1, len(typed) + 1)]
    texts = [result.text for result in results if result is not None]
    assert len(texts) == len(typed) and texts[:3] == ["A", "A", "A L"]
    kept = [result is not None and result.translation is not None for result in results]
    assert 5 <= sum(kept) <= 13 and kept == sorted(kept)  # the last ones
    others = [driven.worker.result(driven.request, line) for line in ("above", "below")]
    assert all(result is not None and result.translation is not None for result in others)


def test_the_cache_drops_lines_that_are_not_in_the_text(driven: DrivenWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CACHED_LINES", 10)
    for number in range(30):
        driven.submit(f"line {number}")
        driven.work()
    assert driven.worker.result(driven.request, "line 1") is None
    assert driven.texts == ["LINE 29"]


def test_the_thread_translates_and_ends() -> None:
    found = threading.Event()
    worker = translation_worker(found.set, lambda line, error: None)
    worker.start()
    request = TranslationRequest(tiny_translator(), BEAM, ["abc"], 0, 0, 1)
    worker.submit(request)
    assert found.wait(30)
    result = worker.result(request, "abc")
    assert result is not None and result.translation is not None and result.text == result.translation.text
    worker.close()
    assert worker._thread is not None and not worker._thread.is_alive()


def test_a_cancelled_beam_search_ends_at_the_next_step() -> None:
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
    assert one.source_spans == [(2, 3), (3, 4), (4, 5), (5, 5)]
    for hypothesis in one.hypotheses:
        spans = hypothesis.spans
        assert len(spans) == len(hypothesis.attention) == len(hypothesis.tokens)
        assert "".join(hypothesis.text[start:end] for start, end in spans) == hypothesis.text
