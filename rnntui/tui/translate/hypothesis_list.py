"""The translations that were found for a line, the best first."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from rnntui.text.control_chars import one_line
from rnntui.tui.keys import bindings
from rnntui.tui.widgets.colours import MUTED


class Hypotheses(OptionList):
    """A list with scores; Enter and a click choose one."""

    BINDINGS = bindings("hypotheses")

    class Chosen(Message):
        """The hypothesis of this number is the one for the line."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self) -> None:
        super().__init__(id="hypotheses", compact=True, markup=False)
        self._shown: tuple[list[tuple[float, str]], int] = ([], 0)

    def show(self, hypotheses: Sequence[tuple[float, str]], chosen: int) -> None:
        """Show these scores and texts, one of them as chosen."""
        now = (list(hypotheses), chosen)
        if now == self._shown:
            return
        self._shown = now
        rows = []
        for number, (score, text) in enumerate(hypotheses):
            sign = "●" if number == chosen else " "
            rows.append(Content.assemble((f"{sign} {score:6.2f}  ", MUTED), one_line(text)))
        self.set_options(Option(row) for row in rows)
        self.highlighted = chosen if hypotheses else None

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Chosen(event.option_index))
