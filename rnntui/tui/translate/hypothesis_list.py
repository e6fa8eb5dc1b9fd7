"""The list of hypotheses for a line, the best first."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from rnntui.text.control_chars import one_line
from rnntui.tui.keys import bindings
from rnntui.tui.translate.messages import HypothesisChosen
from rnntui.tui.widgets.colours import MUTED


class HypothesisList(OptionList):
    """Hypotheses with their scores; Enter and a click choose one. Posts `HypothesisChosen`."""

    BINDINGS = bindings("hypotheses")

    def __init__(self) -> None:
        super().__init__(id="hypotheses", compact=True, markup=False)
        self._shown: tuple[list[tuple[float, str]], int] = ([], 0)

    def show(self, hypotheses: Sequence[tuple[float, str]], chosen: int) -> None:
        """Show these scores and texts, and which one is chosen."""
        content = (list(hypotheses), chosen)
        if content == self._shown:
            return
        self._shown = content
        rows = []
        for index, (score, text) in enumerate(hypotheses):
            marker = "●" if index == chosen else " "
            rows.append(Content.assemble((f"{marker} {score:6.2f}  ", MUTED), one_line(text)))
        self.set_options(Option(row) for row in rows)
        self.highlighted = chosen if hypotheses else None

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(HypothesisChosen(event.option_index))
