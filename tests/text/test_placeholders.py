"""Placeholders of numbers, addresses and names, and the preprocessing of pairs that uses them."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from rnntui.config_seq2seq import Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.errors import RunError
from rnntui.kinds.pair_corpus_info import PairCorpusInfo, SourceFeatures
from rnntui.text.normalization import lower_case
from rnntui.text.pair_preprocessing import PairPreprocessor, model_form, source_features
from rnntui.text.parallel_corpus import Pair
from rnntui.text.placeholders import (
    NAMES,
    NUMBERS,
    Placeholder,
    copied_names,
    is_complete,
    known_words,
    load_known_words,
    mask_pair,
    mask_source,
    save_known_words,
    unmask,
)

N, A = NUMBERS, NAMES


@pytest.mark.parametrize(
    ("source", "masked", "values"),
    [
        ("The answer is 231 and not 396.", f"The answer is {N[0]} and not {N[1]}.", ["231", "396"]),
        ("1,000.50 or 7", f"{N[0]} or {N[1]}", ["1,000.50", "7"]),
        ("At 12:30, $5, 30%, 3-4.", f"At {N[0]}, ${N[1]}, {N[2]}%, {N[3]}.", ["12:30", "5", "30", "3-4"]),
        ("On 2026-11-28", f"On {N[0]}", ["2026-11-28"]),
        ("5 and 5 again", f"{N[0]} and {N[0]} again", ["5", "5"]),
        ("1 2 3 4 5", f"{N[0]} {N[1]} {N[2]} {N[3]} 5", ["1", "2", "3", "4"]),
        ("in 3D, B52", f"in {N[0]}, {A[0]}", ["3D", "B52"]),
        ("See https://example.org/a?b=1.", f"See {A[0]}.", ["https://example.org/a?b=1"]),
        ("Ask ann.b@a.org, or www.a.org!", f"Ask {A[0]}, or {A[1]}!", ["ann.b@a.org", "www.a.org"]),
        ("In C:\\n\\a.txt, /etc/hosts, ~/n/.", f"In {A[0]}, {A[1]}, {A[2]}.", ["C:\\n\\a.txt", "/etc/hosts", "~/n/"]),
        ("and/or, he/she, 1/2, / and //", f"and/or, he/she, {N[0]}, / and //", ["1/2"]),
        ("My friend Zzyzx is here.", f"My friend {A[0]} is here.", ["Zzyzx"]),
        ("My friend Zzyzx's dog", f"My friend {A[0]}'s dog", ["Zzyzx"]),
        ("Zzyzx is here, Mr. Zzyzx.", f"{A[0]} is here, Mr. {A[0]}.", ["Zzyzx", "Zzyzx"]),
        ("a zzyzx", "a zzyzx", []),
        ("MY FRIEND ZZYZX", "MY FRIEND ZZYZX", []),
        ("It was -5 or −3.5 degrees.", f"It was {N[0]} or {N[1]} degrees.", ["-5", "−3.5"]),
        ("10-15, 5–3", f"{N[0]}, {N[1]}", ["10-15", "5–3"]),
        ("It costs €5.99 or 5 €.", f"It costs {A[0]} or {A[1]}.", ["€5.99", "5 €"]),
        ("Turn by 90°, at 20 °C.", f"Turn by {N[0]}, at {N[1]}.", ["90°", "20 °C"]),
        ("I ate 5kg in a 3x4 room.", f"I ate {N[0]} in a {N[1]} room.", ["5kg", "3x4"]),
        ("%s, %d of %(n)d are at 5%.", f"{A[0]}, {N[0]} of {N[1]} are at {N[2]}%.", ["%s", "%d", "%(n)d", "5"]),
        ("%1$s has %2$.1f and %@", f"{A[0]} has {N[0]} and {A[1]}", ["%1$s", "%2$.1f", "%@"]),
        ("50%d, 100% sure, %%s, a %day", f"{N[0]}%d, {N[1]}% sure, %%s, a %day", ["50", "100"]),
        ("{name}, {0} ${n} {{ user.name }} {}", f"{A[0]}, {A[1]} {A[2]} {A[3]} {{}}",
         ["{name}", "{0}", "${n}", "{{ user.name }}"]),
        ("#{n} {two words}", f"{A[0]} {{two words}}", ["#{n}"]),
        ("Type <user name> &amp; <key>.", f"Type {A[0]} {A[1]} {A[2]}.", ["<user name>", "&amp;", "<key>"]),
        ("H2O, COVID-19, v2.0.1, MP3.", f"{A[0]}, {A[1]}, {A[2]}, {A[3]}.", ["H2O", "COVID-19", "v2.0.1", "MP3"]),
        ("Call +1 (555) 123-4567.", f"Call {N[0]}.", ["+1 (555) 123-4567"]),
        ("Call 555 123 4567 or (030) 12 34 56.", f"Call {N[0]} or {N[1]}.", ["555 123 4567", "(030) 12 34 56"]),
        ("from 5 to 6 and 7 8", f"from {N[0]} to {N[1]} and {N[2]} {N[3]}", ["5", "6", "7", "8"]),
        ("at 10:30 2 men", f"at {N[0]} {N[1]} men", ["10:30", "2"]),
        ("1 000 000 men", f"{N[0]} men", ["1 000 000"]),
        ("#fun and @ann_b are #1", f"{A[0]} and {A[1]} are #{N[0]}", ["#fun", "@ann_b", "1"]),
        ("He met von Zzyzx.", f"He met von {A[0]}.", ["Zzyzx"]),
        ("Zzyzx de la Zzyzx", f"{A[0]}", ["Zzyzx de la Zzyzx"]),
        ("my iZZYZX", "my iZZYZX", []),
        ("my zZyzX", f"my {A[0]}", ["zZyzX"]),
        ("I like 北京.", f"I like {A[0]}.", ["北京"]),
        ('"北京, 東京" or 北', f'"{A[0]}" or {A[1]}', ["北京, 東京", "北"]),
        ("北京2008 and отчёт.txt", f"{A[0]} and {A[1]}", ["北京2008", "отчёт.txt"]),
        ("rock & roll, AT&T", f"rock {A[0]} roll, {A[1]}", ["&", "AT&T"]),
        ("I <3 the my_file", f"I {A[0]} the {A[1]}", ["<3", "my_file"]),
        ("a 👍🏽👩‍👩‍👧 b", f"a {A[0]} b", ["👍🏽👩‍👩‍👧"]),
        ("", "", []),
    ],
)  # fmt: skip
def test_numbers_addresses_and_rare_names_are_masked_and_come_back(source: str, masked: str, values: list[str]) -> None:
    result = mask_source(
        source, is_rare=lambda word: word.casefold() == "zzyzx", is_foreign=lambda c: c > "\u0400" or c in "&<_,"
    )
    assert result.text == masked
    assert [value.text for value in result.values] == values
    assert unmask(result.text, result.values) == source
    assert is_complete(result.text, result.values)
    assert len(result.offsets) == len(masked) + 1 and result.offsets[-1] == len(source)
    assert all(source[result.offsets[i]] == c for i, c in enumerate(masked) if c not in (*N, *A))


@pytest.mark.parametrize(
    ("source", "masked", "values"),
    [
        ("on May 21st.", f"on May {N[0]}.", ["21"]),
        ("the 1,001st or 3RD", f"the {N[0]} or {N[1]}", ["1,001", "3"]),
        ("in the 1990s and 80s", f"in the {N[0]}s and {N[1]}s", ["1990", "80"]),
        ("at 5pm or 10:30a.m.", f"at {N[0]} pm or {N[1]} a.m.", ["5", "10:30"]),
    ],
)
def test_ordinals_decades_and_hours_are_numbers_with_an_ending_of_the_language(
    source: str, masked: str, values: list[str]
) -> None:
    result = mask_source(source)
    assert result.text == masked
    assert [value.text for value in result.values] == values
    assert len(result.offsets) == len(masked) + 1 and result.offsets[-1] == len(source)


def test_a_target_is_complete_only_with_every_placeholder_as_often_as_in_the_source() -> None:
    values = [Placeholder(N[0], "5"), Placeholder(N[0], "5"), Placeholder(A[0], "Ann")]
    assert is_complete(f"{A[0]} {N[0]} {N[0]}", values)
    for target in (f"{N[0]} {N[0]}", f"{A[0]} {N[0]}", f"{A[0]} {N[0]} {N[0]} {N[1]}", f"{A[0]} {N[0]} {N[0]} {A[0]}"):
        assert not is_complete(target, values)


def test_a_text_that_holds_placeholders_is_left_alone() -> None:
    assert mask_source(f"{N[1]} and 5").text == f"{N[1]} and 5"
    assert mask_pair(f"{N[1]} and 5", "5", set()) == (f"{N[1]} and 5", "5")


@pytest.mark.parametrize(
    ("source", "target", "masked"),
    [
        ("Born in 1987.", "Nació en 1987.", (f"Born in {N[0]}.", f"Nació en {N[0]}.")),
        ("1,000 yen", "1.000 yenes", (f"{N[0]} yen", f"{N[0]} yenes")),
        ("I am 30.", "Tengo treinta años.", ("I am 30.", "Tengo treinta años.")),
        ("5 or 5", "5 veces", ("5 or 5", "5 veces")),
        ("At 6 or 7", "A las 7 o 6", (f"At {N[0]} or {N[1]}", f"A las {N[1]} o {N[0]}")),
        ("I saw Ann.", "Vi a Ann.", (f"I saw {A[0]}.", f"Vi a {A[0]}.")),
        ("I saw Anna.", "Vi a Ana.", ("I saw Anna.", "Vi a Ana.")),
    ],
)
def test_only_what_a_pair_shares_is_masked(source: str, target: str, masked: tuple[str, str]) -> None:
    assert mask_pair(source, target, {"Ann", "Anna"}) == masked


def test_names_are_words_capitalized_within_a_source_that_its_target_shares() -> None:
    pairs = [("I saw Ann in Spain.", "Vi a Ann en España."), ("No.", "No."), ("Only Bob and I know.", "Bob lo sabe.")]
    assert copied_names(pairs) == {"Ann", "Bob"}


def test_known_words_are_those_of_the_sources_but_for_rare_names() -> None:
    sources = ["It's late, Ann.", *["I saw Bob."] * 5]
    assert known_words(sources, {"Ann", "Bob"}) == {"it", "s", "late", "i", "saw", "bob"}


def test_known_words_are_saved_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "known_words.txt"
    save_known_words(path, {"b", "a", "ñandú"})
    assert path.read_bytes() == "a\nb\nñandú\n".encode()
    assert load_known_words(path) == {"a", "b", "ñandú"}
    path.write_bytes(b"\xff\n")
    with pytest.raises(RunError, match=r"known_words\.txt is not UTF-8"):
        load_known_words(path)
    with pytest.raises(RunError, match="cannot read"):
        load_known_words(tmp_path / "missing.txt")


def test_training_uses_all_slots_and_only_some_of_the_names() -> None:
    generator = random.Random(1)
    drawn = [mask_pair("I saw Ann in 1987.", "Vi a Ann en 1987.", {"Ann"}, generator) for _ in range(200)]
    assert {slot for source, _ in drawn for slot in source if slot in N} == set(N)
    assert 10 < sum("Ann" not in source for source, _ in drawn) < 80
    for source, target in drawn:
        assert sorted(c for c in source if c in (*N, *A)) == sorted(c for c in target if c in (*N, *A))


def test_lower_case_keeps_the_number_of_characters() -> None:
    assert lower_case("WHERE Is İT?") == "where is İt?"
    assert lower_case("ÉÑ") == "éñ"


def test_short_pairs_and_pairs_with_numbers_are_repeated_in_an_epoch() -> None:
    pairs = [
        Pair("Hello.", "Hola.", "f", 1),
        Pair("It is late now.", "Es tarde.", "f", 2),
        Pair("Born in May 1987.", "Nació en mayo de 1987.", "f", 3),
    ]
    config = Seq2SeqTokenizerConfig(placeholders=True, lowercase_source=True)
    repeats = PairPreprocessor(config, pairs, seed=1).repeats(pairs, Seq2SeqTrainingConfig(short_pair_repeats=3))
    assert [pair.row for pair in repeats] == [1, 1, 3, 3, 3]
    assert repeats[0].source == "hello." and repeats[0].target == "Hola."
    assert "1987" not in repeats[-1].source + repeats[-1].target


def test_validation_masks_what_translation_would() -> None:
    pairs = [Pair("I saw Ann and Bob in 1987.", "Vi a Ann y Bob en 1987.", "f", 1)]
    config = Seq2SeqTokenizerConfig(placeholders=True, lowercase_source=True)
    [form] = model_form(pairs, config, {"i", "saw", "and", "in", "bob"})
    assert (form.source, form.target) == (f"i saw {A[0]} and bob in {N[0]}.", f"Vi a {A[0]} y Bob en {N[0]}.")


def test_pairs_stay_as_they_are_by_default() -> None:
    pairs = [Pair("Hello Ann, it is 5.", "Hola Ann, son las 5.", "f", 1)]
    preprocessor = PairPreprocessor(Seq2SeqTokenizerConfig(), pairs, seed=1)
    assert preprocessor.training(pairs) == list(model_form(pairs, Seq2SeqTokenizerConfig(), ())) == pairs
    assert preprocessor.repeats(pairs, Seq2SeqTrainingConfig()) == []


def test_features_of_the_sources_are_recorded() -> None:
    sources = ["It is late. We go.", "Где он?", "12:30", "Nobody came here."]
    features = source_features([Pair(source, "x", "f", row) for row, source in enumerate(sources)])
    assert features == SourceFeatures(("LATIN", "CYRILLIC"), 0.25, 0.25, 0.75)
    info = PairCorpusInfo(features=features)
    assert PairCorpusInfo.from_json(json.loads(json.dumps(info.to_json()))).features == features


@pytest.mark.parametrize(
    "value",
    [None, [], {"scripts": ["LATIN"]}, {"scripts": 5, "letterless": 0.1, "multiple_sentences": 0.1, "terminated": 1},
     {"scripts": [], "letterless": True, "multiple_sentences": 0.1, "terminated": 1},
     {"scripts": [], "letterless": 0.1, "multiple_sentences": 2, "terminated": 1}],
)  # fmt: skip
def test_invalid_features_are_none(value: object) -> None:
    assert SourceFeatures.from_json(value) is None
