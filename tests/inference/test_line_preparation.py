"""Preparation of lines: sentences, decorations, what passes unchanged, and the form that the model reads."""

from __future__ import annotations

from typing import Any

import pytest

from rnntui.config_seq2seq import Seq2SeqTokenizerConfig
from rnntui.inference.decorations import is_cue, strip_decorations
from rnntui.inference.line_preparation import LinePreparer, PreparedLine
from rnntui.kinds.pair_corpus_info import SourceFeatures
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.placeholders import NAMES, NUMBERS
from rnntui.text.vocabulary import Vocabulary

VOCABULARY = Vocabulary(CharTokenizer([*map(chr, range(32, 127)), "。", "我", "累", "了", *NAMES, *NUMBERS]))
WORDS = frozenset(["i", "am", "tired", "it", "is", "late", "where", "the", "station", "see"])
FULL = Seq2SeqTokenizerConfig(lowercase_source=True, placeholders=True)
N, A = NUMBERS, NAMES


def features(scripts: tuple[str, ...] = ("LATIN",), **changes: float) -> SourceFeatures:
    return SourceFeatures(scripts, **{"letterless": 0.0, "multiple_sentences": 0.01, "terminated": 0.5, **changes})


def prepare(line: str, config: Seq2SeqTokenizerConfig = FULL, split: Any = "auto", **changes: float) -> PreparedLine:
    return LinePreparer(config, features(**changes), VOCABULARY, WORDS, split).prepare(line)


def read(line: str, *arguments: Any, **changes: float) -> list[str]:
    return [sentence.model_text for sentence in prepare(line, *arguments, **changes).sentences]


