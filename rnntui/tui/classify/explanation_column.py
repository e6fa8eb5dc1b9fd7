"""A column of the explanation: a title and rows, scrolled by keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from rnntui.text.control_chars import one_line
from rnntui.tui.classify.bars import bar
from rnntui.tui.widgets.colours import MUTED

if TYPE_CHECKING:
    from rnntui.inference.explanation import Explanation
    from rnntui.sessions.explanation_view import WordShare

_BAR_WIDTH = 6  # cells
_MAX_ROWS = 200


class ExplanationColumn(VerticalScroll):
    """Rows under a title."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._shown: Content | None = None

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)

    def show(self, title: str, rows: Sequence[Content]) -> None:
        """Show rows, from the first one on."""
        content = Content("\n").join(rows)
        self.border_title = one_line(title).replace("[", r"\[")
        if content != self._shown:
            self._shown = content
            self.query_one(Static).update(content)
            self.scroll_home(animate=False)


def share_rows(shares: Sequence[WordShare], *, signed: bool) -> list[Content]:
    """Return rows of words with their values and bars; words without a value are left out.

    With `signed`, a value says by its sign whether the word speaks for the label or against it.
    """
    largest = max((abs(share.value) for share in shares), default=0.0) or 1.0
    rows = []
    for share in shares[:_MAX_ROWS]:
        if not round(abs(share.value), 2):
            continue
        number = f"{share.value:+.2f}".replace("-", "−") if signed else f"{share.value:.2f}"
        colour = "$text-primary" if share.value > 0 else "$text-warning"
        rows.append(
            Content.assemble(
                (f"{number:>6} ", MUTED),
                (bar(abs(share.value) / largest, _BAR_WIDTH), colour),
                f" {one_line(share.text)}",
            )
        )
    return rows


def removal_rows(explanation: Explanation, probability: float) -> list[Content]:
    """Return rows that say what the classifier says without a word; those that change the label first.

    A word that does not move the explained label's `probability` is left out.
    """
    rows = []
    for removal in explanation.removals:
        label, without = explanation.label, removal.explained
        if removal.changes:
            label, without = removal.label, removal.probability
        elif f"{without:.2f}" == f"{probability:.2f}":
            continue
        rows.append(
            Content.assemble(
                ("≠ " if removal.changes else "  ", "bold"),
                one_line(removal.word),
                (": ", MUTED),
                (one_line(label), "bold" if removal.changes else MUTED),
                (f" {without:.2f}", MUTED),
            )
        )
    return rows[:_MAX_ROWS]
