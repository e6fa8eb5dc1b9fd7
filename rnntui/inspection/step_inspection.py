"""`rnntui inspect step` and its view: the steps of a text, of which one is shown."""

from __future__ import annotations

import numpy as np

from rnntui.inference.loaded_model import LoadedLanguageModel, load_language_model
from rnntui.inspection.cell_step import steps_of
from rnntui.inspection.inspection import Cancelled, InspectionRequest
from rnntui.inspection.probe_text import probe_text
from rnntui.inspection.step_report import StepReport
from rnntui.runs.folder import RunFolder

_TOKENS = 60  # of held-out text, where there is no text of the user's


def inspect_step(request: InspectionRequest, cancelled: Cancelled) -> StepReport:
    """Compute the view: the last step of a text, from which the others can be reached."""
    run = request.runs[0]
    loaded = load_language_model(run, precision="fp32")
    return step_report(run, loaded, request.text or _held_out_lines(run, loaded, cancelled))


def step_report(run: RunFolder, loaded: LoadedLanguageModel, text: str) -> StepReport:
    """Return the report on the last step of a text. Raises `CorpusError` if it is empty."""
    steps = steps_of(loaded, text)
    return StepReport(run.name, steps, len(steps) - 1)


def _held_out_lines(run: RunFolder, loaded: LoadedLanguageModel, cancelled: Cancelled) -> str:
    ids = probe_text(run, loaded, "", _TOKENS, cancelled).ids[:_TOKENS]
    return loaded.documents.decode(np.asarray(ids, dtype=np.int64).tolist()).strip() or "a"
