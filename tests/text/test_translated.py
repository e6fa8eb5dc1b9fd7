"""Sample translations formatted as one line, and parsed."""

from __future__ import annotations

import pytest

from rnntui.text.translated import Translated


@pytest.mark.parametrize(
    "parts",
    [("A cat.", "Un gato.", "Una gata."), ("It's yours.", "", "Es suyo."), ("", "", ""),
     ("a", "b → c  (x)", "d\ne"), ("(reference: x)", "y", "z)")],
)  # fmt: skip
def test_a_line_and_back(parts: tuple[str, str, str]) -> None:
    translated = Translated(*parts)
    assert Translated.from_line(translated.line) == translated


def test_the_line_is_the_one_that_a_person_reads() -> None:
    assert Translated("A cat.", "Un gato.", "Una gata.").line == "A cat. → Un gato.  (reference: Una gata.)"


@pytest.mark.parametrize("line", ["", "plain text", "a → b", "a → b (reference: c)", "a  (reference: c)"])
def test_another_text_is_none(line: str) -> None:
    assert Translated.from_line(line) is None


def test_each_part_is_cut_with_a_sign() -> None:
    assert Translated("12345", "1234", "123456").shortened(4) == ("123…", "1234", "123…")
