"""Output of the commands that answer line by line: standard output, or a file that a stopped job goes on with."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from rnntui.atomic_files import check_can_be_written
from rnntui.cli.job_record import (
    LineChecksums,
    check_settings,
    file_stamp,
    read_settings,
    record_file_of,
    recorded_settings,
    write_settings,
)
from rnntui.cli.terminal import new_file_argument, print_note, write_out
from rnntui.errors import RnntuiError, UsageError, os_error_hint, read_error, write_error

if TYPE_CHECKING:
    from rnntui.runs.folder import RunFolder

Command = TypeVar("Command", bound=Callable[..., Any])

_PIECE = 1 << 20  # bytes read at a time


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
        record: settings of the job that began it, by parameter; empty if the file does not say. See `open_output`.
        checksums: of the lines of input that it answers, and of its own; None if it cannot be gone on with.
    """

    def __init__(
        self,
        path: Path | None = None,
        done: int = 0,
        record: Mapping[str, Any] | None = None,
        checksums: LineChecksums | None = None,
    ) -> None:
        self.path = path
        self.done = done
        self.record = record or {}
        self._checksums = checksums
        self._file: BinaryIO | None = None if path is None else path.open("ab", buffering=0)

    @property
    def is_terminal(self) -> bool:
        """True if what is written is shown on a terminal."""
        return self._file is None and sys.stdout.isatty()

    def check_done(self, text: str, label: str) -> None:
        """Compare the next line of input that is answered already; see `LineChecksums.check`."""
        if self._checksums is not None:
            self._checksums.check(text, label)

    def write(self, output: str | bytes, answered: Sequence[str] = ()) -> None:
        """Write and flush; see `write_out`. Raises `RnntuiError` naming the file if it cannot be written to.

        Args:
            output: what is written.
            answered: the lines of input that it answers.
        """
        if self._file is None:
            write_out(output)
            return
        data = output.encode("utf-8", "backslashreplace") if isinstance(output, str) else output
        if self._checksums is not None:
            self._checksums.add(answered, data)
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            advice = os_error_hint(error)
            raise RnntuiError(
                f"cannot write to {self.path}: {error.strerror or error}",
                hint=f"{advice}, then go on with --resume" if advice else "--resume goes on with it",
            ) from error

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        if self._checksums is not None:
            self._checksums.close()


@contextmanager
def open_output(
    context: click.Context,
    identity: Mapping[str, Any],
    refusal: str = "",
    drawn: Mapping[str, Any] | None = None,
    ignored: Collection[str] = (),
) -> Iterator[LineOutput]:
    """Open the output that the flags of `output_options` name; a file that was not finished says so on stderr.

    A hidden file beside it records the settings and the input: with others, its lines would not fit those before them.
    It stays where `--resume` was given, by which the answers to further lines may be added later; else it is removed
    when the file is finished. A file to which nothing was written is removed.

    Nothing is checked for a file that was finished without `--resume`, and a note says so. A job that fails before it
    adds any lines leaves such a file as finished as it was.

    Raises `UsageError` if the file exists and `--resume` was not given, or other settings were, or lines of it were
    removed, or if it is the input; `RnntuiError` if it cannot be written, or another process writes to it.

    Args:
        context: of the command.
        identity: what else decides on the output: the run and its weights.
        refusal: why a job with these flags cannot be resumed; empty if it can.
        drawn: values of parameters that were not given, such as a seed, by which this job is begun.
        ignored: parameters that may be others when the job is resumed.
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
    _check_not_input(context, path)
    if path.exists() and not resume:
        hint = "name another one" if refusal else "name another one, or go on with it by --resume"
        raise UsageError(f"{path} exists and is not replaced", setting="output", hint=hint)
    record_file = record_file_of(path)
    settings = recorded_settings(context, identity, ignored)
    with _locked(path):
        has_record = path.stat().st_size > 0 and record_file.is_file()
        if has_record:
            before = read_settings(record_file)
            check_settings(context, settings, before, path)
            settings = before
        elif not refusal:
            settings |= {} if path.stat().st_size else drawn or {}  # what a lost record had drawn is unknown
            write_settings(record_file, settings)
        done = _count_done(path, has_record)
        done_size = path.stat().st_size
        output = LineOutput(path, done, settings, None if refusal else LineChecksums(record_file, path, done))
        try:
            yield output
        except BaseException as error:
            output.close()
            size = path.stat().st_size
            if not size:
                with suppress(OSError):  # Windows removes no open file
                    Path(os.path.realpath(path)).unlink()  # a link that the user made stays
                    record_file.unlink(missing_ok=True)
            elif size == done_size and not has_record:
                record_file.unlink(missing_ok=True)
            elif not refusal and not isinstance(error, UsageError):
                lines = _count_and_repair(path)
                print_note(f"{path} has the first {lines:,} lines; the same command with --resume goes on")
            raise
        output.close()
        if done and path.stat().st_size == done_size:
            print_note(f"{path} was finished: there was nothing left to do")
        if not resume:
            record_file.unlink(missing_ok=True)


def run_identity(run: RunFolder, of: str = "") -> dict[str, Any]:
    """Return what tells a run and its weights from others; `of` tells several runs apart, as in ` of notes`."""
    return {f"run{of}": str(run.path.resolve()), f"weights{of}": file_stamp(run.weights_file)}


def _check_not_input(context: click.Context, path: Path) -> None:
    """Raise `UsageError` if the output is a file that the command reads, whose last line it would cut off."""
    inputs = [name for name in (*context.params.get("files", ()), context.params.get("prompt_file")) if name]
    states = []
    for name in inputs:
        with suppress(OSError):  # there is no such input, which reading it reports
            states.append(Path(name).stat())
    with suppress(AttributeError, OSError, ValueError):  # no standard input, or one without a file
        states.append(os.fstat(sys.stdin.fileno()))
    if path.exists() and any(os.path.samestat(state, path.stat()) for state in states):
        raise UsageError(f"{path} is what is read", setting="output", hint="name another --output")


def _count_done(path: Path, has_record: bool) -> int:
    """Return the number of whole lines of a file, and say so; see `_count_and_repair`."""
    done = _count_and_repair(path)
    if done:
        unknown = "" if has_record else "; whether by these settings and of this input is not known"
        print_note(f"{path}: {done:,} {'line is' if done == 1 else 'lines are'} written already{unknown}")
    return done


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
