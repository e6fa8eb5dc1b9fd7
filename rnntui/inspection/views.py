"""The table of views: what `rnntui inspect` and the Inspect tab can show of a model. To add a view: a row here.

Rows are data: the module that computes a view is imported when the view is first shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from rnntui.inspection.inspection import Compute
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.model_kind import resolve
from rnntui.kinds.registry import KINDS

TextUse = Literal["none", "optional", "required"]


@dataclass(frozen=True)
class InspectionView:
    """A row of the table.

    Args:
        name: its id, and the subcommand of `rnntui inspect`.
        title: its title in the app.
        question: the question that it answers, in one line.
        kinds: ids of the kinds of model that it is of.
        compute: reference to its `Compute` function, `module:function`.
        text: whether it needs a text that the user types.
        text_hint: placeholder of the text's input.
        max_runs: the largest number of runs side by side.
    """

    name: str
    title: str
    question: str
    kinds: tuple[str, ...]
    compute: str
    text: TextUse = "none"
    text_hint: str = ""
    max_runs: int = 1

    def load(self) -> Compute:
        """Import and return the function that computes the view."""
        return cast(Compute, resolve(self.compute))


VIEWS: dict[str, InspectionView] = {
    view.name: view
    for view in (
        InspectionView(
            "gradients", "Gradient flow", "From how far back can this model learn?", (LANGUAGE_MODEL.id,),
            "rnntui.inspection.gradient_flow:inspect_gradients", max_runs=8,
        ),
        InspectionView(
            "clipping", "Clipping", "How often was the gradient too long for a step?", tuple(KINDS),
            "rnntui.inspection.clipping:inspect_clipping", max_runs=8,
        ),
        InspectionView(
            "novelty", "Novelty", "What does this model copy from its training text?", (LANGUAGE_MODEL.id,),
            "rnntui.inspection.novelty_report:inspect_novelty", text="optional",
            text_hint="a text to look for in the training text; empty for texts that the model generates",
        ),
    )
}  # fmt: skip


def views_of(kind_id: str) -> list[InspectionView]:
    """Return the views of a kind of model, in the order of the table."""
    return [view for view in VIEWS.values() if kind_id in view.kinds]
