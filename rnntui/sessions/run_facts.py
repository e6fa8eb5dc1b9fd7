"""Description of a run as labelled texts: its settings, progress and metrics."""

from __future__ import annotations

from rnntui.formatting import format_duration, format_loss
from rnntui.kinds.registry import KINDS, title_of
from rnntui.runs.run_status import RunStatus
from rnntui.sessions.run_watcher import WatchedRun


def run_facts(run: WatchedRun) -> list[tuple[str, str]]:
    """Return labels with texts; for a broken run, the problem."""
    if run.config is None or run.status is None:
        return [("run", run.name), ("problem", run.summary.problem or "it is being written; try again in a moment")]
    config, status = run.config, run.status
    training = config.training
    batch = ", ".join(filter(None, (training.batch_summary, f"rate {training.learning_rate:g}", training.loss_note)))
    facts = [
        ("run", run.name),
        ("kind", title_of(config.kind)),
        ("model", ", ".join(filter(None, (f"{run.summary.cell} {run.summary.size}", config.model.summary)))),
        ("tokens", config.tokenizer.summary),
        ("corpus", config.corpus.summary),
        ("budget", config.budget.summary),
        ("training", batch),
        *([("selection", training.selection_note)] if training.selection_note else []),
        ("progress", _progress(run)),
    ]
    if run.slowdown:
        facts.append(("speed", run.slowdown))
    if status.validation_loss is not None:
        bits = f", {format_loss(status.bits_per_character)} bits/char" if status.bits_per_character is not None else ""
        facts.append(("loss", format_loss(status.validation_loss) + bits))
    if metrics := metrics_text(config.kind, status):
        facts.append(("scores", metrics if run.state == "done" else f"{metrics} so far"))
    if status.message:
        facts.append(("problem", status.message))
    return facts


def metrics_text(kind: str, status: RunStatus) -> str:
    """Return the metrics of a run's best weights, such as BLEU and chrF; empty if its kind measures none."""
    metrics = KINDS[kind].metrics if kind in KINDS else ()
    measured = (metric for metric in metrics if metric.key in status.results)
    return ", ".join(f"{metric.label} {metric.text(status.results[metric.key])}" for metric in measured)


def _progress(run: WatchedRun) -> str:
    assert run.status is not None
    total = f" of {run.status.steps:,}" if run.status.steps else ""
    elapsed = f", {format_duration(run.status.seconds)}" if run.status.seconds else ""
    remaining = f", {format_duration(run.seconds_left)} left" if run.seconds_left is not None else ""
    return f"step {run.step:,}{total}{elapsed}{remaining}"
