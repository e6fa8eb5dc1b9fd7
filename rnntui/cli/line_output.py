"""Output of the commands that answer line by line: standard output, or a file that a stopped job goes on with."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from rnntui.atomic_files import atomic_write, check_can_be_written, parse_json
from rnntui.cli.terminal import new_file_argument, print_note, write_out
from rnntui.errors import RnntuiError, UsageError, read_error, write_error

if TYPE_CHECKING:
    from rnntui.runs.folder import RunFolder

Command = TypeVar("Command", bound=Callable[..., Any])

_PIECE = 1 << 20  # bytes read at a time
_UNRECORDED = {"output", "resume", "jobs", "debug", "checkpoints", "run_name"}
"""Parameters that do not change what is written, or whose value the run has."""


def output_options(command: Command) -> Command:
    """Add `--output`, a file for the output, and `--resume`, which goes on with it."""
    output = "Write to this new file, not to standard output."
    resume = (
        "Go on after the last whole line of the file of --output, where a stopped job left it; without the file, begin."
    )
    command = click.option("--resume", is_flag=True, help=resume)(command)
    return click.option("--output", metavar="FILE", callback=new_file_argument, help=output)(command)


class LineOutput:
    """Writes lines to standard output or to a file.

    Args:
        path: the file; None for standard output.
        done: lines that it has already, which are not written again.
        record: what the job that began it was told, by parameter; empty if the file does not say. See `open_output`.
    """

    def __init__(self, path: Path | None = None, done: int = 0, record: Mapping[str, Any] | None = None) -> None:
        self.path = path
        self.done = done
        self.record = record or {}
        self._file: BinaryIO | None = None if path is None else path.open("ab", buffering=0)

    @property
    def is_terminal(self) -> bool:
        """True if what is written is shown on a terminal."""
        return self._file is None and sys.stdout.isatty()

    def write(self, output: str | bytes) -> None:
        """Write and flush; see `write_out`. Raises `RnntuiError` naming the file if it cannot be written to."""
        if self._file is None:
            write_out(output)
            return
        data = output.encode("utf-8", "backslashreplace") if isinstance(output, str) else output
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            raise RnntuiError(
                f"cannot write to {self.path}: {error.strerror or error}", hint="--resume goes on with it"
            ) from error

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


@contextmanager
def open_output(
    context: click.Context, identity: Mapping[str, Any], refusal: str = "", drawn: Mapping[str, Any] | None = None
) -> Iterator[LineOutput]:
    """Open the output that the flags of `output_options` name; a file that was not finished says so on stderr.

    While a file is not finished, a hidden file beside it records what the command was told: with other settings, its
    lines would not fit those before them. A file to which nothing was written is removed.

    Nothing is checked for a file that a job has finished, to which the answers to further lines may be added.

    Raises `UsageError` if the file exists and `--resume` was not given, or other settings were; `RnntuiError` if it
    cannot be written, or another process writes to it.

    Args:
        context: of the command.
        identity: what else decides on the output: the run and its weights.
        refusal: why a job with these flags cannot be resumed; empty if it can.
        drawn: values of parameters that were not given, such as a seed, by which this job is begun.
    """
    name, resume = context.params["output"], context.params["resume"]
    if resume and name is None:
        raise UsageError("--resume needs --output, the file that it goes on with", setting="resume")
    if resume and refusal:
        raise UsageError(f"--resume: {refusal}", setting="resume")
    if name is None:
        yield LineOutput()
        return
    path = Path(name)
    check_can_be_written(path)
    if path.exists() and not resume:
        hint = "name another one" if refusal else "name another one, or go on with it by --resume"
        raise UsageError(f"{path} exists and is not replaced", setting="output", hint=hint)
    record_file = path.with_name(f".{path.name}.job")
    given = {**_recorded(context), **{key: _plain(value) for key, value in identity.items()}}
    record = {}
    with _locked(path):
        if record_file.is_file() and path.stat().st_size:
            record = _read_record(record_file)
            _check_record(context, given, record, path)
        elif not refusal:
            begun = {**given, **(drawn or {})}
            record = {} if path.stat().st_size else begun
            atomic_write(record_file, json.dumps(begun).encode())
        done = _count_and_repair(path)
        if done:
            print_note(f"{path}: {done:,} lines are written already")
        output = LineOutput(path, done, record)
        try:
            yield output
        except BaseException:
            if not path.stat().st_size:
                with suppress(OSError):  # Windows removes no open file
                    path.unlink()
                    record_file.unlink(missing_ok=True)
            elif not refusal:
                lines = _count_and_repair(path)
                print_note(f"{path} has the first {lines:,} lines; the same command with --resume goes on")
            raise
        finally:
            output.close()
        record_file.unlink(missing_ok=True)


def run_identity(run: RunFolder) -> dict[str, Any]:
    """Return what tells a run and its weights from others."""
    weights = run.weights_file
    return {
        "run": str(run.path.resolve()),
        "weights": [weights.stat().st_size, weights.stat().st_mtime_ns] if weights.is_file() else [],
    }


def _recorded(context: click.Context) -> dict[str, Any]:
    return {name: _plain(value) for name, value in context.params.items() if name not in _UNRECORDED}


def _plain(value: Any) -> Any:
    """Return a value as JSON gives it back."""
    return parse_json(json.dumps(value))


def _read_record(file: Path) -> dict[str, Any]:
    try:
        record = parse_json(file.read_bytes())
    except (OSError, ValueError):
        record = None
    if not isinstance(record, dict):
        raise RnntuiError(f"{file} cannot be read", hint="remove it to go on without a check of the settings")
    return record


def _check_record(context: click.Context, now: Mapping[str, Any], before: Mapping[str, Any], path: Path) -> None:
    """Raise `UsageError` if a job is gone on with by other settings; a seed that is not given is the one it has."""
    flags = {parameter.name: parameter.opts[0] for parameter in context.command.params}
    for name in sorted({*now, *before}):
        if now.get(name) != before.get(name) and not (name == "seed" and now.get(name) is None):
            raise UsageError(
                f"{path} was begun with another value of {flags.get(name, name)}: "
                f"{_shown(before.get(name))}, not {_shown(now.get(name))}",
                setting=name,
                hint="give the same settings, or name another --output",
            )


def _shown(value: Any) -> str:
    return "none" if value in (None, []) else json.dumps(value, ensure_ascii=False)


def _count_and_repair(path: Path) -> int:
    """Return the number of whole lines of a file, after cutting off a last one without its end."""
    count = end = offset = 0
    try:
        with path.open("r+b") as file:
            while piece := file.read(_PIECE):
                count += piece.count(b"\n")
                last = piece.rfind(b"\n")
                end = offset + last + 1 if last >= 0 else end
                offset += len(piece)
            if end < offset:
                file.truncate(end)
    except OSError as error:
        raise read_error(path, error) from error
    return count


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock on a file, which is created; it ends with the process. Windows has no such lock."""
    try:
        file = path.open("ab")
    except OSError as error:
        raise write_error(path, error) from error
    with file:
        if os.name == "posix":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RnntuiError(f"{path} is being written by another process", hint="wait for it") from error
            except OSError:
                pass  # a file system without locks
        yield
