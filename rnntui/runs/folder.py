"""A run folder: paths, reading and writing of config and status, and the lock."""

from __future__ import annotations

import itertools
import json
import os
import re
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnntui.atomic_files import atomic_write
from rnntui.errors import RunError, os_error_hint
from rnntui.runs.run_config import RunConfig
from rnntui.runs.run_lock import acquire_lock, is_locked, lock_file_in, run_is_gone
from rnntui.runs.run_status import RunStatus
from rnntui.untrusted_files import open_regular, read_json

if TYPE_CHECKING:
    from filelock import BaseFileLock

CHECKSUM = "sha256"
"""Key of the checksum of `status.json`, over all other keys."""

_DAMAGED = re.compile(r"\.damaged(?:-\d+)?$")

COPY_PREFIX = "copy-"
"""Beginning of the names of copies in the resume folder, from which a repair restores small files."""

CURVES_FILE = "curves.safetensors"
"""Name of the file of downsampled metrics, which lies beside the metrics."""

MAX_NOTE_LENGTH = 1000
"""Characters of a note."""


@dataclass(frozen=True)
class RunFolder:
    """The paths of a run folder and access to its files. Constructing one accesses no file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def config_file(self) -> Path:
        return self.path / "config.json"

    @property
    def weights_file(self) -> Path:
        """The weights of the best evaluation, which everything but resuming reads."""
        return self.path / "model.safetensors"

    @property
    def ngrams_file(self) -> Path:
        """The n-gram vocabulary of a classifier, or the n-gram model of a language model."""
        return self.path / "ngrams.safetensors"

    @property
    def known_words_file(self) -> Path:
        """The words that a model with placeholders knows; other capitalized words are names to it."""
        return self.path / "known_words.txt"

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def curves_file(self) -> Path:
        """The downsampled metrics of a long run; they can be made again from the metrics."""
        return self.path / CURVES_FILE

    @property
    def status_file(self) -> Path:
        return self.path / "status.json"

    @property
    def checksums_file(self) -> Path:
        """Checksums of the files that never change; see `integrity`."""
        return self.path / "checksums.json"

    @property
    def license_file(self) -> Path:
        """Licence of a shipped model and of its corpora; see `licenses`."""
        return self.path / "license.json"

    @property
    def note_file(self) -> Path:
        """The user's note on the run; missing if there is none."""
        return self.path / "note.txt"

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
    def encoding_journal(self) -> Path:
        """How far a text is encoded; only in a folder in staging."""
        return self.resume_folder / "encoding.json"

    @property
    def pretrained_file(self) -> Path:
        """The weights that a run begins with if it was trained on from another one."""
        return self.resume_folder / "pretrained.safetensors"

    @property
    def origin_training_ids(self) -> Path:
        """Training data of the run that this one was trained on from, where a share of it is mixed in."""
        return self.resume_folder / "origin-training.ids"

    @property
    def origin_validation_ids(self) -> Path:
        """Validation data of the run that this one was trained on from, by which forgetting is measured."""
        return self.resume_folder / "origin-validation.ids"

    @property
    def job_file(self) -> Path:
        """Name of the job of several processes that made the run; missing if it was another process alone."""
        return self.resume_folder / "job.txt"

    @property
    def novelty_folder(self) -> Path:
        """The index of the training text, in which copies are found; made on request."""
        return self.path / "novelty"

    @property
    def tensorboard_folder(self) -> Path:
        """Event files of TensorBoard, if they are wanted."""
        return self.path / "tensorboard"

    @property
    def lock_file(self) -> Path:
        return lock_file_in(self.path)

    def read_config(self) -> RunConfig:
        """Return the config. Raises `RunError` naming the file if it is missing or broken."""
        try:
            values = read_json(self.config_file)
            if not isinstance(values, dict):
                raise RunError("is not a JSON object")
            return RunConfig.from_json(values)
        except OSError as error:
            if not os.path.lexists(self.path):  # it was there when it was looked up
                raise run_is_gone(self.path) from error
            raise RunError(f"cannot read {self.config_file}: {error.strerror}", hint=os_error_hint(error)) from error
        except ValueError as error:
            raise RunError(f"{self.config_file} is not JSON; the run is broken") from error
        except RunError as error:
            raise RunError(f"{self.config_file} {error}") from error

    def write_config(self, config: RunConfig) -> None:
        atomic_write(self.config_file, _json(config.to_json()))

    def read_status(self) -> RunStatus:
        """Return the status. A running run whose lock no process holds was killed; its state is given as "stopped".

        Raises `RunError` if the file is broken.
        """
        status = self._status_on_disk()
        if status.state == "running" and not self.is_locked():
            # It may have ended after its status was read: read again.
            status = self._status_on_disk()
            if status.state == "running":
                return RunStatus(**{**asdict(status), "state": "stopped"})
        return status

    def _status_on_disk(self) -> RunStatus:
        try:
            values = read_json(self.status_file)
            status = RunStatus.from_json(without_checksum(values))
            if is_changed(values):
                raise RunError(
                    f"{self.status_file} is damaged: its contents are not those that were written",
                    hint="rnntui verify --repair writes it again",
                )
            return status
        except OSError:
            return RunStatus("stopped")
        except (ValueError, TypeError) as error:
            raise RunError(f"{self.status_file} is not a valid status; the run is broken") from error

    def write_status(self, status: RunStatus) -> None:
        self.write_stamped_status(replace(status, updated=time.time(), process=os.getpid()))

    def write_stamped_status(self, status: RunStatus) -> None:
        """Write a status with the time and process that it names."""
        values = asdict(status)
        atomic_write(self.status_file, _json(values | {CHECKSUM: json_checksum(values)}))

    def read_note(self) -> str:
        """Return the user's note; empty if there is none. It is untrusted text of any characters, bounded in length."""
        try:
            with open_regular(self.note_file) as file:
                text = file.read(4 * MAX_NOTE_LENGTH).decode("utf-8", "replace")
                return text.strip()[:MAX_NOTE_LENGTH]
        except OSError:
            return ""

    def lock(self) -> BaseFileLock:
        """Acquire the lock for writing; see `acquire_lock`."""
        return acquire_lock(self.path)

    def is_locked(self) -> bool:
        """Return True while a process is training the run, and where that cannot be determined."""
        return is_locked(self.path)


