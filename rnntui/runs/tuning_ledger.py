"""`tuning.jsonl`: the ledger of a search for settings, a JSON object a line, and what it says of each trial.

The first line describes the search. A trial has a line when it starts, one when it ends or is interrupted, and one when
its run is deleted or published. Nothing else is stored of a search, so its state follows from these lines.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from rnntui.config import Budget
from rnntui.errors import RunError, UsageError, os_error_hint
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import metrics_rows
from rnntui.settings import flag_of, shown_value

SUFFIX = ".tuning"
"""End of the name of a search's folder, after the name of the run that it is for."""

FORMAT = 1

_MAX_LINES = 100_000  # of a ledger: each trial has a few

TrialState = Literal["running", "interrupted", "finished", "pruned", "failed"]
Settings = Mapping[str, Any]
Curve = tuple[tuple[float, float], ...]
"""Fraction of the training and validation loss at each evaluation."""


@dataclass(frozen=True)
class TuningFolder:
    """The paths of a search. Constructing one accesses no file."""

    path: Path

    @property
    def name(self) -> str:
        """Name of the run that the search is for."""
        return self.path.name.removesuffix(SUFFIX)

    @property
    def ledger_file(self) -> Path:
        return self.path / "tuning.jsonl"

    @property
    def template(self) -> RunFolder:
        """A run that is never trained, with the data that the runs of all trials share."""
        return RunFolder(self.path / ".template")

    def trial_run(self, number: int) -> RunFolder:
        return RunFolder(self.path / f"trial-{number}")

    def is_active(self) -> bool:
        """Return True while a process searches."""
        return RunFolder(self.path).is_locked()


@dataclass(frozen=True)
class TuningDescription:
    """The first line of a ledger.

    Args:
        sources: names of the corpus's files.
        fixed: settings that the user gave and that are not searched, by option name.
        search: values that are tried of each other setting, by option name.
        budget: budget of each trial.
        seed: seed of the proposals and of the trainings.
    """

    sources: tuple[str, ...]
    fixed: Settings
    search: Mapping[str, Sequence[Any]]
    budget: Budget
    seed: int

    def to_json(self) -> dict[str, Any]:
        """Return the object of the line."""
        lengths = {name: value for name, value in vars(self.budget).items() if value is not None}
        return {
            "tuning": FORMAT, "sources": [*self.sources], "fixed": {**self.fixed}, "trial_budget": lengths,
            "seed": self.seed, "search": {name: [*values] for name, values in self.search.items()},
        }  # fmt: skip

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TuningDescription:
        """Read the line. Raises `ValueError` if it is not one."""
        try:
            if values["tuning"] != FORMAT:
                raise ValueError(f"format {shown_value(values['tuning'])}")
            return cls(
                sources=tuple(map(str, values["sources"])),
                fixed=dict(values["fixed"]),
                search={str(name): tuple(options) for name, options in values["search"].items()},
                budget=Budget.from_json(values["trial_budget"]),
                seed=int(values["seed"]),
            )
        except (KeyError, TypeError, AttributeError, UsageError) as error:
            raise ValueError(f"no description of a search: {error}") from error


@dataclass(frozen=True)
class Trial:
    """A training with settings of its own.

    Args:
        number: counted from 1; the first has the default settings.
        settings: values of the searched settings, by option name.
        state: how far it is.
        reason: why it was pruned or has failed.
        loss: validation loss in nats a token; of a pruned or failed trial, the lowest one so far.
        bits_per_character: of the same evaluation.
        fraction: how much of its training was done, 0..1.
        seconds: its time, in all processes.
        curve: its evaluations.
        starts: how many times in a row a process started it and wrote nothing more, as one does that is killed.
        is_kept: False once its run is not needed any more, or was moved; it is deleted unless it holds other files.
        published: name under which its run was moved to the other runs; empty if it was not.
    """

    number: int
    settings: Settings
    state: TrialState = "running"
    reason: str = ""
    loss: float | None = None
    bits_per_character: float | None = None
    fraction: float = 0.0
    seconds: float = 0.0
    curve: Curve = ()
    starts: int = 1
    is_kept: bool = True
    published: str = ""

    def changes(self, default: Trial) -> dict[str, Any]:
        """Return the settings in which the trial differs from the default ones."""
        return {name: value for name, value in self.settings.items() if value != default.settings.get(name)}

    @property
    def is_over(self) -> bool:
        """True for a trial that will not go on."""
        return self.state in ("finished", "pruned", "failed")