@pytest.mark.parametrize(
    ("line", "core"),
    [
        ("- Hello.", "Hello."),
        ("-Hello.", "Hello."),
        ("— ¿Hola?", "¿Hola?"),
        ("-5 degrees", "-5 degrees"),
        ("well-known", "well-known"),
        ("• one", "one"),
        ("> > quoted", "quoted"),
        ("1. Open it.", "Open it."),
        ("(2) Open it.", "Open it."),
        ("a) Open it.", "Open it."),
        ("A. Smith is here.", "A. Smith is here."),
        ("5. of them", "5. of them"),
        ("1.5 litres", "1.5 litres"),
        ("## Title", "Title"),
        ("#1 is good", "#1 is good"),
        ("♪ la la ♪", "la la"),
        (">> Hello.", "Hello."),
        (">>> MAN 2: Hello.", "Hello."),
        ("TOM: Where is it?", "Where is it?"),
        ("O'BRIEN: - Hello.", "Hello."),
        ("Q: Where is it?", "Where is it?"),
        ("*sighs* I am tired.", "I am tired."),
        ("*I* am tired.", "*I* am tired."),
        ("Tom: hello", "Tom: hello"),
        ("...that it is late.", "that it is late."),
        ("I see...", "I see"),
        ("…I see… 😀", "I see"),
        ("No. 5 ... 6", "No. 5 ... 6"),
        ("“I am tired.”", "I am tired."),
        ("«I don’t know»", "I don’t know"),
        ("‘I don’t know’", "I don’t know"),
        ('"It is late," it said.', '"It is late," it said.'),
        ('"Is" it "late"', '"Is" it "late"'),
        ('"', '"'),
        ("😀 Hello!", "Hello!"),
        ("Hello! 😀👍🏽", "Hello!"),
        ("I love you ❤️.", "I love you"),
        ("✅ Is it late? 👩‍👩‍👧 ", "Is it late?"),
        ("I ❤️ you", "I ❤️ you"),
        ("Thank you 😊", "Thank you"),
        ("I love you ❤\ufe0f", "I love you"),
        ("😂 That is funny.", "That is funny."),
        ("Happy birthday! 🎉🎂 🎈", "Happy birthday!"),
        ("👩\u200d👩\u200d👧 Hello. 👍🏽", "Hello."),
        ("🏴\U000e0067\U000e0062\U000e007f England", "England"),
        ("🇬🇧 England 🇬🇧", "England"),
        ("★★★ Good film ★★★☆☆", "Good film"),
        ("- 😀 Yes. " + "👩\u200d👩\u200d👧" * 10, "Yes."),
        ("I am " + "😀" * 50 + "a", "I am " + "😀" * 50 + "a"),  # at once
        ("😀", "😀"),
        ("😀 😀", "😀 😀"),
        ("√2 is less than ∞", "√2 is less than ∞"),
        ("It is 5 °C", "It is 5 °C"),
        ("我累了。", "我累了。"),
        ("[sighs] I am tired.", "I am tired."),
        ("[music]", "[music]"),
        ("**I am tired.**", "I am tired."),
        ("_no_", "no"),
        ("(I am tired.)", "I am tired."),
        ("(a) b (c)", "(a) b (c)"),
        ("()", "()"),
        ("snake_case_name", "snake_case_name"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("-", "-"),
        ("- ", "- "),
        ("♪", "♪"),
        ("I am tired.", "I am tired."),
    ],
)
def test_decorations_are_left_out_of_the_search(line: str, core: str) -> None:
    start, end = strip_decorations(line, (0, len(line)))
    assert line[start:end] == core


@pytest.mark.parametrize("text", ["[music]", "[door opens]", "<br>", "</i>", "<b> <i>", "{\\an8}", "<!-- note -->"])
def test_cues_and_markup_are_no_sentences(text: str) -> None:
    assert is_cue(text)
    assert prepare(text).passes


@pytest.mark.parametrize(
    ("line", "model_texts", "markup", "gaps"),
    [
        ("<b>I</b> am tired.", ["i am tired."], ["<b>", "</b>"], ["", ""]),
        ("<b>I am tired.</b>", ["i am tired."], [], ["<b>", "</b>"]),
        ("<p>I am tired.</p><p>It <i>is</i> late</p>", ["i am tired.", "it is late"], ["<i>", "</i>"],
         ["<p>", "</p><p>", "</p>"]),
        ("<i>I am tired. It is</i> late.", ["i am tired.", "it is late."], ["</i>"], ["<i>", " ", ""]),
        ("<b>I</b> am <b>tired.</b> It is late.", ["i am tired.", "it is late."], ["<b>", "</b>"] * 2, ["", " ", ""]),
        ("- <b>It</b> is late<br>", ["it is late"], ["<b>", "</b>"], ["- ", "<br>"]),
        ("<li> TOM: I am tired </li>", ["i am tired"], [], ["<li> TOM: ", " </li>"]),
        ("&quot;I am tired.&quot;", ["i am tired."], [], ["&quot;", "&quot;"]),
        ("It&nbsp;is&#32;late", ["it is late"], ["&nbsp;", "&#32;"], ["", ""]),
        ("<td>1000</td><td>It is late</td>", ["", "it is late"], [], ["<td>", "</td><td>", "</td>"]),
    ],
)  # fmt: skip
def test_markup_is_left_out_of_the_search(
    line: str, model_texts: list[str], markup: list[str], gaps: list[str]
) -> None:
    prepared = prepare(line)
    assert [sentence.model_text for sentence in prepared.sentences] == model_texts
    assert [each.text for sentence in prepared.sentences for each in sentence.markup] == markup
    assert prepared.gaps == gaps


def test_markup_stands_where_it_stood_in_what_the_model_reads() -> None:
    [sentence] = prepare("It is “<b>231</b> <i>Zzyzx Zzyzx</i>” late").sentences
    model_text = f'it is "{N[0]} {A[0]} {A[0]}" late'
    assert sentence.model_text == model_text
    places = [(each.text, each.offset) for each in sentence.model_markup]
    assert places == [("<b>", 7), ("</b>", 8), ("<i>", 9), ("</i>", 12)]
    line = prepare("  It <b>is</b>&nbsp;late ")
    [sentence] = line.sentences
    assert [line.typed[slice(*sentence.span_of(at, end))] for at, end in ((0, 2), (3, 5), (5, 6), (6, 10))] == [
        "It", "is", "&nbsp;", "late",
    ]  # fmt: skip
    assert line.typed[slice(*sentence.span())] == "It <b>is</b>&nbsp;late" == sentence.original


def test_markup_is_a_part_of_the_text_for_a_model_without_placeholders() -> None:
    plain = Seq2SeqTokenizerConfig()
    assert read("<b>I</b> am tired.", plain) == ["<b>I</b> am tired."]
    assert not prepare("<b>I</b> am tired.", plain).sentences[0].markup


def test_a_sentence_that_passes_keeps_the_markup_within_it() -> None:
    line = prepare("<p>1000 <b>20</b></p> <p>It is late.</p>")
    assert line.gaps == ["<p>", "</b></p> <p>", "</p>"] and line.sentences[0].passes
    assert line.sentences[0].original == "1000 <b>20"


@pytest.mark.parametrize("text", ["[a] b", "a < b > c", "music", "(music)", "[a] and [b]"])
def test_sentences_are_no_cues(text: str) -> None:
    assert not is_cue(text) and not prepare(text).passes


@pytest.mark.parametrize(
    "line",
    ["1000", "12:30", "---", "***", "♪", "https://example.org", "[music]", "1.", "42", "user@example.org", "$ 19.99",
     "  1000\t", "2026-11-28", "50 %", "😀", "我累了。", "(555) 123-4567", "www.example.org, a@b.org", "* * *", "٣",
     "B52", "я дома", "5kg", "#tag", "+1 555 123 4567", "-5°"],
)  # fmt: skip
def test_a_line_without_a_word_of_the_models_scripts_passes(line: str) -> None:
    assert prepare(line).passes


@pytest.mark.parametrize("line", ["OK", "a", "100 km", "B52s are", "I saw 5.", "我累了 now"])
def test_a_line_with_a_word_does_not(line: str) -> None:
    assert not prepare(line).passes


def test_nothing_passes_where_the_model_was_made_for_it() -> None:
    plain = Seq2SeqTokenizerConfig()
    assert not prepare("1000", letterless=0.3).passes
    assert prepare("1000", plain).passes and not prepare("[music]", plain).passes
    assert not prepare("https://example.org", plain).passes, "its sources may be addresses"
    old = LinePreparer(plain, None, VOCABULARY)
    for line in ("1000", "我累了。", "- a. B c. D"):
        [sentence] = old.prepare(f" {line} ").sentences
        assert sentence.model_text == line and old.prepare(line).gaps == ["", ""]
    assert prepare("我累了。", scripts=("HAN",)).sentences[0].model_text == "我累了。"  # type: ignore[arg-type]


def test_a_line_is_split_where_training_sources_are_single_sentences() -> None:
    two = "I am tired. It is late."
    plain = Seq2SeqTokenizerConfig()
    assert read(two, plain) == ["I am tired.", "It is late."]
    assert read(two, plain, multiple_sentences=0.4) == read(two, plain, "no") == [two]
    assert read(two, plain, "yes", multiple_sentences=0.4) == ["I am tired.", "It is late."]
    old = LinePreparer(plain, None, VOCABULARY, split="yes")
    assert len(old.prepare(two).sentences) == 2


def test_gaps_are_all_that_is_outside_of_sentences() -> None:
    line = prepare("  - I am tired.\u00a0 [sighs] It is late. ♪ ")
    assert [sentence.text for sentence in line.sentences] == ["I am tired.", "It is late."]
    assert line.gaps[0] == "- " and "[sighs]" in line.gaps[1] and line.gaps[2] == " ♪"
    spans = [line.typed[slice(*sentence.span())] for sentence in line.sentences]
    assert spans == ["I am tired.", "It is late."]


def test_numbers_and_unknown_names_become_placeholders() -> None:
    assert read("I see 231 and Zzyzx.") == [f"i see {N[0]} and {A[0]}."]
    assert read("I SEE 231.") == [f"i see {N[0]}."]
    assert read("I see 231.", Seq2SeqTokenizerConfig(lowercase_source=True)) == ["i see 231."]
    preparer = LinePreparer(FULL, features(), VOCABULARY, WORDS)
    [sentence] = preparer.prepare("I see 231.").sentences
    assert preparer.without_placeholders(sentence).model_text == "i see 231."


def test_spans_lie_in_the_line_as_typed() -> None:
    line = "\u200b I  see\u00a012,345 dogs. OK?"
    [sentence, _] = prepare(line).sentences
    at = sentence.model_text.index(N[0])
    start, end = sentence.span_of(at, at + 1)
    assert line[start:end] == "12,345"
    start, end = sentence.span_of(at + 2, len(sentence.model_text))
    assert line[start:end] == "dogs."


def test_sources_end_in_punctuation_if_those_in_training_did() -> None:
    assert read("where is it", terminated=0.99) == ["where is it."]
    assert read("where is it?", terminated=0.99) == ["where is it?"]
    assert read("I see 5", terminated=0.99) == [f"i see {N[0]}."]
    assert read("我累了", scripts=("HAN",), terminated=0.99) == ["我累了。"]  # type: ignore[arg-type]
    assert read("where is it", terminated=0.8) == ["where is it"]
    [sentence] = prepare("where is it", terminated=0.99).sentences
    assert sentence.span_of(11, 12) == (11, 11), "what is not in the line has no span in it"


@pytest.mark.parametrize(
    ("line", "model_text"),
    [
        ("“It is late…” ‘no’", "\"it is late...\" 'no'"),
        ("it’s – I am tired", "it's - i am tired"),
        ("I am\u200e late", "i am late"),
        ("\ufb01ne, Ｉ ａｍ", "fine, i am"),
        ("I am „tired“ at 5 北 “a”", f'i am "tired" at {N[0]} {A[0]} "a"'),
    ],
)
def test_typography_that_the_model_has_not_learned_is_written_plainly(line: str, model_text: str) -> None:
    [sentence] = prepare(line, split="no").sentences
    assert sentence.model_text == model_text
    start, end = sentence.span_of(0, len(model_text))
    assert line[start:end] == line
    last = sentence.model_text[-1]
    start, end = sentence.span_of(len(model_text) - 1, len(model_text))
    assert line[start:end] == {"'": "’", '"': "”"}.get(last, line[-1])
    assert read("“a”", Seq2SeqTokenizerConfig()) == ['"a"'], "also without placeholders"
    old = LinePreparer(Seq2SeqTokenizerConfig(), None, VOCABULARY)
    assert old.prepare("“a”").sentences[0].model_text == "“a”", "runs of older versions read lines as they are"


def test_each_sentence_has_the_case_of_its_own() -> None:
    assert [each.casing for each in prepare("I am tired. it is late. WHERE IS IT?").sentences] == [
        "upper",
        "lower",
        "capitals",
    ]
    assert [each.casing for each in prepare("NO. IT IS LATE.").sentences] == ["capitals", "capitals"]
    plain = prepare("IT IS LATE.", Seq2SeqTokenizerConfig()).sentences[0]
    assert (plain.model_text, plain.casing) == ("IT IS LATE.", "model")
