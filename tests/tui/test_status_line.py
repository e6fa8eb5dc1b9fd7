"""The status line of a pane: nothing is cut that there is room for."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from rnntui.tui.chat.status_line import StatusPart, fit_parts, with_title

PARTS = [
    StatusPart(("shakespeare",), 0),
    StatusPart(("writing 35 tokens/s", "35 tokens/s", "writing"), 1),
    StatusPart(("T 0.8",), 5),
    StatusPart(("1.94 bits/char",), 3),
    StatusPart(("seed 4284673447",), 4),
    StatusPart(("version 2/3 (Alt+←/→)", "version 2/3", "2/3"), 2),
]


@pytest.mark.parametrize(
    ("width", "rows", "lines"),
    [
        (
            100,
            1,
            ["shakespeare · writing 35 tokens/s · T 0.8 · 1.94 bits/char · seed 4284673447 · version 2/3 (Alt+←/→)"],
        ),
        (99, 1, ["shakespeare · writing 35 tokens/s · T 0.8 · 1.94 bits/char · seed 4284673447 · version 2/3"]),
        (78, 1, ["shakespeare · 35 tokens/s · T 0.8 · 1.94 bits/char · seed 4284673447 · 2/3"]),
        (70, 1, ["shakespeare · writing · T 0.8 · 1.94 bits/char · seed 4284673447 · 2/3"]),
        (69, 1, ["shakespeare · writing · 1.94 bits/char · seed 4284673447 · 2/3"]),
        (40, 1, ["shakespeare · writing · 2/3"]),
        (38, 2, ["shakespeare · 35 tokens/s · T 0.8", "1.94 bits/char · seed 4284673447 · 2/3"]),
        (15, 1, ["shakespeare"]),
        (5, 1, ["shakespeare"]),
    ],
)
def test_the_least_important_part_goes_first(width: int, rows: int, lines: list[str]) -> None:
    assert fit_parts(PARTS, width, rows) == lines


@pytest.mark.parametrize(
    ("width", "line"),
    [(30, "tiny · ready             Title"), (20, "tiny · ready   Title"), (19, "tiny · ready")],
)
def test_a_title_has_the_room_that_is_left(width: int, line: str) -> None:
    assert with_title(["tiny · ready"], "Title", width) == line
    assert cell_len(line) in (width, 12)


def test_a_long_title_is_cut_by_cells() -> None:
    assert with_title(["first", "ready"], "床前明月光，疑是地上霜", 26) == "first\nready    床前明月光，疑是…"
    assert with_title(["ready"], "床前明月光，疑是地上霜", 19) == "ready"
