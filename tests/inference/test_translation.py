"""Translations of lines: hypotheses of sentences combined, spans, attention, placeholders and case put back."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_runs import tiny_translator

from rnntui.config_seq2seq import BeamConfig, Seq2SeqTokenizerConfig
from rnntui.inference.batched_search import SearchJob, SearchOptions
from rnntui.inference.beam_search import Hypothesis
from rnntui.inference.line_preparation import LinePreparer
from rnntui.inference.translation import SentenceHypothesis, TokenSpans, TranslatedSentence, combined
from rnntui.inference.translator import Translator
from rnntui.kinds.pair_corpus_info import SourceFeatures
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.placeholders import NAMES, NUMBERS
from rnntui.text.vocabulary import Vocabulary

N, A = NUMBERS, NAMES
FULL = Seq2SeqTokenizerConfig(lowercase_source=True, placeholders=True)
WORDS = frozenset(["i", "see", "it", "is", "late", "tired", "am"])


# Combinations.


def sentence(*hypotheses: tuple[str, float, bool]) -> TranslatedSentence:
    empty = TokenSpans([], [])
    weights = np.zeros((0, 0), dtype=np.float32)
    return TranslatedSentence(
        lambda: (0, 0),
        lambda: empty,
        [SentenceHypothesis(text, 2 * score, score, weights, ended, [], lambda: empty)
         for text, score, ended in hypotheses],
    )  # fmt: skip


scores = st.floats(-9, 0).map(lambda score: round(score, 2))
ranked = st.lists(st.tuples(scores, st.booleans()), min_size=1, max_size=5).map(
    lambda pairs: sorted(pairs, key=lambda pair: (not pair[1], -pair[0]))
)


@given(st.lists(ranked, min_size=1, max_size=4), st.integers(1, 20))
@settings(deadline=None, max_examples=80)
def test_the_best_combinations_of_sentences_come_first(ranks: list[list[tuple[float, bool]]], n_best: int) -> None:
    sentences = [
        sentence(*((f"{at}.{index}", score, ended) for index, (score, ended) in enumerate(hypotheses)))
        for at, hypotheses in enumerate(ranks)
    ]
    found = combined(sentences, ["", *[" "] * (len(sentences) - 1), ""], n_best)
    every = [
        (sum(not h.ended for h in parts), -sum(h.score for h in parts))
        for parts in itertools.product(*(each.hypotheses for each in sentences))
    ]
    assert len(found) == min(n_best, len(every)) == len({line.text for line in found})
    for line, (cut_off, negative_score) in zip(found, sorted(every), strict=False):
        assert sum(not part.ended for part in line.parts) == cut_off
        assert line.score == pytest.approx(-negative_score)
        assert line.log_probability == pytest.approx(2 * line.score)
        assert line.ended == (cut_off == 0)
    assert found[0].parts == tuple(each.hypotheses[0] for each in sentences)


def test_combinations_of_many_sentences_are_not_all_made() -> None:
    sentences = [sentence(*((f"{i}", -float(i), True) for i in range(64))) for _ in range(40)]
    lines = combined(sentences, ["", *[" "] * 39, ""], 64)
    assert [line.score for line in lines[:3]] == [0, -1, -1]


def test_the_same_text_of_other_parts_is_no_second_hypothesis() -> None:
    sentences = [sentence(("a", -1, True), ("a b", -2, True)), sentence(("b c", -1, True), ("c", -2, True))]
    assert [line.text for line in combined(sentences, ["", " ", ""], 9)] == ["a b c", "a c", "a b b c"]


@pytest.mark.parametrize(
    ("gaps", "texts", "line"),
    [
        (["", " ", ""], ["Hola.", "Adiós."], "Hola. Adiós."),
        (["", "  ", ""], ["Hola.", "Adiós."], "Hola.  Adiós."),
        (["", "", ""], ["Hello.", "Bye."], "Hello. Bye."),
        (["", " ", ""], ["你好。", "再见。"], "你好。再见。"),
        (["", "", ""], ["你好。", "再见。"], "你好。再见。"),
        (["- ", " “", "” ♪"], ["Hola.", "Adiós."], "- Hola. “Adiós.” ♪"),
        (["", " ", ""], ["", "Adiós."], " Adiós."),
    ],
)
def test_sentences_are_joined_as_they_were(gaps: list[str], texts: list[str], line: str) -> None:
    [best] = combined([sentence((text, -1.0, True)) for text in texts], gaps, 1)
    assert best.text == line
    assert [line[slice(*best.part_span(index))] for index in range(len(texts))] == texts


def test_a_sentence_without_hypotheses_leaves_the_line_without() -> None:
    assert combined([sentence(("a", -1, True)), sentence()], ["", " ", ""], 3) == []


# A translator whose search is a table.


class Table:
    """Answers a source that it has with several targets, and another with itself."""

    def __init__(self, vocabulary: Vocabulary, answers: dict[str, Sequence[str]]) -> None:
        self.vocabulary, self.answers = vocabulary, answers
        self.asked: list[list[str]] = []

    def search(self, jobs: Sequence[SearchJob], options: object) -> list[list[Hypothesis]]:
        sources = [self.vocabulary.decode(job.source) for job in jobs]
        self.asked.append(sources)
        found = []
        for source, job in zip(sources, jobs, strict=True):
            targets = self.answers.get(source, [source])[: job.settings.n_best]
            found.append([self._hypothesis(text, len(job.source), rank) for rank, text in enumerate(targets)])
        return found

    def _hypothesis(self, text: str, source_length: int, rank: int) -> Hypothesis:
        ids = [int(i) for i in self.vocabulary.encode(text)]
        weights = np.full((len(ids) + 1, source_length), 1.0 / source_length, dtype=np.float32)
        return Hypothesis(ids, text, -2.0 - rank, -1.0 - rank, weights, True)


Answers = dict[str, Sequence[str]]
MakeTranslator = Callable[..., tuple[Translator, Table]]


@pytest.fixture
def translating() -> MakeTranslator:
    def make(config: Seq2SeqTokenizerConfig = FULL, terminated: float = 0.0, **answers: Sequence[str]):
        vocabulary = Vocabulary(CharTokenizer([*map(chr, range(32, 127)), *"¿¡éíóúñß", *NUMBERS, *NAMES]))
        features = SourceFeatures(("LATIN",), 0.0, 0.0, terminated)
        translator = Translator(
            tiny_translator().model, vocabulary, vocabulary, None, LinePreparer(config, features, vocabulary, WORDS)
        )
        table = Table(vocabulary, {})
        translator._search = table  # type: ignore[assignment]
        return translator, table

    return make


def translated(translator: Translator, line: str, **beam: int) -> list[str]:
    [translation] = translator.translate([line], BeamConfig(**beam))
    return [hypothesis.text for hypothesis in translation.hypotheses]


def test_sentences_of_all_lines_are_searched_for_together(translating: MakeTranslator) -> None:
    translator, table = translating()
    lines = ["I am tired. It is late.", "", "42", "It is late. 42! I see it.", "  "]
    translations = translator.translate(lines, BeamConfig())
    assert table.asked == [["i am tired.", "it is late.", "it is late.", "i see it."]]
    assert [each.text for each in translations] == [
        "I am tired. It is late.", "", "42", "It is late. 42! I see it.", "",
    ]  # fmt: skip
    assert [each.unchanged for each in translations] == [False, False, True, False, False]
    assert [[part.unchanged for part in each.sentences] for each in translations] == [
        [False, False], [], [True], [False, True, False], [],
    ]  # fmt: skip


def test_a_line_that_passes_is_the_line_as_typed(translating: MakeTranslator) -> None:
    translator, table = translating()
    [translation] = translator.translate(["\u00a0 12:30\t"], BeamConfig(n_best=3))
    assert translation.text == "\u00a0 12:30\t" and len(translation.hypotheses) == 1
    assert table.asked == [[]]
    [best] = translation.hypotheses
    assert best.attention.shape == (len(best.tokens), len(translation.source_tokens)) == (1, 1)


def test_the_best_hypothesis_with_all_placeholders_is_taken(translating: MakeTranslator) -> None:
    translator, table = translating()
    source = f"i see {N[0]} and {N[1]}."
    table.answers[source] = [f"Veo {N[0]}.", f"Veo {N[1]} y {N[0]}.", f"Veo {N[0]} y {N[1]}.", "Veo."]
    assert translated(translator, "I see 5 and 1,000.") == ["Veo 1,000 y 5."]
    assert translated(translator, "I see 5 and 1,000.", n_best=3) == ["Veo 1,000 y 5.", "Veo 5 y 1,000."]
    assert table.asked == [[source]] * 2


def test_a_sentence_without_placeholders_gets_none_in_its_translation() -> None:
    translator = tiny_translator(3)
    character = translator.target.decode([5])
    search = translator._search
    search._placeholder_ids = [5]
    source = translator.encode(character)
    beam = BeamConfig(n_best=5, max_length=4)
    free, banned = search.search([SearchJob(source, beam), SearchJob(source, beam, False)], SearchOptions())
    assert any(5 in hypothesis.ids for hypothesis in free)
    assert banned and not any(5 in hypothesis.ids for hypothesis in banned)


def test_without_any_the_sentence_is_searched_for_without_placeholders(translating: MakeTranslator) -> None:
    translator, table = translating()
    table.answers[f"i see {N[0]}."] = ["Veo.", f"{N[0]} {N[0]}"]
    table.answers["i see 5."] = ["Veo cinco."]
    assert translated(translator, "I see 5. It is late.") == ["Veo cinco. It is late."]
    assert table.asked == [[f"i see {N[0]}.", "it is late."], ["i see 5."]]


def test_the_translation_has_the_case_of_its_source(translating: MakeTranslator) -> None:
    translator, table = translating()
    table.answers["it is late."] = ["Es tarde.", "es tarde.", "Straße"]
    assert translated(translator, "IT IS LATE.", n_best=3) == ["ES TARDE.", "STRASSE"]
    assert translated(translator, "it is late.", n_best=2) == ["es tarde."]
    assert translated(translator, "It is late.", n_best=3) == ["Es tarde.", "Straße"]
    table.answers[f"i see {A[0]}."] = [f"Veo {A[0]}."]
    assert translated(translator, "I SEE a@b.org.") == ["VEO a@b.org."]
    table.answers[f"see {A[0]} {N[0]}."] = [f"Véase {A[0]} {N[0]}."]
    assert translated(translator, "see Zzyzx 5.") == ["véase Zzyzx 5."]


def test_an_added_full_stop_is_dropped(translating: MakeTranslator) -> None:
    translator, table = translating(terminated=0.99)
    table.answers["it is late."] = ["Es tarde.", "¿Es tarde?", "Es tarde..."]
    assert translated(translator, "It is late", n_best=3) == ["Es tarde", "¿Es tarde?", "Es tarde..."]
    assert translated(translator, "It is late.") == ["Es tarde."]


def test_tokens_lie_in_the_line_and_in_its_translation(translating: MakeTranslator) -> None:
    translator, table = translating(terminated=0.99)
    table.answers[f"i see {N[0]}."] = [f"Veo {N[0]}."]
    table.answers["am tired it is."] = ["Straße."]
    [translation] = translator.translate([" - I see\u00a01,000. 42! AM TIRED IT IS"], BeamConfig())
    [best] = translation.hypotheses
    assert best.text == "- Veo 1,000. 42! STRASSE"
    assert [best.text[start:end] for start, end in best.spans] == [
        *"Veo ", "1,000", ".", "", "42!", *"STRA", "SS", "E", "", "",
    ]  # fmt: skip
    typed = translation.source
    assert [typed[start:end] for start, end in translation.source_spans] == [
        *"I see\u00a0", "1,000", ".", "", "42!", *"AM TIRED IT IS", "", "",
    ]  # fmt: skip
    assert best.tokens == [*"Veo ", "1,000", ".", "</s>", "42!", *"Straße", ".", "</s>"]
    assert [typed[slice(*each.span)] for each in translation.sentences] == [
        "I see\u00a01,000.",
        "42!",
        "AM TIRED IT IS",
    ]
    attention = best.attention
    assert attention.shape == (len(best.tokens), len(translation.source_tokens))
    np.testing.assert_allclose(attention.sum(axis=1), 1.0, rtol=1e-5)
    assert not attention[:7, 9:].any() and not attention[8:, :10].any()
    assert translation.attention_bytes == sum(part.attention.nbytes for part in best.parts)


def test_markup_is_put_back_into_every_hypothesis(translating: MakeTranslator) -> None:
    translator, table = translating()
    table.answers["i see it"] = ["Lo veo", "Veo", ""]
    line = "<p>I <b>see</b> it</p><p>It is late.<br>It is <i>late</i></p>"
    [translation] = translator.translate([line], BeamConfig(n_best=3))
    texts = [hypothesis.text for hypothesis in translation.hypotheses]
    for text in texts:
        assert re.sub("</?b>", "", text).startswith(("<p>Lo veo</p><p>It is late.<br>", "<p>Veo</p>", "<p></p>"))
        assert [re.sub("<.*?>", "", text).count(tag) for tag in ("<", ">")] == [0, 0]
        assert text.count("<b>") == text.count("</b>") <= 1 and text.count("<i>") == text.count("</i>") == 1
    assert "".join(translation.hypotheses[0].text[slice(*span)] for span in translation.hypotheses[0].spans) == re.sub(
        "</?p>|<br>", "", texts[0]
    )
    assert [line[slice(*each.span)] for each in translation.sentences] == [
        "I <b>see</b> it", "It is late.", "It is <i>late",
    ]  # fmt: skip


def test_a_line_of_markup_and_numbers_passes(translating: MakeTranslator) -> None:
    translator, table = translating()
    for line in ("<td>12</td> <b>3</b>", "<br>", " <p>\u00a0&nbsp;</p>"):
        assert translated(translator, line) == [line]
    assert not any(table.asked)
    assert translated(translator, "<p>1 <b>2</b>, 3</p><p>go home</p>") == ["<p>1 <b>2</b>, 3</p><p>go home</p>"]


def test_warnings_are_about_what_the_model_reads(translating: MakeTranslator) -> None:
    translator, _ = translating()
    assert translator.warnings_for("I see 5 a@b.org. It is late.", "line 1") == []
    assert translator.warnings_for("1000", "line 1") == []
    [warning] = translator.warnings_for("дом", "line 2")
    assert warning.startswith("line 2: left unchanged")
    assert translator.warnings_for("I see дом.", "line 3") == [], "it is copied"
    translator._preparer = LinePreparer(Seq2SeqTokenizerConfig(), None, translator.source)
    [warning] = translator.warnings_for("I see дом.", "line 3")
    assert "line 3" in warning and "'д'" in warning


def test_a_line_has_the_same_translation_alone_and_with_others() -> None:
    translator = tiny_translator(3)
    features = SourceFeatures(("LATIN",), 0.0, 0.0, 0.0)
    translator._preparer = LinePreparer(Seq2SeqTokenizerConfig(), features, translator.source)
    rng = random.Random(4)

    def text() -> str:
        return "".join(rng.choice("abcdefgh") for _ in range(rng.randint(1, 9)))

    lines = [" ".join(f"{text()}!" for _ in range(rng.randint(1, 4))) for _ in range(25)] + ["12", ""]
    beam = BeamConfig(beam=4, n_best=3)
    alone = [translator.translate([line], beam)[0] for line in lines]
    order = list(range(len(lines)))
    rng.shuffle(order)
    for workers in (1, 2):
        together = translator.translate([lines[i] for i in order], beam, workers=workers)
        for index, other in zip(order, together, strict=True):
            assert [h.text for h in other.hypotheses] == [h.text for h in alone[index].hypotheses]
            for ours, theirs in zip(other.hypotheses, alone[index].hypotheses, strict=True):
                assert math.isclose(ours.score, theirs.score, abs_tol=1e-4)
