"""Texts cut to a width in cells."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from rnntui.text.control_chars import truncate


@pytest.mark.parametrize(
    ("text", "width", "cut"),
    [
        ("abcdef", 6, "abcdef"), ("abcdef", 5, "abcd…"), ("ab cdef", 4, "ab…"), ("abc", 1, "…"), ("abc", 0, ""),
        ("长江大桥", 8, "长江大桥"), ("长江大桥", 7, "长江大…"), ("长江大桥", 6, "长江…"),
        ("e\u0301\u0323" * 9, 5, "e\u0301\u0323" * 4 + "…"),  # each with its marks, and as many as have room
        ("👍🏽" * 4, 5, "👍🏽👍🏽…"), ("👩\u200d👧" * 2, 3, "👩\u200d👧…"),
        ("a" + "\u0301" * 999 + "bc", 2, "a" + "\u0301" * 15 + "…"),
    ],
)  # fmt: skip
def test_a_text_is_cut_to_a_number_of_cells(text: str, width: int, cut: str) -> None:
    assert truncate(text, width, cell_len) == cut
    assert cell_len(cut) <= width


def test_no_joiner_joins_the_ellipsis_to_a_character() -> None:
    assert truncate("👩\u200d👧👧", 3, len) == "👩…"
