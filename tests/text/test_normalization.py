"""Normalization of sources: equal-looking text becomes equal, and offsets map back to the original text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnntui.text.normalization import normalize, offset_map

ODD = st.text(
    st.sampled_from("ab \t\u00a0\u3000\u00ad\u200b\ufeffe\u0301\u0323ö각\u1100\u1161\u11a8ক\u09c7\u09be👍🏽\u200d")
)


@pytest.mark.parametrize(
    "text",
    [
        "Ein Ma\u0308dchen.", "Ein\u00a0Mädchen.", "Ein Mäd\u00adchen.", "\ufeffEin Mädchen.", "Ein\tMädchen.",
        "  Ein Mädchen.\u3000", "Ein\u202fM\u200bädchen.", "Ein Ma\u00ad\u0308dchen.",
    ],
    ids=ascii,
)  # fmt: skip
def test_what_looks_the_same_is_the_same(text: str) -> None:
    assert normalize(text) == "Ein Mädchen."


def test_what_looks_otherwise_stays() -> None:
    for text in ("a  b", "Straße", "½ ﬁ", "👍🏽 👩\u200d🚀", "नमस्ते", "C:\\x"):
        assert normalize(text) == text


@given(ODD)
def test_evening_is_done_once_and_for_all(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)
    assert unicodedata.is_normalized("NFC", normalize(text))


@given(ODD)
def test_each_character_stands_where_what_it_was_made_of_stood(text: str) -> None:
    made, at = normalize(text), offset_map(text)
    assert len(at) == len(made) + 1
    assert at == sorted(at) and at[-1] <= len(text)
    for begin in at[:-1]:
        assert normalize(text[begin : at[-1]]) == made[at.index(begin) :].strip()


def test_the_end_is_where_the_text_ends_and_not_the_blanks_after_it() -> None:
    assert offset_map("  abc  ") == [2, 3, 4, 5]
    assert offset_map("e\u0301a\u00a0") == [0, 2, 3]
    assert offset_map(" \u00a0 ") == [0] and offset_map("") == [0]