@dataclass(frozen=True)
class Tuning:
    """A search as its ledger tells it.

    Args:
        description: what is searched.
        trials: all trials in their order.
        seconds: time of the search so far, in all processes.
    """

    description: TuningDescription
    trials: tuple[Trial, ...] = ()
    seconds: float = 0.0

    @property
    def best(self) -> Trial | None:
        """The finished trial with the lowest loss, the earliest of equal ones."""
        finished = [trial for trial in self.trials if trial.state == "finished" and trial.loss is not None]
        return min(finished, key=lambda trial: (trial.loss, trial.number), default=None)

    def with_row(self, row: Mapping[str, Any]) -> Tuning:
        """Return the search after one more line; a line that says nothing known changes nothing."""
        trials = {trial.number: trial for trial in self.trials}
        seconds = max(self.seconds, _apply(row, trials))
        return replace(self, trials=tuple(trials[key] for key in sorted(trials)), seconds=seconds)

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, Any]]) -> Tuning | None:
        """Return the search of all lines of a ledger; None if there are none. Raises `ValueError` if one is invalid."""
        iterator = iter(rows)
        first = next(iterator, None)
        if first is None:
            return None
        trials: dict[int, Trial] = {}
        seconds = 0.0
        for count, row in enumerate(iterator):
            if count >= _MAX_LINES:
                raise ValueError(f"more than {_MAX_LINES:,} lines")
            seconds = max(seconds, _apply(row, trials))
        ordered = tuple(trials[key] for key in sorted(trials))
        return cls(TuningDescription.from_json(first), ordered, seconds)


def _apply(row: Mapping[str, Any], trials: dict[int, Trial]) -> float:
    """Change trials by one more line, and return the seconds of the search that it tells of, else 0."""
    number = row.get("trial")
    if type(number) is not int:
        return 0.0
    if not 0 < number <= _MAX_LINES:
        raise ValueError(f"trial {str(number)[:20]}")
    known = trials.get(number)
    if isinstance(row.get("settings"), dict):
        starts = known.starts + 1 if known is not None and known.state == "running" else 1
        trials[number] = replace(known or Trial(number, row["settings"]), state="running", starts=starts)
    elif known is None:
        return 0.0
    elif row.get("state") in get_args(TrialState):
        trials[number] = replace(known, **_results(row))
    elif "dropped" in row:
        trials[number] = replace(known, is_kept=False)
    elif "published" in row:
        trials[number] = replace(known, is_kept=False, published=str(row["published"]))
    seconds = row.get("search_seconds")
    return float(seconds) if isinstance(seconds, int | float) else 0.0


def _results(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `Trial` in the line of a trial's end."""
    numbers = {name: row.get(name) for name in ("loss", "bits_per_character", "fraction", "seconds")}
    results: dict[str, Any] = {name: float(value) for name, value in numbers.items() if isinstance(value, int | float)}
    curve = tuple((float(point[0]), float(point[1])) for point in row.get("curve", ()))
    return {**results, "state": row["state"], "reason": str(row.get("reason", "")), "curve": curve}


def read_tuning(folder: TuningFolder) -> Tuning | None:
    """Return a search; None if there is none. Raises `RunError` if its ledger is broken."""
    try:
        return Tuning.of_rows(metrics_rows(folder.ledger_file))
    except (ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
        raise RunError(f"{folder.ledger_file} is broken: {error}", hint=f"move {folder.path} away") from error
    except OSError as error:
        raise RunError(
            f"cannot read {folder.ledger_file}: {error.strerror or error}", hint=os_error_hint(error)
        ) from error


def tunings_in(checkpoints: Path) -> list[TuningFolder]:
    """Return the searches in a folder of runs, sorted by name."""
    if not checkpoints.is_dir():
        return []
    folders = [TuningFolder(path) for path in checkpoints.glob(f"*{SUFFIX}") if not path.name.startswith(".")]
    return sorted((folder for folder in folders if folder.ledger_file.is_file()), key=lambda folder: folder.name)


@dataclass
class TuningLedger:
    """Appends to a ledger, and knows what it says.

    A line is on the disk before `append` returns. What a killed process left of a line is removed when the ledger is
    opened.

    Args:
        folder: the search's folder.
        tuning: what the ledger says.
    """

    folder: TuningFolder
    tuning: Tuning = field(repr=False)

    @classmethod
    def create(cls, folder: TuningFolder, description: TuningDescription) -> TuningLedger:
        """Begin a ledger."""
        ledger = cls(folder, Tuning(description))
        ledger._write(description.to_json())
        return ledger

    @classmethod
    def open(cls, folder: TuningFolder) -> TuningLedger | None:
        """Open the ledger of an earlier process; None if there is none. Raises `RunError` if it is broken."""
        tuning = read_tuning(folder)
        if tuning is None:
            return None
        if folder.ledger_file.is_symlink():
            raise RunError(f"{folder.ledger_file} is a symbolic link; nothing is written there")
        data = folder.ledger_file.read_bytes()
        if not data.endswith(b"\n"):
            with folder.ledger_file.open("r+b") as file:
                file.truncate(data.rfind(b"\n") + 1)
        return cls(folder, tuning)

    def append(self, number: int, **values: Any) -> None:
        """Write a line on a trial; values of None are left out."""
        row = {"trial": number, **{name: value for name, value in values.items() if value is not None}}
        self._write(row)
        self.tuning = self.tuning.with_row(row)

    def _write(self, row: Mapping[str, Any]) -> None:
        with self.folder.ledger_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return settings as flags."""
    words = []
    for name, value in settings.items():
        if isinstance(value, bool):
            words.append(flag_of(name) if value else f"--no-{flag_of(name)[2:]}")
        else:
            words.append(f"{flag_of(name)} {value_text(value)}")
    return " ".join(words)


def value_text(value: object) -> str:
    """Return the value of a setting as text: 0.0014, 512, lstm."""
    return f"{value:.10g}" if isinstance(value, float) else str(value)
