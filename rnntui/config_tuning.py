"""Settings of a search for the settings of a training: `rnntui tune`."""

from __future__ import annotations

from rnntui.config import DEFAULT_MINUTES, Budget
from rnntui.errors import UsageError
from rnntui.settings import Settings, record, setting_field

DEFAULT_TUNING_MINUTES = 60.0
_TRIALS = 12  # whole trainings that fit into the time: half of all trials are stopped after a quarter


@record
class TuningConfig(Settings):
    """Limits of a search, and the length of its trials."""

    minutes: float | None = setting_field(
        None,
        "time of the whole search in minutes, everything included [default: "
        f"{DEFAULT_TUNING_MINUTES:g}; with --trials no limit]",
        low=0.01,
        high=1_000_000,
    )
    trials: int | None = setting_field(
        None, "number of trials, each a training with other settings [default: no limit]", low=1, high=100_000
    )
    trial_minutes: float | None = setting_field(
        None,
        f"length of each trial in minutes [default: a twelfth of --minutes, at most {DEFAULT_MINUTES:g}]",
        low=0.01,
        high=100_000,
    )
    trial_steps: int | None = setting_field(
        None, "length of each trial in training steps, instead of minutes", low=1, high=1_000_000_000
    )
    keep_all: bool = setting_field(False, "keep the runs of all trials, not only the best one's")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.trial_minutes is not None and self.trial_steps is not None:
            raise UsageError(
                "--trial-minutes and --trial-steps are two lengths of a trial", setting="trial_steps", hint="give one"
            )
        minutes = self.search_minutes
        if minutes is not None and self.trial_minutes is not None and self.trial_minutes > minutes:
            raise UsageError(
                f"--trial-minutes {self.trial_minutes:g} is more than the {minutes:g} minutes of the whole search",
                setting="trial_minutes",
                hint="give a larger --minutes, or shorter trials",
            )

    @property
    def search_minutes(self) -> float | None:
        """Minutes of the whole search; None for no limit."""
        return DEFAULT_TUNING_MINUTES if self.minutes is None and self.trials is None else self.minutes

    @property
    def trial_budget(self) -> Budget:
        """Budget of the training of each trial."""
        if self.trial_steps is not None:
            return Budget(steps=self.trial_steps)
        if self.trial_minutes is not None:
            return Budget(minutes=self.trial_minutes)
        minutes = self.search_minutes
        share = DEFAULT_MINUTES if minutes is None else min(DEFAULT_MINUTES, minutes / _TRIALS)
        return Budget(minutes=max(0.01, float(f"{share:.3g}")))
