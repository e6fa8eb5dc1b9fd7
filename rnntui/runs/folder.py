"""A run's folder: what each file in it is called, its configuration, its state, and the lock that guards it."""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_type_hints

from rnntui.atomic_files import atomic_write, parse_json
from rnntui.config import (
    Budget,
    LanguageModelConfig,
    LanguageModelTrainingConfig,
    RecurrentConfig,
    Settings,
    TokenizerConfig,
    TrainerConfig,
)
from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.errors import RunError, UsageError
from rnntui.runs.format_1 import upgrade_config

if TYPE_CHECKING:
    from filelock import BaseFileLock

FORMAT = 2
LANGUAGE_MODEL = "language-model"
SEQ2SEQ = "seq2seq"

Part = TypeVar("Part", bound=Settings)

# What the settings of a kind of run are.
_KINDS: dict[str, dict[str, type[Settings]]] = {
    LANGUAGE_MODEL: {
        "model": LanguageModelConfig,
        "training": LanguageModelTrainingConfig,
        "tokenizer": TokenizerConfig,
    },
    SEQ2SEQ: {"model": Seq2SeqConfig, "training": Seq2SeqTrainingConfig, "tokenizer": Seq2SeqTokenizerConfig},
}

_MOST = 1e18  # what a number in these files stays below: a file may come from anywhere

_COUNTS = ("step", "steps", "tokens", "seconds")

RunState = Literal["running", "done", "stopped", "failed"]


@dataclass(frozen=True)
class RunConfig:
    """All of `config.json`: what a run is, fixed when it is made.

    `kind` says which sort of model it is. `tokenizer.vocab_size` is the size the tokenizer came out with. `corpus`
    describes the text: its sources, fingerprint and parts. `versions` are those of the libraries that made it.
    """

    kind: str
    model: RecurrentConfig
    training: TrainerConfig
    budget: Budget
    tokenizer: TokenizerConfig
    corpus: dict[str, Any]
    created: float
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def vocab_size(self) -> int:
        if self.tokenizer.vocab_size is None:
            raise RunError("config.json does not say the vocabulary's size")
        return self.tokenizer.vocab_size

    def model_as(self, kind: type[Part]) -> Part:
        """The model's settings, where they are of that kind. Raises `RunError` for a run of another kind."""
        return self._as(self.model, kind)

    def training_as(self, kind: type[Part]) -> Part:
        """The training's settings, where they are of that kind. Raises `RunError` for a run of another kind."""
        return self._as(self.training, kind)

    def _as(self, part: Settings, kind: type[Part]) -> Part:
        if not isinstance(part, kind):
            raise RunError(f"the run is a {self.kind}, where one with a {kind.__name__} is needed")
        return part

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RunConfig:
        """Raises `RunError` if a part is missing or makes no sense."""
        if values.get("format") == 1:
            values = upgrade_config(values)
        elif values.get("format") != FORMAT:
            raise RunError(
                f"has format {values.get('format')!r}, this rnntui reads 1 and {FORMAT}; use the one that wrote it"
            )
        try:
            kind, corpus, versions = values["kind"], values["corpus"], values.get("versions", {})
            # A kind that this rnntui does not know is told by whoever needs one that it knows.
            parts: dict[str, type[Settings]] = {**_KINDS.get(str(kind), _KINDS[LANGUAGE_MODEL]), "budget": Budget}
            read = {name: part.from_json(values[name]) for name, part in parts.items()}
            if not (isinstance(kind, str) and isinstance(corpus, dict) and isinstance(versions, dict)):
                raise TypeError("kind, corpus or versions")
            created, characters = float(values["created"]), corpus.get("characters", 0)
            if not math.isfinite(created) or not isinstance(characters, int) or not 0 <= characters < _MOST:
                raise ValueError("created or corpus.characters")
            return cls(
                kind=kind,
                corpus=corpus,
                created=created,
                versions=versions,
                **read,  # type: ignore[arg-type]
            )
        except UsageError as error:
            raise RunError(str(error)) from error
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise RunError(f"lacks or garbles {error}") from error


