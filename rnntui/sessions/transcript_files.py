"""A transcript as files: its text, and a JSON line for each turn."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from rnntui.atomic_files import atomic_write, parse_json
from rnntui.config import SamplingConfig
from rnntui.errors import RnntuiError, UsageError
from rnntui.sessions.autosave import Autosave, SaveJob

if TYPE_CHECKING:  # the app makes its autosaves before its first paint, and numpy is not loaded then
    from rnntui.sessions.transcript import Transcript, Turn


def transcript_autosave(folder: Callable[[], Path]) -> Autosave:
    """Return an autosave for transcripts: their text, and beside it their turns as JSON lines."""
    return Autosave(folder, "*.jsonl", _write_draft)


def pending_transcript(autosave: Autosave, transcript: Transcript) -> SaveJob | None:
    """Return the job that saves a transcript, or None if it is empty or saved already."""
    return autosave.pending(transcript.text, lambda: json_lines(transcript))


def _write_draft(job: SaveJob) -> None:
    write(job.text, job.companion, job.path)


def json_lines(transcript: Transcript) -> str:
    """A JSON object a line for each turn.

    `role` and `text`; for a model's turn also `run`, `seed`, and `settings`: those in force from a token of the turn
    on, counted from 0.
    """
    lines = []
    for turn, text in transcript.stretches():
        line: dict[str, object] = {"role": turn.role, "text": text}
        if turn.role == "model":
            changes = [{"token": at - turn.start, **asdict(settings)} for at, settings in turn.settings]
            line |= {"run": turn.run, "seed": turn.seed, "settings": changes}
        lines.append(json.dumps(line) + "\n")
    return "".join(lines)


def save(transcript: Transcript, path: Path) -> list[Path]:
    """Write the text to `path` and its turns beside it as `.jsonl`; returns both.

    Raises `UsageError` if one of them is there already, `OSError` if they cannot be written.
    """
    files = list(files_of(path))
    for file in files:
        if file.exists():
            raise UsageError(f"{file} is there already; give another name")
    write(transcript.text, json_lines(transcript), path)
    return files


def write(text: str, turns: str, path: Path) -> None:
    """Write a text and its turns, over what may stand there. Raises `OSError` if they cannot be written."""
    for_text, for_turns = files_of(path)
    for_text.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(for_text, text.encode("utf-8", "surrogatepass"))
    atomic_write(for_turns, turns.encode())


def files_of(path: Path) -> tuple[Path, Path]:
    """The file for the text, `.txt` unless `path` says otherwise, and that for its turns.

    Raises `UsageError` if they would be the same.
    """
    turns = turns_file(path)
    text = path if path.suffix else path.with_suffix(".txt")
    if text == turns:
        raise UsageError(f"{text} is where the turns go; give a name that ends in .txt")
    return text, turns


def path_from(name: str) -> Path:
    """The path that a person typed, `~` being their home. Raises `UsageError` if there can be no such path."""
    if "\0" in name:
        raise UsageError("a name cannot hold the character NUL")
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{name}: {error}") from error


def turns_file(path: Path) -> Path:
    """The file of the turns, for that or for the text beside it. Raises `UsageError` if the path names a folder."""
    if not path.name:
        raise UsageError(f"{path} is a folder; give the name of a file")
    return path.with_suffix(".jsonl")


def read(path: Path) -> list[tuple[Turn, str]]:
    """The turns of a file that `save` wrote beside the text, to give to `Conversation.reopen`.

    Raises `UsageError` naming the first line that is not such a turn, `OSError` if the file cannot be read.
    """
    from rnntui.sessions.transcript import Role, Turn

    turns: list[tuple[Turn, str]] = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            values = parse_json(line)
            role, text, seed = values["role"], values["text"], values.get("seed")
            if role not in get_args(Role) or not isinstance(text, str):
                raise ValueError("role or text")
            whole = seed is None or (isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**64)
            if not whole or not isinstance(values.get("run", ""), str):
                raise ValueError("seed or run")
            turn = Turn(role, 0, values.get("run", ""), seed)
            for change in values.get("settings", []):
                at = change.pop("token")
                if not isinstance(at, int) or not 0 <= at <= len(text) * 8:
                    raise ValueError("token")
                turn.settings.append((at, SamplingConfig.from_json(change)))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RnntuiError) as error:
            raise UsageError(f"{path}: line {number} is no turn of a saved text") from error
        turns.append((turn, text))
    return turns


def free_name(run: str, folder: Path, suffixes: Sequence[str] = (".txt", ".jsonl")) -> Path:
    """A name for what was made with a run that no file has yet: `shakespeare-1.txt`; with the first of the suffixes."""
    run = re.sub(r"[^\w.-]+", "-", run)
    number = 1
    while any((folder / f"{run}-{number}{suffix}").exists() for suffix in suffixes):
        number += 1
    return folder / f"{run}-{number}{suffixes[0]}"
