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
from rnntui.kinds.seq2seq import SEQ2SEQ

TextUse = Literal["none", "optional", "required"]

RANKED_UNITS = 10
"""Units that are ranked for a feature: always as many, so that the best does not depend on how many are shown."""


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
            "attention", "Attention", "Where does the decoder look as it writes?", (SEQ2SEQ.id,),
            "rnntui.inspection.attention_comparison:inspect_attention", text="optional",
            text_hint="source sentence, or source ||| target to force", max_runs=8,
        ),
        InspectionView(
            "context", "Context", "How far back does it look?", (LANGUAGE_MODEL.id,),
            "rnntui.inspection.context_length:inspect_context",
        ),
        InspectionView(
            "source-length", "Source length", "Are long sources harder?", (SEQ2SEQ.id,),
            "rnntui.inspection.source_length:inspect_source_length",
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
        InspectionView(
            "units", "Units", "What do single units and gates track?", (LANGUAGE_MODEL.id,),
            "rnntui.inspection.unit_inspection:inspect_units", text="optional",
            text_hint="a text to colour; without one, an excerpt of held-out text",
        ),
        InspectionView(
            "step", "One step", "What does the cell compute at one token?", (LANGUAGE_MODEL.id,),
            "rnntui.inspection.step_inspection:inspect_step", text="optional",
            text_hint="a text to go through token by token; without one, a line of held-out text",
        ),
    )
}  # fmt: skip


def views_of(kind_id: str) -> list[InspectionView]:
    """Return the views of a kind of model, in the order of the table."""
    return [view for view in VIEWS.values() if kind_id in view.kinds]