@dataclass(frozen=True)
class Status:
    """`status.json`: where a run stands, replaced at every check.

    `validation_loss` is in nats a token: of the best weights so far, and once the run is done, its headline result.
    `results` are all of its final losses, and other figures such as BLEU, by name; until it is done, those other
    figures of the best weights so far. `seconds` is time spent training;
    `updated` is in seconds since 1970.
    """

    state: RunState
    step: int = 0
    steps: int | None = None
    tokens: int = 0
    seconds: float = 0.0
    validation_loss: float | None = None
    bits_per_character: float | None = None
    results: dict[str, float] = field(default_factory=dict)
    message: str = ""
    updated: float = 0.0
    process: int = 0

    @classmethod
    def from_json(cls, values: object) -> Status:
        """Raises `TypeError` or `ValueError` if a field is of another type or unknown."""
        if not isinstance(values, dict):
            raise TypeError("a status is a JSON object")
        for name, hint in get_type_hints(cls).items():
            if name == "state":
                if values.get(name) not in get_args(RunState):
                    raise ValueError(f"unknown state {values.get(name)!r}")
            elif name == "results":
                results = values.get(name, {})
                if not isinstance(results, dict) or not all(isinstance(loss, float) for loss in results.values()):
                    raise TypeError(f"{name} is {results!r}")
            elif name in values:
                value, kinds = values[name], get_args(hint) or (hint,)
                fits = isinstance(value, kinds) or (float in kinds and isinstance(value, int))
                number = value if isinstance(value, (int, float)) else 0
                bounded = -_MOST < number < _MOST and (number >= 0 or name not in _COUNTS)
                if isinstance(value, bool) or not fits or not bounded:
                    raise TypeError(f"{name} is {str(value)[:40]}")
        return cls(**values)


@dataclass(frozen=True)
class RunFolder:
    """The paths of a run. Making one touches nothing."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def config_file(self) -> Path:
        return self.path / "config.json"

    @property
    def weights_file(self) -> Path:
        """The weights with the best validation loss."""
        return self.path / "model.safetensors"

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def status_file(self) -> Path:
        return self.path / "status.json"

    @property
    def resume_folder(self) -> Path:
        return self.path / "resume"

    @property
    def resume_file(self) -> Path:
        return self.resume_folder / "state.safetensors"

    @property
    def training_ids(self) -> Path:
        return self.resume_folder / "training.ids"

    @property
    def validation_ids(self) -> Path:
        return self.resume_folder / "validation.ids"

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    def read_config(self) -> RunConfig:
        """Raises `RunError` naming the file if it is missing or broken."""
        try:
            values = parse_json(self.config_file.read_bytes())
            if not isinstance(values, dict):
                raise RunError("is no JSON object")
            return RunConfig.from_json(values)
        except OSError as error:
            raise RunError(f"cannot read {self.config_file}: {error.strerror}") from error
        except ValueError as error:
            raise RunError(f"{self.config_file} is not JSON; the run is broken") from error
        except RunError as error:
            raise RunError(f"{self.config_file} {error}") from error

    def write_config(self, config: RunConfig) -> None:
        atomic_write(self.config_file, _json(config.to_json()))

    def read_status(self) -> Status:
        """Where the run stands now; one that says it is running while nobody holds its lock was killed: stopped."""
        status = self._status_on_disk()
        if status.state == "running" and not self.is_locked():
            # It may have ended between the two looks; then it says by now how.
            status = self._status_on_disk()
            if status.state == "running":
                return Status(**{**asdict(status), "state": "stopped"})
        return status

    def _status_on_disk(self) -> Status:
        try:
            return Status.from_json(parse_json(self.status_file.read_bytes()))
        except OSError:
            return Status("stopped")
        except (ValueError, TypeError) as error:
            raise RunError(f"{self.status_file} is not a status; the run is broken") from error

    def write_status(self, status: Status) -> None:
        stamped = {**asdict(status), "updated": time.time(), "process": os.getpid()}
        atomic_write(self.status_file, _json(stamped))

    def lock(self) -> BaseFileLock:
        """Take the run for writing; release by `release()`, or by the process's end, however it ends.

        Raises `RunError` if another process has it.
        """
        from filelock import FileLock, Timeout  # a sixth of the time that `rnntui sample` takes to start

        lock = FileLock(self.lock_file)
        try:
            lock.acquire(timeout=2)  # a listing may hold it for an instant
        except Timeout as error:
            raise RunError(f"run {self.name} is being trained by another process; wait for it or stop it") from error
        except OSError as error:
            raise RunError(f"cannot write to {self.path}: {error.strerror}") from error
        return lock

    def is_locked(self) -> bool:
        """Whether some process is training the run."""
        if not self.lock_file.exists():
            return False
        from filelock import FileLock, Timeout

        lock = FileLock(self.lock_file)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            return True
        lock.release()
        return False


def _json(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, allow_nan=False) + "\n").encode()
