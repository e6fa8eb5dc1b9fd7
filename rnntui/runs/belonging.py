"""Whether the weights and the resume state of a run are its own: each may be whole, and yet of another run or save.

That is what an incomplete backup or a copy to the wrong folder leaves. Only contradictions count, as a killed process
may leave weights, state, metrics and status of different moments, each of which is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from rnntui.atomic_files import parse_json
from rnntui.errors import RunError
from rnntui.kinds.metrics import CHECKED_LOSS
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import RESULT_KEY, rows_with
from rnntui.runs.run_status import RunStatus
from rnntui.runs.weights_header import read_weights_header

REPAIRED = "repaired"
"""Key of the metadata of weights that a repair has put in the place of the best ones, which were lost."""


class LoggedEvaluations(NamedTuple):
    """What the metrics say: the losses of the evaluations of each step, and the step of the final weights, if any."""

    losses: Mapping[int, set[float]]
    best_step: int | None


def logged_evaluations(run: RunFolder) -> LoggedEvaluations:
    """Return the evaluations that the metrics of a run have; none without metrics."""
    losses: dict[int, set[float]] = {}
    best_step: Any = None
    rows = rows_with(run.metrics_file, CHECKED_LOSS, RESULT_KEY) if run.metrics_file.is_file() else ()
    for row in rows:
        step, loss = row.get("step"), row.get(CHECKED_LOSS)
        if isinstance(step, int) and isinstance(loss, float):
            losses.setdefault(step, set()).add(loss)
        best_step = row.get(RESULT_KEY, best_step)
    return LoggedEvaluations(losses, best_step if isinstance(best_step, int) else None)


def weights_contradiction(run: RunFolder, logged: LoggedEvaluations) -> str:
    """Return why the weights of a run cannot be its best ones; empty if nothing speaks against it."""
    header = read_weights_header(run.weights_file)
    status = _status(run)
    if header is None or header.step is None or status is None:
        return ""
    if REPAIRED in header.metadata:
        return "they replaced others, whose loss the status has" if status.validation_loss is not None else ""
    try:
        loss = float(header.metadata[CHECKED_LOSS])
    except (KeyError, ValueError):  # of an earlier version
        return ""
    if header.step in logged.losses and loss not in logged.losses[header.step]:
        return f"its weights are of another run or save: the run logged another loss at step {header.step:,}"
    # Weights of a step that is not logged were saved by a process that was killed before it wrote the row; one that was
    # resumed with another budget may have found no better ones.
    if status.state == "done" and header.step in logged.losses and logged.best_step not in (None, header.step):
        return f"its weights are of step {header.step:,}, and the best ones of step {logged.best_step:,}"
    return ""


def state_contradiction(run: RunFolder, logged: LoggedEvaluations) -> str:
    """Return why the resume state of a run cannot be the one that it saved last; empty if nothing speaks against it."""
    header, status = read_weights_header(run.resume_file), _status(run)
    if header is None or status is None:
        return ""
    try:
        progress = parse_json(header.metadata.get("progress", ""))
        step, best_step, best_loss = (progress.get(name) for name in ("step", "best_step", "best_loss"))
    except (ValueError, AttributeError):
        return ""
    evaluated = logged.losses
    if status.state == "done" and isinstance(step, int):
        # Each evaluation is followed by a save; steps after the last one, as of a budget that was over before there was
        # a plan, may not be.
        is_older = step < status.step and any(step < each for each in evaluated)
        if is_older or step > status.step:
            return f"it is of step {step:,}, and the run ended at step {status.step:,}"
    losses = evaluated.get(best_step) if isinstance(best_step, int) else None
    if losses is not None and isinstance(best_loss, float) and best_loss not in losses:
        return f"it is of another run or save: the run logged another loss at step {best_step:,}"
    return ""


def _status(run: RunFolder) -> RunStatus | None:
    try:
        return run.read_status()
    except RunError:
        return None
