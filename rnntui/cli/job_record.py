"""Record of a job that writes `FILE`, in `.FILE.job`: its settings, and checksums of the lines of input and of FILE."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from rnntui.atomic_files import atomic_write, parse_json
from rnntui.cli.options import is_given
from rnntui.errors import RnntuiError, UsageError, read_error, write_error

if TYPE_CHECKING:
    import click

_CHECKSUM_SIZE = 4  # bytes
_HAS_ANSWERS = "answer_checksums"
"""Among the settings of a record if a line's checksum is followed by that of its answer."""

_MAX_SHOWN = 80  # characters of a setting, which may be a whole prompt
_UNRECORDED = {"output", "resume", "jobs", "debug", "checkpoints", "run_name"}
"""Parameters that do not change what is written, or whose value the run has."""


def record_file_of(output: Path) -> Path:
    """Return the file with the record of the job that writes an output."""
    return output.with_name(f".{output.name}.job")


def file_stamp(path: Path) -> list[int]:
    """Return what tells a file from one that was changed since; empty if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return []
    return [status.st_size, status.st_mtime_ns]


def recorded_settings(context: click.Context, identity: Mapping[str, Any], ignored: Collection[str]) -> dict[str, Any]:
    """Return what decides on the output of a command, as JSON gives it back: its parameters, and `identity`."""
    parameters = {
        name: value for name, value in context.params.items() if name not in _UNRECORDED and name not in ignored
    }
    settings: dict[str, Any] = parse_json(json.dumps({**parameters, **identity}))
    return settings


def write_settings(file: Path, settings: Mapping[str, Any]) -> None:
    """Begin a record, without checksums."""
    atomic_write(file, json.dumps({**settings, _HAS_ANSWERS: True}).encode() + b"\n")


def read_settings(file: Path) -> dict[str, Any]:
    """Return the settings of a record. Raises `RnntuiError` if it cannot be read."""
    try:
        with file.open("rb") as stream:
            settings = parse_json(stream.readline())
    except (OSError, ValueError):
        settings = None
    if not isinstance(settings, dict):
        raise RnntuiError(f"{file} cannot be read", hint="remove it to go on without a check of settings and input")
    return _upgraded(settings)


def _upgraded(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a record in their present form: of `--runs`, there was an object for each run."""
    upgraded: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict) and set(value) == {"run", "weights"}:
            upgraded |= {f"{key} {name}": part for key, part in value.items()}
        else:
            upgraded[name] = value
    return upgraded


def check_settings(context: click.Context, now: Mapping[str, Any], before: Mapping[str, Any], output: Path) -> None:
    """Raise `UsageError` if a job is gone on with by other settings; a seed that one of both lacks is the other's.

    What a record of an older version does not have counts as not given, as that version knew no such setting.
    """
    flags = {parameter.name: max(parameter.opts, key=len) for parameter in context.command.params}
    for name in sorted(now):
        if name not in before and not is_given(context, name):
            continue
        old, new = before.get(name), now[name]
        if new == old or (name == "seed" and None in (new, old)):  # not given, or lost with an earlier record
            continue
        if name in flags:
            difference = f"another value of {flags[name]}: {_shown(old)}, not {_shown(new)}"
        elif name.startswith("run"):
            difference = f"another {name}: {_shown(old)}, not {_shown(new)}"
        else:  # a `file_stamp`
            difference = f"other {name}, which have changed since"
        raise UsageError(
            f"{output} was begun with {difference}",
            setting=name if name in flags else "",
            hint="name another --output" if name not in flags else "give the same settings, or name another --output",
        )


class LineChecksums:
    """Checksums of lines of input and of their answers, after the settings in the file of a job's record.

    They are stored before the answers are written, so a job that is killed may leave more of them than answers. The
    answers that are there must then be the first ones, as each stands for the line of input at its place. Where answers
    have no checksums, as the record was lost, they and their lines are taken as they are now.

    Raises `UsageError` if answers were removed between others; `RnntuiError` if a file cannot be read.

    Args:
        file: the record, which has settings. Those of versions that stored no checksums of answers are gone on with.
        output: the output.
        done: number of lines of the output.
    """

    def __init__(self, file: Path, output: Path, done: int) -> None:
        self._path, self._output = file, output
        self._has_answers = bool(read_settings(file).get(_HAS_ANSWERS))
        size = _CHECKSUM_SIZE * (2 if self._has_answers else 1)
        try:
            with file.open("r+b") as stream:
                settings = stream.readline()
                if not settings.endswith(b"\n"):  # of a version that stored no checksums
                    settings += b"\n"
                    stream.write(b"\n")
                start = len(settings)
                stored = (stream.seek(0, os.SEEK_END) - start) // size
                if self._has_answers and stored > done:
                    stream.seek(start)
                    self._check_answers(stream, stored, done)  # before the surplus, which tells, is cut off
                self._unread = min(stored, done)  # checksums that `check` has not compared yet
                stream.truncate(start + self._unread * size)
            self._answers = output.open("rb")
            self._reader = file.open("rb")
            self._reader.seek(start)
            self._writer = file.open("ab", buffering=0)
        except OSError as error:
            raise read_error(file, error) from error

    def check(self, text: str, label: str) -> None:
        """Compare the next line that is answered already. Raises `UsageError` if it is another one than then.

        Args:
            text: the line.
            label: what it is called in the message, such as `line 3`.
        """
        answer = self._answers.readline()
        if not self._unread:
            self.add([text], answer)
            return
        self._unread -= 1
        same = self._reader.read(_CHECKSUM_SIZE) == _checksum(text)
        if self._has_answers:
            self._reader.read(_CHECKSUM_SIZE)
        if not same:
            raise UsageError(
                f"{self._output} was begun with another input: {label} has changed since",
                hint="restore the input, or name another --output",
            )

    def add(self, texts: Sequence[str], answers: bytes) -> None:
        """Store the checksums of lines that are answered next, and of their answers, a line each."""
        checksums = [_checksum(text) for text in texts]
        if self._has_answers:
            lines = answers.split(b"\n")[:-1]
            checksums = [of_text + _crc(line) for of_text, line in zip(checksums, lines, strict=True)]
        data = b"".join(checksums)
        try:
            while data:
                data = data[self._writer.write(data) :]
        except OSError as error:
            raise write_error(self._path, error) from error

    def close(self) -> None:
        """Close the files."""
        self._answers.close()
        self._reader.close()
        self._writer.close()

    def _check_answers(self, stream: BinaryIO, stored: int, done: int) -> None:
        """Compare all lines of the output with the checksums from here on."""
        with self._output.open("rb") as answers:
            for number in range(1, done + 1):
                pair = stream.read(2 * _CHECKSUM_SIZE)
                if pair[_CHECKSUM_SIZE:] != _crc(answers.readline().removesuffix(b"\n")):
                    raise UsageError(
                        f"{self._output} has lost lines: {stored:,} recorded, {done:,} there, and line {number:,} is "
                        "not the one that was written",
                        hint="restore it, or name another --output",
                    )


def _crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(_CHECKSUM_SIZE, "big")


def _checksum(text: str) -> bytes:
    return _crc(text.encode("utf-8", "surrogatepass"))


def _shown(value: Any) -> str:
    if value in (None, []):
        return "none"
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}…"
