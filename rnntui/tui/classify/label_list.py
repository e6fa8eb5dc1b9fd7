"""The list of labels of a line, the most probable first."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from rnntui.text.control_chars import one_line
from rnntui.tui.classify.bars import bar
from rnntui.tui.classify.messages import LabelChosen, NextLineWanted
from rnntui.tui.keys import bindings
from rnntui.tui.widgets.colours import MUTED

_MAX_LABELS = 100
_BAR_WIDTH = 6  # cells


class LabelList(OptionList):
    """Labels with their probabilities; Enter and a click choose one to explain. Posts `LabelChosen`."""

    BINDINGS = bindings("labels")

    def __init__(self) -> None:
        super().__init__(id="labels", compact=True, markup=False)
        self.border_title = "Labels"
        self._shown: tuple[list[tuple[str, float]], str] = ([], "")

    def show(self, labels: Sequence[tuple[str, float]], explained: str) -> None:
        """Show labels with their probabilities, and mark the one that is explained."""
        content = (list(labels[:_MAX_LABELS]), explained)
        if content == self._shown:
            return
        self._shown = content
        rows = []
        for label, probability in content[0]:
            marker = "●" if label == explained else " "
            rows.append(
                Content.assemble(
                    (f"{marker} {probability:.2f} ", MUTED),
                    (bar(probability, _BAR_WIDTH), "$text-primary"),
                    f" {one_line(label)}",
                )
            )
        self.set_options(Option(row) for row in rows)
        self.highlighted = next((index for index, (label, _) in enumerate(content[0]) if label == explained), None)

    @property
    def _labels(self) -> list[tuple[str, float]]:
        return self._shown[0]

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(LabelChosen(self._labels[event.option_index][0]))

    def action_next_line(self) -> None:
        """Go to the next line with the highlighted label."""
        if self.highlighted is not None:
            self.post_message(NextLineWanted(self._labels[self.highlighted][0]))
