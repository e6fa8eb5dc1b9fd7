"""Description of runs in words: state, progress and metrics first, then data and settings."""

from __future__ import annotations

from collections.abc import Sequence

from rnntui.formatting import format_count, format_duration, format_loss
from rnntui.kinds.registry import KINDS, kind_or_default, title_of
from rnntui.runs.description import budget_text, model_text
from rnntui.runs.run_status import RunStatus
from rnntui.sessions.run_watcher import WatchedRun


def run_facts(run: WatchedRun) -> list[tuple[str, str]]:
    """Return labels with texts; for a broken run, the problem."""
    if run.config is None or run.status is None or run.budget is None:
        facts = [("run", run.name), ("note", run.summary.note)]
        facts += [("problem", run.summary.problem or "it is being written; try again in a moment")]
        return [(label, text) for label, text in facts if text]
    config, status = run.config, run.status
    training = config.training
    batch = ", ".join(filter(None, (training.batch_summary, f"rate {training.learning_rate:g}", training.loss_note)))
    facts = [
        ("run", run.name),
        ("note", run.summary.note),
        ("problem", status.message or run.summary.problem),
        ("budget", budget_text(run.budget, config)),
        ("progress", live_progress(run)),
        ("speed", speed_text(run)),
        ("best", best_text(run)),
        ("loss", _loss_text(status, config.kind)),
        ("kind", title_of(config.kind)),
        ("model", model_text(run.summary, config)),
        ("tokens", config.tokenizer.summary),
        ("corpus", config.corpus.summary),
        ("training", batch),
        ("selection", training.selection_note),
    ]
    return [(label, text) for label, text in facts if text]


def run_line(run: WatchedRun, name: str) -> str:
    """Return a run in one line: its full name under which it is listed, then what it is doing or did, and how fast."""
    if run.status is None:
        return " · ".join(filter(None, (name, run.summary.problem)))
    problem = run.status.message if run.state == "failed" else ""
    news = run.slowdown or problem or run.summary.note
    return " · ".join(filter(None, (name, news, live_progress(run), _speed(run), best_text(run, "bits/char"))))


def state_text(run: WatchedRun) -> str:
    """Return the state of a run for a narrow column: "shipped", "done", "stopped  50%", "final eval"."""
    if run.summary.shipped and run.state == "done":
        return "shipped"
    if run.is_in_final_evaluation:
        return "final eval"
    progress = run.progress
    if run.state in ("running", "stopped", "failed") and progress is not None:
        return f"{run.state} {int(100 * progress):3d}%"
    return run.state


def distinct_names(runs: Sequence[WatchedRun]) -> dict[str, str]:
    """Return the names of runs by path; a shipped run with the name of another run is called `name (shipped)`."""
    own = {run.name for run in runs if not run.summary.shipped}
    return {run.path: f"{run.name} (shipped)" if run.summary.shipped and run.name in own else run.name for run in runs}


def metrics_text(kind: str, status: RunStatus) -> str:
    """Return the metrics of a run's best weights, such as BLEU and chrF; empty if its kind measures none."""
    metrics = KINDS[kind].metrics if kind in KINDS else ()
    measured = (metric for metric in metrics if metric.key in status.results)
    return ", ".join(f"{metric.label} {metric.text(status.results[metric.key])}" for metric in measured)


def live_progress(run: WatchedRun) -> str:
    """Return the steps done, their percentage, the time that they took and the time that is left."""
    if run.status is None:
        return ""
    steps, seconds = run.status.steps, run.status.seconds
    total = f" of {steps:,}" if steps else ""
    percentage = f" ({int(100 * run.progress)}%)" if run.progress is not None and run.progress < 1 else ""
    elapsed = format_duration(seconds) if seconds else ""
    remaining = f"{format_duration(run.seconds_left)} left" if run.seconds_left is not None else ""
    final = "final evaluation" if run.is_in_final_evaluation else ""
    return ", ".join(filter(None, (f"step {run.step:,}{total}{percentage}", elapsed, remaining, final)))


def speed_text(run: WatchedRun) -> str:
    """Return the speed, with the reason of a slowdown; empty while unknown."""
    mean = "" if run.state == "running" or not _speed(run) else " on average"
    return "; ".join(filter(None, (_speed(run) + mean, run.slowdown)))


def best_text(run: WatchedRun, bits_unit: str = "bits per character") -> str:
    """Return the metrics of the best weights and their step: those of the kind, then bits per character."""
    if run.config is None or run.status is None:
        return ""
    bits = run.status.bits_per_character
    bits_text = f"{format_loss(bits)} {bits_unit}" if bits is not None else ""
    metrics = ", ".join(filter(None, (metrics_text(run.config.kind, run.status), bits_text)))
    if not metrics:
        return ""
    step = f" at step {run.best_step:,}" if run.best_step is not None else ""
    return metrics + step + ("" if run.state == "done" else " so far")


def _loss_text(status: RunStatus, kind: str) -> str:
    if status.validation_loss is None:
        return ""
    return f"validation loss {format_loss(status.validation_loss)} {kind_or_default(kind).loss_unit}"


def _speed(run: WatchedRun) -> str:
    if run.tokens_per_second is None or run.is_in_final_evaluation:
        return ""
    return f"{format_count(round(run.tokens_per_second))} tokens/s"