def damaged_path(path: Path) -> Path:
    """Return the path to which a repair moves a damaged file; a number tells it from those of earlier repairs."""
    names = (f"{path.name}.damaged" + (f"-{number}" if number > 1 else "") for number in itertools.count(1))
    return next(aside for name in names if not os.path.lexists(aside := path.with_name(name)))


def name_before_damage(name: str) -> str:
    """Return the name of a file, without what `damaged_path` adds to it."""
    return _DAMAGED.sub("", name)


def tokenizer_files(run: RunFolder) -> list[Path]:
    """Return the files of the vocabularies of a run, sorted; separate ones have folders of their own."""
    folders = (run.path, run.path / "source", run.path / "target")
    paths = (folder / name for folder in folders for name in ("tokenizer.json", "tokenizer.model"))
    return sorted(path for path in paths if os.path.lexists(path))


def check_no_links(run: RunFolder) -> None:
    """Raise `RunError` if a folder of a run, or a file that is appended to, is a link: it may lead anywhere.

    The folder of the run itself may be one, and so may files that are only read, or replaced as a whole.
    """
    written = (
        run.resume_folder, run.novelty_folder, run.tensorboard_folder, run.path / "source", run.path / "target",
        run.metrics_file,
    )  # fmt: skip
    for path in written:
        if path.is_symlink():
            raise RunError(
                f"{path} is a symbolic link, which may lead out of the run; nothing is written there",
                hint="put what it leads to in its place",
            )


def json_checksum(values: dict[str, Any]) -> str:
    """Return the SHA-256 of an object of JSON values, as hexadecimal digits."""
    import hashlib  # which would take a tenth of the start-up time of `rnntui sample`

    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def is_changed(values: dict[str, Any]) -> bool:
    """Return True if an object of JSON values holds a checksum that is not that of its other keys."""
    return CHECKSUM in values and values[CHECKSUM] != json_checksum(without_checksum(values))


def without_checksum(value: Any) -> Any:
    """Return a JSON value, without its checksum if it is an object."""
    return {key: item for key, item in value.items() if key != CHECKSUM} if isinstance(value, dict) else value


def _json(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, allow_nan=False) + "\n").encode()
