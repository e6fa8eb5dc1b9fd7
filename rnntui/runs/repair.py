"""Repair of a damaged run: what can be saved from the files that are whole.

A file that is replaced or given up is kept beside its place as `NAME.damaged`.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rnntui.atomic_files import atomic_write, parse_json
from rnntui.errors import RunError
from rnntui.runs.belonging import REPAIRED
from rnntui.runs.checksums import copied_files, copy_of, hash_of, read_checksums, write_checksums_alone
from rnntui.runs.folder import CURVES_FILE, RunFolder, check_no_links, damaged_path
from rnntui.runs.integrity import FileReport, verify_run, verify_status, write_status_of_metrics
from rnntui.runs.metrics_log import RESULT_KEY, metrics_rows, rewrite_rows
from rnntui.runs.run_status import RunStatus
from rnntui.runs.weights_file import load_arrays, save_arrays
from rnntui.runs.weights_header import read_weights_header

_MAX_STEP_DIGITS = 18

CountNgrams = Callable[[RunFolder], Mapping[str, Any]]


@dataclass(frozen=True)
class Repair:
    """What was done about a file that is not whole.

    Args:
        name: its path within the run's folder.
        is_repaired: False if the run lacks what was in it.
        outcome: what was done, or what is lost, in words.
    """

    name: str
    is_repaired: bool
    outcome: str


def repair_run(run: RunFolder, count_ngrams: CountNgrams) -> list[Repair]:
    """Repair what can be repaired of a run, under its lock, and return what was done about each broken file.

    Args:
        run: the run.
        count_ngrams: counts the n-grams of the run's own copy of its text, and returns the arrays of their file as it
            was; raises `RunError` if it cannot.

    Raises `RunError` if the run is being trained or cannot be written to.
    """
    check_no_links(run)
    lock = run.lock()
    try:
        done = []
        checksums = next((each for each in verify_run(run) if each.name == run.checksums_file.name), None)
        if checksums is not None and checksums.is_broken:
            done.append(_repair_checksums(run, checksums))  # first, as they tell which of the others are whole
        broken = [report for report in verify_run(run) if report.is_broken]
        # The resume file first, from which weights come; the status last, which is about the others.
        broken.sort(key=lambda report: _ORDER.index(report.name) if report.name in _ORDER else -1)
        repairs = _REPAIRS | {run.ngrams_file.name: partial(_repair_ngrams, count_ngrams)}
        return done + [repairs.get(report.name, _repair_fixed)(run, report) for report in broken]
    finally:
        lock.release()


def _repair_checksums(run: RunFolder, report: FileReport) -> Repair:
    """Restore `checksums.json` from its copy; without one, write it anew over the files as they are."""
    copy = copy_of(run, run.checksums_file)
    try:
        read_checksums(copy)
        data = copy.read_bytes()
    except (OSError, ValueError):
        _set_aside(run.checksums_file)
        write_checksums_alone(run)
        if run.resume_folder.is_dir():
            atomic_write(copy, run.checksums_file.read_bytes())
        told = "written again over the files as they are; nothing tells whether they are as they were written"
        return Repair(report.name, True, told)
    _set_aside(run.checksums_file)
    atomic_write(run.checksums_file, data)
    return Repair(report.name, True, "restored from its copy")


def _repair_fixed(run: RunFolder, report: FileReport) -> Repair:
    """Restore a file that never changes from its copy in the resume folder, or such a copy from the file."""
    path = run.path / report.name
    pairs = [(each, copy_of(run, each)) for each in (*copied_files(run), path, run.checksums_file)]
    sources = [copy for file, copy in pairs if file == path] + [file for file, copy in pairs if copy == path]
    recorded = read_checksums(run.checksums_file) if run.checksums_file.exists() else {}
    for source in sources:
        wanted = {recorded.get(report.name), recorded.get(source.relative_to(run.path).as_posix())} - {None}
        with contextlib.suppress(OSError):  # there is none, or it cannot be read
            if source == run.checksums_file or wanted == {hash_of(source)}:
                data = source.read_bytes()
                _set_aside(path)
                path.parent.mkdir(exist_ok=True)
                atomic_write(path, data)
                return Repair(report.name, True, f"restored from {source.relative_to(run.path).as_posix()}")
    return _give_up(run, report)


def _give_up(run: RunFolder, report: FileReport) -> Repair:
    """Report a file that nothing else can replace; it stays where it is."""
    consequence = "without it the run cannot be resumed" if "/" in report.name else "the run cannot be used without it"
    return Repair(report.name, False, f"nothing can replace it; {consequence}")


def _repair_state(run: RunFolder, report: FileReport) -> Repair:
    if report.state == "missing":
        return Repair(report.name, False, "the run can be used as it is, but not be resumed")
    _set_aside(run.resume_file)
    return Repair(report.name, False, "set aside; the run can be used as it is, but not be resumed")


def _repair_weights(run: RunFolder, report: FileReport) -> Repair:
    """Take the weights of the last save, averaged if there is an average, in place of those of the best evaluation.

    Their loss is not known: the status forgets that of the lost ones, and a resumed training evaluates these at once.
    """
    try:
        arrays, progress = _saved_state(run)
    except (RunError, ValueError):
        return Repair(report.name, False, "there is no resume file to take weights from")
    averages = _with_prefix(arrays, "average.")
    weights = _with_prefix(arrays, "model.") | averages
    if not weights:
        return Repair(report.name, False, "the resume file has no weights")
    _set_aside(run.weights_file)
    step = str(progress.get("step", ""))[:_MAX_STEP_DIGITS]
    save_arrays(run.weights_file, weights, {"step": step, REPAIRED: "true"})
    if verify_status(run).state == "whole":
        status = run.read_status()
        state = "stopped" if status.state == "done" else status.state
        forgotten = replace(status, state=state, validation_loss=None, bits_per_character=None, results={})
        write_status_of_metrics(run, forgotten)
    kind = "averaged weights" if averages else "weights"
    told = f"replaced by the {kind} of step {step}, the last that was saved; train --resume evaluates them"
    return Repair(report.name, True, told)


def _repair_ngrams(count_ngrams: CountNgrams, run: RunFolder, report: FileReport) -> Repair:
    """Count the n-grams of a language model again; other counts than it was trained with would be another model."""
    try:
        arrays = count_ngrams(run)
    except RunError as error:
        given_up = _give_up(run, report)
        return replace(given_up, outcome=f"{given_up.outcome}: {error.problem}")
    _set_aside(run.ngrams_file)
    save_arrays(run.ngrams_file, arrays, {})
    return Repair(report.name, True, "counted again from the run's copy of its text, as it was")


def _repair_curves(run: RunFolder, report: FileReport) -> Repair:
    run.curves_file.unlink()
    return Repair(report.name, True, "removed; the next chart of the metrics makes it again")


def _repair_metrics(run: RunFolder, report: FileReport) -> Repair:
    if report.state == "missing":
        atomic_write(run.metrics_file, b"")
        return Repair(report.name, False, "replaced by an empty one; its curves are lost")
    aside = _set_aside(run.metrics_file)
    try:
        rows = rewrite_rows(run.metrics_file, aside)
    except OSError:  # not even a file
        atomic_write(run.metrics_file, b"")
        return Repair(report.name, False, "replaced by an empty one; its curves are lost")
    if verify_status(run).state == "whole":
        write_status_of_metrics(run, run.read_status())
    return Repair(report.name, True, f"{rows:,} rows that can be read were kept")


def _repair_status(run: RunFolder, report: FileReport) -> Repair:
    """Compose the status from the progress in the resume file; without one, from the last row of the metrics."""
    try:
        _, progress = _saved_state(run)
    except (RunError, ValueError):
        last = deque(metrics_rows(run.metrics_file), maxlen=1) if run.metrics_file.is_file() else ()
        progress = dict(last[0]) if last else {}
    values: dict[str, Any] = {key: progress[key] for key in ("step", "tokens", "seconds") if key in progress}
    values |= {"validation_loss": progress.get("best_loss"), "bits_per_character": progress.get("best_bits")}
    header = read_weights_header(run.weights_file)
    if header is not None and REPAIRED in header.metadata:
        values |= {"validation_loss": None, "bits_per_character": None}
    else:
        values |= _final_results(run, progress.get("step"))
    try:
        status = RunStatus.from_json({"state": "stopped", **values})
    except (TypeError, ValueError):
        status = RunStatus("stopped")
    _set_aside(run.status_file)
    write_status_of_metrics(run, status)
    return Repair(report.name, True, f"written again, as {status.state} at step {status.step:,}")


def _final_results(run: RunFolder, step: object) -> dict[str, Any]:
    """Return what the status of a finished run has of its final evaluation; nothing if that is not in the metrics."""
    last = deque(metrics_rows(run.metrics_file), maxlen=1) if run.metrics_file.is_file() else ()
    row = last[0] if last else {}
    if RESULT_KEY not in row or row.get("step") != step:
        return {}
    about = ("step", "tokens", "seconds", "bits_per_character")
    numbers = {key: value for key, value in row.items() if isinstance(value, float) and key not in about}
    results = {key.removesuffix("_loss"): value for key, value in numbers.items()}
    losses = [row[key] for key in row if key.endswith("_loss")]  # the primary one is the first
    values = {"state": "done", "validation_loss": next(iter(losses), None), "results": results}
    return values | {"bits_per_character": row.get("bits_per_character")}


def _saved_state(run: RunFolder) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arrays of the resume file and the progress. Raises `RunError` or `ValueError` if it is broken."""
    arrays, metadata = load_arrays(run.resume_file)
    progress = parse_json(metadata.get("progress", ""))
    if not isinstance(progress, dict):
        raise ValueError("the progress is not an object")
    return arrays, progress


def _set_aside(path: Path) -> Path:
    """Rename a file, if there is one, and return its new path."""
    aside = damaged_path(path)
    if os.path.lexists(path):
        path.replace(aside)
    return aside


def _with_prefix(arrays: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


_REPAIRS: dict[str, Callable[[RunFolder, FileReport], Repair]] = {
    "resume/state.safetensors": _repair_state,
    "model.safetensors": _repair_weights,
    CURVES_FILE: _repair_curves,
    "metrics.jsonl": _repair_metrics,
    "status.json": _repair_status,
}
_ORDER = list(_REPAIRS)
