"""Search over many sources: batches, threads, ties resolved in double precision, texts in one line."""

from __future__ import annotations

import random
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from pair_runs import sources_of, tiny_models, tiny_translator, word

from rnntui.config_seq2seq import BeamConfig
from rnntui.errors import CancelledError
from rnntui.inference.batched_search import BatchedSearch, SearchJob, SearchOptions
from rnntui.inference.beam_search import BeamSearch, Hypothesis, SearchResult
from rnntui.kinds.pair_corpus_info import PairLengths
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.placeholders import PLACEHOLDERS
from rnntui.text.subword_tokenizer import SubwordTokenizer
from rnntui.text.vocabulary import Vocabulary


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


def test_blank_lines_stay_blank_and_unusual_ones_get_a_translation() -> None:
    translator = tiny_translator(7)
    lines = ["", "abc", "   ", "\U0001f600\U0001f680", "a" * 5000, "\t"]
    result = translator.translate(lines, BeamConfig(beam=2))
    assert [bool(translation.hypotheses) for translation in result] == [False, True, False, True, True, False]
    assert result[0].text == result[2].text == ""
    assert len(result[4].hypotheses[0].ids) <= 12


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
