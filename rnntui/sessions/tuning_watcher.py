"""Watching the searches of `rnntui tune` on disk, as rows of text. Called from a thread."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

from rnntui.errors import RunError
from rnntui.formatting import format_duration, format_loss
from rnntui.runs.tuning_ledger import Trial, Tuning, TuningFolder, read_tuning, settings_text, tunings_in, value_text

COLUMNS = ("trial", "loss", "bits/char", "state", "time", "what changed")


@dataclass(frozen=True)
class TrialRow:
    """A trial as a list shows it.

    Args:
        number: of the trial.
        texts: one for each of `COLUMNS`.
        loss: its loss, to sort by; None before its first evaluation.
        is_best: True for the best finished one.
    """

    number: int
    texts: tuple[str, ...]
    loss: float | None
    is_best: bool


@dataclass(frozen=True)
class WatchedTuning:
    """A search as it was at a poll.

    Args:
        name: name of the run that it is for.
        summary: its state and its best trial in a line.
        is_active: True while a process searches.
        about: what is searched, and what is fixed.
        rows: its trials in their order.
    """

    name: str
    summary: str
    is_active: bool = False
    about: str = ""
    rows: tuple[TrialRow, ...] = ()


class TuningWatcher:
    """Polls the searches in a folder of runs; a ledger is read again only when it has grown.

    Only one thread may call `poll` at a time.
    """

    def __init__(self, checkpoints: Path) -> None:
        self._checkpoints = checkpoints
        self._known: dict[Path, tuple[tuple[int, int], Tuning]] = {}

    def poll(self) -> tuple[WatchedTuning, ...]:
        """Return every search, those under way first."""
        watched = []
        with contextlib.suppress(OSError):  # the list of runs says that the folder cannot be read
            for folder in tunings_in(self._checkpoints):
                is_active = folder.is_active()
                watched.append((not is_active, folder.name, self._read(folder, is_active)))
        return tuple(tuning for *_, tuning in sorted(watched, key=lambda item: item[:2]))

    def _read(self, folder: TuningFolder, is_active: bool) -> WatchedTuning:
        try:
            tuning = self._tuning(folder)
        except (RunError, OSError) as error:
            return WatchedTuning(folder.name, str(error), is_active)
        trials = [_with_progress(trial, folder) if trial.state == "running" else trial for trial in tuning.trials]
        best = tuning.best
        rows = tuple(
            _row(trial, trials[0], is_active, best is not None and trial.number == best.number) for trial in trials
        )
        state = "searching" if is_active else "stopped" if trials and not trials[-1].is_over else "ended"
        parts = [f"{state} after {format_duration(tuning.seconds)}", f"{len(trials)} trials"]
        if best is not None:
            parts.append(f"best {format_loss(best.loss)}" + (f", run {best.published}" if best.published else ""))
        return WatchedTuning(folder.name, " · ".join(parts), is_active, _about(tuning), rows)

    def _tuning(self, folder: TuningFolder) -> Tuning:
        stat = folder.ledger_file.stat()
        stamp = stat.st_mtime_ns, stat.st_size
        known = self._known.get(folder.path)
        if known is None or known[0] != stamp:
            tuning = read_tuning(folder)
            if tuning is None:
                raise RunError(f"{folder.ledger_file} is empty")
            self._known[folder.path] = known = stamp, tuning
        return known[1]


def _with_progress(trial: Trial, folder: TuningFolder) -> Trial:
    """Return a trial under way with what its run's status says."""
    run = folder.trial_run(trial.number)
    try:
        status = run.read_status()
    except RunError:
        return trial
    fraction = status.step / status.steps if status.steps else trial.fraction
    return replace(
        trial,
        loss=status.validation_loss,
        bits_per_character=status.bits_per_character,
        fraction=fraction,
        seconds=max(trial.seconds, status.seconds),
    )


def _row(trial: Trial, default: Trial, is_active: bool, is_best: bool) -> TrialRow:
    state: str = trial.state
    if state == "running" and not is_active:
        state = "interrupted"
    if not trial.is_over or trial.state == "pruned":
        state += f" {100 * trial.fraction:.0f}%"
    changes = ", ".join(
        str(value) if name == "cell" else f"{name.replace('_', ' ')} {value_text(value)}"
        for name, value in trial.changes(default).items()
    )
    reason = f" ({trial.reason})" if trial.state == "failed" and trial.reason else ""
    texts = (
        f"{trial.number}{' ★' if is_best else ''}", format_loss(trial.loss), format_loss(trial.bits_per_character),
        state, format_duration(trial.seconds), (changes or "none") + reason,
    )  # fmt: skip
    return TrialRow(trial.number, texts, trial.loss, is_best)


def _about(tuning: Tuning) -> str:
    description = tuning.description
    fixed = settings_text(description.fixed)
    return f"{', '.join(description.sources)} · trials of {description.budget.summary}" + (
        f" · {fixed}" if fixed else ""
    )
