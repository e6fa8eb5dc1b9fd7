"""Progress of `rnntui tune` on stderr: a line for each trial, a bar for the one under way; and its result in words."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from rnntui.cli.progress import ControlKeyEcho, clock_text
from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.terminal import print_note
from rnntui.formatting import shell_quote
from rnntui.runs.tuning_ledger import settings_text
from rnntui.text.control_chars import one_line
from rnntui.training.tuning import TrialEnded, TrialKept, TrialStarted, TuningEvent

if TYPE_CHECKING:
    from rnntui.runs.folder import RunFolder
    from rnntui.runs.tuning_ledger import Trial, Tuning, TuningLedger
    from rnntui.training.tuning import EndReason, Tuner, TuningLimits

SEED_NOISE = 0.005
"""Nats by which the losses of two trainings with other seeds differ, about; see `benchmarks/RECIPES.md`."""

_PLAIN_SECONDS = 30.0  # between lines of a trial under way, where there is no bar


class TuningReporter:
    """Reports a search inside its `with` block; it never raises where the terminal or the pipe has been closed.

    Args:
        ledger: the ledger.
        limits: when the search ends.
        tuner: knows the time of the search so far.
        command: the command line that goes on with the search.
    """

    def __init__(self, ledger: TuningLedger, limits: TuningLimits, tuner: Tuner, command: str) -> None:
        self._ledger, self._limits, self._tuner, self._command = ledger, limits, tuner, command
        self._bar = ProgressBar("tuning", is_immediate=True)
        self._echo = ControlKeyEcho()
        self._line_time = time.monotonic()
        self._note = ""

    def __enter__(self) -> TuningReporter:
        self._echo.hide()
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def opening(self) -> list[str]:
        """Return lines about the search before its first trial."""
        description, tuning = self._ledger.tuning.description, self._ledger.tuning
        searched = ", ".join(name.replace("_", " ") for name in description.search)
        lines = [f"tuning in {self._ledger.folder.path}: trials of {description.budget.summary}; searched: {searched}"]
        if tuning.trials:
            count = len(tuning.trials)
            goes_on = f"in trial {count}" if not tuning.trials[-1].is_over else f"after trial {count}"
            lines.append(f"goes on {goes_on}, after {clock_text(tuning.seconds)}")
        return lines

    def report(self, event: TuningEvent) -> None:
        """Show an event."""
        with contextlib.suppress(OSError):
            if isinstance(event, TrialStarted):
                self._bar.update(0.0, self._text(event.trial.number, 0.0, None))
            elif isinstance(event, TrialEnded):
                self._line_time = time.monotonic()
                print_note(trial_line(event.trial, self._ledger.tuning, is_best=event.is_best))
            elif isinstance(event, TrialKept):
                path = self._ledger.folder.trial_run(event.trial.number).path
                print_note(one_line(f"trial {event.trial.number}: its run in {path} is not deleted: {event.reason}"))
            else:
                text = self._text(event.number, event.fraction, event.loss)
                self._bar.update(self._fraction(event.number, event.fraction), text)
                if not sys.stderr.isatty() and time.monotonic() - self._line_time > _PLAIN_SECONDS:
                    self._line_time = time.monotonic()
                    print_note(text)

    def _fraction(self, number: int, fraction: float) -> float:
        """Return how much of the search is done, by the limit that is nearest."""
        limits = self._limits
        by_time = self._tuner.seconds / limits.seconds if limits.seconds else 0.0
        by_trials = (number - 1 + fraction) / limits.trials if limits.trials else 0.0
        return max(by_time, by_trials)

    def _text(self, number: int, fraction: float, loss: float | None) -> str:
        best = self._ledger.tuning.best
        parts = [f"trial {number}, {fraction:.0%}"]
        parts += [] if loss is None else [f"loss {loss:.4f}"]
        parts += [] if best is None or best.loss is None else [f"best {best.loss:.4f}"]
        return "  ".join([*parts, *([self._note] if self._note else [])])

    def acknowledge_stop(self) -> None:
        """Answer a request to stop; called from any thread."""
        self._note = "stopping"
        with contextlib.suppress(OSError):
            print_note("stopping after this step; Ctrl-C again stops at once")

    def end(self) -> None:
        """End the display; called from any thread."""
        with contextlib.suppress(OSError):
            self._bar.__exit__()
            self._echo.restore()

    def interrupted_lines(self) -> list[str]:
        """Return what is lost where the search was ended at once, and the command that continues it."""
        return ["stopped at once; the steps of this trial after its last save are lost", self._continue_line()]

    def _continue_line(self) -> str:
        return f"continue with: {self._command}"


def trial_line(trial: Trial, tuning: Tuning, *, is_best: bool) -> str:
    """Return a trial that is over or interrupted in a line."""
    figures = [] if trial.loss is None else [f"loss {trial.loss:.4f}"]
    if trial.bits_per_character is not None:
        figures.append(f"{trial.bits_per_character:.4f} bits per character")
    state = f"{trial.state}{f' ({one_line(trial.reason)})' if trial.reason else ''}"
    figures += [] if trial.state == "finished" else [state]
    changes = trial.changes(tuning.trials[0])
    settings = settings_text(changes) if changes else "the defaults" if trial.number == 1 else ""
    return "  ".join([f"trial {trial.number}", *figures, *(["best"] if is_best else []), settings]).rstrip()


def result_lines(tuner: Tuner, reason: EndReason, run: RunFolder | None) -> list[str]:
    """Return the result of a search in words. There is a best trial.

    Args:
        tuner: the search.
        reason: why it has ended.
        run: the run of the best trial; None if it is gone.
    """
    tuning = tuner.tuning
    best, default = tuning.best, tuning.trials[0]
    assert best is not None and best.loss is not None
    states = [trial.state for trial in tuning.trials]
    counts = ", ".join(
        f"{states.count(state)} {word}"
        for state, word in (("finished", "finished"), ("pruned", "stopped early"), ("failed", "failed"))
        if state in states
    )
    ends = {"exhausted": "; every combination was tried", "trials": "", "time": ""}[reason]
    lines = [f"{len(tuning.trials)} trials in {clock_text(tuner.seconds)}: {counts}{ends}"]
    if best.number == default.number:
        lines.append(f"no trial was better than the defaults, with a validation loss of {best.loss:.4f}")
    else:
        gain = "" if default.loss is None else f"; the defaults: {default.loss:.4f}"
        doubt = ""
        if default.loss is not None and default.loss - best.loss < SEED_NOISE:
            doubt = f" (another seed makes as much of a difference, about {SEED_NOISE:g})"
        lines.append(f"best: trial {best.number}, with a validation loss of {best.loss:.4f}{gain}{doubt}")
    if run is not None:
        path = shell_quote(str(run.path))
        lines.append(f"its run is in {run.path}; generate text with it: rnntui sample --run {path}")
    lines.append("train with its settings:")
    return lines


def interrupted_lines(tuning: Tuning, command: str) -> list[str]:
    """Return where an interrupted search is, and the command that goes on with it."""
    best = tuning.best
    found = "" if best is None or best.loss is None else f"; the best so far is trial {best.number}, {best.loss:.4f}"
    return [f"stopped in trial {len(tuning.trials)} and saved{found}", f"continue exactly from here with: {command}"]
