"""Features of a text: which characters and tokens have them."""

from __future__ import annotations

import pytest

from rnntui.inspection.text_features import token_features
from rnntui.text.turns import SpeakerLabels

# A text, and below each character the feature's value: a digit, or · for 0.
FEATURES = {
    "quotes": ('He said "no" and “go” "a', "········111······111"),
    "quotes at a blank line": ('"a\n\n"b"', "····11"),
    "brackets": ("a (b [c] d) e) (", "··11111111"),
    "bracket-depth": ("((a)b(c))d", "12211221"),
    "heading": ("# A b\nROMEO:\nHow now, MAB\n", "1" * 13),
    "line-position": ("ab\nc", "12·1"),
    "word": ("a b-c 1 d'e", "1·1·1···111"),
    "word-end": ("to be it's.", "·1··1····1·"),
    "word-position": ("to be, I", "12·12··1"),
    "capitalized": ("To be Oh", "11····11"),
    "upper-case": ("tO bE", "·1··1"),
    "digit": ("a1 22", "·1·11"),
    "question": ("Go. Is it? No", "····11111"),
    "sentence-position": ("A b. Cd", "1234512"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "case"), FEATURES.items(), ids=str)
def test_characters_have_a_feature(name: str, case: tuple[str, str]) -> None:
    text, marks = case
    values = {column.feature.id: column.values for column in token_features(text, range(1, len(text) + 1))}
    found = "".join("·" if not value else str(int(value)) for value in values[name.split(maxsplit=1)[0]])
    assert found == marks.ljust(len(text), "·")


def test_a_token_has_the_value_of_its_last_character_or_of_any_where_that_says_more() -> None:
    ends = [2, 2, 6, 9]  # "To", an empty piece, " be (", "x) "
    values = {column.feature.id: list(column.values) for column in token_features("To be (x)", ends)}
    assert values["word-end"] == [1, 1, 0, 0] and values["upper-case"] == [1, 0, 0, 0]
    assert values["brackets"] == [0, 0, 0, 0] and values["line-position"] == [2, 2, 6, 9]


def test_turns_belong_to_the_second_speaker_from_the_label_on() -> None:
    text = "A: hi\nB: oh B: x\nA: no\n"
    columns = token_features(text, range(1, len(text) + 1), SpeakerLabels("A", "B"))
    spoken = "".join(str(int(value)) for value in columns[-1].values)
    assert columns[-1].feature.title == "turn of B" and spoken == "0" * 8 + "1" * 9 + "0" * 6


def test_an_empty_text_has_tokens_without_features() -> None:
    assert all(column.values.tolist() == [0, 0] for column in token_features("", [0, 0]))
