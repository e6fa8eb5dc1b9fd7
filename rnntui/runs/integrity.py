"""Integrity of a run: which files are as they were written.

Weights and the resume file hold a checksum of themselves, `status.json` one of itself and one of the metrics before it,
and `checksums.json`, beside its own, those of the files that never change after the run is created.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rnntui.config_classifier import ClassifierConfig
from rnntui.config_language_model import LanguageModelConfig
from rnntui.errors import RnntuiError, RunError
from rnntui.runs.belonging import (
    LoggedEvaluations,
    logged_evaluations,
    state_contradiction,
    weights_contradiction,
)
from rnntui.runs.checksums import copy_of, fixed_files, hash_of, read_checksums, recorded_arrays_checksum
from rnntui.runs.folder import CHECKSUM, RunFolder, is_changed
from rnntui.runs.metrics_log import broken_lines, metrics_checksum
from rnntui.runs.run_status import RunStatus
from rnntui.runs.weights_file import check_arrays, stored_checksum
from rnntui.untrusted_files import read_json

FileState = Literal["whole", "no checksum", "damaged", "missing"]


@dataclass(frozen=True)
class FileReport:
    """The state of a file.

    Args:
        name: its path within the run's folder.
        state: whether it is as it was written; "no checksum" if it can be read but nothing says what was written.
        problem: what is wrong with it; empty if nothing is known to be.
    """

    name: str
    state: FileState
    problem: str = ""

    @property
    def is_broken(self) -> bool:
        return self.state in ("damaged", "missing")


def write_status_of_metrics(run: RunFolder, status: RunStatus) -> None:
    """Write a status with the time that it names, and the checksum of the metrics as they are now."""
    size = run.metrics_file.stat().st_size if run.metrics_file.exists() else 0
    checksum = metrics_checksum(run.metrics_file, size) if size else ""
    run.write_stamped_status(replace(status, metrics_bytes=size, metrics_sha256=checksum))


def verify_run(run: RunFolder) -> list[FileReport]:
    """Return the state of each file of a run, sorted by name; files that a run does not have are left out."""
    return sorted(_reports(run), key=lambda report: report.name)


def _reports(run: RunFolder) -> Iterator[FileReport]:
    yield from _fixed(run)
    if run.status_file.exists() or run.weights_file.exists():  # neither in a run that failed before its first step
        yield verify_status(run)
    if run.metrics_file.exists() or _has_trained(run):
        yield _metrics(run)
    of_run = (run.weights_file, run.ngrams_file, run.resume_file, run.pretrained_file, run.curves_file)
    arrays = {path for path in of_run if path.exists()}  # not a copy that a user made beside them
    if _has_trained(run):
        arrays.add(run.weights_file)
    if _has_ngrams(run):
        arrays.add(run.ngrams_file)
    if _has_steps(run) and run.training_ids.exists():
        arrays.add(run.resume_file)
    logged = logged_evaluations(run)
    for path in arrays:
        yield _arrays(run, path, logged)


def _fixed(run: RunFolder) -> Iterator[FileReport]:
    """Yield the states of the files that never change."""
    present = {path.relative_to(run.path).as_posix(): path for path in fixed_files(run)}
    recorded: dict[str, str] = {}
    if run.checksums_file.exists():
        name = run.checksums_file.name
        try:
            recorded = read_checksums(run.checksums_file)
        except (OSError, ValueError) as error:
            yield FileReport(name, "damaged", str(error))
        else:
            yield FileReport(name, "whole")
        yield from _copy_of_checksums(run, recorded)
    elif copy_of(run, run.checksums_file).exists():  # earlier versions wrote neither
        yield FileReport(run.checksums_file.name, "missing", "it belongs to the run")
    for name in sorted({run.config_file.name, *present, *recorded}):
        if name not in present:
            if name.startswith("resume/") and not run.resume_folder.exists():
                continue  # of a finished run, the folder may be deleted
            yield FileReport(name, "missing", "it belongs to the run")
            continue
        problem = _config_problem(run) if name == run.config_file.name else ""
        if name in recorded and hash_of(present[name]) != recorded[name]:
            yield FileReport(name, "damaged", problem or "its contents are not those that were written")
        elif problem:
            yield FileReport(name, "damaged", problem)
        else:
            yield FileReport(name, "whole" if name in recorded else "no checksum")


def _copy_of_checksums(run: RunFolder, recorded: Mapping[str, str]) -> Iterator[FileReport]:
    """Yield the state of the copy of the checksums, which cannot have one of its own; earlier versions wrote none."""
    copy = copy_of(run, run.checksums_file)
    name = copy.relative_to(run.path).as_posix()
    has_copies = copy_of(run, run.config_file).relative_to(run.path).as_posix() in recorded
    if not copy.exists():
        if has_copies and run.resume_folder.exists():
            yield FileReport(name, "missing", "it belongs to the run")
    elif not recorded:
        yield FileReport(name, "no checksum")
    elif hash_of(copy) == hash_of(run.checksums_file):
        yield FileReport(name, "whole")
    else:
        yield FileReport(name, "damaged", f"it is not a copy of {run.checksums_file.name}")


def _config_problem(run: RunFolder) -> str:
    try:
        run.read_config()
    except RunError as error:
        return error.problem
    return ""


def verify_status(run: RunFolder) -> FileReport:
    """Return the state of `status.json`."""
    path = run.status_file
    try:
        values = read_json(path)
        if isinstance(values, dict) and is_changed(values):
            return FileReport(path.name, "damaged", "its contents are not those that were written")
        run.read_status()
    except FileNotFoundError:
        return FileReport(path.name, "missing", "it belongs to the run")
    except (OSError, ValueError, RunError) as error:
        return FileReport(path.name, "damaged", str(error))
    return FileReport(path.name, "whole" if CHECKSUM in values else "no checksum")


def _metrics(run: RunFolder) -> FileReport:
    path = run.metrics_file
    try:
        status = run.read_status()
    except RunError:
        status = None
    if not path.exists():
        return FileReport(path.name, "missing", "it belongs to the run")
    try:
        broken = broken_lines(path)
        if broken:
            return FileReport(path.name, "damaged", f"{broken} of its lines cannot be read")
        if status is None or not status.metrics_sha256:
            return FileReport(path.name, "no checksum")
        if metrics_checksum(path, status.metrics_bytes) != status.metrics_sha256:
            return FileReport(path.name, "damaged", "its rows are not those that were written")
    except OSError as error:
        return FileReport(path.name, "damaged", str(error))
    return FileReport(path.name, "whole")


def _arrays(run: RunFolder, path: Path, logged: LoggedEvaluations) -> FileReport:
    name = path.relative_to(run.path).as_posix()
    if not path.exists():
        return FileReport(name, "missing", "it belongs to the run")
    try:
        has_checksum = check_arrays(path, are_weights=path == run.weights_file)
        recorded = recorded_arrays_checksum(run, path)
        if recorded is not None and stored_checksum(path) != recorded:
            return FileReport(name, "damaged", "it is not the one that the run was created with")
        contradictions = {run.weights_file: weights_contradiction, run.resume_file: state_contradiction}
        if path in contradictions and (problem := contradictions[path](run, logged)):
            return FileReport(name, "damaged", problem)
        return FileReport(name, "whole" if has_checksum else "no checksum")
    except RnntuiError as error:
        return FileReport(name, "damaged", error.problem)


def _has_trained(run: RunFolder) -> bool:
    """Return True if a run has been evaluated, so that it should have weights; True too where that is unknown."""
    try:
        status = run.read_status()
        return status.validation_loss is not None or status.step > 0
    except RunError:
        return True


def _has_ngrams(run: RunFolder) -> bool:
    """Return True if a run cannot do without its file of n-grams; False where that is unknown."""
    if recorded_arrays_checksum(run, run.ngrams_file) is not None:
        return True
    try:
        model = run.read_config().model
    except RunError:
        return False
    if isinstance(model, LanguageModelConfig):
        return bool(model.ngram_prior)
    return isinstance(model, ClassifierConfig) and model.ngrams != "none"


def _has_steps(run: RunFolder) -> bool:
    """Return True if a run is past step 0, so that it cannot be resumed from its start; True where that is unknown."""
    try:
        return run.read_status().step > 0
    except RunError:
        return True
